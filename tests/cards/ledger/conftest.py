"""A shop, and short ways to move its points."""

from datetime import timedelta

import pytest

from app.core.errors import FankaError
from app.core.unit import reading, work
from cards.ledger.earn import earn
from cards.ledger.verify import verify
from cards.models.ledger import Wallet
from tests.support.money import cause, open_shop

YEAR = timedelta(days=365)


@pytest.fixture
def shop(house):
    return open_shop(house)


@pytest.fixture
def now(house):
    return house.clock.now()


@pytest.fixture
def do(house, now):
    """`do(act, key=..., at=..., **wishes)`: one movement in a transaction of its own; its answer, or the code of its refusal."""

    def run(act, *, key=None, at=now, **wishes):
        try:
            with work(house.engine) as session:
                return act(session, cause=cause(at, key), **wishes)
        except FankaError as error:
            if error.status >= 500:
                raise
            return error.code

    return run


@pytest.fixture
def credit(do, shop, now):
    """`credit(who, amount)`: active points that live a year; says the transaction."""

    def put(who, amount, *, wait=timedelta(0), life=YEAR, at=now, unit_id=shop.unit_id, **wishes):
        dates = {"available_from": at + wait, "expires_at": at + wait + life}
        return do(earn, at=at, wallet_id=shop.wallets[who], amount=amount, unit_id=unit_id, **dates, **wishes).txn_id

    return put


@pytest.fixture
def books(house, shop):
    """`books(who)`: active, pending, held and debt of a wallet, once every invariant holds."""

    def look(who=0):
        with reading(house.engine) as session:
            assert verify(session) == []
            wallet = session.get_one(Wallet, shop.wallets[who])
            return wallet.active, wallet.pending, wallet.held, wallet.debt

    return look
