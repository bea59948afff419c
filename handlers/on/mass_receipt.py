"""WeChat says what became of a mass message; unknown states are kept as they are."""

from app.core.inbound import Inbound
from handlers.fields import said, whole
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    del reads
    draft = fact(
        "mass.receipted",
        msgid=said(inbound, "MsgID"),
        status=said(inbound, "Status"),
        total=whole(inbound, "TotalCount"),
        filtered=whole(inbound, "FilterCount"),
        sent=whole(inbound, "SentCount"),
        errors=whole(inbound, "ErrorCount"),
    )
    return Outcome(drafts=(draft,))


plugin = On("mass_receipt", Stage.RECORD, hears("event:masssendjobfinish"), act)
