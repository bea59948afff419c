"""Settlement: the matrix is the lot moves, rounded once per cell, and a closed month stays as it was."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from app.core.errors import FankaError
from app.core.nouns import BusinessUnit
from app.core.unit import reading, work
from cards.ledger.earn import earn
from cards.ledger.returns import give_back
from cards.ledger.spend import confirm, donate, hold, spend, take_away, transfer
from cards.models.ledger import LotMove
from cards.settlement import close_month, count_settlement, half_even, month_span, read_settlement, set_price
from cards.settlement_papers import read_moves, write_matrix, write_moves
from tests.support.money import Shop, cause, open_shop

NOVEMBER = "2026-11"


@pytest.fixture
def shop(house) -> Shop:
    return open_shop(house)


def name(house, unit_id: int) -> str:
    with reading(house.engine) as session:
        return session.get_one(BusinessUnit, unit_id).name


def give(session, house, shop, amount, *, unit_id=None, wallet=0):
    now = house.clock.now()
    return earn(
        session,
        wallet_id=shop.wallets[wallet],
        amount=amount,
        unit_id=unit_id or shop.unit_id,
        cause=cause(now),
        available_from=now,
        expires_at=None,
    )


def use(session, house, shop, amount, *, unit_id=None, wallet=0):
    return spend(
        session,
        wallet_id=shop.wallets[wallet],
        amount=amount,
        unit_id=unit_id or shop.other_unit_id,
        cause=cause(house.clock.now()),
    )


def price(house, shop, microfen, rule="issuer_pays", *, back=False, since="2026-01", **more):
    pair = (shop.other_unit_id, shop.unit_id) if back else (shop.unit_id, shop.other_unit_id)
    with work(house.engine) as session:
        set_price(
            session,
            programme_id=shop.programme_id,
            issuing_id=pair[0],
            redeeming_id=pair[1],
            price_microfen=microfen,
            rule=rule,
            valid_from=since,
            actor="Mei",
            now=house.clock.now(),
            **more,
        )


def month(house, shop, which=NOVEMBER):
    with reading(house.engine) as session:
        return read_settlement(session, programme_id=shop.programme_id, month=which)


def test_points_used_at_another_unit_are_paid_by_whoever_issued_them(house, shop):
    price(house, shop, 1_500_000)
    with work(house.engine) as session:
        give(session, house, shop, 1000)
        use(session, house, shop, 333)
        use(session, house, shop, 67, unit_id=shop.unit_id)
    found = month(house, shop)
    issuer, taker = name(house, shop.unit_id), name(house, shop.other_unit_id)
    cells = {(cell.issuing, cell.redeeming): (cell.points, cell.fen, cell.issuer_fen, cell.group_fen) for cell in found.cells}
    assert cells == {(issuer, taker): (333, 500, 500, 0), (issuer, issuer): (67, 0, 0, 0)}
    sides = {side.unit: side for side in found.sides}
    assert (sides[issuer].own_points, sides[issuer].given_points, sides[issuer].net_fen) == (67, 333, -500)
    assert (sides[taker].taken_points, sides[taker].net_fen) == (333, 500)


@pytest.mark.parametrize(
    ("rule", "percent", "issuer", "group"), [("group_bears", 100, 0, 999), ("issuer_pays", 0, 999, 0), ("share", 30, 299, 700)]
)
def test_who_pays_follows_the_rule_of_the_pair(house, shop, rule, percent, issuer, group):
    price(house, shop, 1_000_000, rule, issuer_percent=percent)
    with work(house.engine) as session:
        give(session, house, shop, 999)
        use(session, house, shop, 999)
    found = month(house, shop)
    assert (found.cells[0].issuer_fen, found.cells[0].group_fen, found.group_pays_fen) == (issuer, group, group)
    assert sum(side.net_fen for side in found.sides) - found.group_pays_fen == 0


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**7))
def test_rounding_is_half_to_even(numerator, denominator):
    exact = (Decimal(numerator) / Decimal(denominator)).quantize(Decimal(1), ROUND_HALF_EVEN)
    assert half_even(numerator, denominator) == int(exact)


def test_a_cell_is_rounded_once_and_not_use_by_use(house, shop):
    price(house, shop, 500_000)
    with work(house.engine) as session:
        give(session, house, shop, 100)
        for _ in range(5):
            use(session, house, shop, 1)
    assert month(house, shop).cells[0].fen == 2


def test_the_matrix_and_the_remainder_are_all_lot_moves(house, shop):
    price(house, shop, 1_000_000)
    price(house, shop, 1_000_000, back=True)
    now = house.clock.now()
    with work(house.engine) as session:
        give(session, house, shop, 1000)
        give(session, house, shop, 500, unit_id=shop.other_unit_id, wallet=1)
        spent = use(session, house, shop, 200)
        give_back(session, spend_txn_id=spent.txn_id, amount=50, cause=cause(now))
        held = hold(
            session, wallet_id=shop.wallets[0], amount=40, unit_id=shop.other_unit_id, cause=cause(now), until=now + timedelta(minutes=5)
        )
        confirm(session, hold_txn_id=held.txn_id, cause=cause(now))
        donate(session, wallet_id=shop.wallets[0], amount=5, unit_id=shop.unit_id, cause=cause(now))
        take_away(session, wallet_id=shop.wallets[0], amount=7, unit_id=shop.unit_id, cause=cause(now))
        transfer(session, from_wallet_id=shop.wallets[0], to_wallet_id=shop.wallets[1], amount=100, cause=cause(now))
        use(session, house, shop, 100, unit_id=shop.unit_id, wallet=1)
    found = month(house, shop)
    settled = sum(cell.points for cell in found.cells)
    assert settled == 150 + 40 + 100
    assert -settled + sum(found.remainder.values()) == found.moved
    assert {"earn", "donate", "adjust"} <= set(found.remainder)
    with reading(house.engine) as session:
        assert found.moved == session.scalar(select(func.sum(LotMove.amount)))
        moves = read_moves(session, programme_id=shop.programme_id, month=NOVEMBER)
        assert sum(move.points for move in moves) == settled
        cell = found.cells[0]
        one = read_moves(session, programme_id=shop.programme_id, month=NOVEMBER, issuing=cell.issuing, redeeming=cell.redeeming)
        assert sum(move.points for move in one) == cell.points


def test_a_month_begins_at_midnight_in_shanghai(house, shop):
    assert month_span("2026-12") == (datetime(2026, 11, 30, 16, tzinfo=UTC), datetime(2026, 12, 31, 16, tzinfo=UTC))
    house.clock.moment = datetime(2026, 11, 30, 15, 59, 59, tzinfo=UTC)
    with work(house.engine) as session:
        give(session, house, shop, 100)
        use(session, house, shop, 1)
    house.clock.moment = datetime(2026, 11, 30, 16, 0, 0, tzinfo=UTC)
    with work(house.engine) as session:
        use(session, house, shop, 2)
    assert [cell.points for cell in month(house, shop).cells] == [1]
    assert [cell.points for cell in month(house, shop, "2026-12").cells] == [2]


def close(house, shop, which=NOVEMBER):
    with work(house.engine) as session:
        return close_month(session, programme_id=shop.programme_id, month=which, actor="Mei", now=house.clock.now())


def test_a_closed_month_is_frozen_and_what_is_late_falls_into_the_open_one(house, shop):
    price(house, shop, 1_000_000)
    with work(house.engine) as session:
        give(session, house, shop, 100)
        spent = use(session, house, shop, 60)
    house.clock.moment = datetime(2026, 12, 1, 3, tzinfo=UTC)
    frozen = close(house, shop)
    assert (frozen.cells[0].points, frozen.closed_at) == (60, house.clock.now())
    with work(house.engine) as session:
        give_back(
            session,
            spend_txn_id=spent.txn_id,
            amount=10,
            cause=cause(datetime(2026, 11, 30, tzinfo=UTC)).__class__(
                business_key="late", reason="退", actor="Chen", occurred_at=datetime(2026, 11, 30, tzinfo=UTC), now=house.clock.now()
            ),
        )
    assert month(house, shop) == frozen
    assert [(cell.points, cell.fen) for cell in month(house, shop, "2026-12").cells] == [(-10, -10)]
    with reading(house.engine) as session:
        assert count_settlement(session, programme_id=shop.programme_id, month=NOVEMBER).cells == frozen.cells


def test_what_may_not_be_closed_is_not(house, shop):
    with work(house.engine) as session:
        give(session, house, shop, 100)
        use(session, house, shop, 60)
    for moment, code in ((datetime(2026, 11, 30, 16, 30, tzinfo=UTC), "period_not_over"), (datetime(2026, 12, 2, tzinfo=UTC), "no_price")):
        house.clock.moment = moment
        with pytest.raises(FankaError) as refused:
            close(house, shop)
        assert refused.value.code == code
    price(house, shop, 1)
    close(house, shop)
    with pytest.raises(FankaError) as refused:
        close(house, shop)
    assert refused.value.code == "period_closed"
    with pytest.raises(FankaError) as refused:
        price(house, shop, 2, since="2026-10")
    assert refused.value.code == "period_closed"


@pytest.mark.parametrize("which", ["2026-13", "2026-1", "2026-011", "９９９９-12", "9999-12", "0001-01", " 2026-11", "2026-11\n"])
def test_a_month_has_one_name(house, shop, which):
    """By another one it could be closed a second time."""
    with pytest.raises(FankaError) as refused:
        month(house, shop, which)
    assert refused.value.code == "bad_month"


def test_a_new_price_counts_from_its_month(house, shop):
    price(house, shop, 1_000_000)
    price(house, shop, 3_000_000, since="2026-12")
    for moment in (datetime(2026, 11, 5, tzinfo=UTC), datetime(2026, 12, 5, tzinfo=UTC)):
        house.clock.moment = moment
        with work(house.engine) as session:
            give(session, house, shop, 10)
            use(session, house, shop, 10)
    assert month(house, shop).cells[0].fen == 10
    assert month(house, shop, "2026-12").cells[0].fen == 30


def test_csv_carries_every_cell_and_no_formula(house, shop):
    price(house, shop, 1_000_000)
    with work(house.engine) as session:
        session.get_one(BusinessUnit, shop.unit_id).name = "=SUM(A1)"
        give(session, house, shop, 100)
        use(session, house, shop, 60)
    found = month(house, shop)
    rows = list(csv.reader(io.StringIO(write_matrix(found))))
    assert rows[1][:3] == ["'=SUM(A1)", name(house, shop.other_unit_id), "60"]
    assert ["不结算 remainder", "earn", "-100"] in [row[:3] for row in rows]
    with reading(house.engine) as session:
        moves = list(csv.reader(io.StringIO("".join(write_moves(session, programme_id=shop.programme_id, month=NOVEMBER)))))
    assert [row[5] for row in moves[1:]] == ["60"]
