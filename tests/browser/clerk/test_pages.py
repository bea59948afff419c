"""Members, booking and hand-over; two languages, two sizes, light and dark: nothing scrolls sideways and every target fits a thumb."""

import re

import pytest

from app.core.unit import work
from cards.rulebook import define_rule
from tests.browser.clerk.conftest import preview
from tests.support.browser import screenshot
from tests.support.look import faults
from tests.support.orders import LONG_AGO

pytestmark = pytest.mark.browser
VIEWS = ("scan", "member", "book", "shift")


def test_a_member_is_found_a_purchase_booked_a_card_opened_and_the_shift_handed_over(at_counter, counter):
    with work(counter.house.engine) as session:
        said = {"kind": "spend", "params": {"rate": {"points": 1, "per_fen": 100}}, "name": "消费积分", "valid_from": LONG_AGO}
        define_rule(session, programme_id=counter.club.programme_id, now=counter.house.clock.now(), actor="Mei", **said)
    coupon = counter.coupon()
    page = at_counter()
    preview(page, coupon.code, "199")
    page.click("#confirm")
    page.click("#outcome .solid")
    page.click("nav [data-go=member]")
    page.fill("#view-member input[name=key]", "13800000003")
    page.keyboard.press("Enter")
    page.wait_for_selector(".face")
    assert "138****0003" in page.inner_text(".face")
    # The number a customer said does not stay on the counter's screen.
    assert page.input_value("#view-member input[name=key]") == ""
    screenshot(page, "clerk-member")
    page.click("#member-found .btn")
    page.fill("#booker input[name=amount]", "320")
    page.fill("#booker input[name=number]", "A-1001")
    screenshot(page, "clerk-book")
    page.click("#booker .btn")
    page.wait_for_selector("#outcome[data-kind=done]")
    assert "本次积分 +320" in page.inner_text("#outcome")
    screenshot(page, "clerk-booked")
    page.click("#outcome .solid")
    page.click("nav [data-go=member]")
    page.fill("#opener input", "137 0000 1111")
    page.click("#opener .btn")
    page.wait_for_selector(".note.good")
    assert "开卡成功" in page.inner_text(".note.good")
    screenshot(page, "clerk-card")
    page.click("nav [data-go=shift]")
    page.wait_for_selector("#hand-over")
    said = page.inner_text("#view-shift")
    assert [part in said for part in ("¥100.00", "¥99.00", "1 · ¥320.00", "结算预览")] == [True] * 4
    screenshot(page, "clerk-shift")
    page.click("#hand-over")
    page.click("#hand-over-now")
    page.wait_for_selector("input[name=login]")


@pytest.mark.parametrize(("width", "height"), [(390, 844), (360, 640), (1440, 900)])
def test_every_view_fits_and_every_target_is_big_enough(at_counter, counter, width, height):
    coupon = counter.coupon()
    page = at_counter(viewport={"width": width, "height": height})
    preview(page, coupon.code, "199")
    assert faults(page) == []
    page.keyboard.press("Escape")
    for view in VIEWS:
        page.click(f"nav [data-go={view}]")
        page.wait_for_selector(f"body[data-view={view}]")
        assert faults(page) == [], view
        screenshot(page, f"clerk-{view}-{width}")


def test_english_is_not_mixed_with_chinese(at_counter):
    page = at_counter(locale="en-GB")
    assert page.get_attribute("html", "lang") == "en"
    for view in VIEWS:
        page.click(f"nav [data-go={view}]")
        page.wait_for_timeout(300)
        shown = page.inner_text("main") + page.inner_text("nav")
        # The names of people, units and coupons stay as they are.
        assert re.findall(r"[\u3400-\u9fff]+", shown.replace("陈晨", "").replace("海岸百货", "")) == [], view
        screenshot(page, f"clerk-en-{view}")
    page.click("#lang")
    assert page.inner_text("nav [data-go=scan]") == "扫码"


def test_every_word_is_there_in_both_languages(at_counter):
    page = at_counter()
    words = page.evaluate("import('/assets/own/clerk/words.js').then((words) => words.keys())")
    assert words["zh"] == words["en"]
    assert len(words["zh"]) > 100


def test_dark_pages_are_dark(at_counter):
    page = at_counter(color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 19, 25)"
    screenshot(page, "clerk-dark")
    page.set_viewport_size({"width": 1440, "height": 900})
    screenshot(page, "clerk-dark-1440")


def test_what_a_person_types_is_no_scan_and_slow_signs_are_none(at_counter, counter):
    page = at_counter()
    coupon = counter.coupon()
    page.focus("#typed")
    page.keyboard.type(coupon.code, delay=130)
    assert page.is_hidden("#sheet")
    assert page.input_value("#typed") == coupon.code
    page.keyboard.press("Enter")
    page.wait_for_selector("#sheet:not([hidden])")
