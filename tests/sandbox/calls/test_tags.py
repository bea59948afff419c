"""Tags and their limits."""


def create(platform, name):
    return platform.call("/cgi-bin/tags/create", {"tag": {"name": name}})


def test_a_tag_lives_from_create_to_delete(platform):
    tag = create(platform, "金卡")["tag"]
    _, openid = platform.follower()
    batch = {"openid_list": [openid], "tagid": tag["id"]}
    assert platform.call("/cgi-bin/tags/members/batchtagging", batch)["errcode"] == 0
    assert platform.call("/cgi-bin/tags/get")["tags"] == [{"id": tag["id"], "name": "金卡", "count": 1}]
    assert platform.call("/cgi-bin/user/tag/get", {"tagid": tag["id"], "next_openid": ""})["data"]["openid"] == [openid]
    assert platform.call("/cgi-bin/tags/getidlist", {"openid": openid})["tagid_list"] == [tag["id"]]
    assert platform.call("/cgi-bin/user/info", openid=openid)["tagid_list"] == [tag["id"]]
    assert platform.call("/cgi-bin/tags/update", {"tag": {"id": tag["id"], "name": "白金"}})["errcode"] == 0
    assert platform.call("/cgi-bin/tags/members/batchuntagging", batch)["errcode"] == 0
    assert platform.call("/cgi-bin/tags/get")["tags"][0] == {"id": tag["id"], "name": "白金", "count": 0}
    assert platform.call("/cgi-bin/tags/delete", {"tag": {"id": tag["id"]}})["errcode"] == 0
    assert platform.call("/cgi-bin/tags/get")["tags"] == []


def test_a_hundred_tags_an_account(platform):
    assert all(create(platform, f"t{n}")["errcode"] == 0 for n in range(100))
    assert create(platform, "one more")["errcode"] == 45056


def test_twenty_tags_a_person(platform):
    _, openid = platform.follower()
    ids = [create(platform, f"t{n}")["tag"]["id"] for n in range(21)]
    codes = [platform.call("/cgi-bin/tags/members/batchtagging", {"openid_list": [openid], "tagid": i})["errcode"] for i in ids]
    assert codes == [0] * 20 + [45059]
    assert len(platform.call("/cgi-bin/user/info", openid=openid)["tagid_list"]) == 20


def test_fifty_openids_a_batch_and_one_stranger_spoils_it(platform):
    tag = create(platform, "t")["tag"]["id"]
    _, openid = platform.follower()
    codes = [
        platform.call("/cgi-bin/tags/members/batchtagging", {"openid_list": openids, "tagid": tag})["errcode"]
        for openids in ([openid] * 51, [], [openid, "oStranger"])
    ]
    assert codes == [40032, 40032, 40003]
    assert platform.call("/cgi-bin/tags/get")["tags"][0]["count"] == 0


def test_names_and_ids_are_checked(platform):
    create(platform, "t")
    assert create(platform, "t")["errcode"] == 45157
    assert create(platform, "")["errcode"] == 45157
    assert create(platform, "x" * 31)["errcode"] == 45158
    assert platform.call("/cgi-bin/tags/delete", {"tag": {"id": 2}})["errcode"] == 45058
    assert platform.call("/cgi-bin/tags/delete", {"tag": {"id": 4711}})["errcode"] == 45159


def test_unfollowing_takes_the_tags_off(platform):
    tag = create(platform, "t")["tag"]["id"]
    person, openid = platform.follower()
    platform.call("/cgi-bin/tags/members/batchtagging", {"openid_list": [openid], "tagid": tag})
    platform.act(person, "unfollow")
    assert platform.call("/cgi-bin/tags/get")["tags"][0]["count"] == 0
    platform.act(person, "follow")
    assert platform.call("/cgi-bin/user/info", openid=openid)["tagid_list"] == []
