"""A follower opens a page from the menu."""

from app.core.inbound import Inbound
from handlers.fields import said
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    del reads
    return Outcome(drafts=(fact("menu.viewed", url=said(inbound, "EventKey"), menu_id=said(inbound, "MenuId")),))


plugin = On("menu_view", Stage.RECORD, hears("event:view"), act)
