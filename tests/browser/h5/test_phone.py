"""The customer's pages in a real Chromium: joining, the moving codes read by a scanner's own decoder, and every page in the hand."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from app.core.nouns import Customer, Store
from app.core.unit import reading, work
from app.web.assets import npm_url
from app.web.h5.session import COOKIE
from cards import codes
from cards.contact import make_link
from cards.rulebook import define_rule
from tests.support.browser import screenshot
from tests.support.look import faults

pytestmark = pytest.mark.browser
READER, WASM = "zxing-wasm/dist/iife/reader/index.js", "zxing-wasm/dist/reader/zxing_reader.wasm"
# Draws an SVG as a camera would see it, three device points to a module or so, and lets zxing look for one kind of code.
READ = """
async ([svg, width, height, kind, wasm]) => {
  const picture = new Image();
  const whole = svg.replace('<svg ', `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" `);
  await new Promise((done, fail) => {
    picture.onload = done; picture.onerror = fail;
    picture.src = 'data:image/svg+xml;base64,' + btoa(unescape(encodeURIComponent(whole)));
  });
  const canvas = document.createElement('canvas');
  canvas.width = width + 80; canvas.height = height + 80;
  const pen = canvas.getContext('2d');
  pen.fillStyle = '#fff'; pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(picture, 40, 40, width, height);
  ZXingWASM.prepareZXingModule({overrides: {locateFile: () => wasm}});
  const found = await ZXingWASM.readBarcodes(pen.getImageData(0, 0, canvas.width, canvas.height), {formats: [kind], maxNumberOfSymbols: 1});
  return found.length ? found[0].text : '';
}
"""


def let_in(page: Page, base: str, counter, openid: str = "oLin") -> None:
    page.context.add_cookies([{"name": COOKIE, "value": counter.cookie(openid), "url": base}])


def scan(browser: Browser, base: str, drawn: str, kind: str, *, width: int, height: int) -> str:
    """What a scanner reads in an SVG, on a page of its own: ours allow neither foreign scripts nor WebAssembly."""
    page = browser.new_page()
    page.goto(f"{base}/healthz")
    page.add_script_tag(url=base + npm_url(READER))
    read = page.evaluate(READ, [drawn, width, height, kind, base + npm_url(WASM)])
    page.close()
    return read


def test_somebody_becomes_a_member_and_shows_his_code(phone, house, counter, base, sandbox):
    sandbox.add_account(counter.account)
    sandbox.add_people("Lin", "Zhao")
    house.settings = replace(house.settings, wechat_api_url=sandbox.url)
    phone.goto(f"{base}/me")
    phone.get_by_role("link", name="Lin").click()
    expect(phone.get_by_role("heading", name="开通会员卡")).to_be_visible()
    phone.get_by_label("手机号").fill("138 0000 0003")
    phone.locator(".agree .tick").click()
    screenshot(phone, "h5_join")
    phone.get_by_role("button", name="立即开卡").click()
    expect(phone.get_by_role("status")).to_contain_text("200 积分开卡礼已到账")
    expect(phone.locator("#points")).to_have_text("200")
    phone.get_by_role("link", name="会员码").click()
    expect(phone.locator("svg.qr")).to_be_visible()
    expect(phone.locator("#renews")).to_contain_text("秒后刷新")


@pytest.mark.parametrize(("drawing", "kind", "width", "height"), [("svg.qr", "QRCode", 420, 420), ("svg.bars", "Code128", 990, 220)])
def test_a_scanner_reads_what_the_phone_shows(phone, chromium, house, counter, base, drawing, kind, width, height):
    lin = counter.member("oLin")
    coupon = counter.give(lin, counter.template())
    let_in(phone, base, counter)
    for path, letter in (("/me/code", codes.MEMBER), (f"/me/coupon/{coupon}", codes.COUPON)):
        phone.goto(base + path)
        drawn = phone.locator(drawing).evaluate("each => each.outerHTML")
        shown = phone.locator(".piece").get_attribute("data-code")
        read = scan(chromium, base, drawn, kind, width=width, height=height)
        assert read == shown
        assert codes.read_moving(house.ring, codes.tidy(read), now=house.clock.now()).kind == letter


def test_the_code_moves_by_itself(phone, house, counter, base):
    counter.member("oLin")
    let_in(phone, base, counter)
    phone.clock.install()
    phone.goto(f"{base}/me/code")
    first = phone.locator(".piece").get_attribute("data-code")
    house.clock.advance(timedelta(seconds=30))
    phone.clock.run_for(31_000)
    expect(phone.locator(f'.piece:not([data-code="{first}"])')).to_be_visible()
    expect(phone.locator("#renews")).to_have_text(re.compile(r"\d+ 秒后刷新 · 截图无效"))


def test_without_a_connection_it_says_so_and_comes_back(chromium, house, counter, base):
    counter.member("oLin")
    context = chromium.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN")
    page = context.new_page()
    let_in(page, base, counter)
    page.clock.install()
    page.goto(f"{base}/me/code")
    first = page.locator(".piece").get_attribute("data-code")
    context.set_offline(True)
    page.clock.run_for(32_000)
    expect(page.locator("#renews")).to_have_text("网络不通，恢复后自动刷新")
    page.clock.run_for(40_000)
    expect(page.locator("#live")).to_have_class(re.compile("cold"))
    house.clock.advance(timedelta(seconds=90))
    context.set_offline(False)
    page.clock.run_for(20_000)
    expect(page.locator(f'.piece:not([data-code="{first}"])')).to_be_visible()
    expect(page.locator("#live")).not_to_have_class(re.compile("cold"))
    context.close()


def test_a_log_in_that_is_over_leads_to_wechat_again(chromium, house, counter, base):
    counter.member("oLin")
    context = chromium.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN")
    page = context.new_page()
    let_in(page, base, counter)
    page.clock.install()
    page.goto(f"{base}/me/code")
    context.clear_cookies()
    with page.expect_request(re.compile(r"/h5/enter\?next=%2Fme%2Fcode$")):
        page.clock.run_for(31_000)
    context.close()


def test_a_coupon_is_taken_with_one_thumb(phone, house, counter, base):
    counter.member("oLin")
    template = counter.template("周末礼券", minimum_fen=9900, price_points=50, per_person=None)
    let_in(phone, base, counter)
    phone.goto(f"{base}/c/{template}")
    screenshot(phone, "h5_offer")
    phone.get_by_role("button", name="用 50 积分兑换").click()
    expect(phone.get_by_role("status")).to_contain_text("领取成功")
    screenshot(phone, "h5_coupon")
    phone.goto(f"{base}/me")
    expect(phone.locator("#points")).to_have_text("150")
    phone.get_by_role("link", name="去用").click()
    expect(phone.get_by_role("heading", name="周末礼券")).to_be_visible()


@pytest.mark.parametrize(("scheme", "language"), [("light", "zh"), ("dark", "en")])
def test_every_page_fits_the_hand(phone, house, counter, base, scheme, language):
    house.settings = replace(house.settings, smtp_url="smtp://127.0.0.1:9")
    with work(house.engine) as session:
        for name, kind, params in (("签到", "check_in", {"points": 3}), ("老带新", "referral", {"newcomer": 20, "friend": 40})):
            common = {"unit_id": counter.unit_id, "now": house.clock.now(), "actor": "Mei"}
            define_rule(session, programme_id=counter.programme_id, name=name, kind=kind, params=params, **common)
    lin = counter.member("oLin", tier="金卡", points=1_234_567, value_fen=98_765_432)
    counter.earn_until(lin, 300, 8)
    with reading(house.engine) as session:
        stores = [str(session.get_one(Store, store_id).public_id) for store_id in counter.store_ids]
    made = [
        counter.template("全场满减券周年庆限定超长名称的一张券", days_valid=3, minimum_fen=19_900, stores=stores),
        counter.template("生日月专享", type="percent_off", terms={"percent": 15, "cap_fen": 8000}),
        counter.template("面膜体验装", type="gift", terms={"gift": "面膜体验装"}, days_wait=3),
    ]
    coupon, *_ = [counter.give(lin, template) for template in made]
    phone.emulate_media(color_scheme=scheme)
    counter.member("oZhao")
    more = ("/me/profile", "/me/invite", "/c/code", f"/c/{made[1]}", "/join/privacy")
    paths = {
        "oLin": ("/me", "/me/code", "/me/coupons", f"/me/coupon/{coupon}", "/me/points", "/me/value", "/me/rules", *more),
        "oZhao": ("/me?hello=gift-counter", "/me/coupons", "/me/gifts", "/me/points", "/me/code"),
        "oNobody": ("/", "/join"),
    }
    for openid, path in ((each, path) for each in paths for path in paths[each]):
        let_in(phone, base, counter, openid)
        phone.goto(f"{base}{path}{'&' if '?' in path else '?'}lang={language}")
        for width in (360, 390):
            phone.set_viewport_size({"width": width, "height": 844})
            assert faults(phone) == [], f"{path} at {width}"
        name = (
            "offer" if path.startswith("/c/0") else "coupon" if "/coupon/" in path else re.sub(r"\W+", "_", path.split("?")[0]).strip("_")
        )
        screenshot(phone, f"h5_{name or 'front'}{'' if openid == 'oLin' else '_new'}_{scheme}_{language}")


def test_a_member_tells_of_himself_and_says_what_he_wants_to_hear(phone, house, counter, base):
    house.settings = replace(house.settings, smtp_url="smtp://127.0.0.1:9", public_url=base)
    lin = counter.member("oLin")
    let_in(phone, base, counter)
    phone.goto(f"{base}/me")
    phone.get_by_role("link", name="我的资料与提醒").click()
    phone.get_by_role("textbox", name="称呼").fill("林小雨")
    phone.get_by_role("textbox", name="生日").fill("05-20")
    phone.get_by_role("textbox", name="邮箱").fill("lin@example.com")
    phone.get_by_role("button", name="保存资料").click()
    expect(phone.get_by_role("status")).to_contain_text("已保存")
    phone.get_by_label("生日与节日 · 邮件").uncheck(force=True)
    phone.get_by_role("button", name="保存设置").click()
    expect(phone.get_by_label("生日与节日 · 邮件")).not_to_be_checked()
    expect(phone.get_by_label("到期提醒 · 邮件")).to_be_checked()
    screenshot(phone, "h5_profile_kept")
    with reading(house.engine) as session:
        link = make_link(house.ring, session.get_one(Customer, lin), do="confirm", base=base, now=house.clock.now())
    phone.goto(link)
    screenshot(phone, "h5_mail_confirm")
    phone.get_by_role("button", name="确认接收").click()
    expect(phone.get_by_role("heading", name="邮箱已确认")).to_be_visible()


def test_a_form_on_its_way_says_so_and_is_sent_once(phone, counter, base):
    counter.member("oLin")
    let_in(phone, base, counter)
    phone.goto(f"{base}/me/profile")
    # What would leave is counted at the window and kept here, as on a very slow line.
    phone.evaluate(
        "window.left = 0; addEventListener('submit', (event) => { left += event.defaultPrevented ? 0 : 1; event.preventDefault(); })"
    )
    button = phone.locator("form[action='/me/wishes'] button")
    button.click()
    expect(phone.locator("form[aria-busy]")).to_have_count(1)
    assert button.evaluate("each => getComputedStyle(each, '::after').animationName") == "turn"
    button.click()
    assert phone.evaluate("left") == 1


def test_the_link_for_friends_is_copied(phone, house, counter, base):
    with work(house.engine) as session:
        common = {"unit_id": counter.unit_id, "now": house.clock.now(), "actor": "Mei"}
        params = {"newcomer": 20, "friend": 40}
        define_rule(session, programme_id=counter.programme_id, name="老带新", kind="referral", params=params, **common)
    counter.member("oLin")
    let_in(phone, base, counter)
    phone.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=base)
    phone.goto(f"{base}/me/invite")
    phone.get_by_role("button", name="复制链接").click()
    expect(phone.get_by_role("button", name="已复制，去发给好友吧")).to_be_visible()
    assert phone.evaluate("navigator.clipboard.readText()") == phone.locator(".link").inner_text()


def test_on_a_desk_the_pages_stay_a_phone_wide(desk, counter, base):
    counter.member("oLin", tier="白金卡", points=500)
    let_in(desk, base, counter)
    desk.goto(f"{base}/me")
    assert desk.locator("main").bounding_box()["width"] <= 480
