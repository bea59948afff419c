"""Followers: lists, info, remarks."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Final

from sandbox.calls.base import Call, call, effect_of, refuse

if TYPE_CHECKING:
    from sandbox.state.account import Account
    from sandbox.state.person import Contact
    from sandbox.state.world import Record, World

PAGE: Final = 10_000
BATCH: Final = 100
MAX_REMARK: Final = 30


def info(account: Account, contact: Contact) -> Record:
    """Return what the platform tells about a person; nickname and portrait are empty since 2021."""
    known: dict[str, Any] = {"subscribe": int(contact.following), "openid": contact.openid}
    if account.open_platform:
        known["unionid"] = contact.unionid
    if not contact.following:
        return known
    return {
        **known,
        "nickname": "",
        "sex": 0,
        "language": "zh_CN",
        "city": "",
        "province": "",
        "country": "",
        "headimgurl": "",
        "subscribe_time": contact.subscribe_time,
        "remark": contact.remark,
        "groupid": contact.tag_ids[0] if contact.tag_ids else 0,
        "tagid_list": list(contact.tag_ids),
        "subscribe_scene": contact.subscribe_scene,
        "qr_scene": contact.qr_scene,
        "qr_scene_str": contact.qr_scene_str,
    }


def page(openids: list[str], after: str) -> tuple[list[str], str]:
    """Return the page after an openid, and the openid the next page starts after."""
    start = bisect_right(openids, after) if after else 0
    part = openids[start : start + PAGE]
    return part, part[-1] if part else ""


@call("/cgi-bin/user/info", method="GET", bare=True)
def user_info(call_: Call) -> Record:
    """Tell about one person."""
    return info(call_.account, call_.contact(call_.request.query.get("openid")))


@call("/cgi-bin/user/info/batchget", bare=True)
def user_info_batch(call_: Call) -> Record:
    """Tell about up to 100 people."""
    wanted = call_.body.get("user_list")
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= BATCH:
        refuse(40032)
    found = []
    for item in wanted:
        if not isinstance(item, dict):
            refuse(40003)
        found.append(info(call_.account, call_.contact(item.get("openid"))))
    return {"user_info_list": found}


@call("/cgi-bin/user/get", method="GET", bare=True)
def user_list(call_: Call) -> Record:
    """List followers, 10 000 a page."""
    openids = call_.account.follower_openids()
    after = call_.request.query.get("next_openid", "")
    if after and after not in call_.account.contacts:
        refuse(40003)
    part, last = page(openids, after)
    answer: Record = {"total": len(openids), "count": len(part), "next_openid": last}
    if part:
        answer["data"] = {"openid": part}
    return answer


@call("/cgi-bin/user/info/updateremark")
def update_remark(call_: Call) -> Record:
    """Write a remark about a follower."""
    contact = call_.contact(call_.body.get("openid"))
    remark = call_.text("remark")
    if len(remark) > MAX_REMARK:
        refuse(40035)
    call_.accept(openid=contact.openid, remark=remark)
    return {}


@effect_of("/cgi-bin/user/info/updateremark")
def remark_updated(world: World, account: Account, effect: Record) -> None:
    """Keep the remark."""
    del world
    account.contacts[effect["openid"]].remark = effect["remark"]
