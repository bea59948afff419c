"""Somebody opens his card."""

from app.core.inbound import Inbound
from handlers.fields import said
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    del reads
    draft = fact("card.viewed", card_id=said(inbound, "CardId"), code=said(inbound, "UserCardCode"), outer_str=said(inbound, "OuterStr"))
    return Outcome(drafts=(draft,))


plugin = On("card_viewed", Stage.RECORD, hears("event:user_view_card"), act)
