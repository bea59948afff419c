"""WeChat passes or refuses a card, or a sub-merchant that wants to issue one."""

from app.core.inbound import Inbound
from handlers.fields import said, yes
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    del reads
    event = inbound.event.lower()
    if event == "card_merchant_check_result":
        draft = fact("card.checked", merchant_id=said(inbound, "MerchantId"), passed=yes(inbound, "IsPass"), reason=said(inbound, "Reason"))
    else:
        draft = fact(
            "card.checked", card_id=said(inbound, "CardId"), passed=event == "card_pass_check", reason=said(inbound, "RefuseReason")
        )
    return Outcome(drafts=(draft,))


plugin = On(
    "card_checked", Stage.RECORD, hears("event:card_pass_check", "event:card_not_pass_check", "event:card_merchant_check_result"), act
)
