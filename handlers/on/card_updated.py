"""Points or balance changed on WeChat's copy of a member card."""

from app.core.inbound import Inbound
from handlers.fields import said, whole
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    del reads
    draft = fact(
        "card.updated",
        card_id=said(inbound, "CardId"),
        code=said(inbound, "UserCardCode"),
        bonus=whole(inbound, "ModifyBonus"),
        balance=whole(inbound, "ModifyBalance"),
    )
    return Outcome(drafts=(draft,))


plugin = On("card_updated", Stage.RECORD, hears("event:update_member_card"), act)
