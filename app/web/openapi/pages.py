"""Claim pages over the API: saved, shown, published and closed, with the pictures they hold; the desk's editor uses the same calls."""

import base64
import binascii
from datetime import datetime
from typing import Annotated, Any

from apiflask import APIFlask
from flask import Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt
from sqlalchemy.orm import Session

from app.core.errors import BadRequestError
from app.core.idempotency import Answer
from app.core.unit import reading
from app.web.openapi.door import Call, Client, Door, client, reply
from cards.models.pages import ClaimPage
from cards.order_forms import Form
from cards.pages.blocks import Block, PageContent, Slug
from cards.pages.build import close_page, find_page, list_pages, make_page, publish_page, save_page
from cards.pages.pictures import MOST_BYTES, keep_picture, picture_url
from cards.pages.tell import tell_page

READ, WRITE = "pages:read", "pages:write"
PICTURES = "/pages/pictures"


class PageMakeIn(PageContent):
    """A new page."""

    slug: Slug


class PageSaveIn(PageContent):
    """The next version of a page. `based_on` is the version that was edited; somebody else's later one is not written over."""

    based_on: Annotated[StrictInt, Field(ge=1)]


class PublishIn(Form):
    """The version that whoever publishes has looked at."""

    number: Annotated[StrictInt, Field(ge=1)]


class CloseIn(Form):
    """Nothing is asked."""


class PictureIn(Form):
    """A PNG, JPEG or WebP of at most 2 MiB, in base64."""

    content: Annotated[str, Field(min_length=4, max_length=MOST_BYTES * 4 // 3 + 8)]


class PictureOut(BaseModel):
    """The picture as we encoded it. `picture` is what a block names."""

    picture: str
    url: str
    media_type: str
    width: int
    height: int


class VersionOut(BaseModel):
    """One version of a page."""

    number: int
    title: str
    from_at: datetime | None
    until_at: datetime | None
    blocks: list[Block]
    actor: str
    created_at: datetime


class PageOut(BaseModel):
    """A page: `draft` is its last version, `live` what the world sees (null before it is published). `preview_url` shows the draft for seven days."""

    slug: str
    state: str
    url: str
    preview_url: str
    taken: int
    draft: VersionOut
    live: VersionOut | None


class PageLine(BaseModel):
    """A page in a list."""

    slug: str
    state: str
    title: str
    number: int
    live_number: int | None
    taken: int
    changed_at: datetime


class PagesIn(BaseModel):
    """A page of the list."""

    model_config = ConfigDict(extra="forbid")

    after: Slug | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class PagesOut(BaseModel):
    """`next` is the cursor of the page after, null at the end."""

    pages: list[PageLine]
    next: str | None


def add_routes(api: APIFlask, door: Door) -> None:
    """Put the calls on the API."""
    _add_reading(api, door)
    _add_saving(api, door)
    _add_steps(api, door)
    _add_pictures(api, door)


def _add_reading(api: APIFlask, door: Door) -> None:
    house = door.house

    @api.get("/pages")
    @api.doc(summary="List claim pages", tags=["pages"], security="key")
    @door.needs(READ)
    @api.input(PagesIn, location="query", arg_name="page")
    @api.output(PagesOut)
    def get_claim_pages(page: PagesIn) -> Response:
        """Claim pages, the newest first."""
        with reading(house.engine, timeout_ms=5000) as session:
            found = list_pages(session, programme_id=client().programme_id, limit=page.limit + 1, after=page.after)
        lines = [
            {
                "slug": each.page.slug,
                "state": each.page.state,
                "title": each.title,
                "number": each.page.last_number,
                "live_number": each.page.live_number,
                "taken": each.taken,
                "changed_at": each.page.changed_at,
            }
            for each in found[: page.limit]
        ]
        return reply({"pages": lines, "next": found[page.limit - 1].page.slug if len(found) > page.limit else None})

    @api.get("/pages/<slug>")
    @api.doc(summary="Read a claim page", tags=["pages"], security="key")
    @door.needs(READ)
    @api.output(PageOut)
    def get_claim_page(slug: str) -> Response:
        """One page with its draft and what is live, and a link that shows the draft."""
        with reading(house.engine, timeout_ms=5000) as session:
            return reply(tell_page(session, house, find_page(session, slug[:49], programme_id=client().programme_id)))


def _writing(address: str, summary: str, asks: type[BaseModel], *, verb: str = "POST", status: int = 200) -> Call:
    """A call that writes a page; nothing answers otherwise when it comes again."""
    return Call(address, WRITE, "pages", summary, asks, PageOut, known="", verb=verb, status=status)


def _add_saving(api: APIFlask, door: Door) -> None:
    house = door.house

    @door.writes(api, _writing("/pages", "Make a claim page", PageMakeIn, status=201))
    def post_claim_page(session: Session, caller: Client, wish: PageMakeIn) -> Answer:
        """A new page, as a draft that only its preview link shows."""
        content = PageContent.model_validate(wish.model_dump(exclude={"slug"}))
        page = make_page(session, wish.slug, content, programme_id=caller.programme_id, actor=caller.actor, now=house.clock.now())
        return _told(session, door, page, status=201)

    @door.writes(api, _writing("/pages/<slug>", "Save the next version of a claim page", PageSaveIn, verb="PUT"))
    def put_claim_page(session: Session, caller: Client, wish: PageSaveIn, slug: str) -> Answer:
        """Another version. What the world sees stays until this one is published."""
        page = find_page(session, slug[:49], programme_id=caller.programme_id)
        content = PageContent.model_validate(wish.model_dump(exclude={"based_on"}))
        save_page(session, page, content, based_on=wish.based_on, actor=caller.actor, now=house.clock.now())
        return _told(session, door, page)


def _add_steps(api: APIFlask, door: Door) -> None:
    house = door.house

    @door.writes(api, _writing("/pages/<slug>/publish", "Publish a claim page", PublishIn))
    def post_page_publish(session: Session, caller: Client, wish: PublishIn, slug: str) -> Answer:
        """Let the world see the last version, if it still is the one that was looked at and all its coupons can be taken."""
        page = find_page(session, slug[:49], programme_id=caller.programme_id)
        return _told(session, door, publish_page(session, page, wish.number, actor=caller.actor, now=house.clock.now()))

    @door.writes(api, _writing("/pages/<slug>/close", "Close a claim page", CloseIn))
    def post_page_close(session: Session, caller: Client, wish: CloseIn, slug: str) -> Answer:
        """End a page for good. What was taken on it stays good."""
        del wish
        page = find_page(session, slug[:49], programme_id=caller.programme_id)
        return _told(session, door, close_page(session, page, actor=caller.actor, now=house.clock.now()))


def _add_pictures(api: APIFlask, door: Door) -> None:
    house = door.house

    @door.writes(api, Call(PICTURES, WRITE, "pages", "Upload a picture", PictureIn, PictureOut, known=""))
    def post_page_picture(session: Session, caller: Client, wish: PictureIn) -> Answer:
        """A picture for the blocks of pages. It is encoded anew, without what the camera wrote; the same one again gets the same address."""
        try:
            content = base64.b64decode(wish.content, validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadRequestError("content 不是 base64 / content is not base64", code="bad_picture", status=422) from error
        kept = keep_picture(session, content, actor=caller.actor, now=house.clock.now())
        url = picture_url(kept.digest, kept.media_type)
        told = {"picture": kept.digest, "url": url, "media_type": kept.media_type, "width": kept.width, "height": kept.height}
        return Answer(201, told)


def _told(session: Session, door: Door, page: ClaimPage, *, status: int = 200) -> Answer:
    told: dict[str, Any] = tell_page(session, door.house, page)
    return Answer(status, told)
