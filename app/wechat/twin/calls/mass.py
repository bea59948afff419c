"""Mass messages: four a person and month, sixty calls a minute, one clientmsgid a day."""

from typing import Any

from app.core.nouns import AccountKind
from app.wechat.twin.calls.base import Call, call, refuse
from app.wechat.twin.calls.messages import media_known, read_content, text_fits
from app.wechat.twin.state import DAY_S, Contact, month_of

_TYPES = {
    "text": text_fits,
    "mpnews": media_known,
    "voice": media_known,
    "image": media_known,
    "mpvideo": media_known,
    "video": media_known,
}


@call("/cgi-bin/message/mass/send")
def send_list(made: Call) -> dict[str, Any]:
    openids = made.body.get("touser")
    if not isinstance(openids, list) or len(openids) > 10_000:
        refuse(40032)
    if len(openids) < 2:
        refuse(40130)
    _refuse_repeated(made)
    known = [made.known.contacts[openid] for openid in dict.fromkeys(openids) if openid in made.known.contacts]
    return _send(made, known)


@call("/cgi-bin/message/mass/sendall")
def send_all(made: Call) -> dict[str, Any]:
    wanted = made.body.get("filter")
    if not isinstance(wanted, dict):
        refuse(40035)
    _refuse_repeated(made)
    everybody = list(made.known.contacts.values())
    if wanted.get("is_to_all") is True:
        made.take("mass_all", 45028)
        return _send(made, everybody)
    if wanted.get("tag_id") not in made.known.tags:
        refuse(40050)
    return _send(made, [contact for contact in everybody if wanted["tag_id"] in contact.tag_ids])


def _refuse_repeated(made: Call) -> None:
    client_id = made.body.get("clientmsgid")
    if client_id is None:
        return
    if not isinstance(client_id, str) or not 1 <= len(client_id.encode()) <= 64:
        refuse(40035)
    sent_at, msg_id = made.known.mass_sends.get(client_id, (-1e12, 0))
    if made.now - sent_at < DAY_S:
        refuse(45065, msg_id=msg_id)


def _send(made: Call, chosen: list[Contact]) -> dict[str, Any]:
    content = read_content(made, dict(_TYPES))
    if made.known.account.kind is AccountKind.SUBSCRIPTION:
        made.take("mass_subscription", 45028)
    made.take("mass_minute", 45011)
    month, msg_id = month_of(made.moment), made.twin.next_number()
    for contact in chosen:
        before = contact.mass[1] if contact.mass[0] == month else 0
        if contact.following and max(before, made.known.mass_floor) < made.twin.quota["mass"]:
            contact.mass = (month, before + 1)
            made.twin.deliver(made.known, contact, via="mass", data=content, msgid=msg_id, client_msg_id=made.body.get("clientmsgid"))
    if made.body.get("clientmsgid"):
        made.known.mass_sends[made.body["clientmsgid"]] = (made.now, msg_id)
    made.known.mass_states[msg_id] = "SEND_SUCCESS"
    return {"errcode": 0, "errmsg": "send job submission success", "msg_id": msg_id, "msg_data_id": msg_id + 1_000_000_000}


@call("/cgi-bin/message/mass/get")
def status(made: Call) -> dict[str, Any]:
    msg_id = int(made.body.get("msg_id") or 0)
    return {"msg_id": msg_id, "msg_status": made.known.mass_states.get(msg_id) or refuse(40035)}
