"""The tables of this room, by subject."""

from cards.models import (
    coupons,
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
    "earning",
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
