"""Followers: the list and what is told about each; and tickets."""

from typing import Any

from app.wechat.twin.calls.base import ALL, Call, call, refuse
from app.wechat.twin.state import Contact, Known

PAGE = 10_000


def _info(known: Known, contact: Contact) -> dict[str, Any]:
    told: dict[str, Any] = {"subscribe": int(contact.following), "openid": contact.openid}
    if known.unionid_scope:
        told["unionid"] = contact.unionid
    if contact.following:
        told |= {
            "language": "zh_CN",
            "subscribe_time": contact.subscribe_time,
            "remark": "",
            "groupid": contact.tag_ids[0] if contact.tag_ids else 0,
            "tagid_list": list(contact.tag_ids),
            "subscribe_scene": contact.subscribe_scene,
            "qr_scene": contact.qr_scene,
            "qr_scene_str": contact.qr_scene_str,
        }
    return told


def page(openids: list[str], after: str) -> list[str]:
    """The page after an openid of a sorted list."""
    return [openid for openid in openids if openid > after][:PAGE]


@call("/cgi-bin/user/get")
def list_followers(made: Call) -> dict[str, Any]:
    after = made.params.get("next_openid") or ""
    if after:
        made.contact(after)
    everybody = sorted(openid for openid, contact in made.known.contacts.items() if contact.following)
    part = page(everybody, after)
    answer: dict[str, Any] = {"total": len(everybody), "count": len(part), "next_openid": part[-1] if part else ""}
    return answer | ({"data": {"openid": part}} if part else {})


@call("/cgi-bin/user/info")
def read_one(made: Call) -> dict[str, Any]:
    return _info(made.known, made.contact(made.params.get("openid")))


@call("/cgi-bin/user/info/batchget")
def read_many(made: Call) -> dict[str, Any]:
    wanted = made.body.get("user_list")
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= 100:
        refuse(40032)
    return {"user_info_list": [_info(made.known, made.contact(each.get("openid"))) for each in wanted]}


@call("/cgi-bin/ticket/getticket", ALL)
def ticket(made: Call) -> dict[str, Any]:
    kind = made.params.get("type")
    if kind not in {"jsapi", "wx_card"}:
        refuse(40097)
    return {"errcode": 0, "errmsg": "ok", "ticket": f"{kind}-{made.known.account.appid}", "expires_in": 7200}
