"""Money at the same moment: real connections, many threads, and after each race the books agree to the point."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.core.unit import work
from cards.ledger.merge import merge_wallets
from cards.ledger.night import release_holds, settle_night
from cards.ledger.returns import give_back, take_back
from cards.ledger.spend import confirm, hold, release, spend, transfer
from cards.ledger.wallets import lock_wallets
from cards.models.programme import ReturnPolicy
from tests.support.money import cause

DAY = timedelta(days=1)


def at_once(*acts):
    """Run all at the same moment, each in a thread of its own; their answers in order."""
    barrier = threading.Barrier(len(acts))

    def go(act):
        barrier.wait(20)
        return act()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(go, acts))


def test_two_spends_of_one_balance(do, shop, credit, books):
    credit(0, 100)
    wishes = {"wallet_id": shop.wallets[0], "amount": 100, "unit_id": shop.unit_id}
    answers = at_once(*[lambda: do(spend, **wishes)] * 2)
    assert sorted(isinstance(answer, str) for answer in answers) == [False, True]
    assert "insufficient_points" in answers
    assert books() == (0, 0, 0, 0)


def test_a_hot_wallet_is_spent_once(do, shop, credit, books):
    for amount in (30, 50, 20):
        credit(0, amount)
    answers = at_once(*[lambda: do(spend, wallet_id=shop.wallets[0], amount=7, unit_id=shop.unit_id)] * 20)
    assert answers.count("insufficient_points") == 20 - 100 // 7
    assert books() == (100 % 7, 0, 0, 0)


def test_transfers_that_cross_do_not_lock_each_other_out(do, shop, credit, books):
    for who in (0, 1):
        credit(who, 100)

    def send(who, to):
        return do(transfer, from_wallet_id=shop.wallets[who], to_wallet_id=shop.wallets[to], amount=10)

    answers = at_once(*[lambda: send(0, 1), lambda: send(1, 0)] * 6)
    assert all(not isinstance(answer, str) for answer in answers)
    assert (books(0), books(1)) == ((100, 0, 0, 0), (100, 0, 0, 0))


def test_the_night_runs_while_tills_spend(house, do, shop, credit, books, now):
    midnight = now + DAY
    for _ in range(5):
        credit(0, 10, life=DAY)
        credit(0, 10, wait=DAY)
        credit(1, 10, life=DAY)

    def night():
        return settle_night(house.engine, now=midnight, batch=1)

    def till():
        return do(spend, at=midnight, wallet_id=shop.wallets[0], amount=10, unit_id=shop.unit_id)

    answers = at_once(night, *[till] * 7, night)
    assert answers.count("insufficient_points") == 2
    assert (books(0), books(1)) == ((0, 0, 0, 0), (0, 0, 0, 0))


def test_one_key_earns_once(do, shop, credit, books):
    answers = at_once(*[lambda: credit(0, 25, key="order:pos:1:rule:a")] * 8)
    assert len(set(answers)) == 1
    assert books() == (25, 0, 0, 0)


def test_earning_while_a_debt_arises_repays_it_or_comes_before_it(do, shop, credit, books):
    bought = credit(0, 100)
    do(spend, wallet_id=shop.wallets[0], amount=100, unit_id=shop.unit_id)

    def back():
        return do(take_back, earn_txn_id=bought, amount=100, policy=ReturnPolicy.DEBT)

    at_once(back, *[lambda: credit(0, 30)] * 3)
    assert books() == (0, 0, 0, -10)


def test_two_parts_of_a_reward_come_back_at_once(do, shop, credit, books):
    """Each used to count on the lots as they were before it waited for the wallet, and one of the two was lost."""
    credit(0, 60)
    credit(0, 60)
    used = do(spend, wallet_id=shop.wallets[0], amount=120, unit_id=shop.unit_id).txn_id
    answers = at_once(*[lambda: do(give_back, spend_txn_id=used, amount=20)] * 8)
    assert answers.count("over_returned") == 2
    assert books() == (120, 0, 0, 0)


def test_a_reward_comes_back_while_points_are_spent(do, shop, credit, books):
    credit(0, 100)
    used = do(spend, wallet_id=shop.wallets[0], amount=50, unit_id=shop.unit_id).txn_id
    back = lambda: do(give_back, spend_txn_id=used, amount=10)  # noqa: E731
    out = lambda: do(spend, wallet_id=shop.wallets[0], amount=10, unit_id=shop.unit_id)  # noqa: E731
    assert not [answer for answer in at_once(*[back, out] * 5) if isinstance(answer, str)]
    assert books() == (50, 0, 0, 0)


def test_parts_of_a_purchase_come_back_at_once(do, shop, credit, books):
    bought = credit(0, 100)
    answers = at_once(*[lambda: do(take_back, earn_txn_id=bought, amount=30, policy=ReturnPolicy.DEBT)] * 5)
    assert answers.count("over_returned") == 2
    assert books() == (10, 0, 0, 0)


@pytest.mark.parametrize("kind", ["purchase", "reward"])
def test_two_whole_reversals_in_the_same_millisecond(do, shop, credit, books, kind):
    bought = credit(0, 100)
    if kind == "purchase":
        act, wishes, left = take_back, {"earn_txn_id": bought, "amount": 100, "policy": ReturnPolicy.DEBT}, 0
    else:
        used = do(spend, wallet_id=shop.wallets[0], amount=100, unit_id=shop.unit_id).txn_id
        act, wishes, left = give_back, {"spend_txn_id": used, "amount": 100}, 100
    answers = at_once(*[lambda: do(act, **wishes)] * 6)
    assert answers.count("already_reversed") == 5
    assert books() == (left, 0, 0, 0)


@pytest.fixture
def held(do, shop, credit, now):
    credit(0, 100)
    until = now + timedelta(minutes=5)
    return do(hold, wallet_id=shop.wallets[0], amount=60, unit_id=shop.unit_id, until=until).txn_id


def test_a_hold_is_confirmed_or_released_never_both(do, held, books):
    answers = at_once(*[lambda: do(confirm, hold_txn_id=held), lambda: do(release, hold_txn_id=held)] * 4)
    done = [answer for answer in answers if not isinstance(answer, str)]
    assert len(done) == 1
    assert set(answers) - set(done) <= {"hold_settled", "already_reversed"}
    assert books() in {(40, 0, 0, 0), (100, 0, 0, 0)}


def test_the_night_and_a_till_release_one_hold(house, do, held, books, now):
    """The till's release used to stop the night with a conflict."""
    late = now + timedelta(hours=1)
    night = lambda: release_holds(house.engine, now=late)  # noqa: E731
    till = lambda: do(release, hold_txn_id=held, at=late)  # noqa: E731
    assert sum(answer for answer in at_once(night, till, night, till) if isinstance(answer, int)) <= 1
    assert books() == (100, 0, 0, 0)


def test_a_till_uses_points_while_their_owner_is_joined_into_another(do, shop, credit, books):
    bought = credit(0, 100)
    used = do(spend, wallet_id=shop.wallets[0], amount=40, unit_id=shop.unit_id).txn_id
    old, into = shop.wallets[:2]
    acts = [
        lambda: do(merge_wallets, from_wallet_id=old, into_wallet_id=into),
        lambda: do(give_back, spend_txn_id=used, amount=40),
        lambda: do(take_back, earn_txn_id=bought, amount=30, policy=ReturnPolicy.DEBT),
    ]
    assert not [answer for answer in at_once(*acts) if isinstance(answer, str)]
    assert (books(0), books(1)) == ((0, 0, 0, 0), (70, 0, 0, 0))


def test_a_till_that_holds_the_wallet_settles_beside_the_night(house, held, shop, books, now):
    """Key before wallet here and wallet before key there once locked each other out."""
    late, locked = now + timedelta(hours=1), threading.Event()

    def till():
        with work(house.engine) as session:
            lock_wallets(session, shop.wallets)
            locked.set()
            # The night has time to come as far as it can.
            session.execute(text("SELECT pg_sleep(0.2)"))
            release(session, hold_txn_id=held, cause=cause(late))

    def night():
        locked.wait(20)
        return release_holds(house.engine, now=late)

    assert at_once(till, night) == [None, 0]
    assert books() == (100, 0, 0, 0)
