"""Menus: three buttons of five, and conditional ones by tag."""

from typing import Any

from app.wechat.twin.calls.base import Call, call, refuse

_KEYED = frozenset({"click", "scancode_push", "scancode_waitmsg", "pic_sysphoto", "pic_photo_or_album", "pic_weixin", "location_select"})
_MEDIA = {"media_id": "media_id", "view_limited": "media_id", "article_id": "article_id", "article_view_limited": "article_id"}


def _buttons(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not 1 <= len(value) <= 3:
        refuse(40016)
    return [_button(each, top=True) for each in value]


def _button(item: Any, *, top: bool) -> dict[str, Any]:
    name = item.get("name") if isinstance(item, dict) else refuse(40016)
    if not isinstance(name, str) or not 1 <= len(name.encode()) <= (16 if top else 60):
        refuse(40018)
    below = item.get("sub_button")
    if top and below:
        if not isinstance(below, list) or len(below) > 5:
            refuse(40023)
        return {"name": name, "sub_button": [_button(each, top=False) for each in below]}
    kind = item.get("type")
    parts: dict[str, tuple[int, int]] = {}
    if kind in _KEYED:
        parts = {"key": (128, 40019)}
    elif kind == "view":
        parts = {"url": (1024, 40020)}
    elif kind == "miniprogram":
        parts = dict.fromkeys(("url", "appid", "pagepath"), (1024, 40020))
    elif kind in _MEDIA:
        parts = {_MEDIA[kind]: (128, 40007)}
    else:
        refuse(40017)
    for part, (limit, code) in parts.items():
        if not isinstance(item.get(part), str) or not 1 <= len(item[part].encode()) <= limit:
            refuse(code)
    return {"type": kind, "name": name, **{part: item[part] for part in parts}, "sub_button": []}


def _next_id(made: Call) -> int:
    made.known.next_menu += 1
    return made.known.next_menu - 1


@call("/cgi-bin/menu/create")
def create(made: Call) -> dict[str, Any]:
    made.known.menu = {"button": _buttons(made.body.get("button")), "menuid": _next_id(made)}
    return {"errcode": 0}


@call("/cgi-bin/menu/get")
def read(made: Call) -> dict[str, Any]:
    if made.known.menu is None:
        refuse(46003)
    conditional = list(made.known.conditional.values())
    return {"menu": made.known.menu} | ({"conditionalmenu": conditional} if conditional else {})


@call("/cgi-bin/menu/delete")
def delete(made: Call) -> dict[str, Any]:
    made.known.menu = None
    made.known.conditional.clear()
    return {"errcode": 0}


@call("/cgi-bin/menu/addconditional")
def add_conditional(made: Call) -> dict[str, Any]:
    rule = made.body.get("matchrule")
    if not isinstance(rule, dict) or not any(rule.get(name) for name in ("tag_id", "client_platform_type", "group_id")):
        refuse(65304)
    if made.known.menu is None:
        refuse(65303)
    buttons, menu_id = _buttons(made.body.get("button")), _next_id(made)
    made.known.conditional[menu_id] = {"button": buttons, "matchrule": {name: str(each) for name, each in rule.items()}, "menuid": menu_id}
    return {"menuid": str(menu_id)}


@call("/cgi-bin/menu/delconditional")
def delete_conditional(made: Call) -> dict[str, Any]:
    menu_id = made.body.get("menuid")
    if not str(menu_id).isdigit() or made.known.conditional.pop(int(str(menu_id)), None) is None:
        refuse(65301)
    return {"errcode": 0}


@call("/cgi-bin/menu/trymatch")
def match(made: Call) -> dict[str, Any]:
    tags = {str(tag_id) for tag_id in made.contact(made.body.get("user_id")).tag_ids}
    for menu in reversed(made.known.conditional.values()):
        rule = menu["matchrule"]
        if (rule.get("tag_id") or rule.get("group_id")) in tags and not rule.get("client_platform_type"):
            return {"button": menu["button"]}
    return {"button": (made.known.menu or refuse(46003))["button"]}
