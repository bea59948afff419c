"""Bugs about points that shipped elsewhere (the last list of loyalty.md) or here: each cannot happen any more."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.errors import FankaError
from app.core.unit import reading, work
from cards.ledger.earn import earn
from cards.ledger.night import settle_night
from cards.ledger.returns import give_back, take_back
from cards.ledger.spend import confirm, donate, hold, release, spend, take_away, transfer
from cards.ledger.wallets import open_wallet
from cards.models.ledger import Lot, PointsTxn, TxnKind, Wallet, WalletKind
from cards.models.programme import ReturnPolicy
from tests.support.crowds import crowded, together
from tests.support.money import cause

DAY = timedelta(days=1)


@pytest.fixture
def use(do, shop):
    """`use(amount)`: spend from the first wallet; says the transaction or the code of the refusal."""

    def run(amount, **wishes):
        answer = do(spend, wallet_id=shop.wallets[0], amount=amount, unit_id=shop.unit_id, **wishes)
        return answer if isinstance(answer, str) else answer.txn_id

    return run


def test_credit_is_not_spent_twice_by_two_orders(house, shop, credit, books, now):
    """Spree 11284, Medusa loyalty 16347: both read the balance, both were content. Here the second waits for the first's commit."""
    credit(0, 100)
    locked, answers = threading.Event(), []

    def second():
        locked.wait(20)
        with pytest.raises(FankaError) as refused, work(house.engine) as session:
            spend(session, wallet_id=shop.wallets[0], amount=80, unit_id=shop.unit_id, cause=cause(now))
        answers.append(refused.value.code)

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(second)
        with work(house.engine) as session:
            spend(session, wallet_id=shop.wallets[0], amount=80, unit_id=shop.unit_id, cause=cause(now))
            locked.set()
        waiting.result(20)
    assert answers == ["insufficient_points"]
    assert books() == (20, 0, 0, 0)


def test_twenty_retries_at_once_award_once(house, shop, books, now):
    """Odoo 222372 again: the retries do not wait for the first answer."""

    def award(_):
        wish = {"wallet_id": shop.wallets[0], "amount": 50, "unit_id": shop.unit_id, "available_from": now, "expires_at": None}
        with work(big.engine) as session:
            return earn(session, cause=cause(now, "order:pos:7:rule:a"), **wish)

    with crowded(house, 20) as big:
        posted = together(big, 20, award, table="points_txn")
    assert len({each.txn_id for each in posted}) == 1
    assert sum(each.fresh for each in posted) == 1
    assert books() == (50, 0, 0, 0)


def test_a_retry_awards_once_even_when_it_says_something_else(do, shop, credit, books, now):
    """Odoo 222372, OCA pos 185. The key decides, however late the retry and whatever it asks for."""
    first = credit(0, 50, key="order:pos:7:rule:a")
    assert credit(0, 5000, key="order:pos:7:rule:a") == first
    assert credit(1, 50, key="order:pos:7:rule:a", at=now + 400 * DAY) == first
    assert (books(0), books(1)) == ((50, 0, 0, 0), (0, 0, 0, 0))
    assert do(earn, key="", wallet_id=10**9, amount=1, unit_id=shop.unit_id, available_from=now, expires_at=None) == "no_wallet"


@pytest.mark.parametrize(
    ("policy", "after_purchase", "after_both"),
    [
        (ReturnPolicy.DEBT, (0, 0, 0, -100), (0, 0, 0, 0)),
        (ReturnPolicy.FLOOR_AT_ZERO, (0, 0, 0, 0), (0, 0, 0, 0)),
        (ReturnPolicy.REFUSE, (0, 0, 0, 0), (100, 0, 0, 0)),
    ],
)
def test_nobody_earns_refunds_and_keeps(do, use, credit, books, policy, after_purchase, after_both):
    """Odoo 257854: buy, use the points, return the purchase, and at last the reward as well."""
    bought = credit(0, 100)
    used = use(100)
    answer = do(take_back, earn_txn_id=bought, amount=100, policy=policy)
    assert (answer == "points_spent") is (policy is ReturnPolicy.REFUSE)
    assert books() == after_purchase
    do(give_back, spend_txn_id=used, amount=60)
    do(give_back, spend_txn_id=used, amount=40)
    assert books() == after_both


@pytest.mark.parametrize("policy", [ReturnPolicy.DEBT, ReturnPolicy.FLOOR_AT_ZERO])
def test_nobody_keeps_points_by_holding_them_while_the_purchase_is_returned(do, shop, credit, books, now, policy):
    bought = credit(0, 100)
    held = do(hold, wallet_id=shop.wallets[0], amount=100, unit_id=shop.unit_id, until=now + timedelta(minutes=5)).txn_id
    do(take_back, earn_txn_id=bought, amount=100, policy=policy)
    do(release, hold_txn_id=held)
    assert books() == (0, 0, 0, 0)


def test_a_return_inside_the_window_cancels_what_was_pending(do, credit, books, house, now):
    bought = credit(0, 100, wait=7 * DAY)
    do(take_back, earn_txn_id=bought, amount=30, policy=ReturnPolicy.DEBT)
    assert books() == (0, 70, 0, 0)
    do(take_back, earn_txn_id=bought, amount=70, policy=ReturnPolicy.REFUSE)
    assert books() == (0, 0, 0, 0)
    assert settle_night(house.engine, now=now + 8 * DAY) == 0


def test_what_expired_is_not_lost_twice(do, credit, books, now):
    """The purchase comes back after half of its points were used and the rest has run out: only the used half is owed."""
    bought = credit(0, 100, life=DAY)
    credit(0, 5, life=9 * DAY)
    assert do(take_back, at=now + 2 * DAY, earn_txn_id=bought, amount=100, policy=ReturnPolicy.DEBT).fresh
    assert books() == (5, 0, 0, 0)


def test_the_balance_does_not_collapse_when_old_credits_expire(house, use, credit, books, now):
    """FloCafe 78: expired credits were left out of the sum, what had been spent of them was not."""
    credit(0, 100, life=DAY)
    use(80)
    credit(0, 50)
    settle_night(house.engine, now=now + DAY)
    assert books() == (50, 0, 0, 0)
    assert use(51, at=now + DAY) == "insufficient_points"
    use(50, at=now + DAY)
    assert books() == (0, 0, 0, 0)


def test_what_is_redeemed_is_deducted_in_the_same_transaction(house, shop, credit, books, now):
    """ERPNext 59050: the redemption was booked and the points stayed. Here one cannot be without the other."""
    credit(0, 100)
    with pytest.raises(RuntimeError), work(house.engine) as session:
        spend(session, wallet_id=shop.wallets[0], amount=60, unit_id=shop.unit_id, cause=cause(now, "till:pos:1"))
        raise RuntimeError
    assert books() == (100, 0, 0, 0)
    with work(house.engine) as session:
        spend(session, wallet_id=shop.wallets[0], amount=60, unit_id=shop.unit_id, cause=cause(now, "till:pos:1"))
    assert books() == (40, 0, 0, 0)
    with reading(house.engine) as session:
        assert [lot.remaining for lot in session.scalars(select(Lot))] == [40]


def test_two_roll_backs_in_the_same_millisecond(house, use, credit, books, now):
    """Voucherify, July 2026: many keys, one moment. The one original can be named once."""
    credit(0, 100)
    used = use(100)

    def back(_):
        with work(big.engine) as session:
            return give_back(session, spend_txn_id=used, amount=100, cause=cause(now)).fresh

    with crowded(house, 20) as big:
        answers = together(big, 20, back, table="wallet")
    assert [answer for answer in answers if not isinstance(answer, Exception)] == [True]
    assert {answer.code for answer in answers if isinstance(answer, Exception)} == {"already_reversed"}
    assert books() == (100, 0, 0, 0)


def test_a_hold_goes_back_to_a_lot_that_was_cancelled_meanwhile(do, shop, credit, books, now):
    """It was put into the closed lot, where nobody could use it and no night found it."""
    bought = credit(0, 100)
    held = do(hold, wallet_id=shop.wallets[0], amount=40, unit_id=shop.unit_id, until=now + timedelta(minutes=5)).txn_id
    do(take_back, earn_txn_id=bought, amount=60, policy=ReturnPolicy.REFUSE)
    do(release, hold_txn_id=held)
    assert books() == (40, 0, 0, 0)
    assert do(spend, wallet_id=shop.wallets[0], amount=40, unit_id=shop.unit_id).fresh


def test_a_reward_comes_back_with_the_expiry_it_had(house, do, use, credit, books, now):
    credit(0, 30, life=DAY)
    credit(0, 30, life=5 * DAY)
    used = use(60)
    later = now + 2 * DAY
    do(give_back, at=later, spend_txn_id=used, amount=40)
    assert books() == (40, 0, 0, 0)
    settle_night(house.engine, now=later)
    assert books() == (30, 0, 0, 0)
    settle_night(house.engine, now=now + 5 * DAY)
    assert books() == (0, 0, 0, 0)


def test_points_do_not_become_money(house, do, shop, credit, books):
    """A transfer once looked at the programme only: 100 points would have been 100 fen of stored value."""
    credit(0, 100)
    with work(house.engine) as session:
        owner = session.get_one(Wallet, shop.wallets[1]).customer_id
        value = open_wallet(session, customer_id=owner, programme_id=shop.programme_id, kind=WalletKind.VALUE)
    assert do(transfer, from_wallet_id=shop.wallets[0], to_wallet_id=value, amount=100) == "no_wallet"
    assert books() == (100, 0, 0, 0)


def test_only_what_was_earned_can_be_taken_back(do, shop, credit, books):
    """A transfer makes lots too; to take one back once ended in a traceback, or took another customer's points."""
    credit(0, 10)
    credit(0, 10)
    for amount in (15, 5):
        moved = do(transfer, from_wallet_id=shop.wallets[0], to_wallet_id=shop.wallets[1], amount=amount).txn_id
        assert do(take_back, earn_txn_id=moved, amount=5, policy=ReturnPolicy.DEBT) == "not_an_earn"
    assert do(give_back, spend_txn_id=moved, amount=5) == "not_a_spend"
    assert do(take_back, earn_txn_id=10**9, amount=5, policy=ReturnPolicy.DEBT) == "not_an_earn"
    assert books(1) == (20, 0, 0, 0)


@pytest.mark.parametrize("amount", [0, -1, 10**12 + 1, True, 1.5])
def test_amounts_that_cannot_be_change_nothing(do, shop, credit, books, now, amount):
    bought = credit(0, 100)
    wallet = {"wallet_id": shop.wallets[0], "unit_id": shop.unit_id, "amount": amount}
    acts = [
        do(earn, available_from=now, expires_at=None, **wallet),
        *(do(act, **wallet) for act in (spend, donate, take_away)),
        do(hold, until=now + timedelta(minutes=1), **wallet),
        do(transfer, from_wallet_id=shop.wallets[0], to_wallet_id=shop.wallets[1], amount=amount),
        do(take_back, earn_txn_id=bought, amount=amount, policy=ReturnPolicy.DEBT),
        do(give_back, spend_txn_id=bought, amount=amount),
    ]
    assert set(acts) == {"bad_amount"}
    assert books() == (100, 0, 0, 0)


def test_an_adjustment_needs_a_reason_and_settles_nothing(house, shop, credit, books, now):
    credit(0, 100)
    silent = cause(now, reason="  ")
    dates = {"available_from": now, "expires_at": None}
    wallet = {"wallet_id": shop.wallets[0], "amount": 7, "unit_id": shop.unit_id}
    for act, more in ((take_away, {}), (earn, {**dates, "kind": TxnKind.ADJUST})):
        with pytest.raises(FankaError) as refused, work(house.engine) as session:
            act(session, cause=silent, **wallet, **more)
        assert refused.value.code == "reason_needed"
    with work(house.engine) as session:
        take_away(session, cause=cause(now), **wallet)
    assert books() == (93, 0, 0, 0)


def test_a_hold_that_ran_out_cannot_be_confirmed_and_one_settled_stays_settled(house, do, shop, credit, books, now):
    credit(0, 100)
    wishes = {"wallet_id": shop.wallets[0], "amount": 60, "unit_id": shop.unit_id}
    assert do(hold, until=now + timedelta(minutes=11), **wishes) == "bad_hold"
    late = do(hold, until=now + timedelta(minutes=5), **wishes).txn_id
    assert do(confirm, hold_txn_id=late, at=now + timedelta(minutes=5)) == "hold_expired"
    assert do(release, hold_txn_id=late).fresh
    assert do(confirm, hold_txn_id=late) == "hold_settled"
    assert do(release, hold_txn_id=late) == "already_reversed"
    assert do(release, hold_txn_id=10**9) == "no_hold"
    assert books() == (100, 0, 0, 0)
    with reading(house.engine) as session:
        assert session.scalars(select(PointsTxn.kind).order_by(PointsTxn.id)).all() == ["earn", "hold", "release"]
