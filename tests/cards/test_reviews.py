"""Points that wait for a verdict, and the queue in which a supervisor releases or refuses them, once."""

import pytest
from sqlalchemy import select

from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.nouns import AuditEntry, Customer
from app.core.people import Position, Role, Staff
from app.core.unit import reading, work
from cards.blocks import Whom, add_block
from cards.held_credit import MOST_BOOKED_FOR_ONE_DAY, is_held
from cards.models.orders import Purchase
from cards.models.redemption import Suspicion
from cards.orders import book
from cards.reviews import KINDS, count_cases, decide, list_cases
from tests.support.coupons import at_once
from tests.support.orders import open_till, order


@pytest.fixture
def till(house):
    return open_till(house)


def employ(till, *, store=True):
    """Lin works at the store where he buys."""
    with work(till.house.engine) as session:
        lin = session.get_one(Customer, till.lin_id)
        staff = Staff(login="lin", name="林", password_hash="-", created_at=till.house.clock.now(), phone_sealed=b"s")
        staff.phone_lookup = lin.phone_lookup
        session.add(staff)
        session.flush()
        if store:
            session.add(Position(staff_id=staff.id, role=Role.CLERK, given_at=till.house.clock.now()))
        return staff.id


def buy(till, *, source="pos", actor="Chen", **more):
    house = till.house
    with work(house.engine) as session:
        made = order(till, source=source, **more)
        common = {"ring": house.ring, "registry": house.registry, "now": house.clock.now()}
        return made, book(session, made, programme_id=till.programme_id, actor=actor, **common)


def points(till):
    held = till.wallet()
    return held.active + held.pending


def judge(till, case, decision="release", reason="已核实", **more):
    house = till.house
    with work(house.engine) as session:
        common = {"registry": house.registry, "now": house.clock.now()}
        return decide(session, case.id, decision=decision, reason=reason, actor="主管", **common, **more)


def cases(till):
    with reading(till.house.engine) as session:
        return list_cases(session, till.house.ring)


def test_what_a_clerk_books_on_the_name_of_a_colleague_waits_and_is_released(till):
    employ(till)
    made, booked = buy(till)
    assert (booked.points, points(till)) == (0, 0)
    (case,) = cases(till)
    assert (case.kind, case.holds_points, case.what) == ("own_credit", True, made.order_no)
    assert case.phone.startswith("138****")
    judge(till, case)
    assert points(till) == 100
    assert cases(till) == []
    with pytest.raises(ConflictError) as again:
        judge(till, case)
    assert again.value.code == "already_judged"
    assert points(till) == 100
    till.books_are_right()


def test_refused_points_never_come_and_the_audit_says_why(till):
    employ(till)
    buy(till)
    (case,) = cases(till)
    judge(till, case, "refuse", "替自己记账")
    assert points(till) == 0
    with reading(till.house.engine) as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "suspicion.judged")).one()
        assert not is_held(session, session.scalars(select(Purchase.id)).one())
    assert (entry.actor, entry.detail["verdict"], entry.detail["reason"]) == ("主管", "confirmed", "替自己记账")


def test_ten_verdicts_at_once_post_once(till):
    employ(till)
    buy(till)
    (case,) = cases(till)
    results = at_once(10, lambda place: judge(till, case, "release" if place % 2 else "refuse"))
    (done,) = [result for result in results if isinstance(result, Suspicion)]
    assert points(till) == (100 if done.state == "cleared" else 0)
    till.books_are_right()


def test_the_same_order_again_waits_once(till):
    employ(till)
    made, _ = buy(till)
    till.book(made)
    assert len(cases(till)) == 1


@pytest.mark.parametrize("source", ["mall", "app"])
def test_what_names_its_buyer_by_itself_does_not_wait(till, source):
    employ(till)
    assert buy(till, source=source)[1].points == 100
    assert cases(till) == []


def test_staff_without_a_place_there_are_customers(till):
    employ(till, store=False)
    assert buy(till)[1].points == 100


def test_the_blacklist_earns_nothing_from_any_source(till):
    with work(till.house.engine) as session:
        who = session.get_one(Customer, till.lin_id).public_id
        add_block(session, till.house.ring, Whom(who), reason="刷单", until=None, actor="Mei", now=till.house.clock.now())
    assert buy(till, source="mall")[1].points == 0
    assert [each.kind for each in cases(till)] == ["blocked_credit"]


def test_one_clerk_does_not_book_the_whole_day_for_one_customer(till):
    for _ in range(MOST_BOOKED_FOR_ONE_DAY):
        assert buy(till, actor="staff:chen")[1].points == 100
    assert buy(till, actor="staff:chen")[1].points == 0
    assert buy(till, actor="staff:wu")[1].points == 100
    assert [each.kind for each in cases(till)] == ["many_for_one"]


def test_an_order_that_partly_came_back_is_not_released(till):
    employ(till)
    made, _ = buy(till)
    till.bring_back(made, {1: 1})
    (case,) = cases(till)
    with pytest.raises(ConflictError) as refused:
        judge(till, case)
    assert refused.value.code == "partly_returned"
    # The verdict went with it: it can still be refused.
    judge(till, case, "refuse", "已退货")
    assert points(till) == 0


def test_a_supervisor_sees_his_store_and_nobody_judges_himself(till):
    lin = employ(till)
    buy(till)
    (case,) = cases(till)
    with reading(till.house.engine) as session:
        row = session.scalars(select(Suspicion)).one()
        store_id = row.store_id
        assert (count_cases(session, store_id=store_id), count_cases(session, store_id=store_id + 1)) == (1, 0)
    with pytest.raises(NotFoundError):
        judge(till, case, store_id=store_id + 1)
    # It is about him as the buyer, and then as the clerk.
    for change in ({}, {"staff_id": lin, "customer_id": None}):
        with work(till.house.engine) as session:
            for name, value in change.items():
                setattr(session.get_one(Suspicion, row.id), name, value)
        with pytest.raises(ConflictError) as own:
            judge(till, case, store_id=store_id, staff_id=lin)
        assert own.value.code == "own_case"
    with pytest.raises(BadRequestError):
        judge(till, case, reason=" ")
    assert points(till) == 0


def test_every_kind_has_its_words():
    from cards.fraud import SUSPICIOUS
    from cards.held_credit import HELD

    assert {*SUSPICIOUS, *HELD, "second_account", "many_on_one_phone", "own_purchase", "used_twice"} == set(KINDS)
