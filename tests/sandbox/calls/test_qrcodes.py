"""Channel codes and their limits."""

import io

import pytest
from PIL import Image


def create(platform, action, **scene):
    expire = {} if "LIMIT" in action else {"expire_seconds": scene.pop("expire", 600)}
    return platform.call("/cgi-bin/qrcode/create", {"action_name": action, **expire, "action_info": {"scene": scene}})


@pytest.mark.parametrize("action", ["QR_SCENE", "QR_STR_SCENE", "QR_LIMIT_SCENE", "QR_LIMIT_STR_SCENE"])
def test_each_action_gives_a_ticket_a_url_and_a_picture(platform, action):
    scene = {"scene_str": "door-1"} if "STR" in action else {"scene_id": 123}
    code = create(platform, action, **scene)
    assert code["url"].startswith("http://weixin.qq.com/q/")
    assert ("expire_seconds" in code) == ("LIMIT" not in action)
    picture = platform.show_code(code["ticket"])
    assert picture.headers["Content-Type"] == "image/png"
    assert Image.open(io.BytesIO(picture.body)).size[0] > 100


def test_the_scene_comes_back_when_somebody_scans(platform):
    ticket = create(platform, "QR_LIMIT_STR_SCENE", scene_str="door-1")["ticket"]
    (person,) = platform.people()
    platform.act(person, "scan", scene="door-1")
    platform.act(person, "scan", scene="door-1")
    fields = [record["fields"] for record in platform.truth("act", person=person)[-2:]]
    assert [(f["Event"], f["EventKey"], f["Ticket"]) for f in fields] == [
        ("subscribe", "qrscene_door-1", ticket),
        ("SCAN", "door-1", ticket),
    ]


def test_a_numeric_code_tells_its_number(platform):
    create(platform, "QR_LIMIT_SCENE", scene_id=77)
    (person,) = platform.people()
    platform.act(person, "follow", scene="77")
    info = platform.call("/cgi-bin/user/info", openid=platform.openid(person))
    assert (info["qr_scene"], info["qr_scene_str"]) == (77, "")


def test_a_permanent_code_of_a_scene_is_the_same_again_and_counts_once(platform):
    platform.control("quota", {"appid": "wxA", "kind": "qr", "used": 99_999})
    first, again = (create(platform, "QR_LIMIT_STR_SCENE", scene_str="a") for _ in range(2))
    assert first["ticket"] == again["ticket"]
    assert create(platform, "QR_LIMIT_STR_SCENE", scene_str="b")["errcode"] == 45009
    assert "ticket" in create(platform, "QR_STR_SCENE", scene_str="b")


def test_a_temporary_code_expires(platform):
    code = create(platform, "QR_STR_SCENE", scene_str="today", expire=60)
    platform.control("clock", {"advance_s": 61})
    assert platform.show_code(code["ticket"]).status == 404
    (person,) = platform.people()
    platform.act(person, "scan", scene="today", expect=409)


@pytest.mark.parametrize(
    ("action", "scene"),
    [
        ("QR_LIMIT_SCENE", {"scene_id": 0}),
        ("QR_LIMIT_SCENE", {"scene_id": 100_001}),
        ("QR_SCENE", {"scene_id": 1 << 32}),
        ("QR_LIMIT_STR_SCENE", {"scene_str": ""}),
        ("QR_LIMIT_STR_SCENE", {"scene_str": "x" * 65}),
        ("QR_WRONG", {"scene_id": 1}),
    ],
)
def test_scenes_outside_their_limits_are_refused(platform, action, scene):
    assert create(platform, action, **scene)["errcode"] == 40053


def test_a_temporary_code_lives_thirty_days_at_most(platform):
    assert create(platform, "QR_SCENE", scene_id=5, expire=2_592_000)["expire_seconds"] == 2_592_000
    assert create(platform, "QR_SCENE", scene_id=5, expire=2_592_001)["errcode"] == 40035


def test_a_subscription_account_has_no_codes(platform):
    platform.account("wxS", kind="subscription")
    wanted = {"action_name": "QR_LIMIT_SCENE", "action_info": {"scene": {"scene_id": 1}}}
    assert platform.call("/cgi-bin/qrcode/create", wanted, appid="wxS")["errcode"] == 48001
