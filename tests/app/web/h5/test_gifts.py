"""Giving and taking by a link: one coupon or a pack, taken back, taken once, and only by somebody who is a member."""

import re

import pytest
from sqlalchemy import func, select

from app.core.unit import reading, work
from app.web.h5.device import COOKIE as PHONE
from cards.blocks import Whom, add_block
from cards.coupons.claim_codes import PERSON_TRIES, add_word
from cards.models.coupons import Coupon, CouponState
from cards.models.redemption import Suspicion


class Phone:
    """One member's phone."""

    def __init__(self, application, counter, openid):
        self.web, self.counter = application.test_client(), counter
        self.cookie = counter.log_in(self.web, openid)

    def get(self, path):
        return self.web.get(path).get_data(as_text=True)

    def post(self, path, **fields):
        return self.web.post(path, data={"csrf": self.counter.csrf(self.cookie), **fields})

    def press(self, path, to=None, **fields):
        """Open a page, then send its form."""
        found = re.search(r'name="nonce" value="([\w-]+)"', self.get(path))
        return self.post(to or path, **({"nonce": found[1]} if found else {}), **fields)


@pytest.fixture
def phones(house, counter):
    from app.factory import create_app

    application = create_app(house)

    def phone(openid, *, member=True):
        if member:
            counter.member(openid)
        return Phone(application, counter, openid)

    return phone


@pytest.fixture
def lin(phones):
    return phones("oLin")


def held(counter, number, **wishes):
    """Lin's coupons of one template."""
    template = counter.template(**{"giveable": True, "per_person": number, **wishes})
    customer = counter.follower("oLin")
    return [counter.give(customer, template, str(place)) for place in range(number)]


def states(house):
    with reading(house.engine) as session:
        rows = session.execute(select(Coupon.state, func.count()).group_by(Coupon.state))
        return {str(row[0]): row[1] for row in rows}


def test_one_is_given_and_taken(house, counter, lin, phones):
    (coupon,) = held(counter, 1)
    assert f'href="/me/give/{coupon}"' in lin.get(f"/me/coupon/{coupon}")
    link = lin.press(f"/me/give/{coupon}").headers["Location"]
    own = lin.get(link)
    assert "已准备好" in own
    assert "发送给朋友" in own
    zhao, place = phones("oZhao"), link.split("?")[0]
    page = zhao.get(place)
    assert "送您一张券" in page
    assert "收下" in page
    taken = zhao.post(place)
    assert taken.status_code == 303
    assert "领取成功" in zhao.get(taken.headers["Location"])
    assert zhao.post(place).headers["Location"] == taken.headers["Location"]
    assert states(house) == {"given": 1, "issued": 1}
    assert "您已领取" in zhao.get(place)
    assert "来晚了" in phones("oWu").get(place)
    assert "来晚了" in lin.get(place)


def test_pressing_twice_leads_to_one_link(house, counter, lin):
    coupons = held(counter, 4)
    page = lin.get(f"/me/give/{coupons[0]}")
    nonce = re.search(r'name="nonce" value="([\w-]+)"', page)[1]
    first, second = (lin.post(f"/me/give/{coupons[0]}", nonce=nonce, size="2").headers["Location"] for _ in range(2))
    assert first == second
    assert states(house) == {"given": 2, "issued": 2}


def test_a_pack_for_friends_and_the_rest_taken_back(house, counter, lin, phones):
    coupons = held(counter, 3)
    assert 'max="3"' in lin.get(f"/me/give/{coupons[0]}")
    place = lin.press(f"/me/give/{coupons[0]}", size="3").headers["Location"].split("?")[0]
    zhao = phones("oZhao")
    assert "剩 3 张，共 3 张" in zhao.get(place)
    assert zhao.post(place).headers["Location"] == zhao.post(place).headers["Location"]
    listed = lin.get("/me/gifts")
    assert "剩 2 张，共 3 张" in listed
    offer = re.search(r'action="(/me/gifts/[\w-]+)"', listed)[1]
    assert zhao.post(offer).status_code == 404
    assert "已收回" in lin.get(lin.post(offer).headers["Location"])
    assert states(house) == {"given": 1, "issued": 3}
    assert phones("oWu").post(place).status_code in (403, 409)


def test_a_single_offer_is_taken_back(house, counter, lin):
    (coupon,) = held(counter, 1)
    lin.press(f"/me/give/{coupon}")
    offer = re.search(r'action="(/me/gifts/[\w-]+)"', lin.get("/me/gifts"))[1]
    assert lin.post(offer).status_code == 303
    assert lin.post(offer).status_code == 409
    assert states(house) == {"issued": 1}
    assert "没有送出中的券" in lin.get("/me/gifts")


def test_a_stranger_may_look_and_is_led_in(counter, lin, phones):
    (coupon,) = held(counter, 1)
    place = lin.press(f"/me/give/{coupon}").headers["Location"].split("?")[0]
    assert f'href="/join?next={place}"' in phones("oNew", member=False).get(place)
    assert phones("oNew", member=False).get("/c/gift/" + "x" * 40)
    assert lin.web.get("/c/gift/nothing").status_code == 404


def test_what_may_not_be_given_is_not_offered(counter, lin, phones):
    (kept,) = held(counter, 1, giveable=False)
    assert "/me/give/" not in lin.get(f"/me/coupon/{kept}")
    assert "不能转赠" in lin.get(f"/me/give/{kept}")
    assert lin.post(f"/me/give/{kept}", nonce="1").status_code == 403
    zhao = phones("oZhao")
    assert zhao.web.get(f"/me/give/{kept}").status_code == 404
    assert zhao.post(f"/me/give/{kept}", nonce="1").status_code == 404


def test_a_form_of_another_session_gives_nothing(house, counter, lin):
    (coupon,) = held(counter, 1)
    assert lin.web.post(f"/me/give/{coupon}", data={"csrf": "x", "nonce": "1"}).status_code == 403
    assert states(house) == {"issued": 1}


def test_a_typed_code_gives_a_coupon_once_and_says_no_in_one_way(house, counter, lin):
    template = counter.template("口令券", claimable=False)
    with work(house.engine) as session:
        add_word(session, template, "SHUANG11", most=5, until=None, actor="Mei", now=house.clock.now())
    assert 'href="/c/code"' in lin.get("/me/coupons")
    lin.get("/c/code")
    taken = lin.post("/c/code", code="shuang 11")
    assert taken.status_code == 303
    assert lin.post("/c/code", code="SHUANG-11").headers["Location"] == taken.headers["Location"]
    refused = lin.post("/c/code", code="NOSUCH99")
    assert refused.status_code == 409
    page = refused.get_data(as_text=True)
    assert "这个兑换码现在不能使用，请核对后再试" in page
    assert 'value="NOSUCH99"' in page
    for _ in range(PERSON_TRIES - 3):
        lin.post("/c/code", code="NOSUCH99")
    assert lin.post("/c/code", code="SHUANG11").status_code == 429
    assert states(house) == {"issued": 1}


def test_a_claim_without_the_phones_number_is_refused(house, counter, lin):
    template = counter.template()
    nonce = re.search(r'name="nonce" value="([\w-]+)"', lin.get(f"/c/{template}"))[1]
    lin.web.delete_cookie(PHONE)
    assert lin.post(f"/c/{template}", nonce=nonce).status_code == 403
    lin.web.set_cookie(PHONE, "77.forged")
    assert lin.post(f"/c/{template}", nonce=nonce).status_code == 403
    assert states(house) == {}


def test_many_accounts_on_one_phone_are_stopped_and_seen(house, counter, lin, phones):
    template = counter.template(per_person=1)
    assert lin.press(f"/c/{template}").status_code == 303
    phone = lin.web.get_cookie(PHONE).value
    answers = []
    for openid in ("oZhao", "oWu"):
        other = phones(openid)
        other.web.set_cookie(PHONE, phone)
        answers.append(other.press(f"/c/{template}").status_code)
    assert answers == [303, 409]
    with reading(house.engine) as session:
        case = session.scalars(select(Suspicion)).one()
    assert (case.kind, case.detail["device"]) == ("many_on_one_phone", phone.split(".")[0])
    with work(house.engine) as session:
        add_block(
            session, house.ring, Whom(device=int(case.detail["device"])), reason="刷券", until=None, actor="Mei", now=house.clock.now()
        )
    assert "现在不能领取" in lin.get(f"/c/{counter.template('另一张')}")


def test_a_coupon_of_points_says_so(house, counter):
    template = counter.template(price_points=100)
    from app.factory import create_app

    counter.member("oLin")
    lin = Phone(create_app(house), counter, "oLin")
    assert lin.press(f"/c/{template}").status_code == 303
    with reading(house.engine) as session:
        (coupon,) = session.scalars(select(Coupon))
    assert (coupon.path, coupon.state) == ("points", CouponState.ISSUED)
