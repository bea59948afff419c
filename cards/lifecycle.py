"""The stages of a customer's life, from prospect to lost: what each demands is data, and the night finds who has moved."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, ValidationError
from sqlalchemy import ColumnElement, Integer, and_, case, delete, func, literal, null, or_, select, true
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.bulk import table_of
from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.facts import Fact, lock_customers, record
from app.core.house import House
from app.core.nouns import Customer, Follower
from app.core.registry import Registry
from app.core.unit import reading, work
from cards.models.lifecycle import CustomerLifecycle, LifecycleStage
from cards.models.membership import CardState, MemberCard
from cards.models.orders import Purchase
from cards.models.programme import Programme

CHANGED = "lifecycle.changed"
BATCH = 1000
MOST_STAGES = 20
_LIFE = table_of(CustomerLifecycle)
_Days = Annotated[StrictInt, Field(ge=1, le=3660)]
_Count = Annotated[StrictInt, Field(ge=0, le=10**6)]


class Demands(BaseModel):
    """What a stage demands; everything that is named must hold. Days are counted back from now."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    card: StrictBool | None = None
    """Whether he has a card."""
    orders_at_least: _Count | None = None
    orders_at_most: _Count | None = None
    spent_at_least_fen: Annotated[StrictInt, Field(ge=0, le=10**12)] | None = None
    bought_within_days: _Days | None = None
    not_bought_for_days: _Days | None = None
    """He has bought, and since then so many days have gone by."""
    card_younger_than_days: _Days | None = None
    card_older_than_days: _Days | None = None
    active_within_days: _Days | None = None
    """He did something on one of our accounts."""


READY: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("潜客", "Prospect", {"card": False, "orders_at_most": 0}),
    ("新会员", "New member", {"card": True, "orders_at_most": 0, "card_younger_than_days": 90}),
    ("未转化", "Not yet a buyer", {"card": True, "orders_at_most": 0}),
    ("首购", "First purchase", {"orders_at_most": 1, "bought_within_days": 90}),
    ("活跃", "Active", {"bought_within_days": 90}),
    ("沉睡", "Asleep", {"not_bought_for_days": 90, "bought_within_days": 365}),
    ("流失", "Lost", {"not_bought_for_days": 365}),
)
"""A set to begin with; every stage of it can be edited."""


def read_demands(given: Mapping[str, Any]) -> Demands:
    """Demands through their schema. Raises BadRequestError that names the first that is wrong."""
    try:
        return Demands.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "conditions"
        raise BadRequestError(f"条件有误 {place}: {first['msg']} / bad condition {place}: {first['msg']}", code="bad_conditions") from None


def stages_of(session: Session, programme_id: int) -> Sequence[LifecycleStage]:
    """The stages of a programme in the order in which they are tried."""
    query = select(LifecycleStage).where(LifecycleStage.programme_id == programme_id)
    return session.scalars(query.order_by(LifecycleStage.rank)).all()


def set_stage(
    session: Session,
    *,
    programme_id: int,
    name: str,
    rank: int,
    conditions: Mapping[str, Any],
    actor: str,
    now: datetime,
    name_en: str = "",
) -> LifecycleStage:
    """Write a stage, or change it in place of what it was. Raises BadRequestError, ConflictError for a rank that is taken."""
    demands = read_demands(conditions).model_dump(exclude_none=True)
    if not 1 <= len(name.strip()) <= 32 or not name.isprintable() or not 0 <= rank <= 99 or len(name_en) > 32:
        raise BadRequestError("名称 1 到 32 个字, 次序 0 到 99 / a name of 1 to 32 characters, a rank of 0 to 99", code="bad_stage")
    session.get_one(Programme, programme_id, with_for_update=True)
    held = stages_of(session, programme_id)
    other = next((each for each in held if each.rank == rank and each.name != name.strip()), None)
    if other is not None:
        raise ConflictError(f"次序 {rank} 已是{other.name} / rank {rank} is {other.name} already", code="rank_taken")
    stage = next((each for each in held if each.name == name.strip()), None)
    if stage is None:
        if len(held) >= MOST_STAGES:
            raise ConflictError(f"最多 {MOST_STAGES} 个阶段 / there are at most {MOST_STAGES} stages", code="too_many_stages")
        stage = LifecycleStage(programme_id=programme_id, name=name.strip())
        session.add(stage)
    stage.rank, stage.name_en, stage.conditions = rank, name_en.strip(), demands
    session.flush()
    detail = {"name": stage.name, "rank": rank, "conditions": demands}
    note(
        session, at=now, actor=actor, action="lifecycle.stage_set", object_type="lifecycle_stage", object_id=stage.public_id, detail=detail
    )
    return stage


def drop_stage(session: Session, *, programme_id: int, name: str, actor: str, now: datetime) -> None:
    """Remove a stage; whoever is in it has none until the next night. Raises NotFoundError."""
    stage = next((each for each in stages_of(session, programme_id) if each.name == name), None)
    if stage is None:
        raise NotFoundError(f"没有阶段 {name} / there is no stage {name}", code="no_stage")
    session.execute(delete(CustomerLifecycle).where(CustomerLifecycle.stage_id == stage.id))
    session.delete(stage)
    note(
        session,
        at=now,
        actor=actor,
        action="lifecycle.stage_dropped",
        object_type="lifecycle_stage",
        object_id=stage.public_id,
        detail={"name": name},
    )


def start_stages(session: Session, *, programme_id: int, actor: str, now: datetime) -> int:
    """Write the ready set where a programme has no stages yet; says how many were written."""
    if stages_of(session, programme_id):
        return 0
    for rank, (name, name_en, conditions) in enumerate(READY):
        set_stage(session, programme_id=programme_id, name=name, name_en=name_en, rank=rank, conditions=conditions, actor=actor, now=now)
    return len(READY)


def review_lifecycles(house: House, *, batch: int = BATCH, tell: Callable[[int], None] = lambda _: None) -> int:
    """Find everybody's stage, batch by batch in customer order; says how many moved from one stage to another.

    A move is a fact; to be seen for the first time is none. It may run twice and be killed at any batch.
    """
    with reading(house.engine) as session:
        programmes = session.scalars(select(LifecycleStage.programme_id).distinct().order_by(LifecycleStage.programme_id)).all()
    moved = 0
    for programme_id in programmes:
        after = 0
        while True:
            with work(house.engine) as session:
                people = session.scalars(_living().where(Customer.id > after).order_by(Customer.id).limit(batch)).all()
                if people:
                    moved += _judge(session, programme_id, people, registry=house.registry, now=house.clock.now())
            if not people:
                break
            after = people[-1]
            tell(moved)
    return moved


def _living() -> Any:
    """Customers who are somebody: not joined into another, and not forgotten unless they hold a card."""
    holds = select(MemberCard.id).where(MemberCard.customer_id == Customer.id, MemberCard.state == CardState.ACTIVE).exists()
    return select(Customer.id).where(Customer.joined_into_id.is_(None), or_(Customer.erased_at.is_(None), holds))


def _judge(session: Session, programme_id: int, people: Sequence[int], *, registry: Registry, now: datetime) -> int:
    stages = stages_of(session, programme_id)
    found = {row.customer_id: row.stage_id for row in session.execute(_sorted_out(programme_id, stages, people, now=now))}
    held = select(CustomerLifecycle).where(CustomerLifecycle.programme_id == programme_id, CustomerLifecycle.customer_id.in_(people))
    before = {row.customer_id: row.stage_id for row in session.scalars(held)}
    gone = [person for person in people if found.get(person) is None and person in before]
    changed = [person for person in people if found.get(person) is not None and before.get(person) != found[person]]
    if not gone and not changed:
        return 0
    lock_customers(session, [*gone, *changed])
    if gone:
        session.execute(
            delete(CustomerLifecycle).where(CustomerLifecycle.programme_id == programme_id, CustomerLifecycle.customer_id.in_(gone))
        )
    if not changed:
        return 0
    rows = [{"programme_id": programme_id, "customer_id": person, "stage_id": found[person], "since": now} for person in sorted(changed)]
    insert = pg_insert(_LIFE).values(rows)
    # A second night beside this one waits here, and then finds that nobody moves any more.
    kept = insert.on_conflict_do_update(
        index_elements=["programme_id", "customer_id"],
        set_={"stage_id": insert.excluded.stage_id, "since": insert.excluded.since},
        where=_LIFE.c.stage_id != insert.excluded.stage_id,
    ).returning(_LIFE.c.customer_id)
    written = set(session.scalars(kept))
    names = {stage.id: stage for stage in stages}
    people_ids = session.execute(select(Customer.id, Customer.public_id).where(Customer.id.in_(sorted(written))))
    ids = {row.id: row.public_id for row in people_ids}
    facts = [
        _fact(ids[person], person, programme_id, names.get(before[person]), names[found[person]], now=now)
        for person in sorted(written)
        if person in before
    ]
    return len(record(session, facts, registry=registry, now=now))


def _fact(public_id: UUID, customer_id: int, programme_id: int, old: LifecycleStage | None, new: LifecycleStage, *, now: datetime) -> Fact:
    data = {"programme_id": programme_id, "from": None if old is None else old.name, "to": new.name}
    key = f"lifecycle:{new.public_id}:{public_id}:{int(now.timestamp())}"
    return Fact(key, CHANGED, now, data, customer_id=customer_id)


def _sorted_out(programme_id: int, stages: Sequence[LifecycleStage], people: Sequence[int], *, now: datetime) -> Any:
    """The stage of each customer by one statement: his figures first, then the first stage whose demands they meet."""
    bought = (
        select(
            Purchase.customer_id,
            func.count().label("orders"),
            func.sum(Purchase.total_fen).label("spent"),
            func.max(Purchase.paid_at).label("last"),
        )
        .where(Purchase.customer_id.in_(people), Purchase.programme_id == programme_id)
        .group_by(Purchase.customer_id)
        .subquery()
    )
    did = (
        select(Follower.customer_id, func.max(Follower.last_interaction_at).label("at"))
        .where(Follower.customer_id.in_(people))
        .group_by(Follower.customer_id)
        .subquery()
    )
    card = (
        select(MemberCard.customer_id, MemberCard.opened_at)
        .where(MemberCard.customer_id.in_(people), MemberCard.programme_id == programme_id, MemberCard.state == CardState.ACTIVE)
        .subquery()
    )
    figures = _Figures(
        opened=card.c.opened_at,
        orders=func.coalesce(bought.c.orders, 0),
        spent=func.coalesce(bought.c.spent, 0),
        last=bought.c.last,
        did=did.c.at,
        now=now,
    )
    whens = [(figures.meet(Demands.model_validate(stage.conditions)), literal(stage.id, Integer)) for stage in stages]
    return (
        select(Customer.id.label("customer_id"), (case(*whens, else_=null()) if whens else null()).label("stage_id"))
        .select_from(Customer)
        .outerjoin(bought, bought.c.customer_id == Customer.id)
        .outerjoin(did, did.c.customer_id == Customer.id)
        .outerjoin(card, card.c.customer_id == Customer.id)
        .where(Customer.id.in_(people))
    )


@dataclass(frozen=True, slots=True)
class _Figures:
    """A customer's figures as expressions, and what demands mean over them."""

    opened: Any
    orders: Any
    spent: Any
    last: Any
    did: Any
    now: datetime

    def meet(self, wish: Demands) -> ColumnElement[bool]:
        """Whether every demand holds; what is not known meets no demand."""
        parts: list[tuple[object | None, Callable[[Any], ColumnElement[bool]]]] = [
            (wish.card, lambda held: self.opened.is_not(None) if held else self.opened.is_(None)),
            (wish.orders_at_least, lambda number: self.orders >= number),
            (wish.orders_at_most, lambda number: self.orders <= number),
            (wish.spent_at_least_fen, lambda fen: self.spent >= fen),
            (wish.bought_within_days, lambda days: self.last > self._ago(days)),
            (wish.not_bought_for_days, lambda days: self.last <= self._ago(days)),
            (wish.card_younger_than_days, lambda days: self.opened > self._ago(days)),
            (wish.card_older_than_days, lambda days: self.opened <= self._ago(days)),
            (wish.active_within_days, lambda days: self.did > self._ago(days)),
        ]
        return func.coalesce(and_(true(), *(make(value) for value, make in parts if value is not None)), False)

    def _ago(self, days: int) -> datetime:
        return self.now - timedelta(days=days)
