"""A coupon is redeemed on WeChat's side: by our call, in its console or by its assistant."""

from app.core.inbound import Inbound
from handlers.fields import said
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    del reads
    draft = fact(
        "coupon.redeemed",
        card_id=said(inbound, "CardId"),
        code=said(inbound, "UserCardCode"),
        source=said(inbound, "ConsumeSource"),
        location=said(inbound, "LocationName"),
        staff=said(inbound, "StaffOpenId"),
        verify_code=said(inbound, "VerifyCode"),
        remark_amount=said(inbound, "RemarkAmount"),
        outer_str=said(inbound, "OuterStr"),
    )
    return Outcome(drafts=(draft,))


plugin = On("card_consumed", Stage.RECORD, hears("event:user_consume_card"), act)
