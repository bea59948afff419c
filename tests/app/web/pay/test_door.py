"""From a payment on the platform to points in the ledger, and back by a refund."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.core.followers import Sighting, meet
from app.core.nouns import Customer
from app.core.unit import reading, work
from cards.ledger.verify import verify
from cards.ledger.wallets import open_wallet
from cards.membership import open_card
from cards.models.ledger import Wallet
from cards.models.membership import CardPath
from cards.models.orders import Purchase, Sku
from cards.models.payments import PayNotice
from cards.order_forms import OrderIn
from cards.orders import book
from cards.payments import claim_payments
from tests.support import pay
from tests.support.money import open_shop


@pytest.fixture
def account(make_account):
    return make_account(appid="wxpay0000000001")


@pytest.fixture
def shop(house, account):
    held = open_shop(house, customers=0)
    return pay.open_pay_shop(house, account.id, programme_id=held.programme_id, unit_id=held.unit_id)


def lin(house, account, openid="oLin"):
    """Lin, who is known on the account; returns her customer id."""
    with work(house.engine) as session:
        (follower,) = meet(session, [Sighting(account.id, account.appid, openid)], now=house.clock.now()).values()
        return follower.customer_id


def post(web, shop, sent):
    return web.post(shop.path, data=sent.body, headers=sent.headers)


def notices(house):
    with reading(house.engine) as session:
        return session.scalars(select(PayNotice).order_by(PayNotice.id)).all()


def points(house, shop, customer_id):
    with reading(house.engine) as session:
        query = select(Wallet.active + Wallet.pending).where(Wallet.customer_id == customer_id, Wallet.programme_id == shop.programme_id)
        found = session.scalar(query.where(Wallet.kind == "points"))
        assert verify(session) == []
        return found or 0


def test_a_payment_earns_once_however_often_it_is_told(web, house, account, shop):
    customer_id, now = lin(house, account), house.clock.now()
    first = pay.letter(pay.payment(account.appid, now=now, total=12800, payer=12000), now=now)
    again = pay.letter(pay.payment(account.appid, now=now, total=12800, payer=12000), now=now, notice_id="n-2")
    assert [post(web, shop, sent).status_code for sent in (first, first, again)] == [204, 204, 204]
    assert points(house, shop, customer_id) == 120
    with reading(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(Purchase)) == 1
    assert [kept.state for kept in notices(house)] == ["booked", "booked"]


def test_parallel_repeats_make_one_order(house, account, shop):
    from app.factory import create_app

    application, now = create_app(house), house.clock.now()
    customer_id = lin(house, account)
    sent = pay.letter(pay.payment(account.appid, now=now), now=now)
    answers = []

    def tell():
        answers.append(application.test_client().post(shop.path, data=sent.body, headers=sent.headers).status_code)

    threads = [threading.Thread(target=tell) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [204] * 6
    assert points(house, shop, customer_id) == 128
    assert len(notices(house)) == 1


def test_refunds_take_points_back_to_the_last_one(web, house, account, shop):
    customer_id, now = lin(house, account), house.clock.now()
    post(web, shop, pay.letter(pay.payment(account.appid, now=now, total=250_050), now=now))
    assert points(house, shop, customer_id) == 2500
    for number, fen in enumerate((100_001, 49, 150_000)):
        back = pay.refund(now=now, fen=fen, total=250_050, refund_id=f"503{number:025d}")
        sent = pay.letter(back, now=now, event_type="REFUND.SUCCESS", notice_id=f"r-{number}")
        assert [post(web, shop, sent).status_code for _ in range(2)] == [204, 204]
    assert points(house, shop, customer_id) == 0
    over = pay.letter(pay.refund(now=now, fen=1, total=250_050, refund_id="5039"), now=now, event_type="REFUND.SUCCESS", notice_id="r-over")
    assert post(web, shop, over).status_code == 204
    assert (notices(house)[-1].state, notices(house)[-1].code) == ("parked", "refund_differs")


def test_a_refund_that_is_faster_than_its_payment_is_asked_for_again(web, house, account, shop):
    customer_id, now = lin(house, account), house.clock.now()
    back = pay.letter(pay.refund(now=now, fen=12800), now=now, event_type="REFUND.SUCCESS", notice_id="r-1")
    assert post(web, shop, back).status_code == 503
    assert notices(house) == []
    post(web, shop, pay.letter(pay.payment(account.appid, now=now), now=now))
    assert post(web, shop, back).status_code == 204
    assert points(house, shop, customer_id) == 0


def test_a_refund_of_another_total_is_parked(web, house, account, shop):
    now = house.clock.now()
    post(web, shop, pay.letter(pay.payment(account.appid, now=now), now=now))
    post(web, shop, pay.letter(pay.refund(now=now, fen=100, total=12801), now=now, event_type="REFUND.SUCCESS", notice_id="r-1"))
    assert (notices(house)[-1].state, notices(house)[-1].code) == ("parked", "amount_differs")


@pytest.mark.parametrize(("total", "state", "code"), [(12800, "matched", None), (12801, "parked", "amount_differs")])
def test_an_order_the_till_told_is_not_booked_twice(web, house, account, shop, total, state, code):
    customer_id, now = lin(house, account), house.clock.now()
    with work(house.engine) as session:
        order = OrderIn.model_validate(
            {"source": "pos", "order_no": "T20261122000001", "store": "P1", "paid_at": now, "lines": [{"sku": "A1", "amount_fen": 12800}]}
        )
        book(session, order, programme_id=shop.programme_id, ring=house.ring, registry=house.registry, actor="till", now=now)
    post(web, shop, pay.letter(pay.payment(account.appid, now=now, total=total), now=now))
    assert [(kept.state, kept.code) for kept in notices(house)] == [(state, code)]
    with reading(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(Purchase)) == 1
    assert points(house, shop, customer_id) == (128 if state == "matched" else 0)


def test_who_opens_a_card_later_gets_what_he_paid_before(web, house, account, shop):
    now = house.clock.now()
    post(web, shop, pay.letter(pay.payment(account.appid, now=now), now=now))
    house.clock.advance(timedelta(days=3))
    customer_id = lin(house, account)
    with work(house.engine) as session:
        opened = {"path": CardPath.H5, "registry": house.registry, "actor": "h5", "now": house.clock.now()}
        open_card(session, customer_id=customer_id, programme_id=shop.programme_id, **opened)
        who = {"account_id": account.id, "appid": account.appid, "openid": "oLin", "customer_id": customer_id}
        assert claim_payments(session, **who, registry=house.registry, now=house.clock.now()) == 1
        assert claim_payments(session, **who, registry=house.registry, now=house.clock.now()) == 0
    assert points(house, shop, customer_id) == 128


def test_somebody_who_was_erased_is_not_found_by_his_payment(web, house, account, shop):
    customer_id, now = lin(house, account), house.clock.now()
    with work(house.engine) as session:
        session.get_one(Customer, customer_id).erased_at = now
    post(web, shop, pay.letter(pay.payment(account.appid, now=now), now=now))
    with reading(house.engine) as session:
        assert session.scalars(select(Purchase)).one().customer_id is None


def test_a_unit_with_a_list_of_goods_takes_payments_too(web, house, account, shop):
    customer_id, now = lin(house, account), house.clock.now()
    with work(house.engine) as session:
        from app.core.nouns import Store

        session.add(Sku(business_unit_id=session.get_one(Store, shop.store_id).business_unit_id, code="A1", name="面膜"))
    post(web, shop, pay.letter(pay.payment(account.appid, now=now), now=now))
    assert points(house, shop, customer_id) == 128


def test_strangers_and_unknown_merchants_change_nothing(web, house, account, shop):
    now = house.clock.now()
    sent = pay.letter(pay.payment(account.appid, now=now), now=now)
    forged = sent.headers | {"Wechatpay-Nonce": "x"}
    assert web.post(shop.path, data=sent.body, headers=forged).status_code == 403
    assert web.post("/pay/wechat/nobody", data=sent.body, headers=sent.headers).status_code == 404
    assert web.post("/pay/wechat/01890000-0000-7000-8000-000000000000", data=sent.body, headers=sent.headers).status_code == 404
    assert web.post(shop.path, data=b"x" * 70_000, headers=sent.headers).status_code == 413
    assert notices(house) == []


def test_the_platforms_own_notices_become_points(house, sandbox, serve, make_account):
    from app.core.clock import WallClock
    from app.factory import create_app

    account = make_account()
    sandbox.add_account(account)
    # The platform signs with real time, so this house lives in it, too.
    house.clock = WallClock()
    held = open_shop(house, customers=0)
    base = serve(create_app(house))
    (person,) = sandbox.add_people("Lin")
    wanted = {"mchid": pay.MCHID, "appid": account.appid, "api_v3_key": pay.API_KEY, "notify_url": base, "repeat_after_s": [0.05] * 5}
    known = sandbox.control("pay/merchants", wanted)
    shop = pay.open_pay_shop(
        house, account.id, programme_id=held.programme_id, unit_id=held.unit_id, public_key=known["public_key"], serial=known["serial"]
    )
    sandbox.control("pay/merchants", {**wanted, "notify_url": base + shop.path})
    sandbox.act(person["id"], account, "follow")
    customer_id = lin(house, account, sandbox.person(person["id"])["openids"][account.appid])
    paid = sandbox.control("pay", {"mchid": pay.MCHID, "person": person["id"], "total_fen": 9900, "copies": 2})
    sandbox.control("pay/refund", {"transaction_id": paid["transaction_id"], "refund_fen": 4900})
    assert sandbox.idle(20)["notices_pending"] == 0
    assert points(house, shop, customer_id) == 50
    with work(house.engine) as session:
        assert open_wallet(session, customer_id=customer_id, programme_id=shop.programme_id)
