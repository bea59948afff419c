"""The page: its policy, and a phone and a desk in a real browser."""

from urllib.parse import quote

import pytest

from tests.sandbox.driver import fields_of, text_reply


def test_the_page_is_served_with_a_policy_of_self_only(platform):
    page = platform.request("GET", "/")
    policy = page.headers["Content-Security-Policy"]
    assert page.status == 200
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    text = page.body.decode()
    assert "微信沙盒" in text
    assert "<script>" not in text
    assert " style=" not in text
    assert " onclick=" not in text
    for name in ("frame.css", "phone.css", "main.js", "icon.svg"):
        assert platform.request("GET", f"/static/{name}").status == 200


def test_no_script_ever_writes_html():
    from sandbox.page import _STATIC

    for file in _STATIC.glob("*.js"):
        text = file.read_text(encoding="utf-8")
        for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert way not in text, f"{file.name} uses {way}"


@pytest.fixture
def shown(platform, shop):
    """Lin follows a shop with a menu that answers everything; the page shows her phone."""

    def answer(call):
        fields = fields_of(call.body)
        return (200, text_reply(fields["FromUserName"], fields["ToUserName"], "收到 <b>您</b> 的消息"))

    shop.answer = answer
    platform.account(name="海岸百货", callback_url=shop.url)
    platform.control("people", {"people": [{"name": "林美珍", "phone": "13816042217"}]})
    buttons = [
        {"type": "click", "name": "积分", "key": "POINTS"},
        {"name": "会员", "sub_button": [{"type": "view", "name": "卡", "url": f"{platform.url}/static/icon.svg"}]},
    ]
    platform.call("/cgi-bin/menu/create", {"button": buttons})
    return platform


@pytest.mark.browser
def test_a_phone_follows_clicks_and_writes(shown, phone):
    phone.goto(shown.url)
    phone.click(".tabs >> text=通讯录")
    phone.click(".do:has-text('关注')")
    phone.wait_for_selector(".bubble >> text=收到 <b>您</b> 的消息")
    phone.click(".top-item:has-text('积分')")
    phone.wait_for_selector("text=点击菜单 POINTS")
    phone.click("[aria-label=键盘]")
    phone.fill(".foot input", "<img src=x onerror=alert(1)>")
    phone.click(".send")
    phone.wait_for_selector(".mine .bubble >> text=<img src=x onerror=alert(1)>")
    shown.idle()
    assert [record["do"] for record in shown.truth("act", person="p1")][-3:] == ["follow", "click", "write"]
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    phone.click(".views >> text=往来")
    phone.wait_for_selector("#rows >> text=发消息")


@pytest.mark.browser
def test_a_page_of_the_menu_opens_as_the_person_who_pressed_it(shown, phone):
    def held() -> list[str]:
        return [record["person"] for record in shown.truth("control") if record["do"] == "browser"]

    shown.act("p1", "follow")
    before = held()
    phone.goto(f"{shown.url}/#p1/wxA")
    phone.click(".top-item:has-text('会员')")
    with phone.expect_popup() as opened:
        phone.click(".pop >> text=卡")
    assert opened.value.url == f"{shown.url}/static/icon.svg"
    phone.wait_for_selector("text=打开网页")
    asked = f"/connect/oauth2/authorize?appid=wxA&redirect_uri={quote(shown.url, safe='')}&response_type=code&scope=snsapi_base"
    answer = shown.request("GET", asked)
    assert answer.status == 302
    assert held() == [*before, "p1"]


@pytest.mark.browser
def test_only_web_addresses_in_a_message_can_be_opened(shown, shop, phone):
    def answer(call):
        fields = fields_of(call.body)
        return (200, text_reply(fields["FromUserName"], fields["ToUserName"], f"看这里 {shown.url}/a，或 javascript:alert(1)"))

    shop.answer = answer
    shown.act("p1", "follow")
    shown.idle()
    phone.goto(f"{shown.url}/#p1/wxA")
    phone.wait_for_selector(".bubble .link")
    assert phone.locator(".bubble .link").all_inner_texts() == [f"{shown.url}/a"]


@pytest.mark.browser
def test_somebody_comes_by_a_button(platform, phone):
    phone.goto(platform.url)
    phone.wait_for_selector(".blank >> text=平台上还没有人")
    phone.click("text=新来一个人")
    phone.wait_for_selector("#people .on")
    phone.wait_for_selector(".tabs")
    assert platform.control("people")["total"] == 1


@pytest.mark.browser
def test_a_desk_shows_phone_and_traffic_side_by_side(shown, desk):
    shown.act("p1", "follow")
    openid = shown.openid("p1")
    template = shown.template("{{thing1.DATA}} {{amount2.DATA}}")
    data = {"thing1": {"value": "消费积分"}, "amount2": {"value": "¥12.50"}}
    shown.call("/cgi-bin/message/template/send", {"touser": openid, "template_id": template, "data": data, "url": "https://x"})
    desk.goto(f"{shown.url}/#p1/wxA")
    card = desk.locator(".sheet-card")
    card.wait_for()
    assert "到账通知" in card.inner_text()
    assert "¥12.50" in card.inner_text()
    desk.wait_for_selector("#rows .what[title='/cgi-bin/message/template/send']")
    # What happens now appears by itself.
    shown.act("p1", "write", text="在吗")
    desk.wait_for_selector(".mine .bubble >> text=在吗")
    desk.click("[aria-label=更多]")
    desk.click(".sheet >> text=取消关注")
    desk.click(".sheet .warn")
    desk.wait_for_selector("text=关注公众号")
    assert shown.control("people/p1")["following"] == []
