"""Tags on the platform's side: 100 an account, 20 a person, 50 openids a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.calls.base import Call, call, effect_of, refuse
from sandbox.calls.users import page
from sandbox.state.account import Tag

if TYPE_CHECKING:
    from sandbox.state.account import Account
    from sandbox.state.person import Contact
    from sandbox.state.world import Record, World

MAX_NAME: Final = 30
BATCH: Final = 50
TOO_MANY_FANS: Final = 100_000
_SYSTEM: Final = frozenset({0, 1, 2})


def _name(call_: Call, name: object, but: int = -1) -> str:
    if not isinstance(name, str) or not name.strip():
        refuse(45157)
    if len(name) > MAX_NAME:
        refuse(45158)
    if any(tag.name == name and tag.id != but for tag in call_.account.tags.values()):
        refuse(45157)
    return name


def _tag(call_: Call, tag_id: object) -> Tag:
    if isinstance(tag_id, str) and tag_id.isdigit():
        tag_id = int(tag_id)
    if not isinstance(tag_id, int):
        refuse(45159)
    if tag_id in _SYSTEM:
        refuse(45058)
    found = call_.account.tags.get(tag_id)
    if found is None:
        refuse(45159)
    return found


@call("/cgi-bin/tags/create")
def create_tag(call_: Call) -> Record:
    """Create a tag."""
    name = _name(call_, call_.mapping("tag").get("name"))
    if len(call_.account.tags) >= call_.world.settings.quota["tags"]:
        refuse(45056)
    tag: Record = {"id": call_.account.next_tag, "name": name}
    call_.accept(tag=tag)
    return {"tag": tag}


@effect_of("/cgi-bin/tags/create")
def tag_created(world: World, account: Account, effect: Record) -> None:
    """Keep the tag."""
    del world
    tag = Tag(effect["tag"]["id"], effect["tag"]["name"])
    account.tags[tag.id] = tag
    account.next_tag = max(account.next_tag, tag.id + 1)


@call("/cgi-bin/tags/get", method="GET", bare=True)
def list_tags(call_: Call) -> Record:
    """List the tags with how many people carry them."""
    return {"tags": [{"id": t.id, "name": t.name, "count": len(t.openids)} for t in call_.account.tags.values()]}


@call("/cgi-bin/tags/update")
def update_tag(call_: Call) -> Record:
    """Rename a tag."""
    wanted = call_.mapping("tag")
    tag = _tag(call_, wanted.get("id"))
    call_.accept(tag={"id": tag.id, "name": _name(call_, wanted.get("name"), tag.id)})
    return {}


@effect_of("/cgi-bin/tags/update")
def tag_updated(world: World, account: Account, effect: Record) -> None:
    """Keep the name."""
    del world
    account.tags[effect["tag"]["id"]].name = effect["tag"]["name"]


@call("/cgi-bin/tags/delete")
def delete_tag(call_: Call) -> Record:
    """Delete a tag and take it off everybody."""
    tag = _tag(call_, call_.mapping("tag").get("id"))
    if len(tag.openids) > TOO_MANY_FANS:
        refuse(45057)
    call_.accept(tagid=tag.id)
    return {}


@effect_of("/cgi-bin/tags/delete")
def tag_deleted(world: World, account: Account, effect: Record) -> None:
    """Forget the tag."""
    del world
    tag = account.tags.pop(effect["tagid"])
    for openid in tag.openids:
        account.contacts[openid].tag_ids.remove(tag.id)


@call("/cgi-bin/user/tag/get", method="ANY", bare=True)
def tag_members(call_: Call) -> Record:
    """List who carries a tag, 10 000 a page."""
    source = call_.body or call_.request.query
    tag = _tag(call_, source.get("tagid"))
    after = source.get("next_openid", "")
    if not isinstance(after, str):
        refuse(40003)
    part, last = page(sorted(tag.openids), after)
    return {"count": len(part), "data": {"openid": part}, "next_openid": last}


def _batch(call_: Call) -> tuple[list[Contact], Tag]:
    openids = call_.body.get("openid_list")
    if not isinstance(openids, list) or not 1 <= len(openids) <= BATCH:
        refuse(40032)
    tag = _tag(call_, call_.body.get("tagid"))
    contacts = [call_.contact(openid) for openid in openids]
    if not all(contact.following for contact in contacts):
        refuse(40003)
    return contacts, tag


@call("/cgi-bin/tags/members/batchtagging")
def tag_people(call_: Call) -> Record:
    """Put a tag on up to 50 followers; one who has 20 already refuses the whole batch."""
    contacts, tag = _batch(call_)
    most = call_.world.settings.quota["tags_per_person"]
    if any(len(contact.tag_ids) >= most and tag.id not in contact.tag_ids for contact in contacts):
        refuse(45059)
    call_.accept(tagid=tag.id, openids=[contact.openid for contact in contacts])
    return {}


@effect_of("/cgi-bin/tags/members/batchtagging")
def people_tagged(world: World, account: Account, effect: Record) -> None:
    """Put the tag on."""
    del world
    tag = account.tags[effect["tagid"]]
    for openid in effect["openids"]:
        contact = account.contacts[openid]
        if tag.id not in contact.tag_ids:
            contact.tag_ids.append(tag.id)
            tag.openids[openid] = None


@call("/cgi-bin/tags/members/batchuntagging")
def untag_people(call_: Call) -> Record:
    """Take a tag off up to 50 followers."""
    contacts, tag = _batch(call_)
    call_.accept(tagid=tag.id, openids=[contact.openid for contact in contacts])
    return {}


@effect_of("/cgi-bin/tags/members/batchuntagging")
def people_untagged(world: World, account: Account, effect: Record) -> None:
    """Take the tag off."""
    del world
    tag = account.tags[effect["tagid"]]
    for openid in effect["openids"]:
        tag.openids.pop(openid, None)
        contact = account.contacts[openid]
        contact.tag_ids[:] = [tag_id for tag_id in contact.tag_ids if tag_id != tag.id]


@call("/cgi-bin/tags/getidlist", bare=True)
def tags_of(call_: Call) -> Record:
    """List the tags of one follower."""
    return {"tagid_list": list(call_.contact(call_.body.get("openid")).tag_ids)}
