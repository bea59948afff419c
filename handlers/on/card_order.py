"""The account's own order for card coins changes its state."""

from app.core.inbound import Inbound
from handlers.fields import said
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    """Coins may have decimals, so they stay as WeChat wrote them."""
    del reads
    draft = fact(
        "card.ordered",
        order_id=said(inbound, "OrderId"),
        status=said(inbound, "Status"),
        ordered=said(inbound, "CreateOrderTime"),
        paid=said(inbound, "PayFinishTime"),
        description=said(inbound, "Desc"),
        free_coins=said(inbound, "FreeCoinCount"),
        paid_coins=said(inbound, "PayCoinCount"),
        refunded_free_coins=said(inbound, "RefundFreeCoinCount"),
        refunded_paid_coins=said(inbound, "RefundPayCoinCount"),
        order_type=said(inbound, "OrderType"),
        memo=said(inbound, "Memo"),
        receipt=said(inbound, "ReceiptInfo"),
    )
    return Outcome(drafts=(draft,))


plugin = On("card_order", Stage.RECORD, hears("event:card_pay_order"), act)
