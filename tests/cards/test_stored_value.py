"""Stored value: topped up with a bonus, paid with, refunded by the way it came, in the same books."""

import pytest
from sqlalchemy import select

from app.core.errors import FankaError
from app.core.nouns import AuditEntry
from app.core.unit import reading, work
from cards.ledger.post import Cause, InsufficientPointsError
from cards.ledger.verify import verify
from cards.ledger.wallets import open_wallet
from cards.models.ledger import Wallet, WalletKind
from cards.settlement import count_settlement
from cards.stored_value import Rung, bonus_of, pay, pay_confirmed, refund_payment, refund_top_up, set_ladder, top_up
from cards.value_consent import Proof
from tests.support.crowds import crowded, together
from tests.support.money import cause, open_shop

LADDER = [{"from_fen": 100_000, "bonus_fen": 10_000}, {"from_fen": 50_000, "bonus_fen": 2_000}]


@pytest.fixture
def shop(house):
    made = open_shop(house)
    with work(house.engine) as session:
        set_ladder(session, programme_id=made.programme_id, rungs=LADDER, now=house.clock.now())
    return made


@pytest.fixture
def lin(house, shop) -> int:
    with reading(house.engine) as session:
        return session.scalars(select(Wallet.customer_id).where(Wallet.id == shop.wallets[0])).one()


def fill(house, shop, lin, paid=50_000, ref="T1", **more):
    said = {"route": "wechat_pay", "route_ref": "4200", "unit_id": shop.unit_id, "actor": "Chen", "now": house.clock.now(), **more}
    with work(house.engine) as session:
        return top_up(session, customer_id=lin, programme_id=shop.programme_id, paid_fen=paid, ref=ref, **said)


def use(house, shop, lin, fen):
    with work(house.engine) as session:
        return pay(
            session, customer_id=lin, programme_id=shop.programme_id, amount_fen=fen, unit_id=shop.unit_id, cause=cause(house.clock.now())
        )


def balance(house, shop, lin) -> int:
    with work(house.engine) as session:
        wallet_id = open_wallet(session, customer_id=lin, programme_id=shop.programme_id, kind=WalletKind.VALUE)
        assert verify(session) == []
        return session.get_one(Wallet, wallet_id).active


def refund(house, ref="T1", own="F1"):
    with work(house.engine) as session:
        return refund_top_up(session, top_up_ref=ref, ref=own, reason="顾客要求", actor="Mei", now=house.clock.now())


@pytest.mark.parametrize(("paid", "bonus"), [(49_999, 0), (50_000, 2_000), (99_999, 2_000), (100_000, 10_000), (999_999, 10_000)])
def test_the_highest_rung_reached_counts(paid, bonus):
    assert bonus_of([Rung(**rung) for rung in LADDER], paid) == bonus


def test_a_top_up_is_there_once_with_its_bonus(house, shop, lin):
    first, again = fill(house, shop, lin), fill(house, shop, lin)
    assert (first.bonus_fen, first.fresh, again.fresh, again.txn.id) == (2_000, True, False, first.txn.id)
    assert balance(house, shop, lin) == 52_000
    with pytest.raises(FankaError) as refused:
        fill(house, shop, lin, paid=60_000)
    assert refused.value.code == "ref_differs"


def test_points_are_another_wallet(house, shop, lin):
    fill(house, shop, lin)
    with reading(house.engine) as session:
        assert session.get_one(Wallet, shop.wallets[0]).active == 0
        assert count_settlement(session, programme_id=shop.programme_id, month="2026-11").moved == 0


def test_a_payment_goes_back_to_where_it_came_from(house, shop, lin):
    fill(house, shop, lin)
    paid = use(house, shop, lin, 51_000)
    assert balance(house, shop, lin) == 1_000
    with pytest.raises(InsufficientPointsError):
        use(house, shop, lin, 1_001)
    with work(house.engine) as session:
        refund_payment(session, pay_txn_id=paid.txn_id, amount_fen=51_000, cause=cause(house.clock.now()))
    assert balance(house, shop, lin) == 52_000
    done = refund(house)
    assert (done.refund_fen, done.bonus_taken_fen, done.route, done.route_ref) == (50_000, 2_000, "wechat_pay", "4200")
    assert balance(house, shop, lin) == 0


def test_a_refund_deducts_the_bonus_that_is_spent_and_happens_once(house, shop, lin):
    fill(house, shop, lin)
    use(house, shop, lin, 51_000)
    with pytest.raises(FankaError) as refused:
        refund(house)
    assert refused.value.code == "nothing_left"
    fill(house, shop, lin, paid=100_000, ref="T2")
    done, again = refund(house, "T2", "F2"), refund(house, "T2", "F2")
    assert (done.refund_fen, done.bonus_taken_fen, again.fresh) == (100_000, 10_000, False)
    assert balance(house, shop, lin) == 1_000
    with pytest.raises(FankaError) as refused:
        refund(house, "T1", "F2")
    assert refused.value.code == "ref_differs"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"paid": 0}, "bad_amount"),
        ({"paid": -5}, "bad_amount"),
        ({"paid": 50_000_001}, "top_up_too_big"),
        ({"route": "barter"}, "bad_route"),
    ],
)
def test_a_top_up_that_cannot_be_is_refused(house, shop, lin, change, code):
    with pytest.raises(FankaError) as refused:
        fill(house, shop, lin, **change)
    assert refused.value.code == code
    assert balance(house, shop, lin) == 0


@pytest.mark.parametrize(
    "rungs", [[{"from_fen": 1}], [{"from_fen": 1, "bonus_fen": -1}], [{"from_fen": 1, "bonus_fen": 5}, {"from_fen": 2, "bonus_fen": 5}]]
)
def test_a_ladder_climbs(house, shop, rungs):
    with pytest.raises(FankaError) as refused, work(house.engine) as session:
        set_ladder(session, programme_id=shop.programme_id, rungs=rungs, now=house.clock.now())
    assert refused.value.code == "bad_ladder"


def test_a_refund_needs_a_top_up(house, shop, lin):
    with pytest.raises(FankaError) as refused:
        refund(house, "T9")
    assert refused.value.code == "no_top_up"


def test_what_was_set_aside_while_a_top_up_was_refunded_is_refunded_after_it_came_back(house, shop, lin):
    fill(house, shop, lin)
    paid = use(house, shop, lin, 10_000)
    first = refund(house, own="F1")
    assert (first.refund_fen, first.bonus_taken_fen) == (40_000, 2_000)
    with work(house.engine) as session:
        refund_payment(session, pay_txn_id=paid.txn_id, amount_fen=10_000, cause=cause(house.clock.now()))
    # The bonus was taken back then: it is not deducted as if it were spent.
    second = refund(house, own="F2")
    assert (second.refund_fen, second.bonus_taken_fen) == (10_000, 0)
    assert balance(house, shop, lin) == 0


def test_a_bonus_that_was_deducted_and_comes_back_is_money(house, shop, lin):
    fill(house, shop, lin, ref="T0", paid=1_000)
    fill(house, shop, lin)
    paid = use(house, shop, lin, 52_500)
    with work(house.engine) as session:
        refund_payment(session, pay_txn_id=paid.txn_id, amount_fen=1_000, cause=cause(house.clock.now()))
    with pytest.raises(FankaError) as refused:
        refund(house)
    assert refused.value.code == "nothing_left"
    with work(house.engine) as session:
        refund_payment(session, pay_txn_id=paid.txn_id, amount_fen=40_000, cause=cause(house.clock.now()))
    done = refund(house, own="F1")
    with work(house.engine) as session:
        refund_payment(session, pay_txn_id=paid.txn_id, amount_fen=11_500, cause=cause(house.clock.now()))
    again = refund(house, own="F2")
    assert done.refund_fen + again.refund_fen == 50_000
    assert balance(house, shop, lin) == 1_000


def test_one_reference_pays_once_whatever_is_said_under_it_at_once(house, shop, lin):
    fill(house, shop, lin)
    now = house.clock.now()

    def act(place):
        fen = 100 + place % 2
        why = Cause("pay:P1", "储值付款", "Chen", now, now, data={"amount_fen": fen})
        common = {"programme_id": shop.programme_id, "unit_id": shop.unit_id, "client_id": "t", "cause": why}
        with work(crowd.engine) as session:
            return fen, pay_confirmed(session, house.ring, Proof(seen=True), customer_id=lin, amount_fen=fen, **common).fresh

    with crowded(house, 6) as crowd:
        answers = together(crowd, 6, act, table="wallet")
    paid = [answer for answer in answers if isinstance(answer, tuple)]
    assert (len(paid), len({fen for fen, _ in paid}), sum(fresh for _, fresh in paid)) == (3, 1, 1)
    assert {answer.code for answer in answers if not isinstance(answer, tuple)} == {"ref_differs"}
    assert balance(house, shop, lin) == 52_000 - paid[0][0]
    with reading(house.engine) as session:
        assert len(session.scalars(select(AuditEntry).where(AuditEntry.action == "value.paid")).all()) == 1


def test_one_refund_told_by_many_at_once_is_one_and_all_hear_it(house, shop, lin):
    fill(house, shop, lin)
    with crowded(house, 4) as crowd:
        answers = together(crowd, 4, lambda _: refund(crowd), table="wallet")
    assert [answer.refund_fen for answer in answers] == [50_000] * 4
    assert sum(answer.fresh for answer in answers) == 1
    assert balance(house, shop, lin) == 0
