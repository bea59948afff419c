"""Two units of work that need the same rows in another order: the one PostgreSQL ends is done again, and both come to pass."""

import threading

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from app.core import kinds
from app.core.facts import Fact, lock_customers, record
from app.core.idempotency import Answer, answer_once
from app.core.nouns import Customer
from app.core.unit import MOST_TRIES, persistently, reading, work
from cards.ledger.verify import verify
from cards.ledger.wallets import lock_wallets, open_wallet
from cards.models.ledger import Wallet
from cards.models.orders import Purchase
from cards.orders import book
from tests.support.orders import open_till, order


@pytest.fixture
def till(house):
    return open_till(house)


def side_by_side(*acts):
    """Run acts at the same time; what they raised."""
    raised = []

    def run(act):
        try:
            act()
        except Exception as error:  # noqa: BLE001 - what a thread raised is what the test asks for.
            raised.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


class Meeting:
    """Both sides wait for each other the first time they come here, and never again."""

    def __init__(self):
        self._gate = threading.Barrier(2)
        self.tries = {}

    def come(self, who):
        self.tries[who] = self.tries.get(who, 0) + 1
        if self.tries[who] == 1:
            self._gate.wait(timeout=20)


def test_an_order_and_a_consent_that_joins_its_customer_both_come_to_pass(house, till):
    """The order holds its wallet and wants its customer; the join holds the customer and wants his wallets."""
    with work(house.engine) as session:
        joiner = Customer(created_at=house.clock.now())
        session.add(joiner)
        session.flush()
        open_wallet(session, customer_id=joiner.id, programme_id=till.programme_id)
        old, now = joiner.id, house.clock.now()
    wish, meeting = order(till), Meeting()

    def sell():
        def act(session):
            lock_wallets(session, [till.shop.wallets[0]])
            meeting.come("order")
            common = {"ring": house.ring, "registry": house.registry, "actor": "Chen", "now": now}
            booked = book(session, wish, programme_id=till.programme_id, **common)
            return Answer(201, {"points": booked.points})

        answer = answer_once(house, client_id="till", key="one", body=b"{}", act=act, refuse=lambda *_: {})
        assert (answer.status, answer.body) == (201, {"points": 100})

    def join():
        def act():
            with work(house.engine) as session:
                lock_customers(session, {old, till.lin_id})
                meeting.come("join")
                data = {"from": old, "into": till.lin_id}
                record(session, [Fact("join", kinds.JOINED, now, data, customer_id=till.lin_id)], registry=house.registry, now=now)

        persistently(act)

    assert side_by_side(sell, join) == []
    assert sorted(meeting.tries.values()) == [1, 2]
    with reading(house.engine) as session:
        assert verify(session) == []
        assert session.scalar(select(func.count()).select_from(Purchase)) == 1
        assert session.scalar(select(Wallet.pending).where(Wallet.id == till.shop.wallets[0])) == 100


def test_what_is_no_clash_is_raised_at_once_and_a_clash_without_end_after_four_tries(house):
    tries = []

    def refuse(code):
        tries.append(code)
        with work(house.engine) as session:
            session.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$"))

    for code, most in (("55P03", 1), ("40P01", MOST_TRIES), ("40001", MOST_TRIES)):
        tries.clear()
        with pytest.raises(OperationalError):
            persistently(lambda code=code: refuse(code))
        assert len(tries) == most, code
