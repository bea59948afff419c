"""A card's stock runs low."""

from app.core.inbound import Inbound
from handlers.fields import said
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    del reads
    return Outcome(drafts=(fact("card.stock_low", card_id=said(inbound, "CardId"), detail=said(inbound, "Detail")),))


plugin = On("card_stock", Stage.RECORD, hears("event:card_sku_remind"), act)
