"""A follower presses a menu button that carries a key."""

from app.core.inbound import Inbound
from handlers.fields import said
from handlers.models import Trigger
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears
from handlers.says import from_rule


def act(inbound: Inbound, reads: Reads) -> Outcome:
    key = said(inbound, "EventKey")
    answer = from_rule(reads.rules.find(Trigger.MENU, key))
    return Outcome(answer.reply, (fact("menu.clicked", key=key), *answer.drafts))


plugin = On("menu_click", Stage.RECORD, hears("event:click"), act)
