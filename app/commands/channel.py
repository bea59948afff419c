"""`fanka channel`: named QR codes, their scans and follows, and their pictures."""

from pathlib import Path
from typing import IO
from uuid import UUID

import click
from sqlalchemy import func, select

from app.commands.frame import command, paged
from app.commands.house import account_called, opened
from app.commands.reply import read_json
from app.commands.speech import Voice, iso
from app.core.errors import BadRequestError, ConflictError
from app.core.unit import reading
from handlers.replies import parse_reply
from tagging.channel_kinds import KINDS, kind_of
from tagging.channel_zip import Picture, Wish, zip_channels
from tagging.channels import access_channel, create_channel, draft_channel, list_channels
from tagging.models import ChannelDay
from tagging.qr import LOGO_MAX_BYTES, draw_png, draw_svg
from tagging.tags import find_tag

ACTOR = "cli"
OF_KIND = click.Choice(KINDS)
HEADS = (
    ("编号", "id"),
    ("名称", "name"),
    ("类别", "kind"),
    ("账号", "account"),
    ("场景", "scene"),
    ("扫码", "scans"),
    ("关注", "follows"),
    ("到期", "expires"),
)


@click.group()
def channel() -> None:
    """渠道码 · Channels: where customers come from."""


@command(channel, "add")
@click.argument("name")
@click.option("--account", "appid", required=True, help="所属账号 · its account (AppID).")
@click.option("--scene", default=None, help="场景值, 不填则自动 · its scene; made when not given.")
@click.option("--kind", type=OF_KIND, default=None, help="用于门店, 推广员, 导购或海报 · what it stands for; said in its scene.")
@click.option(
    "--days", type=click.IntRange(1, 30), default=None, help="临时码的天数, 到期前自动续 · a temporary code, renewed before it ends."
)
@click.option("--tag", "names", multiple=True, help="扫码者得到的标签 · tags for everybody who scans.")
@click.option("--text", default=None, help="欢迎语 · its welcome.")
@click.option(
    "--welcome", type=click.File("r"), default=None, help="欢迎语的 JSON 文件 · a JSON file with any kind of reply, - for standard input."
)
def add(
    voice: Voice,
    *,
    name: str,
    appid: str,
    scene: str | None,
    kind: str | None,
    days: int | None,
    names: tuple[str, ...],
    text: str | None,
    welcome: IO[str] | None,
) -> None:
    """添加渠道 · Add a channel and let WeChat make its code."""
    if text is not None and welcome is not None:
        raise BadRequestError("--text 与 --welcome 只能用一个 / use --text or --welcome, not both", code="bad_channel")
    said = read_json(welcome) if welcome is not None else None if text is None else {"type": "text", "content": text}
    if said is not None:
        # What WeChat would not show is said now and not when somebody scans.
        said = dict(parse_reply(said).data)
    with opened() as house:
        account = account_called(house, appid)
        with reading(house.engine) as session:
            tags = [find_tag(session, each).public_id for each in names]
        wish = {"name": name, "scene": scene, "kind": kind, "permanent": days is None, "welcome": said, "tags": tags}
        made = create_channel(house, account, draft_channel(wish if days is None else {**wish, "life_s": days * 86_400}), actor=ACTOR)
        voice.line(f"已添加渠道 {made.name}: {made.url}", f"added the channel {made.name}: {made.url}")
        voice.answer(
            {
                "id": str(made.public_id),
                "name": made.name,
                "kind": kind_of(made.scene),
                "scene": made.scene,
                "url": made.url,
                "expires_at": iso(made.expires_at),
            }
        )


@command(channel, "list")
@click.option("--account", "appid", default=None, help="只看一个账号 · of one account only (AppID).")
@click.option("--kind", "kinds", type=OF_KIND, multiple=True, help="只看此类 · of this kind only; may be repeated.")
@click.option("--retired", is_flag=True, help="也列出已停用的 · retired ones too.")
@paged
def list_(voice: Voice, *, appid: str | None, kinds: tuple[str, ...], retired: bool, limit: int, after: str | None) -> None:
    """列出渠道与扫码数 · List the channels with their scans and follows."""
    with opened() as house:
        account_id = None if appid is None else account_called(house, appid).id
        names = {each.id: each.appid for each in house.accounts.all()}
        with reading(house.replica) as session:
            rows = list(list_channels(session, account_id=account_id, retired=retired, kinds=kinds))
            counts = select(ChannelDay.channel_id, func.sum(ChannelDay.scans), func.sum(ChannelDay.follows)).group_by(ChannelDay.channel_id)
            counted = {row[0]: (int(row[1]), int(row[2])) for row in session.execute(counts)}
    if after is not None:
        places = [place for place, row in enumerate(rows) if str(row.public_id) == after]
        if not places:
            raise BadRequestError(f"没有渠道 {after} / there is no channel {after}", code="bad_cursor")
        rows = rows[places[0] + 1 :]
    shown = rows[:limit]
    voice.table(
        HEADS,
        [
            (
                row.public_id,
                row.name,
                kind_of(row.scene),
                names.get(row.account_id),
                row.scene,
                *counted.get(row.id, (0, 0)),
                row.expires_at,
            )
            for row in shown
        ],
        empty=("还没有渠道", "there is no channel yet"),
    )
    voice.answer(
        {
            "channels": [
                {
                    "id": str(row.public_id),
                    "name": row.name,
                    "kind": kind_of(row.scene),
                    "account": names.get(row.account_id),
                    "scene": row.scene,
                    "permanent": row.permanent,
                    "url": row.url,
                    "expires_at": iso(row.expires_at),
                    "retired_at": iso(row.retired_at),
                    "scans": counted.get(row.id, (0, 0))[0],
                    "follows": counted.get(row.id, (0, 0))[1],
                }
                for row in shown
            ],
            "next": str(shown[-1].public_id) if len(rows) > limit else None,
        }
    )


@command(channel, "qr")
@click.argument("which", metavar="CHANNEL", type=click.UUID)
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--logo", type=click.Path(path_type=Path, exists=True, dir_okay=False), default=None, help="中间的图 · a picture for its middle."
)
@click.option("--module-px", type=click.IntRange(1, 40), default=10, show_default=True, help="PNG 每格像素 · pixels a module of a PNG.")
def qr(voice: Voice, *, which: UUID, path: Path, logo: Path | None, module_px: int) -> None:
    """画二维码 · Draw the code of a channel into a .png or .svg file."""
    kind = path.suffix.lower()
    if kind not in {".png", ".svg"}:
        raise BadRequestError("文件名以 .png 或 .svg 结尾 / the file's name ends in .png or .svg", code="bad_picture")
    with opened() as house, reading(house.engine) as session:
        found = access_channel(session, which)
    if found.url is None:
        raise ConflictError("微信还没有给出此码 / WeChat has not made this code yet", code="no_code")
    inner = read_logo(logo)
    drawn = draw_png(found.url, module_px=module_px, logo=inner) if kind == ".png" else draw_svg(found.url, logo=inner)
    try:
        path.write_bytes(drawn)
    except OSError as error:
        raise BadRequestError(f"写不了 {path}: {error.strerror} / {path} cannot be written: {error.strerror}", code="bad_path") from error
    voice.line(f"已画 {path}", f"drew {path}")
    voice.answer({"id": str(found.public_id), "file": str(path), "bytes": len(drawn), "url": found.url})


@command(channel, "zip")
@click.argument("path", metavar="FILE.zip", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="所有渠道 · every channel.")
@click.option("--kind", "kinds", type=OF_KIND, multiple=True, help="此类的所有渠道 · every channel of this kind; may be repeated.")
@click.option("--account", "appid", default=None, help="只要一个账号的 · of one account only (AppID).")
@click.option(
    "--picture", type=click.Choice(["png", "svg", "both"]), default="png", show_default=True, help="图的格式 · how they are drawn."
)
@click.option(
    "--logo", type=click.Path(path_type=Path, exists=True, dir_okay=False), default=None, help="中间的图 · a picture for their middle."
)
@click.option("--module-px", type=click.IntRange(1, 40), default=10, show_default=True, help="PNG 每格像素 · pixels a module of a PNG.")
def zip_(
    voice: Voice,
    *,
    path: Path,
    names: tuple[str, ...],
    every: bool,
    kinds: tuple[str, ...],
    appid: str | None,
    picture: str,
    logo: Path | None,
    module_px: int,
) -> None:
    """打包二维码 · Draw the codes of many channels into a ZIP with an index.csv."""
    if [bool(names), every, bool(kinds)].count(True) != 1:
        raise BadRequestError("写渠道名称, 或用 --all 或 --kind, 三选一 / name the channels, or use --all, or --kind", code="bad_choice")
    if path.suffix.lower() != ".zip":
        raise BadRequestError("文件名以 .zip 结尾 / the file's name ends in .zip", code="bad_archive")
    pictures: tuple[Picture, ...] = ("png", "svg") if picture == "both" else ("svg",) if picture == "svg" else ("png",)
    with opened() as house:
        account_id = None if appid is None else account_called(house, appid).id
        wish = Wish(names, kinds, account_id, pictures, module_px, read_logo(logo))
        made = zip_channels(
            house, path, wish, progress=lambda done, total: voice.progress(f"已画 {done} / {total}", f"drew {done} of {total}")
        )
    if made.left_out:
        voice.line(
            f"{made.left_out} 个渠道没有有效的码, 已跳过; 后台会补上",
            f"{made.left_out} channels have no code that works today and were left out",
        )
    voice.line(
        f"已写 {path}: {made.channels} 个渠道, {made.pictures} 张图", f"wrote {path}: {made.channels} channels, {made.pictures} pictures"
    )
    voice.answer({"file": str(path), "channels": made.channels, "pictures": made.pictures, "left_out": made.left_out})


def read_logo(path: Path | None) -> bytes | None:
    """The bytes of a logo. Raises BadRequestError for one too big."""
    if path is None:
        return None
    if path.stat().st_size > LOGO_MAX_BYTES:
        raise BadRequestError(f"图最多 {LOGO_MAX_BYTES // 1024} KiB / a logo has at most {LOGO_MAX_BYTES // 1024} KiB", code="logo_too_big")
    return path.read_bytes()
