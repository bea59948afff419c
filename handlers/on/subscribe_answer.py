"""Somebody accepts or refuses a subscription notice, in the pop-up or later in his settings."""

from app.core.facts import FactDraft
from app.core.inbound import Inbound
from handlers.fields import inner, items, said
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears

# The official sample of the change event wraps its list in the pop-up's element.
_WRAPS = ("SubscribeMsgPopupEvent", "SubscribeMsgChangeEvent")


def act(inbound: Inbound, reads: Reads) -> Outcome:
    del reads
    how = "change" if "change" in inbound.event.lower() else "popup"
    answers = [item for wrap in _WRAPS for item in items(inner(inbound, wrap), "List")] or items(inbound, "List")
    drafts: list[FactDraft] = [
        fact(
            "subscribe.answered",
            number,
            template_id=said(answer, "TemplateId"),
            status=said(answer, "SubscribeStatusString"),
            scene=said(answer, "PopupScene"),
            how=how,
        )
        for number, answer in enumerate(answers)
    ]
    return Outcome(drafts=tuple(drafts))


plugin = On("subscribe_answer", Stage.RECORD, hears("event:subscribe_msg_popup_event", "event:subscribe_msg_change_event"), act)
