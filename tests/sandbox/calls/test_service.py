"""Customer-service messages and the windows they need."""

import pytest

SEND = "/cgi-bin/message/custom/send"


def send(platform, openid, text="您好", *, appid="wxA", **more):
    return platform.call(SEND, {"touser": openid, "msgtype": "text", "text": {"content": text}, **more}, appid=appid)["errcode"]


def quiet_follower(platform):
    """A follower whose window of following is over."""
    person, openid = platform.follower()
    platform.control("clock", {"advance_s": 61})
    return person, openid


@pytest.mark.parametrize(
    ("do", "params", "count"),
    [
        ("write", {"text": "在吗"}, 5),
        ("send_image", {}, 5),
        ("click", {"key": "K"}, 3),
        ("scan", {"scene": "s"}, 3),
        ("raw", {"fields": {"Event": "scancode_waitmsg", "EventKey": "K"}}, 3),
    ],
)
def test_what_the_person_did_allows_so_many(platform, do, params, count):
    person, openid = quiet_follower(platform)
    assert send(platform, openid) == 45015
    platform.act(person, do, **params)
    assert [send(platform, openid) for _ in range(count + 1)] == [0] * count + [45047]
    assert [m["via"] for m in platform.screen(person)] == ["service"] * count


def test_following_allows_three_within_a_minute(platform):
    _, openid = platform.follower()
    assert send(platform, openid) == 0
    platform.control("clock", {"advance_s": 61})
    assert send(platform, openid) == 45015


@pytest.mark.parametrize("do", ["view", "share_location"])
def test_other_acts_open_nothing(platform, do):
    person, openid = quiet_follower(platform)
    platform.act(person, do, url="https://x", lat=31.2, lng=121.5)
    assert send(platform, openid) == 45015


def test_writing_holds_for_48_hours(platform):
    person, openid = platform.follower()
    platform.act(person, "write", text="在吗")
    platform.control("clock", {"advance_s": 48 * 3600 - 5})
    platform.tokens.clear()
    assert send(platform, openid) == 0
    platform.control("clock", {"advance_s": 10})
    assert send(platform, openid) == 45015


def test_a_click_does_not_give_what_writing_gives(platform):
    person, openid = quiet_follower(platform)
    platform.act(person, "click", key="K")
    platform.control("clock", {"advance_s": 61})
    assert send(platform, openid) == 45015


def test_payment_opens_without_a_count(platform):
    person, openid = quiet_follower(platform)
    code = platform.act(person, "take_card", card_id="pIssuedLongAgo")["code"]
    platform.act(person, "pay_card", card_id="pIssuedLongAgo", code=code, fee=12_800)
    assert [send(platform, openid) for _ in range(8)] == [0] * 8


def test_a_mini_program_may_answer_two_after_entering(platform):
    platform.account("wxM", kind="mini", format="json")
    (person,) = platform.people()
    platform.act(person, "enter_mini", appid="wxM")
    openid = platform.openid(person, appid="wxM")
    assert [send(platform, openid, appid="wxM") for _ in range(3)] == [0, 0, 45047]


def test_leaving_closes_every_window(platform):
    person, openid = platform.follower()
    platform.act(person, "write", text="再见")
    platform.act(person, "unfollow")
    assert send(platform, openid) == 45015


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({"msgtype": "text", "text": {"content": ""}}, 44004),
        ({"msgtype": "text", "text": {"content": "字" * 683}}, 45002),
        ({"msgtype": "text"}, 40008),
        ({"msgtype": "dance", "dance": {}}, 40008),
        ({"msgtype": "image", "image": {"media_id": "unknown"}}, 40007),
        ({"msgtype": "wxcard", "wxcard": {"card_id": "unknown"}}, 40053),
        ({"msgtype": "news", "news": {"articles": []}}, 44003),
        ({"msgtype": "news", "news": {"articles": [{}, {}]}}, 45008),
        ({"msgtype": "miniprogrampage", "miniprogrampage": {}}, 40035),
    ],
)
def test_wrong_content_is_refused_and_uses_up_nothing(platform, body, errcode):
    _, openid = platform.follower()
    assert platform.call(SEND, {"touser": openid, **body})["errcode"] == errcode
    assert [send(platform, openid) for _ in range(4)] == [0, 0, 0, 45047]


def test_news_links_and_menus_reach_the_screen(platform):
    person, openid = platform.follower()
    article = {"title": "周末活动", "description": "全场八折", "url": "https://x", "picurl": ""}
    for type_, content in (
        ("news", {"articles": [article]}),
        ("msgmenu", {"head_content": "满意吗", "list": [{"id": "1", "content": "满意"}], "tail_content": ""}),
        ("miniprogrampage", {"title": "下单", "pagepath": "pages/order", "appid": "wxM", "thumb_media_id": "t"}),
    ):
        assert platform.call(SEND, {"touser": openid, "msgtype": type_, type_: content})["errcode"] == 0
    assert [m["msgtype"] for m in platform.screen(person)] == ["news", "msgmenu", "miniprogrampage"]


def test_typing_needs_a_window_too(platform):
    _, openid = quiet_follower(platform)
    assert platform.call("/cgi-bin/message/custom/typing", {"touser": openid, "command": "Typing"})["errcode"] == 45015
