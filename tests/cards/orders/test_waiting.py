"""Orders of people nobody knows yet: kept under the phone's hash, attached when he appears, with what came back meanwhile undone."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.facts import FactRow, ReactionRow
from app.core.nouns import Customer
from app.core.unit import reading, work
from cards.enrolment import enrol
from cards.models.membership import CardPath
from cards.models.orders import Purchase
from jobs.night import run_night
from jobs.reactions_run import run_due
from tests.support.cast import ZHAO
from tests.support.orders import Till, give_phone, open_till, order


@pytest.fixture
def till(house) -> Till:
    return open_till(house)


def zhao_appears(till: Till) -> int:
    """Zhao opens a card with his phone at the counter."""
    house = till.house
    with work(house.engine) as session:
        opened = enrol(
            session,
            house.ring,
            phone=ZHAO.phone,
            programme_id=till.programme_id,
            path=CardPath.CLERK,
            registry=house.registry,
            actor="Chen",
            now=house.clock.now(),
        )
        return opened.card.customer_id


def test_whoever_opens_a_card_gets_the_orders_that_waited(till):
    till.book(order(till, phone=ZHAO.phone, paid_at=(till.house.clock.now() - timedelta(days=30)).isoformat()))
    till.book(order(till, {"sku": "TEA", "amount_fen": 5_000}, phone=ZHAO.phone))
    zhao = zhao_appears(till)
    with reading(till.house.engine) as session:
        assert "attach_orders" in session.scalars(select(ReactionRow.name)).all()
    run_due()
    wallet = till.wallet(zhao)
    assert (wallet.active, wallet.pending) == (100, 50)
    with reading(till.house.engine) as session:
        placed = session.scalars(select(FactRow.customer_id).where(FactRow.kind == "order.placed")).all()
    assert placed == [zhao, zhao]
    till.books_are_right()


def test_what_came_back_while_he_was_unknown_is_undone(till):
    asked = order(till, {"sku": "TEA", "quantity": 3, "amount_fen": 10_000}, phone=ZHAO.phone)
    till.book(asked)
    assert till.bring_back(asked, {1: 1}).taken_back == 0
    zhao = zhao_appears(till)
    run_due()
    assert till.wallet(zhao).pending == 67
    assert [till.bring_back(asked, {1: 1}).taken_back for _ in range(2)] == [33, 34]
    assert till.wallet(zhao).pending == 0
    till.books_are_right()


def test_an_old_order_earns_by_the_rule_of_its_day_when_its_buyer_appears_late(till):
    asked = order(till, phone=ZHAO.phone)
    till.book(asked)
    name = next(iter(_names(till)))
    till.house.clock.advance(timedelta(days=10))
    till.rule("spend", {"rate": {"points": 50}}, name=name, valid_from=till.house.clock.now())
    zhao = zhao_appears(till)
    run_due()
    assert till.wallet(zhao).active == 100


def _names(till: Till) -> list[str]:
    from cards.models.earning import EarningRule

    with reading(till.house.engine) as session:
        return list(session.scalars(select(EarningRule.name)))


def test_the_night_finds_whom_no_card_announced_and_does_nothing_twice(till):
    till.book(order(till, phone=ZHAO.phone))
    with work(till.house.engine) as session:
        person = Customer(created_at=till.house.clock.now())
        session.add(person)
        session.flush()
        give_phone(till.house, session, person.id, ZHAO.phone)
    first = run_night(till.house)
    again = run_night(till.house)
    assert (first.orders, again.orders) == (1, 0)
    assert till.wallet(person.id).pending == 100
    with reading(till.house.engine) as session:
        assert session.scalars(select(Purchase.customer_id)).all() == [person.id]
    till.books_are_right()


def test_an_order_with_nobody_waits_for_nobody(till):
    till.book(order(till, phone=None))
    assert run_night(till.house).orders == 0


def test_a_first_purchase_is_the_one_that_was_paid_first(till):
    till.rule("first_purchase", {"points": 500})
    late = order(till, {"sku": "B", "amount_fen": 100}, phone=ZHAO.phone)
    early = order(till, {"sku": "A", "amount_fen": 100}, phone=ZHAO.phone, paid_at="2026-10-01T00:00:00Z")
    for each in (late, early):
        till.book(each)
    zhao = zhao_appears(till)
    run_due()
    assert (till.wallet(zhao).active, till.wallet(zhao).pending) == (501, 1)
