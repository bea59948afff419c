"""Menus: the default one, conditional ones by tag, and which of them a person sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.calls.base import Call, call, effect_of, refuse

if TYPE_CHECKING:
    from sandbox.state.account import Account
    from sandbox.state.person import Contact
    from sandbox.state.world import Record, World

_KEYED: Final = frozenset(
    {"click", "scancode_push", "scancode_waitmsg", "pic_sysphoto", "pic_photo_or_album", "pic_weixin", "location_select"}
)
_MEDIA: Final = frozenset({"media_id", "view_limited", "article_id", "article_view_limited"})
MAX_CONDITIONAL: Final = 2000


def check_buttons(value: Any) -> list[Record]:
    """Return the buttons of a menu, cleaned; refuses what the platform refuses."""
    if not isinstance(value, list) or not 1 <= len(value) <= 3:
        refuse(40016)
    return [_button(item, top=True) for item in value]


def _button(item: Any, *, top: bool) -> Record:
    if not isinstance(item, dict):
        refuse(40016)
    name = item.get("name")
    if not isinstance(name, str) or not 1 <= len(name.encode()) <= (16 if top else 60):
        refuse(40018)
    below = item.get("sub_button")
    if top and below:
        if not isinstance(below, list) or len(below) > 5:
            refuse(40023)
        return {"name": name, "sub_button": [_button(sub, top=False) for sub in below]}
    type_ = item.get("type")
    button: Record = {"type": type_, "name": name}
    if type_ in _KEYED:
        button["key"] = _text(item, "key", 128, 40019)
    elif type_ == "view":
        button["url"] = _text(item, "url", 1024, 40020)
    elif type_ == "miniprogram":
        button |= {part: _text(item, part, 1024, 40020) for part in ("url", "appid", "pagepath")}
    elif type_ in _MEDIA:
        part = "article_id" if type_.startswith("article") else "media_id"
        button[part] = _text(item, part, 128, 40007)
    else:
        refuse(40017)
    return {**button, "sub_button": []}


def _text(item: Record, name: str, limit: int, errcode: int) -> str:
    value = item.get(name)
    if not isinstance(value, str) or not 1 <= len(value.encode()) <= limit:
        refuse(errcode)
    return value


@call("/cgi-bin/menu/create")
def create_menu(call_: Call) -> Record:
    """Make the default menu."""
    call_.accept(menu={"button": check_buttons(call_.body.get("button")), "menuid": call_.account.next_menu})
    return {}


@effect_of("/cgi-bin/menu/create")
def menu_created(world: World, account: Account, effect: Record) -> None:
    """Keep the menu."""
    del world
    account.menu = effect["menu"]
    account.next_menu = max(account.next_menu, effect["menu"]["menuid"] + 1)


@call("/cgi-bin/menu/get", method="GET", bare=True)
def get_menu(call_: Call) -> Record:
    """Return the default menu and the conditional ones."""
    if call_.account.menu is None:
        refuse(46003)
    answer: Record = {"menu": call_.account.menu}
    if call_.account.conditional_menus:
        answer["conditionalmenu"] = list(call_.account.conditional_menus.values())
    return answer


@call("/cgi-bin/get_current_selfmenu_info", method="GET", bare=True)
def current_menu(call_: Call) -> Record:
    """Return the menu that is shown."""
    menu = call_.account.menu
    return {"is_menu_open": int(menu is not None), "selfmenu_info": {"button": menu["button"] if menu else []}}


@call("/cgi-bin/menu/delete", method="GET")
def delete_menu(call_: Call) -> Record:
    """Delete the default menu and with it all conditional ones."""
    call_.accept(deleted=True)
    return {}


@effect_of("/cgi-bin/menu/delete")
def menu_deleted(world: World, account: Account, effect: Record) -> None:
    """Forget the menus."""
    del world, effect
    account.menu = None
    account.conditional_menus.clear()


@call("/cgi-bin/menu/addconditional")
def add_conditional(call_: Call) -> Record:
    """Make a menu for those who match a rule."""
    rule = call_.body.get("matchrule")
    if not isinstance(rule, dict) or not any(rule.get(name) for name in ("tag_id", "client_platform_type", "group_id")):
        refuse(65304)
    if call_.account.menu is None:
        refuse(65303)
    if len(call_.account.conditional_menus) >= MAX_CONDITIONAL:
        refuse(40035)
    rule = {str(name)[:32]: str(value)[:32] for name, value in list(rule.items())[:8]}
    menuid = call_.account.next_menu
    buttons = check_buttons(call_.body.get("button"))
    call_.accept(menu={"button": buttons, "matchrule": rule, "menuid": menuid})
    return {"menuid": str(menuid)}


@effect_of("/cgi-bin/menu/addconditional")
def conditional_added(world: World, account: Account, effect: Record) -> None:
    """Keep the conditional menu."""
    del world
    menuid: int = effect["menu"]["menuid"]
    account.conditional_menus[menuid] = effect["menu"]
    account.next_menu = max(account.next_menu, menuid + 1)


@call("/cgi-bin/menu/delconditional")
def delete_conditional(call_: Call) -> Record:
    """Delete one conditional menu."""
    menuid = call_.integer("menuid", 65301)
    if menuid not in call_.account.conditional_menus:
        refuse(65301)
    call_.accept(menuid=menuid)
    return {}


@effect_of("/cgi-bin/menu/delconditional")
def conditional_deleted(world: World, account: Account, effect: Record) -> None:
    """Forget the conditional menu."""
    del world
    account.conditional_menus.pop(effect["menuid"], None)


@call("/cgi-bin/menu/trymatch", bare=True)
def try_match(call_: Call) -> Record:
    """Return the menu that one person sees."""
    menu = menu_for(call_.account, call_.contact(call_.body.get("user_id")))
    if menu is None:
        refuse(46003)
    return {"button": menu["button"]}


def menu_for(account: Account, contact: Contact | None) -> Record | None:
    """Return the newest conditional menu that matches, else the default one."""
    tags = {str(tag_id) for tag_id in contact.tag_ids} if contact else set()
    for menu in reversed(account.conditional_menus.values()):
        rule: Any = menu["matchrule"]
        if (rule.get("tag_id") or rule.get("group_id")) in tags and not rule.get("client_platform_type"):
            return menu
    return account.menu
