"""Building pages: saved in versions, published and closed by one guarded step each, every one in the audit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.bulk import table_of
from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.ids import new_public_id
from cards.models.coupons import Coupon, CouponTemplate, TemplateState
from cards.models.pages import ClaimPage, PagePicture, PageState, PageVersion
from cards.pages.blocks import PageContent

_PAGE = table_of(ClaimPage)


def find_page(session: Session, slug: str, *, programme_id: int) -> ClaimPage:
    """A page of a programme. Raises NotFoundError."""
    page = session.scalar(select(ClaimPage).where(ClaimPage.slug == slug, ClaimPage.programme_id == programme_id))
    if page is None:
        raise NotFoundError("没有这个页面 / there is no such page", code="no_page")
    return page


def version_of(session: Session, page: ClaimPage, number: int) -> PageVersion:
    """One version of a page. Raises NotFoundError."""
    found = session.scalar(select(PageVersion).where(PageVersion.page_id == page.id, PageVersion.number == number))
    if found is None:
        raise NotFoundError("没有这个版本 / there is no such version", code="no_version")
    return found


def make_page(session: Session, slug: str, content: PageContent, *, programme_id: int, actor: str, now: datetime) -> ClaimPage:
    """A new page with its first version, as a draft. Raises ConflictError when the name is taken, BadRequestError for a block that leads nowhere."""
    row = {
        "public_id": new_public_id(),
        "programme_id": programme_id,
        "slug": slug,
        "state": PageState.DRAFT,
        "last_number": 0,
        "created_at": now,
        "changed_at": now,
    }
    made = session.scalar(pg_insert(_PAGE).values(row).on_conflict_do_nothing(index_elements=["slug"]).returning(_PAGE.c.id))
    if made is None:
        raise ConflictError("这个网址名已被使用 / this name is taken", code="slug_taken")
    page = session.get_one(ClaimPage, made)
    save_page(session, page, content, based_on=0, actor=actor, now=now)
    return page


def save_page(session: Session, page: ClaimPage, content: PageContent, *, based_on: int, actor: str, now: datetime) -> PageVersion:
    """The next version of a page. What the world sees stays until it is published.

    `based_on` is the version that was edited: raises ConflictError when somebody has saved another one meanwhile, or the page is closed.
    """
    _check_blocks(session, content, programme_id=page.programme_id)
    same = (_PAGE.c.id == page.id, _PAGE.c.last_number == based_on, _PAGE.c.state != PageState.CLOSED)
    _move(session, page, same, {"last_number": based_on + 1, "changed_at": now})
    told = content.model_dump(mode="json")
    version = PageVersion(
        page_id=page.id,
        number=based_on + 1,
        title=content.title,
        from_at=None if content.from_at is None else content.from_at.astimezone(UTC),
        until_at=None if content.until_at is None else content.until_at.astimezone(UTC),
        blocks=told["blocks"],
        actor=actor[:64],
        created_at=now,
    )
    session.add(version)
    session.flush()
    _note(session, page, "page.saved", version.number, actor=actor, now=now)
    return version


def publish_page(session: Session, page: ClaimPage, number: int, *, actor: str, now: datetime) -> ClaimPage:
    """Let the world see the version that whoever publishes has looked at: the last one. Again changes nothing.

    Raises ConflictError when it is not the last any more, is over already, or shows a coupon that nobody can take.
    """
    if page.state == PageState.PUBLISHED and page.live_number == number:
        return page
    version = version_of(session, page, number)
    if version.until_at is not None and version.until_at <= now:
        raise ConflictError("活动期已经结束 / its period is over", code="page_over")
    _check_open(session, content_of(version))
    same = (_PAGE.c.id == page.id, _PAGE.c.last_number == number, _PAGE.c.state != PageState.CLOSED)
    _move(session, page, same, {"state": PageState.PUBLISHED, "live_number": number, "changed_at": now})
    _note(session, page, "page.published", number, actor=actor, now=now)
    return page


def close_page(session: Session, page: ClaimPage, *, actor: str, now: datetime) -> ClaimPage:
    """End a page for good; what was taken on it stays good. Again changes nothing."""
    if page.state == PageState.CLOSED:
        return page
    _move(session, page, (_PAGE.c.id == page.id, _PAGE.c.state != PageState.CLOSED), {"state": PageState.CLOSED, "changed_at": now})
    _note(session, page, "page.closed", page.live_number, actor=actor, now=now)
    return page


def content_of(version: PageVersion) -> PageContent:
    """What a version says, by the schema."""
    told = {"title": version.title, "from_at": version.from_at, "until_at": version.until_at, "blocks": version.blocks}
    return PageContent.model_validate(told)


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of a list, with its last version's title and how many coupons were taken on it."""

    page: ClaimPage
    title: str
    taken: int


def list_pages(session: Session, *, programme_id: int, limit: int, after: str | None = None) -> Sequence[Listed]:
    """Pages, the newest first, after the one called `after`. Raises NotFoundError for a name nobody has."""
    query = select(ClaimPage, PageVersion.title).join(PageVersion, PageVersion.page_id == ClaimPage.id)
    query = query.where(ClaimPage.programme_id == programme_id, PageVersion.number == ClaimPage.last_number)
    if after is not None:
        query = query.where(ClaimPage.id < find_page(session, after, programme_id=programme_id).id)
    rows = session.execute(query.order_by(ClaimPage.id.desc()).limit(limit)).all()
    counted = select(Coupon.page_id, func.count()).where(Coupon.page_id.in_([page.id for page, _ in rows])).group_by(Coupon.page_id)
    taken = {row[0]: int(row[1]) for row in session.execute(counted)}
    return [Listed(page, title, taken.get(page.id, 0)) for page, title in rows]


def count_taken(session: Session, page: ClaimPage) -> int:
    """How many coupons were taken on a page."""
    return session.scalar(select(func.count()).select_from(Coupon).where(Coupon.page_id == page.id)) or 0


def _check_blocks(session: Session, content: PageContent, *, programme_id: int) -> None:
    """Every picture and every template must be ours."""
    pictures = set(session.scalars(select(PagePicture.digest).where(PagePicture.digest.in_(content.pictures))))
    if strange := sorted(set(content.pictures) - pictures):
        raise BadRequestError(
            f"没有图片 {strange[0][:12]}…，请先上传 / there is no picture {strange[0][:12]}…; upload it first",
            code="unknown_picture",
            status=422,
        )
    known = select(CouponTemplate.public_id).where(
        CouponTemplate.public_id.in_(content.templates), CouponTemplate.programme_id == programme_id
    )
    if missing := sorted(set(content.templates) - set(session.scalars(known))):
        raise BadRequestError(f"没有券模板 {missing[0]} / there is no coupon template {missing[0]}", code="unknown_template", status=422)


def _check_open(session: Session, content: PageContent) -> None:
    shut = or_(CouponTemplate.state != TemplateState.OPEN, ~CouponTemplate.claimable)
    name = session.scalar(select(CouponTemplate.name).where(CouponTemplate.public_id.in_(content.templates), shut).limit(1))
    if name is not None:
        raise ConflictError(f"“{name}”还没有开放领取 / “{name}” is not open for claiming", code="template_not_open")


def _move(session: Session, page: ClaimPage, where: Sequence[Any], values: dict[str, Any]) -> None:
    moved = session.scalar(update(_PAGE).where(*where).values(values).returning(_PAGE.c.id))
    session.refresh(page)
    if moved is None:
        if page.state == PageState.CLOSED:
            raise ConflictError("页面已关闭 / the page is closed", code="page_closed")
        raise ConflictError(
            f"页面已有第 {page.last_number} 版，请先查看 / there is a version {page.last_number} by now; look at it first",
            code="page_changed",
        )


def _note(session: Session, page: ClaimPage, action: str, number: int | None, *, actor: str, now: datetime) -> None:
    detail = {"slug": page.slug, "number": number}
    note(session, at=now, actor=actor, action=action, object_type="claim_page", object_id=page.public_id, detail=detail)
