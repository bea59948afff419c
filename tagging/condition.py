"""What a kind of segment condition declares: one file of `<room>/conditions` is one kind."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, StringConstraints
from sqlalchemy import ColumnElement, Select, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import InstrumentedAttribute, Session

AppId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z]{3,32}$")]


class ConditionParams(BaseModel):
    """Base of every condition's parameters: what a leaf of the tree may say beside its `kind`."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Condition(ABC):
    """A kind of condition over one room's tables; a module of a `conditions` folder exposes one as `plugin`."""

    name: ClassVar[str]
    title: ClassVar[str]
    """In Chinese, then in English: `有标签 · has the tag`."""
    params: ClassVar[type[ConditionParams]]
    settled: ClassVar[bool] = False
    """Whether its customers are never joined or erased ones, so that a tree need not look them up in the big customer table."""

    @abstractmethod
    def compile(self, params: Any, *, now: datetime) -> Select[Any]:
        """A SELECT of one column, `customer_id`, in which each customer stands once. Values travel as parameters only."""

    @abstractmethod
    def explain(self, session: Session, params: Any, customer_id: int, *, now: datetime) -> str:
        """One sentence that says what was found for this customer, whichever way the verdict went."""

    def verify(self, session: Session, params: Any) -> None:
        """Raise NotFoundError when the parameters name something that does not exist."""
        del session, params

    def holds(self, session: Session, params: Any, customer_id: int, *, now: datetime) -> bool:
        """The verdict for one customer, from the same statement that selects everybody."""
        found = self.compile(params, now=now).subquery()
        return session.scalar(select(found.c[0]).where(found.c[0] == customer_id).limit(1)) is not None


def contains(column: InstrumentedAttribute[Any], match: Mapping[str, Any]) -> ColumnElement[bool]:
    """`data @> match`, with the match as one parameter."""
    return column.op("@>", is_comparison=True)(literal(dict(match), JSONB))
