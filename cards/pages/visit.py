"""What a visitor of a page meets: the live version while it is open, a draft by a signed link, else why there is nothing."""

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.secrets import KeyRing
from cards.codes import is_signed, sign_text
from cards.models.pages import ClaimPage, PageState, PageVersion

PREVIEW_LIFE = timedelta(days=7)
_PURPOSE = "page preview"
_SIGNS = 40


class Standing(enum.StrEnum):
    OPEN = "open"
    PREVIEW = "preview"
    """By a signed link: everything is shown and nothing can be taken."""
    EARLY = "early"
    OVER = "over"
    NOWHERE = "nowhere"
    """Unknown, or a draft: a stranger does not hear which."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A page as somebody finds it now; `page` and `version` are None for nowhere."""

    standing: Standing
    page: ClaimPage | None = None
    version: PageVersion | None = None


def visit(session: Session, slug: str, *, now: datetime) -> Visit:
    """The page behind a name."""
    page = session.scalar(select(ClaimPage).where(ClaimPage.slug == slug[:49]))
    if page is None or page.live_number is None:
        return Visit(Standing.NOWHERE)
    version = session.scalars(select(PageVersion).where(PageVersion.page_id == page.id, PageVersion.number == page.live_number)).one()
    if page.state == PageState.CLOSED or (version.until_at is not None and version.until_at <= now):
        return Visit(Standing.OVER, page, version)
    if version.from_at is not None and now < version.from_at:
        return Visit(Standing.EARLY, page, version)
    return Visit(Standing.OPEN, page, version)


def preview_query(ring: KeyRing, page: ClaimPage, number: int, *, now: datetime) -> str:
    """The query of a link that shows one version of a page for seven days, published or not."""
    until = int((now + PREVIEW_LIFE).timestamp())
    signature = sign_text(ring, _PURPOSE, f"{page.public_id}:{number}:{until}")[:_SIGNS]
    return f"number={number}&until={until}&sign={signature}"


def preview(session: Session, ring: KeyRing, slug: str, *, number: str, until: str, sign: str, now: datetime) -> Visit:
    """The version that a signed link names, or nowhere: a link that is forged or over shows nothing."""
    page = session.scalar(select(ClaimPage).where(ClaimPage.slug == slug[:49]))
    plain = all(each.isascii() and each.isdigit() and len(each) <= 12 for each in (number, until))
    if page is None or not plain or not sign.isascii() or len(sign) != _SIGNS or int(until) < now.timestamp():
        return Visit(Standing.NOWHERE)
    if not is_signed(ring, _PURPOSE, f"{page.public_id}:{int(number)}:{int(until)}", sign):
        return Visit(Standing.NOWHERE)
    version = session.scalar(select(PageVersion).where(PageVersion.page_id == page.id, PageVersion.number == int(number)))
    return Visit(Standing.NOWHERE) if version is None else Visit(Standing.PREVIEW, page, version)
