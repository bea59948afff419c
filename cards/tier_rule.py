"""What a tier's measure is: a plug-in that says how much somebody brought in a time, never how much he has left."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Protocol

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from app.core.errors import BadRequestError
from app.core.registry import discover


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` until just before `end`, both UTC."""

    start: datetime
    end: datetime


class TierMeasure(Protocol):
    """One file of `cards.tier_rules`."""

    name: str
    zh: str
    en: str

    def measure(self, session: Session, *, programme_id: int, spans: Mapping[int, Span]) -> dict[int, int]:
        """What each customer (by id) brought in his span, returns taken off; a customer without anything may be left out."""
        ...

    def wish(self, missing: int) -> tuple[str, str]:
        """What is still to do, in Chinese and in English: `再消费 ¥300.00`, `spend ¥300.00 more`."""
        ...


@cache
def measures() -> dict[str, TierMeasure]:
    """Every measure by name."""
    return {plugin.name: plugin for plugin in discover("cards.tier_rules")}


def measure_called(name: str) -> TierMeasure:
    """A measure by its name. Raises BadRequestError."""
    found = measures().get(name)
    if found is None:
        raise BadRequestError(f"没有这种等级规则 {name} / there is no tier measure {name}", code="bad_measure")
    return found


_FAMILY = """
    WITH RECURSIVE asked AS (
        SELECT * FROM unnest(CAST(:customers AS bigint[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))
            AS a(customer_id, start_at, end_at)
    ), family(customer_id, member_id) AS (
        SELECT customer_id, customer_id FROM asked
        UNION
        SELECT family.customer_id, customer.id FROM family JOIN customer ON customer.joined_into_id = family.member_id
    )
"""


UNDOUBTED = "NOT EXISTS (SELECT FROM suspicion WHERE suspicion.purchase_id = purchase.id AND suspicion.state <> 'cleared')"
"""Of a purchase: that it counts. One whose points wait for a verdict lifts nobody until it is released, and one that was refused never does."""


def ask(query: str) -> TextClause:
    """A measure's SQL, which may read of `asked` (customer_id, start_at, end_at) and `family` (customer_id, and member_id: he and whom he was joined from)."""
    return text(_FAMILY + query)


def bound(programme_id: int, spans: Mapping[int, Span]) -> dict[str, object]:
    """The parameters of such a query, customers in order."""
    customers = sorted(spans)
    return {
        "programme": programme_id,
        "customers": customers,
        "starts": [spans[each].start for each in customers],
        "ends": [spans[each].end for each in customers],
    }
