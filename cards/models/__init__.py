"""The tables of this room, by subject."""

from cards.models import (
    claiming,
    contact,
    coupon_mirror,
    coupons,
    defences,
    earning,
    ledger,
    membership,
    orders,
    parked,
    payments,
    programme,
    redemption,
    settlement,
    tiers,
    till_terms,
)

__all__ = [
    "coupons",
    "claiming",
    "contact",
    "coupon_mirror",
    "earning",
    "defences",
    "ledger",
    "membership",
    "orders",
    "parked",
    "payments",
    "programme",
    "redemption",
    "settlement",
    "tiers",
    "till_terms",
]
