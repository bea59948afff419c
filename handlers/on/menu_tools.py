"""A follower uses a tool of the menu: the scanner, the camera, the album or the map."""

from typing import Any

from app.core.inbound import Inbound
from handlers.fields import decimal, inner, items, said, whole
from handlers.models import Trigger
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears
from handlers.says import from_rule


def act(inbound: Inbound, reads: Reads) -> Outcome:
    key = said(inbound, "EventKey")
    answer = from_rule(reads.rules.find(Trigger.MENU, key))
    event = inbound.event.lower()
    return Outcome(answer.reply, (fact("menu.used", event=event, key=key, **_result(event, inbound)), *answer.drafts))


def _result(event: str, inbound: Inbound) -> dict[str, Any]:
    if event.startswith("scancode_"):
        scan = inner(inbound, "ScanCodeInfo")
        return {"scan_type": said(scan, "ScanType"), "scan_result": said(scan, "ScanResult")}
    if event.startswith("pic_"):
        sent = inner(inbound, "SendPicsInfo")
        pictures = [said(each, "PicMd5Sum") for each in items(inner(sent, "PicList"), "item")]
        return {"count": whole(sent, "Count"), "pictures": pictures}
    place = inner(inbound, "SendLocationInfo")
    return {
        "lat": decimal(place, "Location_X", within=90),
        "lng": decimal(place, "Location_Y", within=180),
        "scale": whole(place, "Scale"),
        "label": said(place, "Label"),
        "poi": said(place, "Poiname"),
    }


plugin = On(
    "menu_tools",
    Stage.RECORD,
    hears(
        "event:scancode_push",
        "event:scancode_waitmsg",
        "event:pic_sysphoto",
        "event:pic_photo_or_album",
        "event:pic_weixin",
        "event:location_select",
    ),
    act,
)
