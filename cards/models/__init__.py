"""The tables of this room, by subject."""

from cards.models import coupons, earning, ledger, membership, orders, programme, redemption, settlement, tiers

__all__ = ["coupons", "earning", "ledger", "membership", "orders", "programme", "redemption", "settlement", "tiers"]
