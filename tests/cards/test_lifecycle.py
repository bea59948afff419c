"""Stages of life: the first whose demands hold, found at night, a fact when somebody moves, and nothing the second time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.facts import Fact, record
from app.core.nouns import AuditEntry, Customer
from app.core.unit import reading, work
from cards.lifecycle import drop_stage, review_lifecycles, set_stage, start_stages
from cards.membership import open_card
from cards.models.lifecycle import CustomerLifecycle, LifecycleStage
from cards.models.membership import CardPath
from jobs.night import run_night
from tagging.segments import explain, list_members, parse_tree
from tests.support.members import facts_of
from tests.support.orders import open_till
from tests.support.orders import order as order_in


@pytest.fixture
def till(house):
    made = open_till(house)
    with work(house.engine) as session:
        assert start_stages(session, programme_id=made.programme_id, actor="Mei", now=house.clock.now()) == 7
        assert start_stages(session, programme_id=made.programme_id, actor="Mei", now=house.clock.now()) == 0
    return made


def stage(house, customer_id):
    with reading(house.engine) as session:
        query = select(LifecycleStage.name).join(CustomerLifecycle, CustomerLifecycle.stage_id == LifecycleStage.id)
        return session.scalar(query.where(CustomerLifecycle.customer_id == customer_id))


def join(house, till):
    with work(house.engine) as session:
        common = {"registry": house.registry, "actor": "h5", "now": house.clock.now()}
        open_card(session, customer_id=till.lin_id, programme_id=till.programme_id, path=CardPath.H5, **common)


def moves(house):
    return [(fact.data["from"], fact.data["to"]) for fact in facts_of(house, "lifecycle.changed")]


def test_a_life_from_prospect_to_lost(house, till, clock):
    assert review_lifecycles(house) == 0
    assert (stage(house, till.lin_id), moves(house)) == ("潜客", [])
    join(house, till)
    assert review_lifecycles(house, batch=1) == 1
    till.book(order_in(till, paid_at=clock.now().isoformat()))
    assert review_lifecycles(house) == 1
    assert review_lifecycles(house) == 0
    till.book(order_in(till, paid_at=clock.now().isoformat()))
    review_lifecycles(house)
    for days in (91, 300):
        clock.advance(timedelta(days=days))
        assert review_lifecycles(house) == 1
    assert moves(house) == [("潜客", "新会员"), ("新会员", "首购"), ("首购", "活跃"), ("活跃", "沉睡"), ("沉睡", "流失")]
    assert stage(house, till.lin_id) == "流失"


def test_two_nights_at_once_tell_a_move_once(house, till):
    review_lifecycles(house)
    join(house, till)
    with ThreadPoolExecutor(4) as pool:
        told = [each.result() for each in [pool.submit(review_lifecycles, house) for _ in range(4)]]
    assert sum(told) == 1
    assert len(moves(house)) == 1


def test_the_night_does_it(house, till):
    review_lifecycles(house)
    join(house, till)
    assert run_night(house).lifecycles == 1


def test_stages_are_edited_as_data(house, till):
    common = {"programme_id": till.programme_id, "actor": "Mei", "now": house.clock.now()}
    with work(house.engine) as session:
        set_stage(session, name="潜客", rank=0, conditions={"card": False, "orders_at_least": 1}, **common)
        drop_stage(session, name="新会员", **common)
    review_lifecycles(house)
    assert stage(house, till.lin_id) is None
    join(house, till)
    review_lifecycles(house)
    assert stage(house, till.lin_id) == "未转化"
    with reading(house.engine) as session:
        actions = set(session.scalars(select(AuditEntry.action).where(AuditEntry.action.like("lifecycle.%"))))
    assert actions == {"lifecycle.stage_set", "lifecycle.stage_dropped"}


@pytest.mark.parametrize(
    "conditions",
    [
        {"colour": "red"},
        {"orders_at_least": -1},
        {"card": "yes"},
        {"bought_within_days": 0},
        {"bought_within_days": 10**9},
        {"card": None, "x": 1},
    ],
)
def test_conditions_that_cannot_be_are_refused(house, till, conditions):
    with work(house.engine) as session, pytest.raises(BadRequestError):
        set_stage(session, programme_id=till.programme_id, name="x", rank=50, conditions=conditions, actor="Mei", now=house.clock.now())


def test_two_stages_have_two_ranks_and_a_missing_one_is_named(house, till):
    common = {"programme_id": till.programme_id, "actor": "Mei", "now": house.clock.now()}
    with work(house.engine) as session, pytest.raises(ConflictError):
        set_stage(session, name="另一个", rank=0, conditions={}, **common)
    with work(house.engine) as session, pytest.raises(NotFoundError):
        drop_stage(session, name="没有", **common)


def test_spend_activity_and_age_are_demands_too(house, till, clock):
    common = {"programme_id": till.programme_id, "actor": "Mei", "now": clock.now()}
    with work(house.engine) as session:
        for each in session.scalars(select(LifecycleStage.name)).all():
            drop_stage(session, name=each, **common)
        set_stage(session, name="大客", rank=0, conditions={"spent_at_least_fen": 10_000}, **common)
        set_stage(session, name="老会员", rank=1, conditions={"card_older_than_days": 30}, **common)
        set_stage(session, name="刚来过", rank=2, conditions={"active_within_days": 7}, **common)
        set_stage(session, name="其他", rank=3, conditions={}, **common)
    join(house, till)
    review_lifecycles(house)
    assert stage(house, till.lin_id) == "其他"
    clock.advance(timedelta(days=31))
    review_lifecycles(house)
    assert stage(house, till.lin_id) == "老会员"
    till.book(order_in(till, {"sku": "A", "quantity": 1, "amount_fen": 10_000}, paid_at=clock.now().isoformat()))
    review_lifecycles(house)
    assert stage(house, till.lin_id) == "大客"


def test_a_segment_can_ask_for_a_stage(house, till, clock):
    review_lifecycles(house)
    wanted = parse_tree({"kind": "lifecycle", "stage": "潜客"})
    long = parse_tree({"kind": "lifecycle", "stage": "潜客", "for_days": 10})
    with reading(house.engine) as session:
        lin = session.get_one(Customer, till.lin_id).public_id
        assert lin in list_members(session, wanted, now=clock.now(), limit=100).members
        assert lin not in list_members(session, long, now=clock.now(), limit=100).members
        assert "潜客 since 2026-11-22" in str(explain(session, wanted, till.lin_id, now=clock.now()))
    clock.advance(timedelta(days=10))
    with reading(house.engine) as session:
        assert lin in list_members(session, long, now=clock.now(), limit=100).members


def test_two_who_became_one_have_one_life(house, till):
    with work(house.engine) as session:
        other = Customer(created_at=house.clock.now())
        session.add(other)
        session.flush()
        other_id = other.id
    review_lifecycles(house)
    with work(house.engine) as session:
        session.get_one(Customer, other_id).joined_into_id = till.lin_id
        joined = Fact("j", "customer.joined", house.clock.now(), {"from": other_id, "into": till.lin_id}, customer_id=till.lin_id)
        record(session, [joined], registry=house.registry, now=house.clock.now())
    assert stage(house, other_id) is None
    review_lifecycles(house)
    assert stage(house, other_id) is None
