"""WeChat says what became of a subscription notice."""

from app.core.inbound import Inbound
from handlers.fields import inner, items, said, whole
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    del reads
    sent = items(inner(inbound, "SubscribeMsgSentEvent"), "List") or items(inbound, "List")
    drafts = [
        fact(
            "subscribe.sent",
            number,
            template_id=said(each, "TemplateId"),
            msgid=said(each, "MsgID"),
            error_code=whole(each, "ErrorCode"),
            error_status=said(each, "ErrorStatus"),
        )
        for number, each in enumerate(sent)
    ]
    return Outcome(drafts=tuple(drafts))


plugin = On("subscribe_sent", Stage.RECORD, hears("event:subscribe_msg_sent_event"), act)
