"""What the till will offer a member by itself: his tier's price, the coupons that are good now, his points and his balance."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.web.h5.coupon_words import Shown, coupons_of
from app.web.h5.words import Words
from cards.coupons.checkout import spendable
from cards.models.ledger import WalletKind
from cards.models.tiers import Tier
from cards.points_at_till import read_terms

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Offered:
    """`coupons` expire first; `more` is how many others are compared. Points pay at most `worth_fen`, and `part` percent of an order."""

    coupons: tuple[Shown, ...]
    more: int
    points: int
    worth_fen: int
    part: int
    value_fen: int
    off_percent: int

    @property
    def something(self) -> bool:
        return bool(self.coupons or self.worth_fen or self.value_fen or self.off_percent)


def offered_to(session: Session, *, customer_id: int, programme_id: int, tier: Tier | None, words: Words, now: datetime) -> Offered:
    """What stands ready. Which of it saves most depends on the amount, so the till says that."""
    coupons = [each for each in coupons_of(session, customer_id, words=words, now=now) if each.ready]
    has = spendable(session, customer_id=customer_id, programme_id=programme_id, now=now)
    terms, points = read_terms(session, programme_id), has.get(WalletKind.POINTS, 0)
    worth = 0 if terms is None or points < terms.least_points else points * terms.fen_per_100_points // 100
    return Offered(
        coupons=tuple(coupons[:SHOWN]),
        more=max(len(coupons) - SHOWN, 0),
        points=points,
        worth_fen=worth,
        part=100 if terms is None else terms.cap_percent,
        value_fen=has.get(WalletKind.VALUE, 0),
        off_percent=0 if tier is None else tier.discount_percent,
    )
