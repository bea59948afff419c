"""Tags: 100 an account, 20 a follower, 50 openids a batch."""

from typing import Any

from app.wechat.twin.calls.base import Call, call, refuse
from app.wechat.twin.calls.users import page
from app.wechat.twin.state import Contact

_SYSTEM = frozenset({0, 1, 2})


def _name(made: Call, name: Any, *, besides: int = -1) -> str:
    if not isinstance(name, str) or not name.strip():
        refuse(45157)
    if len(name) > 30:
        refuse(45158)
    if any(held == name and tag_id != besides for tag_id, held in made.known.tags.items()):
        refuse(45157)
    return name


def _tag(made: Call, tag_id: Any) -> int:
    if tag_id in _SYSTEM:
        refuse(45058)
    if tag_id not in made.known.tags:
        refuse(45159)
    return int(tag_id)


def _carriers(made: Call, tag_id: int) -> list[str]:
    return sorted(openid for openid, contact in made.known.contacts.items() if tag_id in contact.tag_ids)


@call("/cgi-bin/tags/create")
def create(made: Call) -> dict[str, Any]:
    name = _name(made, made.body.get("tag", {}).get("name"))
    if len(made.known.tags) >= made.twin.quota["tags"]:
        refuse(45056)
    tag_id, made.known.next_tag = made.known.next_tag, made.known.next_tag + 1
    made.known.tags[tag_id] = name
    return {"tag": {"id": tag_id, "name": name}}


@call("/cgi-bin/tags/get")
def list_all(made: Call) -> dict[str, Any]:
    return {"tags": [{"id": tag_id, "name": name, "count": len(_carriers(made, tag_id))} for tag_id, name in made.known.tags.items()]}


@call("/cgi-bin/tags/update")
def rename(made: Call) -> dict[str, Any]:
    wanted = made.body.get("tag", {})
    tag_id = _tag(made, wanted.get("id"))
    made.known.tags[tag_id] = _name(made, wanted.get("name"), besides=tag_id)
    return {"errcode": 0}


@call("/cgi-bin/tags/delete")
def delete(made: Call) -> dict[str, Any]:
    tag_id = _tag(made, made.body.get("tag", {}).get("id"))
    carriers = _carriers(made, tag_id)
    if len(carriers) > 100_000:
        refuse(45057)
    for openid in carriers:
        made.known.contacts[openid].tag_ids.remove(tag_id)
    del made.known.tags[tag_id]
    return {"errcode": 0}


def _batch(made: Call) -> tuple[int, list[Contact]]:
    openids = made.body.get("openid_list")
    if not isinstance(openids, list) or not 1 <= len(openids) <= 50:
        refuse(40032)
    tag_id = _tag(made, made.body.get("tagid"))
    contacts = [made.contact(openid) for openid in openids]
    if not all(contact.following for contact in contacts):
        refuse(40003)
    return tag_id, contacts


@call("/cgi-bin/tags/members/batchtagging")
def put_on(made: Call) -> dict[str, Any]:
    tag_id, contacts = _batch(made)
    if any(len(each.tag_ids) >= made.twin.quota["tags_per_person"] and tag_id not in each.tag_ids for each in contacts):
        refuse(45059)
    for contact in contacts:
        if tag_id not in contact.tag_ids:
            contact.tag_ids.append(tag_id)
    return {"errcode": 0}


@call("/cgi-bin/tags/members/batchuntagging")
def take_off(made: Call) -> dict[str, Any]:
    tag_id, contacts = _batch(made)
    for contact in contacts:
        contact.tag_ids[:] = [each for each in contact.tag_ids if each != tag_id]
    return {"errcode": 0}


@call("/cgi-bin/tags/getidlist")
def tags_of(made: Call) -> dict[str, Any]:
    return {"tagid_list": list(made.contact(made.body.get("openid")).tag_ids)}


@call("/cgi-bin/user/tag/get")
def carriers_of(made: Call) -> dict[str, Any]:
    part = page(_carriers(made, _tag(made, made.body.get("tagid"))), made.body.get("next_openid") or "")
    return {"count": len(part), "data": {"openid": part}, "next_openid": part[-1] if part else ""}
