"""A receipt's whole way in a real Chromium: photographed on the customer's phone, approved at the counter, credited on his page."""

import re

import pytest
from playwright.sync_api import expect

from app.core.unit import work
from app.web.h5.session import COOKIE
from cards.rulebook import define_rule
from tests.support.browser import screenshot
from tests.support.h5 import Counter as Club
from tests.support.h5 import with_public_url
from tests.support.look import faults
from tests.support.orders import LONG_AGO
from tests.support.receipts import photo

pytestmark = pytest.mark.browser


@pytest.fixture
def club(house, counter, make_account):
    """The shop's programme as customers meet it: one point a yuan, and Lin's card on her phone."""
    made = Club(house, make_account(), counter.club.programme_id, counter.club.shop.unit_id, (counter.store.id, counter.other.id))
    said = {"kind": "spend", "params": {"rate": {"points": 1, "per_fen": 100}}, "name": "消费积分", "valid_from": LONG_AGO}
    with work(house.engine) as session:
        define_rule(session, programme_id=made.programme_id, now=house.clock.now(), actor="Mei", **said)
    made.member("oLin")
    return made


def fill(phone, address, tmp_path, *, number, total):
    phone.goto(f"{address}/me/receipts")
    path = tmp_path / f"{number}.jpg"
    # As a phone's camera makes them: far larger than what is sent.
    path.write_bytes(photo(number, total, size=(2400, 3200), quality=97))
    phone.locator("input[name=photo]").set_input_files(path)
    expect(phone.locator("#snap canvas")).to_be_visible()
    phone.get_by_label("消费门店").select_option(label="南京西路店")
    phone.get_by_label("小票单号").fill(number)
    phone.get_by_label("实付金额（元）").fill(total)


def test_from_the_phone_over_the_counter_to_the_points(phone, at_counter, house, club, address, tmp_path):
    with_public_url(house, address)
    phone.context.add_cookies([{"name": COOKIE, "value": club.cookie("oLin"), "url": address}])
    fill(phone, address, tmp_path, number="88201", total="885.00")
    screenshot(phone, "h5_receipt_form")
    assert faults(phone) == []
    phone.get_by_role("button", name="提交小票").click()
    expect(phone.get_by_role("status")).to_contain_text("已提交")
    expect(phone.locator("[data-state=waiting]")).to_contain_text("88201")
    fill(phone, address, tmp_path, number="99999", total="10")
    phone.get_by_role("button", name="提交小票").click()
    expect(phone.locator("[data-state=waiting]")).to_have_count(2)
    assert faults(phone) == []

    desk = at_counter()
    desk.get_by_role("button", name="小票 2").click()
    first = desk.locator("#sheet .box").first
    expect(first.locator("img")).to_be_visible()
    assert first.locator("img").evaluate("image => image.naturalWidth") == 1200
    screenshot(desk, "clerk_receipts")
    first.get_by_role("button", name="通过入账").scroll_into_view_if_needed()
    screenshot(desk, "clerk_receipts_below")
    assert faults(desk) == []
    first.get_by_label("实付金额（元）").fill("88.50")
    first.get_by_role("button", name="通过入账").click()
    expect(desk.locator("#toast")).to_contain_text("已入账 88 积分")
    expect(desk.locator("#sheet .box")).to_have_count(1)
    second = desk.locator("#sheet .box").first
    second.get_by_role("button", name="拒绝").click()
    expect(desk.locator("#sheet .box")).to_have_count(1)
    second.get_by_role("button", name="不是本店小票").click()
    second.get_by_role("button", name="拒绝").click()
    expect(desk.locator("#sheet .box")).to_have_count(0)
    desk.locator("#sheet .close").click()
    expect(desk.locator("#receipts")).to_be_hidden()

    phone.goto(f"{address}/me/receipts")
    credited = phone.locator("[data-state=credited]")
    expect(credited).to_contain_text("+88 积分")
    expect(credited).to_contain_text(re.compile(r"\d\d-\d\d 生效"))
    expect(phone.locator("[data-state=refused]")).to_contain_text("不是本店小票")
    screenshot(phone, "h5_receipts")
    phone.emulate_media(color_scheme="dark")
    assert faults(phone) == []
    screenshot(phone, "h5_receipts_dark")
