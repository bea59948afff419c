"""After kill -9 the platform is what its log says."""

import json

from tests.sandbox.driver import Wechat


def fill(wechat, shop_url=""):
    """An account with a follower of each kind, a tag, a menu, a code, a card and a few messages."""
    wechat.account(callback_url=shop_url)
    wechat.control("people", {"people": [{"name": "Lin", "phone": "13900000001"}, {"name": "Zhao", "phone": "13900000002"}]})
    wechat.act("p1", "scan", scene="door-1")
    wechat.act("p2", "follow")
    wechat.act("p2", "unfollow")
    wechat.act("p1", "write", text="在吗")
    lin = wechat.openid("p1")
    template = wechat.template(template_id="T1")
    tag = wechat.call("/cgi-bin/tags/create", {"tag": {"name": "金卡"}})["tag"]["id"]
    wechat.call("/cgi-bin/tags/members/batchtagging", {"openid_list": [lin], "tagid": tag})
    wechat.call("/cgi-bin/menu/create", {"button": [{"type": "click", "name": "优惠", "key": "K"}]})
    code = {"action_name": "QR_LIMIT_STR_SCENE", "action_info": {"scene": {"scene_str": "door-1"}}}
    wechat.call("/cgi-bin/qrcode/create", code)
    wechat.act("p1", "take_card", card_id="pOld", code="110022")
    wechat.call("/cgi-bin/message/custom/send", {"touser": lin, "msgtype": "text", "text": {"content": "您好"}})
    send = {"touser": lin, "template_id": template, "data": {"thing1": {"value": "x"}}, "client_msg_id": "c1"}
    return lin, send, wechat.call("/cgi-bin/message/template/send", send)["msgid"]


def picture(wechat):
    """Everything that must look the same after a restart."""
    lin = wechat.openid("p1")
    return {
        "accounts": wechat.control("accounts"),
        "people": wechat.control("people"),
        "lin": wechat.control("people/p1"),
        "zhao": wechat.control("people/p2"),
        "info": wechat.call("/cgi-bin/user/info", openid=lin),
        "users": wechat.call("/cgi-bin/user/get"),
        "tags": wechat.call("/cgi-bin/tags/get"),
        "menu": wechat.call("/cgi-bin/menu/get"),
        "templates": wechat.call("/cgi-bin/template/get_all_private_template"),
        "card": wechat.call("/card/code/get", {"code": "110022"}),
        "token": wechat.stable()["access_token"],
    }


def test_after_kill_9_the_state_is_rebuilt_from_the_log(launch):
    wechat = launch()
    lin, send, msgid = fill(wechat)
    wechat.idle()
    before = picture(wechat)
    last = wechat.truth()[-1]["n"]
    wechat.kill()
    wechat.start()
    after = picture(wechat)
    for quota in ("stable_minute", "stable_day"):  # taking the picture asks for tokens
        for side in (before, after):
            side["accounts"]["accounts"][0]["quota_used"].pop(quota, None)
    assert after == before
    # The duplicate check, the window and the numbers go on where they were.
    assert wechat.call("/cgi-bin/message/template/send", send)["msgid"] == msgid
    reply = {"touser": lin, "msgtype": "text", "text": {"content": "x"}}
    codes = [wechat.call("/cgi-bin/message/custom/send", reply)["errcode"] for _ in range(8)]
    assert codes == [0] * 7 + [45047]
    wechat.idle()
    numbers = [record["n"] for record in wechat.truth()]
    assert numbers[-1] > last
    assert numbers == list(range(1, numbers[-1] + 1))


def test_a_line_torn_by_the_kill_is_cut_off(launch):
    wechat = launch()
    fill(wechat)
    wechat.idle()
    wechat.kill()
    whole = wechat.log.read_bytes()
    wechat.log.write_bytes(whole + b'{"n":999999,"at":1,"type":"act","pers')
    wechat.start()
    assert wechat.control("people")["total"] == 2
    wechat.people()
    assert wechat.log.read_bytes().startswith(whole)
    assert all(json.loads(line) for line in wechat.log.read_bytes().splitlines())


def test_callbacks_and_receipts_that_were_pending_go_out_after_a_kill(launch, shop):
    wechat = launch()
    wechat.account(callback_url=shop.url)
    wechat.control("callbacks", {"paused": True})
    template = wechat.template()
    _, openid = wechat.follower()
    body = {"touser": openid, "template_id": template, "data": {"thing1": {"value": "x"}}}
    wechat.control("settings", {"receipts": {"delay_s": [3000, 3000]}})
    msgid = wechat.call("/cgi-bin/message/template/send", body)["msgid"]
    wechat.kill()
    assert shop.calls == []
    wechat.start()
    assert wechat.control("state")["callbacks_pending"] == 1
    wechat.control("callbacks", {"paused": False})
    wechat.control("settings", {"receipts": {"delay_s": [0, 0]}})
    wechat.idle()
    assert sorted(shop.events()) == ["TEMPLATESENDJOBFINISH", "subscribe"]
    assert len(wechat.truth("receipt", msgid=msgid)) == 1


def test_a_delivered_callback_is_not_sent_again_by_a_restart(launch, shop):
    wechat = launch()
    wechat.account(callback_url=shop.url)
    wechat.follower()
    wechat.idle()
    wechat.kill()
    wechat.start()
    wechat.idle()
    assert shop.events() == ["subscribe"]


def test_settings_faults_and_the_clock_survive_and_reset_forgets_them(launch):
    wechat = launch()
    wechat.account()
    wechat.control("clock", {"advance_s": 100_000})
    wechat.control("settings", {"quota": {"template": 7}})
    wechat.control("faults", {"path": "/cgi-bin/tags/get", "errcode": -1, "times": 2})
    now = wechat.control("state")["now"]
    wechat.kill()
    wechat.start()
    assert wechat.control("state")["now"] >= now
    assert wechat.control("faults")["faults"][0]["left"] == 2
    wechat.control("reset", {})
    assert wechat.control("faults")["faults"] == []
    assert wechat.control("accounts")["accounts"] == []
    assert wechat.control("state")["now"] < now


def test_the_same_seed_gives_the_same_openids_and_another_seed_others(launch):
    found = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        wechat = launch(f"{name}.log", seed)
        wechat.account()
        found.append(wechat.follower()[1])
    assert found[0] == found[1] != found[2]


def test_it_stops_cleanly_on_sigterm(launch):
    wechat = launch()
    wechat.account()
    wechat.follower()
    assert wechat.stop() == 0
    assert wechat.truth("act")


def test_a_log_of_something_else_is_refused(tmp_path, capfd):
    log = tmp_path / "other.log"
    log.write_text('{"hello": "world"}\n')
    wechat = Wechat(log)
    try:
        wechat.start()
    except AssertionError:
        assert wechat.process.wait(20) == 1
        wechat.process.stdout.close()
    assert "not a record of the truth log" in capfd.readouterr().err
    assert log.read_text() == '{"hello": "world"}\n'


def test_one_log_belongs_to_one_process(launch, capfd):
    first = launch()
    second = Wechat(first.log)
    try:
        second.start()
    except AssertionError:
        assert second.process.wait(20) == 1
        second.process.stdout.close()
    assert "sandbox:" in capfd.readouterr().err
    assert first.control("state")["n"] == 0
