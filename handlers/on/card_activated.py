"""Somebody hands in the form of a member card; what he wrote is read by a later call."""

from app.core.inbound import Inbound
from handlers.fields import said
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    del reads
    return Outcome(drafts=(fact("card.activated", card_id=said(inbound, "CardId"), code=said(inbound, "UserCardCode")),))


plugin = On("card_activated", Stage.RECORD, hears("event:submit_membercard_user_info"), act)
