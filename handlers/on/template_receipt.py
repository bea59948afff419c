"""WeChat says what became of a template message."""

from app.core.inbound import Inbound
from handlers.fields import said
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    """The element is `MsgID` with a capital D, and equals the msgid that the send returned."""
    del reads
    return Outcome(drafts=(fact("template.receipted", msgid=said(inbound, "MsgID"), status=said(inbound, "Status")),))


plugin = On("template_receipt", Stage.RECORD, hears("event:templatesendjobfinish"), act)
