"""Something was bought: 消费."""

from collections.abc import Collection
from typing import Annotated
from uuid import UUID

from pydantic import Field

from tagging.rule import Params, Seen, Window, Word


class PurchaseParams(Params):
    stores: list[UUID] = Field(default_factory=list, max_length=200)
    """Public ids of stores; none means every store."""
    sources: list[Word] = Field(default_factory=list, max_length=20)
    """Where orders come from, as in their `source`; none means everywhere."""
    skus: list[Word] = Field(default_factory=list, max_length=200)
    """One of these was in it; none means any goods. Of one order the first 50 SKUs are looked at."""
    categories: list[Word] = Field(default_factory=list, max_length=50)
    """Something of one of these was in it; none means any goods."""
    at_least_fen: Annotated[int, Field(ge=0, le=1 << 53)] = 0
    """The least that was paid for the whole order, in fen."""


class Purchase:
    name = "purchase"
    title = "消费 · something bought"
    params = PurchaseParams

    def listens(self, params: PurchaseParams) -> Collection[str]:
        del params
        return ("order.placed",)

    def window(self, params: PurchaseParams) -> Window | None:
        del params
        return None

    def decide(self, params: PurchaseParams, seen: Seen) -> float:
        said = seen.fact.data
        return float(
            (not params.stores or said.get("store") in {str(each) for each in params.stores})
            and (not params.sources or said.get("source") in params.sources)
            and (not params.skus or not {*params.skus}.isdisjoint(said.get("skus", ())))
            and (not params.categories or not {*params.categories}.isdisjoint(said.get("categories", ())))
            and said.get("total_fen", 0) >= params.at_least_fen
        )


plugin = Purchase()
