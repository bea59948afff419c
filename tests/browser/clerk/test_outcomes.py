"""Red with its reason by hand scanner, undo, what is lost on the way and found again, and the queue of a lost connection."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import select, update

from app.core.unit import work
from cards import codes
from cards.models.coupons import Coupon
from cards.models.parked import ParkedScan
from cards.models.redemption import CouponUse
from tests.browser.clerk.conftest import preview, type_code
from tests.support.browser import screenshot

pytestmark = pytest.mark.browser


def uses(counter):
    with work(counter.house.engine) as session:
        return len(session.scalars(select(CouponUse)).all())


def expire(counter, coupon):
    now = counter.house.clock.now()
    with work(counter.house.engine) as session:
        dates = {"valid_from": now - timedelta(days=9), "expires_at": now - timedelta(days=1)}
        session.execute(update(Coupon).where(Coupon.id == coupon.id).values(**dates))


def test_forged_expired_and_foreign_are_red_with_their_reason(at_counter, counter):
    forged = codes.make_moving(counter.house.ring, kind="C", subject=counter.coupon().number, now=counter.house.clock.now())
    forged = forged[:-1] + ("7" if forged[-1] != "7" else "8")
    old = counter.coupon(name="中秋满减")
    expire(counter, old)
    foreign = counter.coupon(name="浦东专享", stores=[str(counter.other.public_id)])
    page = at_counter()
    for number, (code, why, also) in enumerate(
        (
            (forged, "动态码已过期或不是本店发出的", "请顾客打开会员页，出示最新的码"),
            (old.code, "这张券已过期", "中秋满减"),
            (foreign.code, "本店不能使用这张券", "浦东店"),
        )
    ):
        # A hand scanner types quicker than anybody and ends with Enter, wherever the focus is.
        page.keyboard.type(code)
        page.keyboard.press("Enter")
        page.wait_for_selector("#outcome[data-kind=no]")
        said = page.inner_text("#outcome")
        assert "不能使用" in said
        assert why in said
        assert also in said
        assert page.get_attribute("body", "data-felt") == "no"
        screenshot(page, f"clerk-refused-{number + 1}")
        page.click("#outcome .solid")
        page.wait_for_selector("#outcome", state="hidden")
    page.wait_for_selector("#recent .dot.no >> nth=2")
    assert page.input_value("#typed") == ""


def test_undo_from_the_green_screen_and_from_the_list(at_counter, counter):
    coupon = counter.coupon()
    page = at_counter()
    for where in ("screen", "list"):
        preview(page, coupon.code, "199")
        page.click("#confirm")
        page.wait_for_selector("#outcome[data-kind=done]")
        if where == "screen":
            page.click("#outcome .ghost")
        else:
            page.click("#outcome .solid")
            page.click("#recent .act.undo")
        page.wait_for_selector("#undo")
        screenshot(page, "clerk-undo")
        page.click("#undo")
        page.wait_for_selector("#outcome[data-kind=undone]")
        screenshot(page, "clerk-undone")
        page.click("#outcome .solid")
        page.wait_for_selector("#recent .dot.undone")
        expect(page.locator("#tally")).to_have_text("本班 0 笔 · ¥0")


def test_an_answer_lost_on_the_way_is_found_by_the_same_number(at_counter, counter):
    coupon = counter.coupon()
    page = at_counter(service_workers="block")
    asked = []

    def lose(route):
        # The server did it; its answer never arrives.
        asked.append(route.request.headers["idempotency-key"])
        route.fetch()
        route.abort("connectionreset")

    page.route("**/clerk/api/redeem", lose, times=1)
    preview(page, coupon.code, "199")
    page.click("#confirm")
    page.wait_for_selector("#outcome[data-kind=wait]")
    assert "请勿重扫" in page.inner_text("#outcome")
    assert page.get_attribute("body", "data-felt") == "wait"
    page.wait_for_selector("#outcome[data-kind=done]")
    assert "请收款 ¥99.00" in page.inner_text("#outcome")
    assert len(asked) == 1
    assert uses(counter) == 1


def test_a_scan_in_a_lost_connection_waits_with_its_age_and_is_sent_by_itself(at_counter, counter):
    coupon = counter.coupon()
    page = at_counter()
    page.wait_for_selector("body[data-kept]")
    preview(page, coupon.code, "258.5")
    page.context.set_offline(True)
    page.click("#confirm")
    page.wait_for_selector("#outcome[data-kind=wait]")
    screenshot(page, "clerk-wait")
    page.click("#outcome .solid")
    page.wait_for_selector("#sync[data-state=off]")
    expect(page.locator("#sync")).to_have_text("离线 · 待同步 1")
    expect(page.locator("#recent .row:first-child")).to_contain_text("待同步")
    # The device is put down and picked up again: the shell opens without a connection and the scan is still there.
    page.reload()
    page.wait_for_selector("body[data-ready][data-view=scan]")
    page.click("#sync")
    expect(page.locator("#sheet")).to_contain_text("待同步 1 笔")
    assert "满199减100" in page.inner_text("#sheet")
    screenshot(page, "clerk-queue")
    page.click("#sheet .close")
    assert uses(counter) == 0
    page.context.set_offline(False)
    page.wait_for_selector("#sync[data-state=on]")
    page.wait_for_selector("#recent .dot.done")
    assert uses(counter) == 1
    screenshot(page, "clerk-scan")


def test_a_queued_scan_that_is_refused_waits_for_the_supervisor(at_counter, counter):
    coupon = counter.coupon()
    expire(counter, coupon)
    page = at_counter()
    page.context.set_offline(True)
    type_code(page, coupon.code)
    page.fill("#sheet input[name=amount]", "300")
    screenshot(page, "clerk-offline")
    page.click("#aside")
    page.wait_for_selector("#outcome[data-kind=wait]")
    page.click("#outcome .solid")
    page.context.set_offline(False)
    page.wait_for_selector("#parked:not([hidden])")
    expect(page.locator("#parked")).to_have_text("待主管 1")
    assert uses(counter) == 0
    chief = at_counter(counter.wang)
    chief.click("#parked")
    chief.fill("#sheet input[name=note]", "顾客已补款")
    screenshot(chief, "clerk-parked")
    chief.click("#sheet >> text=已线下处理")
    chief.wait_for_selector("#parked", state="hidden")
    with work(counter.house.engine) as session:
        (row,) = session.scalars(select(ParkedScan)).all()
    assert (row.state, row.settled_by, row.note) == ("settled", "王敏", "顾客已补款")
