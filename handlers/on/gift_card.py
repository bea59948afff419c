"""A gift card is bought, sent to a friend or accepted by him."""

from app.core.inbound import Inbound
from handlers.fields import said, yes
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears

_KINDS = {"giftcard_pay_done": "giftcard.paid", "giftcard_send_to_friend": "giftcard.sent", "giftcard_user_accept": "giftcard.accepted"}


def act(inbound: Inbound, reads: Reads) -> Outcome:
    del reads
    draft = fact(
        _KINDS[inbound.event.lower()],
        page_id=said(inbound, "PageId"),
        order_id=said(inbound, "OrderId"),
        chat_room=yes(inbound, "IsChatRoom"),
        returned=yes(inbound, "IsReturnBack"),
    )
    return Outcome(drafts=(draft,))


plugin = On("gift_card", Stage.RECORD, hears(*(f"event:{event}" for event in _KINDS)), act)
