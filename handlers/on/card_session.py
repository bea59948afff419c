"""Somebody comes into the account's talk from his card."""

from app.core.inbound import Inbound
from handlers.fields import said
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    del reads
    return Outcome(drafts=(fact("card.entered_session", card_id=said(inbound, "CardId"), code=said(inbound, "UserCardCode")),))


plugin = On("card_session", Stage.RECORD, hears("event:user_enter_session_from_card"), act)
