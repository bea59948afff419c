"""Somebody pays from his card; WeChat counts in fen."""

from app.core.inbound import Inbound
from handlers.fields import said, whole
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    del reads
    draft = fact(
        "card.paid",
        card_id=said(inbound, "CardId"),
        code=said(inbound, "UserCardCode"),
        trans_id=said(inbound, "TransId"),
        location_id=said(inbound, "LocationId"),
        fee_fen=whole(inbound, "Fee"),
        original_fee_fen=whole(inbound, "OriginalFee"),
    )
    return Outcome(drafts=(draft,))


plugin = On("card_paid", Stage.RECORD, hears("event:user_pay_from_pay_cell"), act)
