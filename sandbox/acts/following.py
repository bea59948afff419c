"""Follow, scan and un-follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.acts.base import Act, ActImpossibleError, Happening, applies, performs
from sandbox.state.identity import text_id

if TYPE_CHECKING:
    from sandbox.state.account import Account
    from sandbox.state.person import Contact
    from sandbox.state.world import Record, World


@performs("follow")
def follow(act: Act) -> Happening:
    """Follow by search or by a code; with a scene, a follower's scan is a SCAN as on the platform."""
    _only_accounts(act)
    scene = act.text("scene", "")
    if scene:
        return scan(act)
    if act.contact.following:
        message = f"{act.person.id} already follows {act.account.appid}"
        raise ActImpossibleError(message)
    how = "ADD_SCENE_QR_CODE" if act.text("how", "search") == "qr" else "ADD_SCENE_SEARCH"
    return Happening(act.event("subscribe"), {"subscribe_scene": how})


@performs("scan")
def scan(act: Act) -> Happening:
    """Scan a channel code: SCAN for a follower, subscribe with qrscene_ for anybody else."""
    _only_accounts(act)
    scene = act.text("scene")
    code = act.account.scenes.get(scene)
    if code and code.expires_at and code.expires_at <= act.world.clock.now():
        message = f"the code of scene {scene} has expired"
        raise ActImpossibleError(message)
    ticket = code.ticket if code else "gQ" + text_id(act.world.seed, "ticket", act.account.appid, scene, length=82)
    if act.contact.following:
        return Happening(act.event("SCAN", EventKey=scene, Ticket=ticket))
    fields = act.event("subscribe", EventKey=f"qrscene_{scene}", Ticket=ticket)
    is_text = code.is_text if code else not scene.isdigit()
    return Happening(fields, {"subscribe_scene": "ADD_SCENE_QR_CODE", "scene": scene, "scene_is_text": is_text})


@performs("unfollow")
def unfollow(act: Act) -> Happening:
    """Stop following."""
    _only_accounts(act)
    act.must_follow()
    return Happening(act.event("unsubscribe"))


def _only_accounts(act: Act) -> None:
    if act.account.kind == "mini":
        message = "nobody follows a mini program"
        raise ActImpossibleError(message)


@applies("follow", "scan")
def apply_follow(world: World, account: Account, contact: Contact, entry: Record) -> None:
    """Make the contact a follower, or note the scan of one."""
    del world
    fields = entry["fields"]
    at = fields["CreateTime"]
    if fields["Event"] == "SCAN":
        contact.open_window("scan", at)
        return
    contact.following = True
    account.followers += 1
    account.follow_order = None
    contact.subscribe_time = at
    contact.subscribe_scene = entry["subscribe_scene"]
    scene: str = entry.get("scene", "")
    by_number = bool(scene) and not entry.get("scene_is_text")
    contact.qr_scene = int(scene) if by_number and scene.isdigit() else 0
    contact.qr_scene_str = "" if by_number else scene
    contact.open_window("follow", at)


@applies("unfollow")
def apply_unfollow(world: World, account: Account, contact: Contact, entry: Record) -> None:
    """Forget what the platform forgets: tags, remark and windows."""
    del world, entry
    contact.following = False
    account.followers -= 1
    account.follow_order = None
    for tag_id in contact.tag_ids:
        if tag_id in account.tags:
            account.tags[tag_id].openids.pop(contact.openid, None)
    contact.tag_ids.clear()
    contact.remark = ""
    contact.windows.clear()
