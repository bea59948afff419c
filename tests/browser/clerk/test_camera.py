"""A moving picture of a coupon's code before a real Chromium: pairing, log-in, green, then orange with when, where and by whom."""

import pytest
from playwright.sync_api import expect

from cards import codes
from tests.browser.clerk.conftest import opened
from tests.support.browser import screenshot
from tests.support.clerk import PASSWORD, camera_chromium, film_of

pytestmark = pytest.mark.browser


def test_a_clerk_pairs_logs_in_scans_and_scans_again(counter, address, tmp_path):
    coupon = counter.coupon()
    film = film_of(coupon.code, tmp_path / "film.y4m")
    with camera_chromium(film) as browser, opened(browser, address, permissions=["camera"]) as page:
        screenshot(page, "clerk-pair")
        page.fill("input[name=code]", counter.pair_code().lower())
        page.keyboard.press("Enter")
        page.fill("input[name=login]", "chen")
        page.fill("input[name=password]", PASSWORD)
        screenshot(page, "clerk-login")
        page.keyboard.press("Enter")
        page.fill("#sheet input[name=amount]", "198")
        page.wait_for_selector("#sheet .unmet")
        assert "还差 ¥1.00" in page.inner_text("#sheet .unmet")
        assert page.is_disabled("#confirm")
        screenshot(page, "clerk-preview-unmet")
        page.fill("#sheet input[name=amount]", "199")
        page.wait_for_selector("#confirm:not([disabled])")
        assert page.inner_text("#confirm") == "确认核销 · 收款 ¥99.00"
        screenshot(page, "clerk-preview")
        page.click("#confirm")
        page.wait_for_selector("#outcome[data-kind=done]")
        said = page.inner_text("#outcome")
        assert [part in said for part in ("核销成功", "请收款 ¥99.00", "林* · 普通", "− ¥100.00", "撤销（14:5")] == [True] * 5
        assert page.get_attribute("body", "data-felt") == "done"
        screenshot(page, "clerk-done")
        page.click("#outcome .solid")
        page.wait_for_selector("#outcome[data-kind=used]")
        said = page.inner_text("#outcome")
        assert [part in said for part in ("已用过", "今天", "南京西路店 · 陈晨", "¥100.00", "请当班主管撤销后重扫")] == [True] * 5
        assert page.get_attribute("body", "data-felt") == "used"
        screenshot(page, "clerk-used")
        page.click("#outcome .solid")
        expect(page.locator("#tally")).to_have_text("本班 1 笔 · ¥99")


def test_a_members_moving_code_leads_to_him_and_one_of_his_coupons_is_chosen(counter, address, tmp_path):
    shown = codes.make_moving(counter.house.ring, kind=codes.MEMBER, subject=int(counter.lin.number), now=counter.house.clock.now())
    counter.coupon()
    film = film_of(shown, tmp_path / "film.y4m")
    with camera_chromium(film) as browser, opened(browser, address, permissions=["camera"]) as page:
        page.fill("input[name=code]", counter.pair_code())
        page.keyboard.press("Enter")
        page.fill("input[name=login]", "chen")
        page.fill("input[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_selector(".face")
        assert "林* · 普通" in page.inner_text(".face")
        page.click("#member-found .act")
        page.wait_for_selector("#sheet input[name=amount]")
        assert "满199减100" in page.inner_text("#sheet h1")
