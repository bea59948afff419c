"""What a claim page is made of: a title, a period and a list of blocks, each bounded, all of it text; nothing a marketer writes is HTML."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

MOST_BLOCKS, MOST_COUPONS, MOST_PICTURES = 30, 10, 12
# No control signs, and none that turn the direction of what stands beside them.
_SIGNS = r"[^\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]"
_LINES = r"[^\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]"
Slug = Annotated[str, StringConstraints(min_length=2, max_length=48, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40, pattern=rf"^{_SIGNS}+$")]
Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=12, pattern=rf"^{_SIGNS}+$")]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300, pattern=rf"^{_SIGNS}+$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=rf"^{_LINES}+$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Heading(_Block):
    kind: Literal["heading"]
    text: Title


class Paragraph(_Block):
    """Text with its line ends kept."""

    kind: Literal["text"]
    text: Text


class Picture(_Block):
    """An uploaded picture by its digest; `alt` is what it shows, for whoever cannot see it."""

    kind: Literal["picture"]
    picture: Digest
    alt: Title


class CouponBlock(_Block):
    """A coupon with the button that takes it. Every limit of its template holds."""

    kind: Literal["coupon"]
    template: UUID
    label: Label | None = None
    """The button's words, 立即领取 when it has none."""


class CodeBlock(_Block):
    """A field for a claim code."""

    kind: Literal["code"]
    label: Title | None = None


class Rules(_Block):
    """The rules of the campaign, point by point."""

    kind: Literal["rules"]
    title: Title
    lines: Annotated[list[Line], Field(min_length=1, max_length=20)]


class JoinBlock(_Block):
    """A link to becoming a member; a member does not see it."""

    kind: Literal["join"]
    label: Label | None = None


Block = Annotated[Heading | Paragraph | Picture | CouponBlock | CodeBlock | Rules | JoinBlock, Field(discriminator="kind")]


class PageContent(_Block):
    """What a page says. It is open from `from_at` (at once when null) until `until_at` (until it is closed when null)."""

    title: Title
    from_at: AwareDatetime | None = None
    until_at: AwareDatetime | None = None
    blocks: Annotated[list[Block], Field(min_length=1, max_length=MOST_BLOCKS)]

    @model_validator(mode="after")
    def _within(self) -> Self:
        if self.from_at is not None and self.until_at is not None and self.until_at <= self.from_at:
            raise ValueError("until_at is after from_at")
        if any(each is not None and not 2000 <= each.year <= 2100 for each in (self.from_at, self.until_at)):
            raise ValueError("from_at and until_at lie between the years 2000 and 2100")
        templates = self.templates
        if len(templates) > MOST_COUPONS or len(set(templates)) != len(templates):
            raise ValueError(f"a page has at most {MOST_COUPONS} coupons, each once")
        if len(self.pictures) > MOST_PICTURES:
            raise ValueError(f"a page has at most {MOST_PICTURES} pictures")
        if sum(isinstance(block, CodeBlock) for block in self.blocks) > 1:
            raise ValueError("a page has at most one field for codes")
        return self

    @property
    def templates(self) -> list[UUID]:
        """The coupons' templates, in order."""
        return [block.template for block in self.blocks if isinstance(block, CouponBlock)]

    @property
    def pictures(self) -> list[str]:
        """The pictures' digests, in order."""
        return [block.picture for block in self.blocks if isinstance(block, Picture)]
