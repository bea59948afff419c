"""A till that quotes, sets aside, confirms and reverses, for a customer with points and a balance."""

from uuid import UUID, uuid4

from app.core.nouns import Customer
from app.core.unit import reading, work
from cards import checkout
from cards.coupons.asked import OrderIn
from cards.coupons.checkout import spendable
from cards.ledger.earn import earn
from cards.ledger.verify import verify
from cards.ledger.wallets import open_wallet
from cards.models.ledger import WalletKind
from cards.points_at_till import Terms, write_terms
from tests.support.coupons import open_counter
from tests.support.money import cause


def open_paying_counter(house):
    """A customer with 5 000 points (a hundred pay a yuan) and 30 yuan of stored value."""
    made = open_counter(house)
    now = house.clock.now()
    with work(house.engine) as session:
        write_terms(session, made.shop.programme_id, Terms(fen_per_100_points=100, cap_percent=50), now=now)
        for kind, amount in ((WalletKind.POINTS, 5000), (WalletKind.VALUE, 3000)):
            wallet_id = open_wallet(session, customer_id=made.customers[0], programme_id=made.shop.programme_id, kind=kind)
            earn(
                session,
                wallet_id=wallet_id,
                amount=amount,
                unit_id=made.shop.unit_id,
                cause=cause(now),
                available_from=now,
                expires_at=None,
            )
    return made


def person(counter, who=0):
    with reading(counter.house.engine) as session:
        return session.get_one(Customer, counter.customers[who]).public_id


def money(counter):
    with reading(counter.house.engine) as session:
        assert verify(session) == []
        found = spendable(session, customer_id=counter.customers[0], programme_id=counter.shop.programme_id, now=counter.house.clock.now())
        return found["points"], found["value"]


def order(number="A1", total_fen=10_000):
    return OrderIn(order_no=number, total_fen=total_fen)


def ask(counter, *, number="A1", total_fen=10_000, **wishes):
    wish = checkout.QuoteIn(customer=person(counter), order=order(number, total_fen), **wishes)
    return checkout.quote_order(counter.house, wish, till=counter.chen, programme_id=counter.shop.programme_id)


def hold(counter, coupons=(), *, number="A1", total_fen=10_000, till=None, key=None, public=False, **wishes):
    wish = checkout.HoldIn(
        attempt_id=uuid4(), customer=person(counter), order=order(number, total_fen), coupons=[each.public_id for each in coupons], **wishes
    )
    return checkout.hold(
        counter.house,
        wish,
        till=till or counter.chen,
        programme_id=counter.shop.programme_id,
        key=key or str(uuid4()),
        body=wish.model_dump_json(exclude={"attempt_id"}).encode(),
        public=public,
    )


def step(counter, act, answer, *, till=None, **more):
    wish = checkout.StepIn(attempt_id=uuid4(), reason=more.pop("reason", ""))
    return getattr(checkout, act)(
        counter.house, UUID(answer.body["hold"]), wish, till=till or counter.chen, key=str(uuid4()), body=b"{}", public=False, **more
    )
