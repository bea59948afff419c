"""A payment that booked itself and the order its till told: one purchase whichever came first, and never two joined by a guess."""

from datetime import timedelta
from itertools import count
from threading import Barrier, Thread
from types import SimpleNamespace

import pytest
from sqlalchemy import func, select

from app.core.audit import AuditEntry
from app.core.errors import ConflictError
from app.core.followers import Sighting, meet
from app.core.unit import persistently, reading, work
from app.wechat.pay_notices import Notice, Payment
from cards.counter_report import by_store
from cards.ledger.spend import spend
from cards.ledger.verify import verify
from cards.ledger.wallets import open_wallet
from cards.models.ledger import Wallet
from cards.models.orders import Purchase
from cards.models.payments import PayMerchant, PayNotice
from cards.models.programme import Programme
from cards.order_forms import OrderIn
from cards.pay_matching import WINDOW, book_paid, match_by_hand, open_doubles
from cards.payments import take_notice
from tests.support import pay
from tests.support.money import cause, open_shop

_numbers = count(1)
FEN = 12_800


@pytest.fixture
def shop(house, make_account):
    account = make_account(appid="wxpay0000000001")
    held = open_shop(house, customers=0)
    made = pay.open_pay_shop(house, account.id, programme_id=held.programme_id, unit_id=held.unit_id)
    return SimpleNamespace(house=house, account=account, made=made, programme_id=held.programme_id)


def lin(shop, openid="oLin"):
    with work(shop.house.engine) as session:
        seen = [Sighting(shop.account.id, shop.account.appid, openid)]
        (follower,) = meet(session, seen, now=shop.house.clock.now()).values()
        return follower.customer_id


def notice(shop, *, transaction="4200001", trade="W1", total=FEN, openid="oLin", minutes=0, notice_id=None):
    """A notice of WeChat Pay takes effect; its row."""
    house, now = shop.house, shop.house.clock.now()
    paid = pay.payment(shop.account.appid, now=now + timedelta(minutes=minutes), total=total, openid=openid)
    said = Payment.model_validate({**paid, "transaction_id": transaction, "out_trade_no": trade})
    told = Notice(notice_id or f"n{next(_numbers)}", "TRANSACTION.SUCCESS", said)

    def take():
        with work(house.engine) as session:
            merchant = session.scalars(select(PayMerchant)).one()
            return take_notice(session, merchant, told, ring=house.ring, registry=house.registry, now=now)

    return persistently(take)


def order(shop, number="A-1", *, total=FEN, minutes=0, method="wechat_pay", customer=None, **numbers):
    """A till tells an order; what was booked."""
    house, now = shop.house, shop.house.clock.now()
    wish = OrderIn.model_validate(
        {
            "source": "pos",
            "order_no": number,
            "store": "P1",
            "paid_at": now + timedelta(minutes=minutes),
            "customer": customer,
            "payment": None if method is None else {"method": method, **numbers},
            "lines": [{"sku": "TEA", "amount_fen": total}],
        }
    )

    def tell():
        with work(house.engine) as session:
            common = {"ring": house.ring, "registry": house.registry, "actor": "till", "now": now}
            return book_paid(session, wish, programme_id=shop.programme_id, **common)

    return persistently(tell)


def standing(shop):
    """What counts: every purchase that nothing stands in the place of, by source, and the points of all."""
    with reading(shop.house.engine) as session:
        assert verify(session) == []
        sources = session.scalars(select(Purchase.source).where(Purchase.replaced_by_id.is_(None)).order_by(Purchase.id)).all()
        points = session.scalar(select(func.coalesce(func.sum(Wallet.active + Wallet.pending), 0)).where(Wallet.kind == "points"))
        return sources, points


def states(shop):
    with reading(shop.house.engine) as session:
        return session.scalars(select(PayNotice.state).order_by(PayNotice.id)).all()


def doubles(shop):
    with reading(shop.house.engine) as session:
        return [(each.order.order_no, [paid.order_no for paid in each.payments]) for each in open_doubles(session)]


@pytest.mark.parametrize("names", [{}, {"transaction_id": "4200001"}, {"out_trade_no": "W1"}])
@pytest.mark.parametrize("first", ["notice", "order"])
def test_whichever_comes_first_there_is_one_purchase_with_its_points_once(shop, names, first):
    lin(shop)
    for each in ("notice", "order") if first == "notice" else ("order", "notice"):
        notice(shop) if each == "notice" else order(shop, **names)
    assert standing(shop) == (["pos"], 128)
    assert states(shop) == ["matched"]
    assert doubles(shop) == []
    with reading(shop.house.engine) as session:
        now = shop.house.clock.now()
        (told,) = by_store(session, store_ids=[shop.made.store_id], since=now - timedelta(hours=1), until=now + timedelta(hours=1))
        assert (told.orders, told.sales_fen) == (1, FEN)


def test_a_till_that_uses_wechats_number_as_its_own_is_matched_without_saying_how_it_was_paid(shop):
    lin(shop)
    notice(shop, trade="A-1")
    order(shop, "A-1", method=None)
    assert standing(shop) == (["pos"], 128)


def test_an_order_that_names_a_payment_of_another_amount_is_refused_and_changes_nothing(shop):
    lin(shop)
    notice(shop)
    before = standing(shop)
    with pytest.raises(ConflictError) as refused:
        order(shop, total=FEN + 1, transaction_id="4200001")
    assert refused.value.code == "payment_differs"
    assert (standing(shop), states(shop)) == (before, ["booked"])


@pytest.mark.parametrize("first", ["notice", "order"])
def test_a_payment_that_is_told_again_stays_matched(shop, first):
    lin(shop)
    for each in ("notice", "order") if first == "notice" else ("order", "notice"):
        notice(shop) if each == "notice" else order(shop)
    notice(shop, notice_id="again")
    assert states(shop) == ["matched", "matched"]
    assert standing(shop) == (["pos"], 128)
    other = notice(shop, notice_id="wrong", total=FEN + 1)
    assert (other.state, other.code) == ("parked", "amount_differs")


@pytest.mark.parametrize("policy", ["refuse", "floor_at_zero", "debt"])
@pytest.mark.parametrize("names", [{}, {"transaction_id": "4200001"}])
def test_a_payment_whose_points_are_spent_has_earned_once_whatever_becomes_of_spent_points(shop, names, policy):
    customer = lin(shop)
    with work(shop.house.engine) as session:
        programme = session.get_one(Programme, shop.programme_id)
        programme.return_policy, programme.pending_days = policy, 0
    notice(shop)
    now = shop.house.clock.now()
    with work(shop.house.engine) as session:
        wallet = open_wallet(session, customer_id=customer, programme_id=shop.programme_id)
        unit = session.scalars(select(Purchase.business_unit_id)).one()
        spend(session, wallet_id=wallet, amount=100, unit_id=unit, cause=cause(now))
    assert order(shop, **names).fresh
    stands = ["pos" if policy == "debt" else "wechat_pay"]
    assert standing(shop) == (stands, 28)
    assert not order(shop, **names).fresh
    assert doubles(shop) == []
    assert standing(shop) == (stands, 28)


def test_the_same_order_again_answers_as_before(shop):
    lin(shop)
    notice(shop)
    first, again = order(shop), order(shop)
    assert (first.fresh, again.fresh, again.purchase.id, again.points) == (True, False, first.purchase.id, 128)
    assert standing(shop) == (["pos"], 128)


@pytest.mark.parametrize("first", ["notices", "orders"])
def test_of_two_that_look_alike_nobody_guesses_and_both_wait_for_a_person(shop, first):
    lin(shop)
    tell = [lambda: notice(shop), lambda: notice(shop, transaction="4200002", trade="W2")]
    ring = [lambda: order(shop, "A-1"), lambda: order(shop, "A-2")]
    for act in tell + ring if first == "notices" else ring + tell:
        act()
    sources, points = standing(shop)
    assert sorted(sources) == ["pos", "pos", "wechat_pay", "wechat_pay"]
    assert points == 256
    assert doubles(shop) == [("A-1", ["4200001", "4200002"]), ("A-2", ["4200001", "4200002"])]


@pytest.mark.parametrize(
    "change", [{"minutes": WINDOW.seconds // 60 + 1}, {"total": FEN + 100}, {"method": "cash"}, {"transaction_id": "4200009"}]
)
@pytest.mark.parametrize("first", ["notice", "order"])
def test_what_cannot_be_the_same_is_left_alone(shop, change, first):
    shop.house.clock.advance(timedelta(hours=1))
    change = {**change, "minutes": -change["minutes"]} if "minutes" in change else change
    lin(shop)
    for each in ("notice", "order") if first == "notice" else ("order", "notice"):
        notice(shop) if each == "notice" else order(shop, **change)
    assert sorted(standing(shop)[0]) == ["pos", "wechat_pay"]
    assert doubles(shop) == []


def test_two_known_people_are_never_made_one(shop):
    from app.core.nouns import Customer

    lin(shop)
    zhao = lin(shop, "oZhao")
    with reading(shop.house.engine) as session:
        person = session.get_one(Customer, zhao).public_id
    notice(shop)
    order(shop, customer=person)
    assert sorted(standing(shop)[0]) == ["pos", "wechat_pay"]
    assert doubles(shop) == [("A-1", ["4200001"])]


def test_a_person_says_which_and_only_once(shop):
    lin(shop)
    for transaction, trade in (("4200001", "W1"), ("4200002", "W2")):
        notice(shop, transaction=transaction, trade=trade)
    made = order(shop)

    def say(transaction):
        with work(shop.house.engine) as session:
            common = {"registry": shop.house.registry, "actor": "Mei", "now": shop.house.clock.now()}
            match_by_hand(session, made.purchase.public_id, transaction, **common)

    say("4200002")
    assert sorted(standing(shop)[0]) == ["pos", "wechat_pay"]
    assert standing(shop)[1] == 256
    assert doubles(shop) == []
    with pytest.raises(ConflictError):
        say("4200001")
    with reading(shop.house.engine) as session:
        assert session.scalars(select(AuditEntry.actor).where(AuditEntry.action == "payment.matched")).all() == ["Mei"]


def test_a_payment_that_was_partly_refunded_is_not_joined_by_itself(shop):
    lin(shop)
    notice(shop)
    with work(shop.house.engine) as session:
        paid = session.scalars(select(Purchase)).one()
        from cards.models.orders import PurchaseLine

        session.scalars(select(PurchaseLine).where(PurchaseLine.purchase_id == paid.id)).one().returned_qty = 100
    order(shop)
    assert sorted(standing(shop)[0]) == ["pos", "wechat_pay"]


@pytest.mark.parametrize("round_", range(4))
def test_at_the_same_moment_it_is_still_one_purchase(shop, round_):
    lin(shop)
    gate, failed = Barrier(2), []

    def run(act):
        gate.wait()
        try:
            act()
        except Exception as error:  # noqa: BLE001 - whatever a thread raised is what the test asks for.
            failed.append(error)

    names = {"transaction_id": "4200001"} if round_ % 2 else {}
    threads = [Thread(target=run, args=(act,)) for act in (lambda: notice(shop), lambda: order(shop, **names))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert standing(shop) == (["pos"], 128)
    assert states(shop) == ["matched"]
