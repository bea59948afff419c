"""The tables of this room, by subject."""

from cards.models import coupons, ledger, programme, redemption

__all__ = ["coupons", "ledger", "programme", "redemption"]
