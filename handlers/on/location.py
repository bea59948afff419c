"""Where somebody is: sent as a message, or reported when he opens the account."""

from app.core.inbound import Inbound
from handlers.fields import decimal, said, whole
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    del reads
    if inbound.msg_type == "event":
        return Outcome(
            drafts=(
                fact(
                    "location.reported",
                    lat=decimal(inbound, "Latitude", within=90),
                    lng=decimal(inbound, "Longitude", within=180),
                    precision=decimal(inbound, "Precision", within=1e9),
                ),
            )
        )
    draft = fact(
        "message.received",
        type="location",
        msg_id=said(inbound, "MsgId"),
        lat=decimal(inbound, "Location_X", within=90),
        lng=decimal(inbound, "Location_Y", within=180),
        scale=whole(inbound, "Scale"),
        label=said(inbound, "Label"),
    )
    return Outcome(drafts=(draft,))


plugin = On("location", Stage.RECORD, hears("location", "event:location"), act)
