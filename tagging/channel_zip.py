"""A ZIP of the codes of many channels: one picture or two each and an index, written page by page beside its place and then moved there."""

import csv
import io
import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal
from uuid import uuid4
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.core.clock import SHANGHAI
from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.house import House
from app.core.unit import reading
from tagging.channel_kinds import kind_of, of_kinds
from tagging.models import Channel
from tagging.qr import draw_png, draw_svg

PAGE = 200
INDEX = "index.csv"
HEADS = ("name", "kind", "scene", "account", "file", "expires_at")
STEM_BYTES = 200
"""File systems take 255 bytes a name; a number and an ending still fit."""
_UNSAFE = re.compile(r'[/\\:*?"<>|]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
_FORMULA = ("=", "+", "-", "@")
Picture = Literal["png", "svg"]
Progress = Callable[[int, int], None]
"""Told how many of how many channels are done."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Which open channels, and how they are drawn. No names, kinds and account: all of them."""

    names: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    account_id: int | None = None
    pictures: tuple[Picture, ...] = ("png",)
    module_px: int = 10
    logo: bytes | None = None


@dataclass(slots=True)
class Zipped:
    """What is in the ZIP: how many channels and pictures; `left_out` counts those without a code that works today."""

    channels: int = 0
    pictures: int = 0
    left_out: int = 0
    _used: set[str] = field(default_factory=set)

    def stem(self, name: str) -> str:
        """A file name of a channel that no other has, whatever the file system thinks of capitals."""
        base = stem = safe_stem(name)
        number = 1
        while stem.casefold() in self._used:
            number += 1
            stem = f"{base} ({number})"
        self._used.add(stem.casefold())
        return stem


def zip_channels(house: House, path: Path, wish: Wish, *, progress: Progress | None = None) -> Zipped:
    """Draw the codes of open channels into a ZIP with an index. WeChat is asked nothing: what has no code yet, or one that ended, is left out.

    The file stands complete at `path` or not at all; an older one stays until then. Raises NotFoundError for an unknown name, ConflictError
    (`no_code`) when nothing can be drawn, BadRequestError when the file cannot be written or the logo is none.
    """
    with reading(house.engine) as session:
        total = _count(session, wish)
    part = path.with_name(f".{uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            with ZipFile(file, "w", ZIP_DEFLATED) as book:
                made = _fill(house, book, wish, total=total, progress=progress)
            if not made.channels:
                raise ConflictError("没有可画的二维码 / there is no code to draw", code="no_code")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise BadRequestError(f"写不了 {path}: {error.strerror} / {path} cannot be written: {error.strerror}", code="bad_path") from error
    finally:
        with suppress(OSError):
            part.unlink()
    return made


def safe_stem(name: str) -> str:
    """A channel's name as a file's: its own signs in UTF-8, no path, nothing a system forbids."""
    text = "".join(sign for sign in unicodedata.normalize("NFC", name) if sign.isprintable())
    text = _UNSAFE.sub("_", text).encode()[:STEM_BYTES].decode(errors="ignore").strip(" .")
    if not text:
        return "channel"
    return f"_{text}" if _RESERVED.fullmatch(text) else text


def _count(session: Session, wish: Wish) -> int:
    if wish.names:
        known = set(session.scalars(_wanted(select(Channel.name), wish)))
        missing = [name for name in wish.names if name not in known]
        if missing:
            raise NotFoundError(f"没有渠道 {missing[0]} / there is no channel {missing[0]}", code="no_such_channel")
    return session.scalar(_wanted(select(func.count(Channel.id)), wish)) or 0


def _wanted(query: Select[Any], wish: Wish) -> Select[Any]:
    query = query.where(Channel.retired_at.is_(None))
    if wish.names:
        query = query.where(Channel.name.in_(wish.names))
    if wish.kinds:
        query = query.where(of_kinds(wish.kinds))
    return query if wish.account_id is None else query.where(Channel.account_id == wish.account_id)


def _fill(house: House, book: ZipFile, wish: Wish, *, total: int, progress: Progress | None) -> Zipped:
    made, now = Zipped(), house.clock.now()
    appids = {each.id: each.appid for each in house.accounts.all()}
    # A ZIP takes one file at a time, so the index waits outside of memory until the pictures are in.
    with TemporaryFile() as spool, io.TextIOWrapper(spool, "utf-8-sig", newline="") as index:
        rows = csv.writer(index)
        rows.writerow(HEADS)
        for done, channel in enumerate(_pages(house, wish), start=1):
            if channel.url is None or (channel.expires_at is not None and channel.expires_at <= now):
                made.left_out += 1
            else:
                made.channels += 1
                for name, drawn in _draw(made.stem(channel.name), channel.url, wish):
                    book.writestr(_entry(name, now), drawn)
                    made.pictures += 1
                    rows.writerow(_row(channel, name, appids))
            if progress is not None and (done % PAGE == 0 or done == total):
                progress(done, total)
        index.flush()
        spool.seek(0)
        with book.open(_entry(INDEX, now), "w") as kept:
            while chunk := spool.read(65_536):
                kept.write(chunk)
    return made


def _pages(house: House, wish: Wish) -> Iterator[Channel]:
    after = 0
    while True:
        query = _wanted(select(Channel), wish).where(Channel.id > after).order_by(Channel.id).limit(PAGE)
        # No transaction is open while pictures are drawn.
        with reading(house.engine) as session:
            page: Sequence[Channel] = session.scalars(query).all()
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].id


def _draw(stem: str, address: str, wish: Wish) -> Iterator[tuple[str, bytes]]:
    for kind in wish.pictures:
        drawn = draw_png(address, module_px=wish.module_px, logo=wish.logo) if kind == "png" else draw_svg(address, logo=wish.logo)
        yield f"{stem}.{kind}", drawn


def _entry(name: str, now: datetime) -> ZipInfo:
    entry = ZipInfo(name, now.astimezone(SHANGHAI).timetuple()[:6])
    # A PNG is packed already.
    entry.compress_type = ZIP_STORED if name.endswith(".png") else ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


def _row(channel: Channel, name: str, appids: Mapping[int, str]) -> list[str]:
    expires = "" if channel.expires_at is None else channel.expires_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
    row = (channel.name, kind_of(channel.scene), channel.scene, appids.get(channel.account_id, ""), name, expires)
    # A text that a spreadsheet would run as a formula is shown instead.
    return [f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in row]
