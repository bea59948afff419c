"""A claim page in a real Chromium: seen, taken, and used from the same place."""

import pytest
from playwright.sync_api import expect

from app.core.unit import work
from app.web.h5.session import COOKIE
from cards.coupons.claim_codes import add_word
from tests.support.browser import screenshot
from tests.support.look import faults
from tests.support.pages import put_page, put_picture

pytestmark = pytest.mark.browser


def test_a_claim_page_is_seen_and_taken_from(phone, house, counter, base):
    counter.member("oLin", points=1200)
    off = counter.template("双十一满减券", minimum_fen=19_900, per_person=1)
    word = counter.template("口令暖心券", claimable=False, terms={"amount_fen": 2000})
    paid = counter.template("积分兑换券", price_points=500, minimum_fen=9_900)
    with work(house.engine) as session:
        add_word(session, word, "双十一快乐", most=5, until=None, actor="Mei", now=house.clock.now())
    put_page(
        house,
        counter.programme_id,
        {"kind": "picture", "picture": put_picture(house), "alt": "双十一会员日海报"},
        {"kind": "text", "text": "三天，三张券，南京西路与浦东两店通用。\n先到先得，领完为止。"},
        {"kind": "heading", "text": "人人可领"},
        {"kind": "coupon", "template": off},
        {"kind": "heading", "text": "积分换好礼"},
        {"kind": "coupon", "template": paid},
        {"kind": "code", "label": "店员给你的口令"},
        {"kind": "rules", "title": "活动规则", "lines": ["每人限领一张满减券。", "积分兑换后不退回。", "券的有效期以券面为准。"]},
        title="双十一会员日",
        until_at="2026-11-30T23:59:00+08:00",
    )
    phone.goto(f"{base}/p/double-11")
    expect(phone.get_by_role("link", name="登录领取").first).to_be_visible()
    phone.context.add_cookies([{"name": COOKIE, "value": counter.cookie("oLin"), "url": base}])
    phone.goto(f"{base}/p/double-11")
    assert phone.evaluate("document.images[0].naturalWidth") == 900
    screenshot(phone, "h5_claim_page")
    assert faults(phone) == []
    phone.get_by_role("button", name="立即领取 双十一满减券").click()
    expect(phone.get_by_role("status")).to_contain_text("领取成功")
    expect(phone.get_by_text("已领取", exact=True)).to_be_visible()
    screenshot(phone, "h5_claim_page_taken")
    assert faults(phone) == []
    phone.get_by_label("店员给你的口令").fill("双十一 快乐")
    phone.get_by_role("button", name="兑换", exact=True).click()
    expect(phone.get_by_role("status")).to_contain_text("领取成功")
    phone.get_by_role("link", name="去使用 双十一满减券").click()
    expect(phone.get_by_role("heading", name="双十一满减券")).to_be_visible()
