"""The statement adds up at every page's edge while points move; the liability is the wallets, by month in Shanghai and unit."""

from datetime import UTC, date, datetime, timedelta

import pytest

from app.core.unit import reading
from cards.ledger.earn import earn
from cards.ledger.merge import merge_wallets
from cards.ledger.returns import give_back, take_back
from cards.ledger.spend import confirm, hold, spend, transfer
from cards.ledger.statement import read_liability, read_statement
from cards.models.programme import ReturnPolicy
from tests.support.money import open_shop


@pytest.fixture
def read(house, shop):
    def page(who=0, **wishes):
        with reading(house.engine) as session:
            return read_statement(session, wallet_id=shop.wallets[who], **wishes)

    return page


@pytest.fixture
def busy(do, credit, shop, now):
    """A wallet with every kind of line: 19 movements."""
    spent = {"wallet_id": shop.wallets[0], "unit_id": shop.unit_id}
    for number in range(4):
        bought = credit(0, 100 + number)
        credit(0, 10, wait=timedelta(days=1))
        used = do(spend, amount=30, **spent).txn_id
        do(give_back, spend_txn_id=used, amount=7)
    do(take_back, earn_txn_id=bought, amount=3, policy=ReturnPolicy.DEBT)
    held = do(hold, amount=5, until=now + timedelta(minutes=1), **spent).txn_id
    do(confirm, hold_txn_id=held)


@pytest.mark.parametrize("limit", [1, 2, 5, 7, 200])
def test_the_running_balance_is_the_sum_of_the_lines_at_every_edge(busy, read, books, limit):
    del busy
    pages, before = [], None
    while page := read(before=before, limit=limit):
        assert len(page) <= limit
        pages.append(page)
        before = page[-1].cursor
    lines = [line for page in pages for line in page]
    assert len(lines) == len({line.public_id for line in lines}) == 19
    balance = 0
    for line in reversed(lines):
        balance += line.active
        assert line.balance == balance
    assert (balance, sum(line.pending for line in lines), sum(line.held for line in lines), sum(line.debt for line in lines)) == books()


def test_a_page_stays_what_it_was_while_new_points_come(busy, read, credit, do, shop):
    del busy
    first = read(limit=5)
    rest = read(before=first[-1].cursor)
    for _ in range(3):
        credit(0, 50)
        do(spend, wallet_id=shop.wallets[0], amount=20, unit_id=shop.unit_id)
    assert read(before=first[-1].cursor) == rest
    assert read(before=first[0].cursor + 1, limit=5) == first
    assert len(read(limit=200)) == 19 + 6


def test_a_joined_wallet_tells_how_its_points_came_and_went(busy, do, shop, read, books):
    del busy
    held = books()
    do(merge_wallets, from_wallet_id=shop.wallets[0], into_wallet_id=shop.wallets[1])
    assert (read(0)[0].active, read(0)[0].balance) == (-held[0], 0)
    assert [(line.kind, line.active, line.balance) for line in read(1)] == [("transfer", held[0], held[0])]


def owed(house, shop, **wishes):
    with reading(house.engine) as session:
        return read_liability(session, programme_id=shop.programme_id, **wishes)


def test_the_month_is_that_of_the_last_moment_in_shanghai(house, shop, do, now):
    """A lot that ends at midnight of the first can be used all the day before; the same midnight is still the last month in UTC."""
    midnight = datetime(2026, 12, 31, 16, 0, tzinfo=UTC)
    for amount, ends in ((1, midnight), (2, midnight + timedelta(seconds=1)), (4, None), (8, midnight - timedelta(days=31))):
        do(earn, wallet_id=shop.wallets[0], amount=amount, unit_id=shop.unit_id, available_from=now, expires_at=ends)
    told = [(line.month, line.amount) for line in owed(house, shop)]
    assert told == [(date(2026, 11, 1), 8), (date(2026, 12, 1), 1), (date(2027, 1, 1), 2), (None, 4)]


def test_what_is_owed_is_what_the_wallets_hold_by_unit_and_state(house, shop, do, credit, books, now):
    credit(0, 100)
    credit(1, 70, unit_id=shop.other_unit_id)
    credit(2, 30, wait=timedelta(days=1), unit_id=shop.other_unit_id)
    do(transfer, from_wallet_id=shop.wallets[1], to_wallet_id=shop.wallets[0], amount=20)
    do(hold, wallet_id=shop.wallets[0], amount=110, unit_id=shop.unit_id, until=now + timedelta(minutes=1))
    told = owed(house, shop)
    wallets = [books(who) for who in range(3)]
    for state, place in (("active", 0), ("pending", 1), ("held", 2)):
        assert sum(line.amount for line in told if line.state == state) == sum(wallet[place] for wallet in wallets)
    by_unit = {unit: sum(line.amount for line in told if line.unit == unit) for unit in {line.unit for line in told}}
    assert sorted(by_unit.values()) == [100, 100]
    assert owed(house, shop, kind="value") == []
    assert owed(house, open_shop(house)) == []
