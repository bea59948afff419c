"""The tables of this room, by subject."""

from cards.models import ledger, programme

__all__ = ["ledger", "programme"]
