"""Callbacks: modes, repeats, chance, and what the log knows before they leave."""

import base64
import json
import threading

from sandbox.callbacks.crypto import decode_key, decrypt, signature
from tests.sandbox.callbacks.conftest import opened
from tests.sandbox.driver import AES_KEY, fields_of


def test_plain_mode_sends_signed_xml(wired, shop):
    person, openid = wired.follower()
    wired.act(person, "write", text="在吗 <b> ]]> 1&2", at=1_790_000_000)
    wired.idle()
    follow, write = shop.calls
    assert follow.query["signature"] == signature("tok", follow.query["timestamp"], follow.query["nonce"])
    assert (write.query["openid"], "msg_signature" in write.query) == (openid, False)
    assert write.headers["Content-Type"] == "text/xml"
    text = write.body.decode()
    assert "<CreateTime>1790000000</CreateTime>" in text
    assert "<Content><![CDATA[在吗 <b> ]]]]><![CDATA[> 1&2]]></Content>" in text
    assert "<MsgId>" in text


def test_safe_mode_sends_nothing_in_clear(wired, shop):
    wired.account(callback_url=shop.url, mode="safe")
    _, openid = wired.follower()
    wired.idle()
    (call,) = shop.calls
    assert set(fields_of(call.body)) == {"ToUserName", "Encrypt"}
    assert fields_of(opened(call))["FromUserName"] == openid


def test_compatible_mode_sends_both(wired, shop):
    wired.account(callback_url=shop.url, mode="compatible")
    wired.follower()
    wired.idle()
    (call,) = shop.calls
    clear, sealed = fields_of(call.body), fields_of(opened(call))
    assert clear.pop("Encrypt")
    assert clear == sealed


def test_a_mini_program_may_get_json(wired, shop):
    wired.account("wxM", kind="mini", format="json", mode="safe", callback_url=shop.url)
    (person,) = wired.people()
    wired.act(person, "subscribe_popup", appid="wxM", template_id="T", status="accept")
    wired.idle()
    body = json.loads(shop.calls[0].body)
    fields = json.loads(decrypt(decode_key(AES_KEY), "wxM", body["Encrypt"]))
    assert fields["Event"] == "subscribe_msg_popup_event"
    assert fields["List"]["TemplateId"] == "T"


def test_a_failing_server_gets_the_same_body_four_times_freshly_signed(wired, shop):
    wired.account(callback_url=shop.url, mode="safe")
    shop.answer = lambda _: (500, b"")
    wired.follower()
    figures = wired.idle()
    assert len(shop.calls) == 4
    assert len({opened(call) for call in shop.calls}) == 1
    assert len({call.query["msg_signature"] for call in shop.calls}) == 4
    assert len({fields_of(call.body)["Encrypt"] for call in shop.calls}) == 4
    assert (figures["callbacks_ok"], figures["callbacks_failed"]) == (0, 4)
    answers = wired.truth("answer")[-4:]
    assert [(a["try"], a["status"], a["done"]) for a in answers] == [(1, 500, False), (2, 500, False), (3, 500, False), (4, 500, True)]


def test_it_stops_repeating_once_somebody_answers(wired, shop):
    shop.answer = lambda _: (200, b"success") if len(shop.calls) == 3 else (502, b"")
    wired.follower()
    assert wired.idle()["callbacks_ok"] == 1
    assert len(shop.calls) == 3


def test_card_events_are_repeated_ten_times(wired, shop):
    (person,) = wired.people()
    shop.answer = lambda _: (500, b"")
    wired.act(person, "take_card", card_id="pOld")
    wired.idle()
    assert len(shop.calls) == 11


def test_garbage_for_a_card_event_is_repeated_three_times(wired, shop):
    (person,) = wired.people()
    shop.answer = lambda _: (200, b"{}")
    wired.act(person, "take_card", card_id="pOld")
    wired.idle()
    assert len(shop.calls) == 4


def test_no_answer_in_time_is_cut_off_and_repeated(wired, shop):
    wired.control("callbacks", {"timeout_s": 0.2, "retry_after_s": [0]})
    gate = threading.Event()

    def answer(_):
        if len(shop.calls) == 1:
            gate.wait(20)
        return (200, b"success")

    shop.answer = answer
    wired.follower()
    assert wired.idle()["callbacks_ok"] == 1
    gate.set()
    first, second = wired.truth("answer")[-2:]
    assert (first["status"], first["error"]) == (0, "timeout")
    assert (second["status"], second["try"]) == (200, 2)


def test_a_server_that_is_down_is_noted(wired, shop):
    wired.account(callback_url="http://127.0.0.1:9/wechat")
    wired.follower()
    wired.idle()
    assert [a["error"] for a in wired.truth("answer")[-4:]] == ["refused"] * 4


def test_every_event_twice(wired, shop):
    wired.control("callbacks", {"duplicate": 1})
    wired.follower()
    figures = wired.idle()
    assert len(shop.calls) == 2
    assert shop.calls[0].body == shop.calls[1].body
    assert shop.calls[0].query != shop.calls[1].query
    assert figures["callbacks_ok"] == 2


def test_repeats_can_be_lost(wired, shop):
    wired.control("callbacks", {"lose_retry": 1})
    shop.answer = lambda _: (500, b"")
    wired.follower()
    wired.idle()
    assert len(shop.calls) == 1


def test_events_can_overtake_each_other(wired, shop):
    wired.control("callbacks", {"reorder": 0.5, "concurrency": 1})
    people = wired.people(40)
    wired.control("act", [{"person": p, "appid": "wxA", "do": "follow"} for p in people])
    wired.idle()
    came = [fields_of(call.body)["FromUserName"] for call in shop.calls]
    sent = [wired.openid(person) for person in people]
    assert sorted(came) == sorted(sent)
    assert came != sent


def test_late_events_come_after_later_ones(wired, shop):
    wired.control("callbacks", {"late": 0.5, "late_s": 0.3, "concurrency": 1})
    people = wired.people(40)
    wired.control("act", [{"person": p, "appid": "wxA", "do": "follow"} for p in people])
    wired.idle()
    came = [fields_of(call.body)["FromUserName"] for call in shop.calls]
    assert sorted(came) == sorted(wired.openid(person) for person in people)
    assert came != [wired.openid(person) for person in people]


def test_paused_callbacks_wait(wired, shop):
    wired.control("callbacks", {"paused": True})
    wired.follower()
    assert wired.control("idle", {"timeout_s": 0})["callbacks_pending"] == 1
    assert shop.calls == []
    wired.control("callbacks", {"paused": False})
    wired.idle()
    assert len(shop.calls) == 1


def test_the_log_knows_an_event_before_it_goes_out(wired, shop):
    seen = []

    def answer(call):
        openid = call.query["openid"]
        seen.append((bool(wired.truth("act", openid=openid)), bool(wired.truth("callback"))))
        return (200, b"")

    shop.answer = answer
    for _ in range(5):
        wired.follower()
    wired.idle()
    assert seen == [(True, True)] * 5


def test_a_receipt_is_an_event_like_any_other(wired, shop):
    template = wired.template()
    _, openid = wired.follower()
    sent = wired.call("/cgi-bin/message/template/send", {"touser": openid, "template_id": template, "data": {"thing1": {"value": "x"}}})
    wired.idle()
    body = shop.calls[-1].body.decode()
    assert f"<MsgID>{sent['msgid']}</MsgID>" in body
    assert "<Status><![CDATA[success]]></Status>" in body


def test_the_aes_key_decodes_as_the_platform_says():
    assert decode_key(AES_KEY) == base64.b64decode(AES_KEY + "=")
    assert len(decode_key(AES_KEY)) == 32


def test_an_address_is_verified_by_its_echo(wired, shop):
    assert wired.control("verify", {"appid": "wxA"}) == {"verified": True, "status": 200}
    query = shop.calls[0].query
    assert query["signature"] == signature("tok", query["timestamp"], query["nonce"])
    shop.echo = lambda _: b"hello"
    assert wired.control("verify", {"appid": "wxA"})["verified"] is False
    wired.account(callback_url="http://127.0.0.1:9/")
    assert wired.control("verify", {"appid": "wxA"})["error"] == "refused"
