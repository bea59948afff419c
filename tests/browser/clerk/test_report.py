"""The report, the terminal check and log-in by WeChat in a real Chromium, with the sandbox as WeChat; on a phone and on a desk."""

from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from app.core import departments, staffing
from app.core.nouns import BusinessUnit
from app.core.people import Role
from app.core.unit import work
from app.web.clerk.door import DEVICE_COOKIE, STAFF_COOKIE
from tests.browser.clerk.conftest import opened
from tests.support.browser import screenshot
from tests.support.clerk import PASSWORD
from tests.support.h5 import with_public_url

pytestmark = pytest.mark.browser
SMALL = """() => [...document.querySelectorAll('button, input')].filter((each) => each.offsetParent && each.id !== 'sync')
    .map((each) => [each.id || each.className || each.name, each.getBoundingClientRect()]).filter(([, box]) => box.height < 43.5 || box.width < 43.5).map(([name]) => name)"""
APPID = "wxSite0000000001"


@pytest.fixture
def boss(house, counter):
    """李店, manager of the store."""
    with work(house.engine) as session:
        made = staffing.add_staff(session, house.ring, login="li", name="李店", password=PASSWORD, actor="t", now=house.clock.now())
        staffing.give_position(session, made, role=Role.MANAGER, store=counter.store, actor="t", now=house.clock.now())
    return made


@pytest.fixture
def wechat(house, sandbox, address):
    """WeChat with our website application, and 陈晨 and 李店 with their phones."""
    sandbox.control("accounts", {"appid": APPID, "secret": "site-secret", "kind": "website", "name": "粉卡 · 海岸百货"})
    sandbox.add_people("陈晨", "李店")
    with_public_url(house, address)
    house.settings = replace(house.settings, wechat_api_url=sandbox.url, login_appid=APPID, login_secret="site-secret")
    return sandbox


def scan_as(page: Page, name: str, *, answer: str = "yes", picture: str = "") -> None:
    """What happens on somebody's phone: he scans the code on the screen and answers."""
    expect(page.locator("img.scan")).to_be_visible()
    if picture:
        screenshot(page, picture)
    with page.context.expect_page() as phone:
        page.click("#phone")
    phone.value.get_by_role("link", name=name).click()
    phone.value.click(f"#{answer}")
    expect(phone.value.locator("h1")).to_have_text("已确认" if answer == "yes" else "已拒绝")
    phone.value.close()


def test_a_manager_binds_a_clerk_who_then_logs_in_by_scanning(chromium, address, counter, boss, wechat):
    with opened(chromium, address, tokens={DEVICE_COOKIE: counter.device_token, STAFF_COOKIE: counter.log_in(boss)}) as page:
        page.click("nav [data-go=report]")
        page.click("[data-pick=people]")
        row = page.locator("li[data-login=chen]")
        expect(row).to_contain_text("未绑定微信")
        screenshot(page, "clerk-people-390")
        row.get_by_role("button").click()
        expect(page.locator("#sheet")).to_contain_text("请 陈晨 本人用手机扫")
        screenshot(page, "clerk-bind-390")
        page.click("#team-go")
        scan_as(page, "陈晨")
        expect(page.locator("#toast")).to_contain_text("陈晨 的微信已绑定")
        expect(page.locator("li[data-login=chen]")).to_contain_text("绑定")
        assert "code=" not in page.url
    with opened(chromium, address, tokens={DEVICE_COOKIE: counter.device_token}) as page:
        expect(page.locator("#scan-in")).to_be_visible()
        screenshot(page, "clerk-login-390")
        page.click("#scan-in")
        scan_as(page, "陈晨", picture="sandbox-scan-390")
        page.wait_for_selector("body[data-view=scan]")
        expect(page.locator("#clerk")).to_have_text("陈晨")
        used = page.url
        assert used.endswith("/clerk")


def test_who_is_not_bound_is_told_so_and_may_log_in_another_way(chromium, address, counter, wechat):
    with opened(chromium, address, tokens={DEVICE_COOKIE: counter.device_token}, viewport={"width": 1440, "height": 900}) as page:
        screenshot(page, "clerk-login-1440")
        page.click("#scan-in")
        scan_as(page, "李店", picture="sandbox-scan-1440")
        expect(page.locator("#view-enter .note")).to_contain_text("没有绑定本店员工")
        page.fill("input[name=login]", "chen")
        page.fill("input[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_selector("body[data-view=scan]")


def test_a_manager_owes_his_password_after_the_scan(chromium, address, counter, boss, wechat):
    with opened(chromium, address, tokens={DEVICE_COOKIE: counter.device_token, STAFF_COOKIE: counter.log_in(boss)}) as page:
        page.click("nav [data-go=report]")
        page.click("[data-pick=people]")
        page.locator("li[data-login=li]").get_by_role("button").click()
        page.click("#team-go")
        scan_as(page, "李店")
        expect(page.locator("#toast")).to_contain_text("李店")
        page.click("nav [data-go=shift]")
        page.get_by_role("button", name="退出登录").click()
        page.click("#scan-in")
        scan_as(page, "李店")
        expect(page.locator("#view-enter h1")).to_have_text("李店，还差一步")
        screenshot(page, "clerk-owes-390")
        page.fill("input[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_selector("body[data-view=scan]")


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1440, 900)])
def test_the_report_ranks_clerks_and_stores_and_checks_terminals(at_counter, counter, boss, house, width, height):
    _live(house, counter)
    with work(house.engine) as session:
        unit = session.get_one(BusinessUnit, counter.store.business_unit_id)
        staffing.give_position(session, boss, role=Role.FINANCE, unit=unit, actor="t", now=house.clock.now())
    page = at_counter(staff=boss, viewport={"width": width, "height": height})
    page.click("nav [data-go=report]")
    page.wait_for_selector(".ranking li")
    said = page.inner_text("#view-report")
    assert [part in said for part in ("陈晨", "王敏", "南京西路店（本店）", "浦东店", "结算预览", "已交的班")] == [True] * 6
    assert page.locator(".ranking").first.locator("li b").first.inner_text() == "陈晨"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(SMALL) == []
    screenshot(page, f"clerk-report-{width}")
    page.click("[data-pick=devices]")
    expect(page.locator("li[data-state=paired]")).to_have_count(2)
    assert page.evaluate(SMALL) == []
    screenshot(page, f"clerk-devices-{width}")
    page.locator("li[data-state=paired]").get_by_role("button").click()
    page.click("#team-go")
    expect(page.locator("li[data-state=cut_off]")).to_have_count(1)
    page.click("[data-pick=people]")
    page.wait_for_selector("li[data-login=chen]")
    screenshot(page, f"clerk-people-{width}")


def test_a_clerk_has_no_report(at_counter):
    page = at_counter()
    assert page.is_hidden("nav [data-go=report]")


def _live(house, counter) -> None:
    """A morning at two stores: redemptions, purchases, new members, a device in a department, and a shift that was handed over."""
    from app.factory import create_app
    from cards.models.orders import Purchase
    from tests.support.clerk import Page as Asking

    app = create_app(house)
    with work(house.engine) as session:
        now = house.clock.now()
        shoes = departments.add_department(session, counter.store, code="SHOES", name="鞋履部", actor="t", now=now)
        code, _ = staffing.offer_pairing(session, counter.store, name="鞋履部 手机", department=shoes, actor="t", now=now)
        staffing.offer_pairing(session, counter.store, name="备用机", actor="t", now=now)
        for store, fen in ((counter.store, 328_00), (counter.other, 1_299_00)):
            row = {"programme_id": counter.club.programme_id, "source": "pos", "order_no": f"{store.code}-1", "store_id": store.id}
            more = {"actor": "till", "paid_at": now - timedelta(minutes=5), "booked_at": now, "total_fen": fen, "content_hash": "x" * 64}
            session.add(Purchase(**row, business_unit_id=store.business_unit_id, **more))
    from app.core.logins import pair_device

    pair_device(house, code=code, address="test")
    for staff, coupons, phone in ((counter.chen, 3, "13700001111"), (counter.wang, 1, "13700002222")):
        asking = Asking(app.test_client(), counter, staff=staff)
        for _ in range(coupons):
            asking.redeem(asking.post("preview", {"code": counter.coupon().code}).json["ticket"])
        asking.post("cards", {"phone": phone})
    asking.post("shift/close", {})
