"""Somebody throws a card away."""

from app.core.inbound import Inbound
from handlers.fields import said
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    del reads
    return Outcome(drafts=(fact("card.deleted", card_id=said(inbound, "CardId"), code=said(inbound, "UserCardCode")),))


plugin = On("card_deleted", Stage.RECORD, hears("event:user_del_card"), act)
