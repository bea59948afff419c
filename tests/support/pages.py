"""Claim pages for tests: a picture, blocks, and a page that is out."""

from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw

from app.core.house import House
from app.core.unit import work
from cards.models.pages import ClaimPage
from cards.pages.blocks import PageContent
from cards.pages.build import make_page, publish_page
from cards.pages.pictures import keep_picture


def banner(*, size: tuple[int, int] = (900, 420), kind: str = "PNG") -> bytes:
    """A picture as a marketer might bring it."""
    made = Image.new("RGB", size, "#14213d")
    pen = ImageDraw.Draw(made)
    pen.ellipse((size[0] * 0.55, -size[1] * 0.3, size[0] * 1.15, size[1] * 1.1), fill="#e4572e")
    pen.ellipse((size[0] * 0.7, size[1] * 0.1, size[0] * 0.95, size[1] * 0.6), fill="#fdeee9")
    out = BytesIO()
    made.save(out, kind)
    return out.getvalue()


def put_picture(house: House, content: bytes | None = None) -> str:
    """A kept picture; its digest."""
    with work(house.engine) as session:
        return keep_picture(session, content or banner(), actor="Mei", now=house.clock.now()).digest


def content(*blocks: dict[str, Any], title: str = "双十一会员日", **more: Any) -> PageContent:
    """What a page says; a text alone when no block is given."""
    said = list(blocks) or [{"kind": "text", "text": "欢迎光临"}]
    return PageContent.model_validate({"title": title, "blocks": said, **more})


def put_page(
    house: House, programme_id: int, *blocks: dict[str, Any], slug: str = "double-11", publish: bool = True, **more: Any
) -> ClaimPage:
    """A page with its first version, published unless not wished."""
    with work(house.engine) as session:
        now = house.clock.now()
        page = make_page(session, slug, content(*blocks, **more), programme_id=programme_id, actor="Mei", now=now)
        return publish_page(session, page, 1, actor="Mei", now=now) if publish else page
