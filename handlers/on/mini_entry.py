"""Somebody enters a mini program: from an account's menu by its path, or a talk inside it by its session."""

from app.core.inbound import Inbound
from handlers.fields import said
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    del reads
    if inbound.event.lower() == "view_miniprogram":
        return Outcome(drafts=(fact("mini.entered", path=said(inbound, "EventKey"), menu_id=said(inbound, "MenuId")),))
    return Outcome(drafts=(fact("mini.entered", session=said(inbound, "SessionFrom")),))


plugin = On("mini_entry", Stage.RECORD, hears("event:view_miniprogram", "event:user_enter_tempsession"), act)
