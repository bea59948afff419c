"""Somebody writes a text."""

from app.core.inbound import Inbound
from handlers.fields import said
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    """The text stands in the fact alone, where erasure finds it."""
    del reads
    draft = fact(
        "message.received",
        type="text",
        text=inbound.text("Content"),
        msg_id=said(inbound, "MsgId"),
        menu_answer=said(inbound, "bizmsgmenuid"),
    )
    return Outcome(drafts=(draft,))


plugin = On("text", Stage.RECORD, hears("text"), act)
