"""What people do becomes exactly the event the platform sends."""

import pytest


def last(platform, person):
    return platform.truth("act", person=person)[-1]["fields"]


@pytest.mark.parametrize(
    ("do", "params", "expected"),
    [
        ("click", {"key": "K"}, {"Event": "CLICK", "EventKey": "K"}),
        ("view", {"url": "https://x"}, {"Event": "VIEW", "EventKey": "https://x"}),
        ("view_mini", {"path": "pages/a"}, {"Event": "view_miniprogram", "EventKey": "pages/a"}),
        ("write", {"text": "在吗"}, {"MsgType": "text", "Content": "在吗"}),
        ("send_location", {"lat": 31.2, "lng": 121.5, "label": "外滩"}, {"MsgType": "location", "Location_X": 31.2, "Label": "外滩"}),
        ("share_location", {"lat": 31.2, "lng": 121.5, "precision": 30}, {"Event": "LOCATION", "Latitude": 31.2, "Precision": 30}),
        ("send_link", {"title": "t", "url": "https://x"}, {"MsgType": "link", "Url": "https://x"}),
        ("send_file", {"title": "a.pdf"}, {"MsgType": "file", "Title": "a.pdf"}),
        ("send_voice", {"recognition": "你好"}, {"MsgType": "voice", "Format": "amr", "Recognition": "你好"}),
        ("send_video", {}, {"MsgType": "video"}),
        ("unfollow", {}, {"Event": "unsubscribe"}),
        ("revoke_info", {"info": "8"}, {"Event": "user_authorization_revoke", "RevokeInfo": "8"}),
        ("raw", {"fields": {"Event": "pic_weixin", "EventKey": "6"}}, {"Event": "pic_weixin", "MsgType": "event"}),
    ],
)
def test_an_act_is_the_event_that_the_platform_sends(platform, do, params, expected):
    person, openid = platform.follower()
    answer = platform.act(person, do, at=1_790_000_123, **params)
    fields = last(platform, person)
    assert expected.items() <= fields.items()
    assert (fields["FromUserName"], fields["CreateTime"]) == (openid, 1_790_000_123)
    assert fields["ToUserName"].startswith("gh_")
    record = platform.truth("act", person=person)[-1]
    assert (record["event"], record["do"], record["openid"]) == (answer["events"][0], do, openid)
    assert len(record["unionid"]) == 28


def test_following_by_search_by_code_and_with_a_scene(platform):
    people = platform.people(3)
    platform.act(people[0], "follow")
    platform.act(people[1], "follow", how="qr")
    platform.act(people[2], "follow", scene="door-1")
    shown = [last(platform, person) for person in people]
    assert [f.get("EventKey") for f in shown] == [None, None, "qrscene_door-1"]
    scenes = [platform.call("/cgi-bin/user/info", openid=platform.openid(p))["subscribe_scene"] for p in people]
    assert scenes == ["ADD_SCENE_SEARCH", "ADD_SCENE_QR_CODE", "ADD_SCENE_QR_CODE"]


@pytest.mark.parametrize("do", ["click", "write", "unfollow", "view", "share_location", "send_image"])
def test_a_stranger_cannot_reach_the_account_and_leaves_no_trace(platform, do):
    (person,) = platform.people()
    assert "does not follow" in platform.act(person, do, key="K", text="x", url="u", lat=1, lng=1, expect=409)["error"]
    assert platform.control(f"people/{person}")["openids"] == {}


def test_following_twice_is_impossible(platform):
    person, _ = platform.follower()
    platform.act(person, "follow", expect=409)


def test_a_list_happens_in_order_and_stops_at_the_first_impossible_act(platform):
    people = platform.people(3)
    acts = [{"person": p, "appid": "wxA", "do": do} for p, do in zip(people, ("follow", "unfollow", "follow"), strict=True)]
    refused = platform.control("act", acts, status=409)
    assert (refused["index"], len(refused["events"])) == (1, 1)
    assert platform.control(f"people/{people[0]}")["following"] == ["wxA"]
    assert platform.control(f"people/{people[2]}")["following"] == []


def test_a_thousand_acts_at_once_and_not_one_more(platform):
    people = platform.people(1000)
    acts = [{"person": p, "appid": "wxA", "do": "follow"} for p in people]
    events = platform.control("act", acts)["events"]
    assert events == list(range(events[0], events[0] + 1000))
    platform.control("act", acts + acts[:1], status=400)
    platform.control("act", [], status=400)


@pytest.mark.parametrize(
    "act",
    [
        {"do": "dance"},
        {"do": "write"},
        {"do": "write", "text": "x" * 4097},
        {"do": "write", "text": ["x"]},
        {"do": "share_location", "lat": "north", "lng": 1},
        {"do": "write", "text": "x", "at": -1},
        {"do": "write", "text": "x", "at": True},
        {"do": "raw"},
        {"do": "raw", "fields": {"x": "y" * 40_000}},
        {"do": "write", "text": "x", "person": "nobody"},
        {"do": "write", "text": "x", "appid": "wxNone"},
        {"do": "write", "text": "x", "person": 5},
        {"do": "submit_card_form", "card_id": "p", "form": {"a": 1}},
    ],
)
def test_a_wrong_act_is_refused(platform, act):
    person, _ = platform.follower()
    body = {"person": person, "appid": "wxA", **act}
    expected = 409 if act["do"] == "submit_card_form" else 400
    assert platform.control("act", body, status=expected)["error"]


def test_people_have_names_phones_and_unionids_by_group(platform):
    made = platform.control("people", {"people": [{"name": "Lin", "phone": "13912345678"}, {}]})["people"]
    assert (made[0]["name"], made[0]["phone"]) == ("Lin", "13912345678")
    assert len(made[1]["phone"]) == 11
    platform.act(made[0]["id"], "follow")
    shown = platform.control(f"people/{made[0]['id']}")
    assert set(shown["openids"]) == {"wxA"}
    assert set(shown["unionid"]) == {"group"}
    assert platform.control("people?offset=1&limit=1")["people"] == [made[1]]
    assert platform.control("people?q=Lin")["total"] == 1
    assert platform.request("GET", "/_control/people?offset=x").status == 400


def test_the_feed_tells_what_happened_without_secrets(platform):
    person, _ = platform.follower()
    feed = platform.control("feed?after=0")
    assert feed["records"][-1]["do"] == "follow"
    assert not [record for record in feed["records"] if "secret" in record or "aes_key" in record]
    assert platform.control(f"feed?after={feed['n']}")["records"] == []
    chat = platform.control(f"chat?person={person}&appid=wxA")
    assert chat["following"] is True
    assert [record["do"] for record in chat["records"]] == ["follow"]
