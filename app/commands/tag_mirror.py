"""`fanka tags mirror`: which tags are carried to WeChat, for conditional menus and mass messages by tag."""

import click

from app.commands.frame import command
from app.commands.house import account_called, opened
from app.commands.speech import Voice, iso
from app.core.errors import BadRequestError
from app.core.house import House
from app.core.unit import reading, work
from tagging.mirror import end_mirror, list_mirrors, mirror_tag

ACTOR = "cli"


@command(None, "mirror")
@click.argument("name", metavar="[TAG]", required=False)
@click.option("--account", "appid", default=None, help="哪个公众号 · the official account (AppID).")
@click.option("--off", is_flag=True, help="不再同步: 微信侧的人退出此标签 · carry it no longer: its people lose it at WeChat.")
@click.option("--list", "listed", is_flag=True, help="列出同步情况 · show what is mirrored, and how far.")
def mirror(voice: Voice, *, name: str | None, appid: str | None, off: bool, listed: bool) -> None:
    """标签同步到微信 · Carry a tag to WeChat for one account, at most 100 an account and 20 a follower; its people follow within the hour."""
    with opened() as house:
        if listed or name is None:
            _show(voice, house)
            return
        if appid is None:
            raise BadRequestError("请用 --account 指明公众号 / say which account with --account", code="no_account")
        account = account_called(house, appid)
        if off:
            with work(house.engine) as session:
                end_mirror(session, account, name, actor=ACTOR, now=house.clock.now())
            voice.line(f"{name} 不再同步", f"{name} is mirrored no longer; its people lose it at WeChat within the hour")
            voice.answer({"tag": name, "account": appid, "ending": True})
            return
        held = mirror_tag(house, account, name, actor=ACTOR)
    voice.line(f"{name} 是微信标签 {held.wechat_tag_id}", f"{name} is WeChat's tag {held.wechat_tag_id}; its people follow within the hour")
    voice.answer({"tag": name, "account": appid, "wechat_tag": held.wechat_tag_id})


def _show(voice: Voice, house: House) -> None:
    """Every mirror with what its last comparison found."""
    with reading(house.engine) as session:
        rows = [(held, tag.name, house.accounts.by_id(held.account_id)) for held, tag in list_mirrors(session)]
    shown = [
        {
            "account": "" if account is None else account.appid,
            "tag": tag,
            "wechat_tag": held.wechat_tag_id,
            "members": held.members,
            "waiting": held.waiting,
            "skipped": held.skipped,
            "problem": held.problem,
            "ending": held.ended_at is not None,
            "synced_at": iso(held.synced_at),
        }
        for held, tag, account in rows
    ]
    heads = [
        ("账号", "account"),
        ("标签", "tag"),
        ("微信标签", "wechat_tag"),
        ("人数", "members"),
        ("待同步", "waiting"),
        ("微信拒绝", "skipped"),
        ("问题", "problem"),
        ("停止中", "ending"),
    ]
    voice.table(heads, [tuple(each[key] for _, key in heads) for each in shown], empty=("没有同步的标签", "no tag is mirrored"))
    voice.answer({"mirrors": shown})
