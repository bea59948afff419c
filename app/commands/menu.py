"""`fanka menu`: the menus of accounts, kept here and pushed to WeChat."""

from typing import IO, Any

import click

from app.commands.frame import command
from app.commands.house import account_called, opened
from app.commands.reply import read_json
from app.commands.speech import Voice, iso
from app.core.accounts import OpenAccount
from app.core.errors import ConflictError
from app.core.house import House
from app.core.nouns import AccountKind
from app.core.unit import reading, work
from handlers.menus import compare_menus, list_menus, push_menus, save_menu

ACTOR = "cli"


@click.group()
def menu() -> None:
    """自定义菜单 · Menus."""


@command(menu, "set")
@click.argument("appid")
@click.argument("file", type=click.File("r"))
@click.option(
    "--wechat-tag", type=click.IntRange(1), default=None, help="个性化菜单: 微信标签编号 · a conditional menu for this tag of WeChat's."
)
def set_(voice: Voice, *, appid: str, file: IO[str], wechat_tag: int | None) -> None:
    """保存菜单 · Keep the buttons in a JSON file (- for standard input) as the menu of an account; `menu push` shows it."""
    buttons = read_json(file)
    if isinstance(buttons, dict) and set(buttons) == {"button"}:
        buttons = buttons["button"]
    with opened() as house:
        account = account_called(house, appid)
        with work(house.engine) as session:
            kept = save_menu(session, buttons, account_id=account.id, house=house, actor=ACTOR, wechat_tag_id=wechat_tag)
        voice.line(f"已保存 {account.name} 的菜单", f"kept the menu of {account.name}")
        voice.answer({"id": str(kept.public_id), "appid": appid, "buttons": kept.buttons})


@command(menu, "show")
@click.argument("appid")
def show(voice: Voice, *, appid: str) -> None:
    """显示菜单 · Show the menus kept for an account."""
    with opened() as house:
        account = account_called(house, appid)
        with reading(house.engine) as session:
            rows = list_menus(session, account_id=account.id)
    voice.table(
        [("适用", "for"), ("按钮", "buttons"), ("推送时间", "pushed")],
        [(row.wechat_tag_id or "*", " | ".join(_named(row.buttons)), row.pushed_at) for row in rows],
        empty=("还没有菜单", "there is no menu yet"),
    )
    voice.answer(
        {
            "menus": [
                {"id": str(row.public_id), "wechat_tag": row.wechat_tag_id, "buttons": row.buttons, "pushed_at": iso(row.pushed_at)}
                for row in rows
            ]
        }
    )


@command(menu, "diff")
@click.argument("appid")
def diff(voice: Voice, *, appid: str) -> None:
    """与微信比较 · Compare the menus kept here with those WeChat shows."""
    with opened() as house:
        states = compare_menus(house, account_called(house, appid))
    rows = [(state.menu.wechat_tag_id or "*", each.place, each.ours, each.theirs) for state in states for each in state.differences]
    voice.table(
        [("适用", "for"), ("位置", "place"), ("这里", "here"), ("微信", "WeChat")], rows, empty=("没有差别", "there is no difference")
    )
    voice.answer(
        {
            "menus": [
                {
                    "wechat_tag": state.menu.wechat_tag_id,
                    "differences": [{"place": each.place, "ours": each.ours, "theirs": each.theirs} for each in state.differences],
                }
                for state in states
            ]
        }
    )


@command(menu, "push")
@click.argument("appids", nargs=-1)
def push(voice: Voice, *, appids: tuple[str, ...]) -> None:
    """推送菜单 · Push the menus of these accounts, or of all, where WeChat shows something else."""
    with opened() as house:
        done = push_menus(house, _accounts(house, appids), actor=ACTOR)
    failed = [each for each in done if not each.ok]
    if failed:
        zh = "; ".join(f"{each.appid}: {each.error.partition(' / ')[0]}" for each in failed)
        en = "; ".join(f"{each.appid}: {each.error.partition(' / ')[2] or each.error}" for each in failed)
        raise ConflictError(f"{zh} / {en}", code="menu_refused")
    for each in done:
        voice.line(
            f"{each.appid}: 推送 {each.pushed}, 无变化 {each.unchanged}", f"{each.appid}: pushed {each.pushed}, unchanged {each.unchanged}"
        )
    voice.answer({"accounts": [{"appid": each.appid, "pushed": each.pushed, "unchanged": each.unchanged} for each in done]})


def _accounts(house: House, appids: tuple[str, ...]) -> list[OpenAccount]:
    if appids:
        return [account_called(house, appid) for appid in appids]
    house.accounts.forget()
    return [account for account in house.accounts.all() if account.kind is not AccountKind.MINI]


def _named(buttons: list[dict[str, Any]]) -> list[str]:
    return [
        f"{button['name']}({', '.join(inner['name'] for inner in button['sub_button'])})" if "sub_button" in button else str(button["name"])
        for button in buttons
    ]
