"""The night's steps may run twice and be killed after any batch; what they passed over is found."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.core.unit import reading
from cards.ledger.night import release_holds, settle_night
from cards.ledger.returns import give_back
from cards.ledger.spend import hold, spend
from cards.ledger.verify import verify
from cards.models.ledger import PointsTxn, TxnKind
from tests.support.money import open_shop

DAY = timedelta(days=1)


class KilledError(Exception):
    """The process is gone."""


@pytest.fixture
def shop(house):
    return open_shop(house, customers=7)


@pytest.fixture
def posted(house):
    """How many transactions of a kind there are."""

    def count(kind):
        with reading(house.engine) as session:
            return session.scalar(select(func.count()).select_from(PointsTxn).where(PointsTxn.kind == kind))

    return count


def test_a_night_killed_after_every_batch_ends_like_one_that_was_not(house, credit, books, posted, now):
    for who in range(7):
        credit(who, 10 + who, wait=DAY, life=30 * DAY)
        credit(who, 5, life=DAY)
        credit(who, 3)
    tonight = now + DAY

    def killed(_):
        raise KilledError

    for done in range(1, 5):
        with pytest.raises(KilledError):
            settle_night(house.engine, now=tonight, batch=2, tell=killed)
        assert posted(TxnKind.ACTIVATE) == posted(TxnKind.EXPIRE) == min(2 * done, 7)
    told = []
    assert settle_night(house.engine, now=tonight, batch=2, tell=told.append) == 0
    assert told == []
    assert [books(who) for who in range(7)] == [(13 + who, 0, 0, 0) for who in range(7)]
    with reading(house.engine) as session:
        assert verify(session, night=tonight) == []


def test_a_night_tells_how_far_it_is(house, credit, now):
    for who in range(7):
        credit(who, 5, life=DAY)
    told = []
    assert settle_night(house.engine, now=now + DAY, batch=3, tell=told.append) == 7
    assert told == [3, 6, 7]


def test_midnight_has_no_gap(house, do, shop, credit, books, now):
    """At the very moment of expiry the old lot is gone and the new one there, night or no night."""
    credit(0, 10, life=DAY)
    credit(0, 4, wait=DAY)
    midnight = now + DAY
    wishes = {"wallet_id": shop.wallets[0], "unit_id": shop.unit_id}
    assert do(spend, at=midnight - timedelta(microseconds=1), amount=11, **wishes) == "insufficient_points"
    assert do(spend, at=midnight, amount=5, **wishes) == "insufficient_points"
    assert do(spend, at=midnight, amount=4, **wishes).fresh
    assert books() == (0, 0, 0, 0)
    assert settle_night(house.engine, now=midnight) == 0


def test_what_the_night_passed_over_is_found_and_what_came_back_later_is_not(house, do, shop, credit, posted, books, now):
    credit(0, 10, life=DAY)
    used = do(spend, wallet_id=shop.wallets[0], amount=10, unit_id=shop.unit_id).txn_id
    credit(1, 5, life=DAY)
    tonight = now + DAY
    with reading(house.engine) as session:
        assert [finding.invariant for finding in verify(session, night=tonight)] == ["nothing_is_overdue_since_the_night"]
    settle_night(house.engine, now=tonight)
    do(give_back, at=tonight + timedelta(hours=9), spend_txn_id=used, amount=10)
    with reading(house.engine) as session:
        assert verify(session, night=tonight) == []
    assert books() == (10, 0, 0, 0)
    assert settle_night(house.engine, now=tonight + DAY) == 1
    assert (books(), posted(TxnKind.EXPIRE)) == ((0, 0, 0, 0), 2)


def test_holds_whose_time_is_over_are_released_once(house, do, shop, credit, books, now):
    for who in range(3):
        credit(who, 10)
        do(hold, wallet_id=shop.wallets[who], amount=6, unit_id=shop.unit_id, until=now + timedelta(minutes=1 + who))
    assert release_holds(house.engine, now=now + timedelta(minutes=2)) == 2
    assert release_holds(house.engine, now=now + timedelta(minutes=2)) == 0
    assert [books(who) for who in range(3)] == [(10, 0, 0, 0), (10, 0, 0, 0), (4, 0, 6, 0)]
