"""Mass messages and their quotas."""

import pytest

TEXT = {"msgtype": "text", "text": {"content": "双十一"}}


def tag_all(platform, openids):
    tag = platform.call("/cgi-bin/tags/create", {"tag": {"name": "受众"}})["tag"]["id"]
    platform.call("/cgi-bin/tags/members/batchtagging", {"openid_list": openids, "tagid": tag})
    return tag


def to_tag(platform, tag, **more):
    return platform.call("/cgi-bin/message/mass/sendall", {"filter": {"is_to_all": False, "tag_id": tag}, **TEXT, **more})


def test_by_tag_it_reaches_all_who_carry_it_and_ends_with_counts(platform):
    followers = [platform.follower() for _ in range(3)]
    tag = tag_all(platform, [openid for _, openid in followers[:2]])
    answer = to_tag(platform, tag)
    assert (answer["errcode"], answer["errmsg"]) == (0, "send job submission success")
    assert answer["msg_data_id"]
    platform.idle()
    assert [len(platform.screen(person)) for person, _ in followers] == [1, 1, 0]
    (receipt,) = platform.truth("receipt", msgid=answer["msg_id"])
    fields = receipt["fields"]
    assert (fields["Event"], fields["Status"]) == ("MASSSENDJOBFINISH", "send success")
    assert [fields[name] for name in ("TotalCount", "FilterCount", "SentCount", "ErrorCount")] == [2, 2, 2, 0]
    assert platform.call("/cgi-bin/message/mass/get", {"msg_id": answer["msg_id"]})["msg_status"] == "SEND_SUCCESS"


def test_four_a_person_and_month(platform):
    person, openid = platform.follower()
    tag = tag_all(platform, [openid])
    for _ in range(5):
        answer = to_tag(platform, tag)
        assert answer["errcode"] == 0
    platform.idle()
    assert len(platform.screen(person)) == 4
    assert platform.truth("receipt", msgid=answer["msg_id"])[0]["fields"]["ErrorCount"] == 1
    platform.control("clock", {"advance_s": 32 * 86_400})
    platform.tokens.clear()
    to_tag(platform, tag)
    assert len(platform.screen(person)) == 5


def test_the_months_quota_can_be_used_up_for_everybody(platform):
    person, openid = platform.follower()
    tag = tag_all(platform, [openid])
    platform.control("quota", {"appid": "wxA", "kind": "mass", "used": 4})
    to_tag(platform, tag)
    assert platform.screen(person) == []


def test_sixty_calls_a_minute(platform):
    _, openid = platform.follower()
    tag = tag_all(platform, [openid])
    platform.control("quota", {"appid": "wxA", "kind": "mass_minute", "used": 60})
    assert to_tag(platform, tag)["errcode"] == 45011
    platform.control("clock", {"advance_s": 60})
    assert to_tag(platform, tag)["errcode"] == 0


def test_a_repeated_clientmsgid_tells_the_first_msg_id_for_a_day(platform):
    person, openid = platform.follower()
    tag = tag_all(platform, [openid])
    first = to_tag(platform, tag, clientmsgid="m1")
    again = to_tag(platform, tag, clientmsgid="m1")
    assert (again["errcode"], again["msg_id"]) == (45065, first["msg_id"])
    assert len(platform.screen(person)) == 1
    platform.control("clock", {"advance_s": 24 * 3600 + 1})
    platform.tokens.clear()
    assert to_tag(platform, tag, clientmsgid="m1")["errcode"] == 0
    assert to_tag(platform, tag, clientmsgid="x" * 65)["errcode"] == 40035


def test_by_openid_from_two_to_ten_thousand(platform):
    (person, openid), (left, gone) = platform.follower(), platform.follower()
    platform.act(left, "unfollow")

    def send(openids):
        return platform.call("/cgi-bin/message/mass/send", {"touser": openids, **TEXT})["errcode"]

    assert send([openid]) == 40130
    assert send([openid] * 10_001) == 40032
    assert send([openid, gone, "oStranger"]) == 0
    assert len(platform.screen(person)) == 1
    assert platform.screen(left) == []


def test_to_all_once_a_day(platform):
    person, _ = platform.follower()
    body = {"filter": {"is_to_all": True}, **TEXT}
    assert platform.call("/cgi-bin/message/mass/sendall", body)["errcode"] == 0
    assert platform.call("/cgi-bin/message/mass/sendall", body)["errcode"] == 45028
    assert len(platform.screen(person)) == 1


def test_a_subscription_account_has_one_call_a_day(platform):
    platform.account("wxS", kind="subscription")
    openids = [platform.follower(appid="wxS")[1] for _ in range(2)]
    codes = [platform.call("/cgi-bin/message/mass/send", {"touser": openids, **TEXT}, appid="wxS")["errcode"] for _ in range(2)]
    assert codes == [0, 45028]


def test_a_preview_does_not_count(platform):
    person, openid = platform.follower()
    for _ in range(6):
        assert platform.call("/cgi-bin/message/mass/preview", {"touser": openid, **TEXT})["errcode"] == 0
    assert len(platform.screen(person)) == 6
    assert to_tag(platform, tag_all(platform, [openid]))["errcode"] == 0
    assert len(platform.screen(person)) == 7


@pytest.mark.parametrize(("speed", "errcode"), [({}, 45084), ({"speed": 5}, 45083), ({"speed": 3}, 0)])
def test_speed(platform, speed, errcode):
    assert platform.call("/cgi-bin/message/mass/speed/set", speed)["errcode"] == errcode
    if not errcode:
        assert platform.call("/cgi-bin/message/mass/speed/get", {}) == {"speed": 3, "realspeed": 30}


def test_an_unknown_tag_or_draft_is_refused(platform):
    assert to_tag(platform, 4711)["errcode"] == 40050
    _, openid = platform.follower()
    tag = tag_all(platform, [openid])
    wanted = {"filter": {"tag_id": tag}, "msgtype": "mpnews", "mpnews": {"media_id": "nope"}}
    assert platform.call("/cgi-bin/message/mass/sendall", wanted)["errcode"] == 40007
    draft = platform.call("/cgi-bin/draft/add", {"articles": [{"title": "上新", "content": "..."}]})["media_id"]
    assert platform.call("/cgi-bin/message/mass/sendall", {**wanted, "mpnews": {"media_id": draft}})["errcode"] == 0
