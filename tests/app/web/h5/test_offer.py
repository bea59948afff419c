"""Taking a coupon from its page: once however often it is pressed, never past its limits, and only by somebody who is a member."""

import re
import threading

import pytest
from sqlalchemy import func, select

from app.core.unit import reading
from cards.models.coupons import Coupon, TemplateState
from cards.models.ledger import Wallet


def nonce_of(web, template):
    found = re.search(r'name="nonce" value="([\w-]+)"', web.get(f"/c/{template}").get_data(as_text=True))
    return found[1] if found else None


def take(web, counter, cookie, template, nonce=None):
    return web.post(f"/c/{template}", data={"csrf": counter.csrf(cookie), "nonce": nonce or nonce_of(web, template) or "0" * 32})


def coupons(house):
    with reading(house.engine) as session:
        return session.scalar(select(func.count()).select_from(Coupon))


def test_a_member_takes_it_and_sees_its_code(web, house, counter):
    counter.member("oLin")
    cookie, template = counter.log_in(web, "oLin"), counter.template(minimum_fen=9900)
    page = web.get(f"/c/{template}").get_data(as_text=True)
    assert "立即领取" in page
    assert "¥100" in page
    assert "满 99 元" in page
    answer = take(web, counter, cookie, template)
    assert answer.status_code == 303
    taken = web.get(answer.headers["Location"]).get_data(as_text=True)
    assert "领取成功" in taken
    assert "data-code" in taken


def test_pressing_again_gives_the_same_one(web, house, counter):
    counter.member("oLin")
    cookie, template = counter.log_in(web, "oLin"), counter.template(per_person=5)
    nonce = nonce_of(web, template)
    first, second = (take(web, counter, cookie, template, nonce).headers["Location"] for _ in range(2))
    assert first == second
    assert take(web, counter, cookie, template).headers["Location"] != first
    assert coupons(house) == 2


def test_his_limit_holds_in_parallel(house, counter):
    from app.factory import create_app

    counter.member("oLin")
    template, application, answers = counter.template(per_person=1), create_app(house), []

    def press():
        client = application.test_client()
        cookie = counter.log_in(client, "oLin")
        answers.append(take(client, counter, cookie, template).status_code)

    threads = [threading.Thread(target=press) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [303, 409, 409, 409, 409]
    assert coupons(house) == 1


def test_points_pay_where_it_has_a_price(web, house, counter):
    counter.member("oLin")
    cookie, template = counter.log_in(web, "oLin"), counter.template(price_points=150, per_person=None)
    assert "用 150 积分兑换" in web.get(f"/c/{template}").get_data(as_text=True)
    assert take(web, counter, cookie, template).status_code == 303
    assert take(web, counter, cookie, template).status_code >= 400
    with reading(house.engine) as session:
        assert session.scalar(select(Wallet.active).where(Wallet.kind == "points")) == 50
    assert coupons(house) == 1


def test_a_stranger_may_look_and_is_led_in(web, counter):
    template = counter.template()
    page = web.get(f"/c/{template}").get_data(as_text=True)
    assert f'href="/h5/enter?next=/c/{template}"' in page
    counter.log_in(web, "oZhao")
    assert f'href="/join?next=/c/{template}"' in web.get(f"/c/{template}").get_data(as_text=True)


@pytest.mark.parametrize("wishes", [{"state": TemplateState.DRAFT}, {"claimable": False}])
def test_what_is_nobodys_business_does_not_exist(web, counter, wishes):
    assert web.get(f"/c/{counter.template(**wishes)}").status_code == 404
    assert web.get("/c/nothing").status_code == 404


def test_what_is_over_says_so(web, house, counter):
    counter.member("oLin")
    cookie, template = counter.log_in(web, "oLin"), counter.template(state=TemplateState.CLOSED)
    assert "现在不能领取" in web.get(f"/c/{template}").get_data(as_text=True)
    assert "It cannot be claimed now" in web.get(f"/c/{template}?lang=en").get_data(as_text=True)
    assert take(web, counter, cookie, template).status_code == 409
    assert coupons(house) == 0
