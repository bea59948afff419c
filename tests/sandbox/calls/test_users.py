"""Followers: info, pages and batches."""

import pytest


def test_tells_about_a_follower_who_came_by_a_text_code(platform):
    (person,) = platform.people()
    platform.act(person, "scan", scene="window-3", at=1_790_000_000)
    openid = platform.openid(person)
    info = platform.call("/cgi-bin/user/info", openid=openid)
    assert info["subscribe"] == 1
    assert info["subscribe_time"] == 1_790_000_000
    assert (info["subscribe_scene"], info["qr_scene_str"], info["qr_scene"]) == ("ADD_SCENE_QR_CODE", "window-3", 0)
    assert (info["nickname"], info["headimgurl"]) == ("", "")
    assert "errcode" not in info


def test_tells_almost_nothing_about_one_who_left(platform):
    person, openid = platform.follower()
    platform.act(person, "unfollow")
    info = platform.call("/cgi-bin/user/info", openid=openid)
    assert info == {"subscribe": 0, "openid": openid, "unionid": info["unionid"]}


def test_unionid_joins_accounts_of_one_open_platform_only(platform):
    platform.account("wxB")
    platform.account("wxC", open_platform="other")
    platform.account("wxD", open_platform="")
    (person,) = platform.people()
    infos = {}
    for appid in ("wxA", "wxB", "wxC", "wxD"):
        platform.act(person, "follow", appid=appid)
        infos[appid] = platform.call("/cgi-bin/user/info", appid=appid, openid=platform.openid(person, appid=appid))
    assert infos["wxA"]["unionid"] == infos["wxB"]["unionid"] != infos["wxC"]["unionid"]
    assert "unionid" not in infos["wxD"]
    openids = {info["openid"] for info in infos.values()}
    assert len(openids) == 4
    assert all(len(openid) == 28 and openid.startswith("o") for openid in openids)


def test_batchget_takes_a_hundred(platform):
    _, openid = platform.follower()
    wanted = [{"openid": openid, "lang": "zh_CN"}]
    assert len(platform.call("/cgi-bin/user/info/batchget", {"user_list": wanted * 100})["user_info_list"]) == 100
    assert platform.call("/cgi-bin/user/info/batchget", {"user_list": wanted * 101})["errcode"] == 40032
    assert platform.call("/cgi-bin/user/info/batchget", {"user_list": []})["errcode"] == 40032


def test_user_get_pages_by_ten_thousand_without_loss(platform):
    people = platform.people(10_050)
    for start in range(0, len(people), 1000):
        platform.control("act", [{"person": p, "appid": "wxA", "do": "follow"} for p in people[start : start + 1000]])
    first = platform.call("/cgi-bin/user/get")
    assert (first["total"], first["count"]) == (10_050, 10_000)
    # Somebody of the first page leaves in between; the second page is not shifted by it.
    gone = next(p for p in people if platform.openid(p) in first["data"]["openid"][:50] or p == people[0])
    platform.act(gone, "unfollow")
    second = platform.call("/cgi-bin/user/get", next_openid=first["next_openid"])
    assert second["count"] == 50
    assert not set(second["data"]["openid"]) & set(first["data"]["openid"])
    last = platform.call("/cgi-bin/user/get", next_openid=second["next_openid"])
    assert (last["count"], last["next_openid"]) == (0, "")
    assert "data" not in last


@pytest.mark.parametrize("openid", ["", "oNobody", "x" * 5000])
def test_a_foreign_openid_is_40003(platform, openid):
    assert platform.call("/cgi-bin/user/info", openid=openid)["errcode"] == 40003


def test_a_remark_is_kept(platform):
    _, openid = platform.follower()
    assert platform.call("/cgi-bin/user/info/updateremark", {"openid": openid, "remark": "常客"})["errcode"] == 0
    assert platform.call("/cgi-bin/user/info", openid=openid)["remark"] == "常客"
    assert platform.call("/cgi-bin/user/info/updateremark", {"openid": openid, "remark": "x" * 31})["errcode"] == 40035


def test_methods_are_checked(platform):
    assert platform.call("/cgi-bin/user/get", {}, method="POST")["errcode"] == 43001
    assert platform.call("/cgi-bin/tags/create", method="GET")["errcode"] == 43002
