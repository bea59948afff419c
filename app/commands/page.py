"""`fanka page`: claim pages from JSON files, their pictures, and the steps of their life."""

from pathlib import Path
from typing import Any

import click
import orjson
from pydantic import TypeAdapter
from sqlalchemy import select

from app.commands.frame import command, paged
from app.commands.house import opened
from app.commands.speech import Voice, iso, moment
from app.core.errors import BadRequestError
from app.core.unit import reading, work
from cards.models.pages import ClaimPage
from cards.pages.blocks import PageContent, Slug
from cards.pages.build import close_page, content_of, find_page, list_pages, make_page, publish_page, save_page, version_of
from cards.pages.pictures import MOST_BYTES, keep_picture, picture_url
from cards.pages.tell import tell_page
from cards.programmes import programme_called

ACTOR = "cli"
MOST_FILE = 256 * 1024
_PROGRAMME = click.option("--programme", "name", default=None, help="会员计划, 只有一个时可省 · which programme, if there are several.")
_STATES = {"draft": ("草稿", "draft"), "published": ("已发布", "published"), "closed": ("已关闭", "closed")}


@click.group()
def page() -> None:
    """领券页 · Claim pages that marketers build."""


@command(page, "add")
@click.argument("slug")
@click.argument("file", type=click.File("rb"))
@_PROGRAMME
def add(voice: Voice, *, slug: str, file: Any, name: str | None) -> None:
    """保存页面 · Save a page from a JSON file (- reads standard input): a new draft, or the next version of the page of that name."""
    content, called = _content(file), TypeAdapter(Slug).validate_python(slug)
    with opened() as house, work(house.engine) as session:
        programme, now = programme_called(session, name), house.clock.now()
        held = session.scalar(select(ClaimPage).where(ClaimPage.slug == called, ClaimPage.programme_id == programme.id))
        if held is None:
            held = make_page(session, called, content, programme_id=programme.id, actor=ACTOR, now=now)
        else:
            save_page(session, held, content, based_on=held.last_number, actor=ACTOR, now=now)
        told = tell_page(session, house, held)
    number = told["draft"]["number"]
    voice.line(
        f"已保存 {slug} 第 {number} 版, 预览: {told['preview_url']}", f"saved version {number} of {slug}; preview: {told['preview_url']}"
    )
    voice.answer(told)


@command(page, "show")
@click.argument("slug")
@_PROGRAMME
def show(voice: Voice, *, slug: str, name: str | None) -> None:
    """查看页面 · Show a page: its state, its blocks, and a link that shows the draft."""
    with opened() as house, reading(house.engine) as session:
        found = find_page(session, slug, programme_id=programme_called(session, name).id)
        told, content = tell_page(session, house, found), content_of(version_of(session, found, found.last_number))
    zh, en = _STATES[told["state"]]
    live = told["live"]["number"] if told["live"] else "-"
    voice.line(f"{content.title} ({zh})", f"{content.title} ({en})")
    voice.line(
        f"草稿第 {told['draft']['number']} 版, 线上第 {live} 版, 已领 {told['taken']:,} 张",
        f"draft version {told['draft']['number']}, live {live}, {told['taken']:,} coupons taken",
    )
    voice.line(
        f"{moment(content.from_at)} 至 {moment(content.until_at)}", f"from {moment(content.from_at)} until {moment(content.until_at)}"
    )
    for block in content.blocks:
        said = block.model_dump(mode="json")
        kind = said.pop("kind")
        words = " · ".join(str(each) for each in said.values() if each)
        voice.line(f"  {kind}: {words}", f"  {kind}: {words}")
    voice.line(told["url"], told["url"])
    voice.line(f"预览: {told['preview_url']}", f"preview: {told['preview_url']}")
    voice.answer(told)


@command(page, "publish")
@click.argument("slug")
@click.option("--number", type=click.IntRange(1), default=None, help="看过的版本, 默认最新 · the version you have looked at; the last one.")
@_PROGRAMME
def publish(voice: Voice, *, slug: str, number: int | None, name: str | None) -> None:
    """发布 · Let everybody see the last version, if all its coupons can be taken."""
    with opened() as house, work(house.engine) as session:
        found = find_page(session, slug, programme_id=programme_called(session, name).id)
        publish_page(session, found, number or found.last_number, actor=ACTOR, now=house.clock.now())
        told = tell_page(session, house, found)
    voice.line(f"已发布: {told['url']}", f"published: {told['url']}")
    voice.answer(told)


@command(page, "close")
@click.argument("slug")
@_PROGRAMME
def close(voice: Voice, *, slug: str, name: str | None) -> None:
    """关闭 · End a page for good; what was taken stays good."""
    with opened() as house, work(house.engine) as session:
        found = find_page(session, slug, programme_id=programme_called(session, name).id)
        close_page(session, found, actor=ACTOR, now=house.clock.now())
        told = tell_page(session, house, found)
    voice.line(f"已关闭 {slug}, 共领 {told['taken']:,} 张", f"closed {slug}; {told['taken']:,} coupons were taken on it")
    voice.answer(told)


@command(page, "list")
@paged
@_PROGRAMME
def list_(voice: Voice, *, limit: int, after: str | None, name: str | None) -> None:
    """列出页面 · List pages, the newest first."""
    with opened() as house, reading(house.replica) as session:
        rows = list_pages(session, programme_id=programme_called(session, name).id, limit=limit + 1, after=after)
    shown = rows[:limit]
    voice.table(
        [("名称", "slug"), ("标题", "title"), ("状态", "state"), ("版本", "version"), ("线上", "live"), ("已领", "taken")],
        [(each.page.slug, each.title, each.page.state, each.page.last_number, each.page.live_number, each.taken) for each in shown],
        empty=("还没有页面, 用 fanka page add 新建", "there is no page yet: `fanka page add` makes one"),
    )
    lines = [
        {
            "slug": each.page.slug,
            "title": each.title,
            "state": str(each.page.state),
            "number": each.page.last_number,
            "live_number": each.page.live_number,
            "taken": each.taken,
            "changed_at": iso(each.page.changed_at),
        }
        for each in shown
    ]
    voice.answer({"pages": lines, "next": shown[-1].page.slug if len(rows) > limit else None})


@command(page, "picture")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def picture(voice: Voice, *, file: Path) -> None:
    """上传图片 · Keep a picture for pages; a block names it by what this prints."""
    with file.open("rb") as opened_file:
        content = opened_file.read(MOST_BYTES + 1)
    with opened() as house, work(house.engine) as session:
        kept = keep_picture(session, content, actor=ACTOR, now=house.clock.now())
        told = {"picture": kept.digest, "url": picture_url(kept.digest, kept.media_type), "width": kept.width, "height": kept.height}
    voice.line(f"{told['picture']} ({kept.width} x {kept.height})", f"{told['picture']} ({kept.width} x {kept.height})")
    voice.answer(told)


def _content(file: Any) -> PageContent:
    written = file.read(MOST_FILE + 1)
    if len(written) > MOST_FILE:
        raise BadRequestError("文件超过 256 KiB / the file is over 256 KiB", code="file_too_large")
    try:
        told = orjson.loads(written)
    except orjson.JSONDecodeError as error:
        raise BadRequestError("文件不是 JSON / the file is no JSON", code="bad_json") from error
    return PageContent.model_validate(told)
