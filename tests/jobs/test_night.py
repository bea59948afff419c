"""The night over money: its steps in order, each twice without a trace."""

from datetime import timedelta

import pytest

from app.core.unit import work
from cards.ledger.spend import hold
from jobs.night import run_night
from jobs.schedule import TIMETABLE
from tests.support.money import cause
from tests.support.orders import open_till, order


def test_a_night_activates_expires_and_releases_and_the_second_finds_nothing(house):
    till = open_till(house, expiry_months=1)
    till.book(order(till))
    house.clock.advance(timedelta(days=8))
    steps = []
    first = run_night(house, tell=lambda step, _: steps.append(step))
    assert (first.wallets, till.wallet().active) == (1, 100)
    assert [step for step in steps if step != "tiers"] == ["holds", "wallets", "birthdays", "orders"]
    again = run_night(house)
    assert (again.holds, again.wallets, again.tiers, again.orders) == (0, 0, 0, 0)
    with work(house.engine) as session:
        now = house.clock.now()
        hold(
            session,
            wallet_id=till.shop.wallets[0],
            amount=30,
            unit_id=till.shop.unit_id,
            cause=cause(now),
            until=now + timedelta(minutes=10),
        )
    house.clock.advance(timedelta(days=40))
    last = run_night(house)
    assert (last.holds, last.wallets) == (1, 1)
    wallet = till.wallet()
    assert (wallet.active, wallet.held) == (0, 0)
    till.books_are_right()


@pytest.mark.parametrize("name", ["night", "free"])
def test_the_timetable_calls_it(house, name):
    import jobs.schedule

    assert f"jobs.schedule.{name}" in {entry.function for entry in TIMETABLE}
    till = open_till(house)
    till.book(order(till))
    house.clock.advance(timedelta(days=8))
    getattr(jobs.schedule, name)()
    assert till.wallet().active == (100 if name == "night" else 0)
