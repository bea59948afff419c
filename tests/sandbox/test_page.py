"""The page: its policy, and a phone and a desk in a real browser."""

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
        {"name": "会员", "sub_button": [{"type": "view", "name": "卡", "url": "https://x"}]},
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
