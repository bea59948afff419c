"""The webhook end to end: what is accepted, what is refused, and what an answer looks like."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.core.accounts import OpenAccount
from app.core.house import House
from app.core.inbox import Entry
from app.core.nouns import Mode
from app.core.unit import work
from app.web.webhook.door import refused_key
from handlers.rules import add_rule
from tests.support.cast import LIN
from tests.support.letters import Letter, echo, letter, read_reply, signature

NOON = 1795320000


def event(name: str = "subscribe", *, extra: str = "", at: int = NOON) -> str:
    return (
        f"<xml><ToUserName><![CDATA[gh_fanka]]></ToUserName><FromUserName><![CDATA[{LIN.openid}]]></FromUserName>"
        f"<CreateTime>{at}</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[{name}]]></Event>{extra}</xml>"
    )


def message(text: str) -> str:
    return (
        f"<xml><ToUserName><![CDATA[gh_fanka]]></ToUserName><FromUserName><![CDATA[{LIN.openid}]]></FromUserName>"
        f"<CreateTime>{NOON}</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{text}]]></Content><MsgId>1</MsgId></xml>"
    )


def post(client: FlaskClient, sent: Letter, **more: Any) -> TestResponse:
    return client.post(sent.url, data=sent.body, content_type=sent.content_type, **more)


def entries(house: House) -> list[Entry]:
    return [Entry.unpack(fields[b"d"]) for _, fields in house.inbox.redis.xrange(house.inbox.stream)]


def rule(house: House, **wish: Any) -> None:
    with work(house.engine) as session:
        add_rule(session, {"name": wish["trigger"], **wish}, house=house, actor="Mei")


@pytest.mark.parametrize("mode", list(Mode))
def test_a_follow_is_in_the_inbox_and_greeted(
    mode: Mode, house: House, client: FlaskClient, make_account: Callable[..., OpenAccount]
) -> None:
    account = make_account(mode=mode)
    rule(house, trigger="follow", reply={"type": "text", "content": "欢迎 ]]> Lin"})
    answer = post(client, letter(account, event(), now=house.clock.now()))
    assert answer.status_code == 200
    assert answer.content_type == "text/xml; charset=utf-8"
    assert (b"<Encrypt>" in answer.data) is (mode is not Mode.PLAIN)
    reply = read_reply(account, answer.data)
    assert reply is not None
    said = {name: reply.findtext(name) for name in ("Content", "ToUserName", "FromUserName")}
    assert said == {"Content": "欢迎 ]]> Lin", "ToUserName": LIN.openid, "FromUserName": "gh_fanka"}
    (entry,) = entries(house)
    assert (entry.appid, entry.openid, entry.event) == (account.appid, LIN.openid, "subscribe")
    assert [(draft.kind, draft.data) for draft in entry.drafts] == [("follower.followed", {"how": "search"})]


def test_a_compatible_account_answers_as_it_was_asked(house: House, client: FlaskClient, make_account: Callable[..., OpenAccount]) -> None:
    account = make_account(mode="compatible")
    rule(house, trigger="default", reply={"type": "text", "content": "收到"})
    open_letter = letter(replace(account, mode=Mode.PLAIN), message("hi"), now=house.clock.now())
    assert "收到".encode() in post(client, open_letter).data


def test_silence_is_an_empty_body(house: House, client: FlaskClient, make_account: Callable[..., OpenAccount]) -> None:
    answer = post(client, letter(make_account(), event("unsubscribe"), now=house.clock.now()))
    assert (answer.status_code, answer.data) == (200, b"")


def test_a_repeat_has_the_key_of_the_first(house: House, client: FlaskClient, make_account: Callable[..., OpenAccount]) -> None:
    account = make_account()
    for nonce in ("111", "222"):
        assert post(client, letter(account, event(), now=house.clock.now(), nonce=nonce)).status_code == 200
    first, second = entries(house)
    assert first.key == second.key


def test_the_echo_comes_back_as_it_was(house: House, client: FlaskClient, make_account: Callable[..., OpenAccount]) -> None:
    answer = client.get(echo(make_account(), now=house.clock.now(), echostr="5817234").url)
    assert (answer.status_code, answer.data) == (200, b"5817234")


def test_an_account_added_a_moment_ago_is_known(
    house: House, client: FlaskClient, make_account: Callable[..., OpenAccount], monkeypatch: pytest.MonkeyPatch
) -> None:
    early = make_account()
    assert client.get(echo(early, now=house.clock.now()).url).status_code == 200
    late = make_account()
    assert client.get(echo(late, now=house.clock.now()).url).status_code == 200
    read: list[int] = []
    monkeypatch.setattr(house.accounts, "_refresh", lambda: read.append(1))
    assert {client.get(f"/wechat/wxguess{number}").status_code for number in range(20)} == {404}
    assert len(read) <= 1, "guesses must not become queries"


def test_the_first_events_of_a_new_account_may_come_all_at_once(
    house: House, client: FlaskClient, make_account: Callable[..., OpenAccount], monkeypatch: pytest.MonkeyPatch
) -> None:
    early = make_account()
    assert client.get(echo(early, now=house.clock.now()).url).status_code == 200
    late = make_account()
    real, read = house.accounts._refresh, threading.Event()

    def slow() -> None:
        # Longer than an ordinary request waits for its shelf, as on a machine with much to do.
        read.wait(0.6)
        real()

    monkeypatch.setattr(house.accounts, "_refresh", slow)
    with ThreadPoolExecutor(8) as pool:
        sent = [letter(late, event(at=NOON + number), now=house.clock.now()) for number in range(8)]
        answers = list(pool.map(lambda each: post(client.application.test_client(), each).status_code, sent))
    assert answers == [200] * 8


def altered(sent: Letter, **query: str) -> Letter:
    return replace(sent, query={**sent.query, **query})


REFUSED: dict[str, tuple[Callable[[OpenAccount, House], Letter], int, str]] = {
    "wrong signature": (lambda a, h: altered(letter(a, event(), now=h.clock.now()), signature="0" * 40), 403, "bad_signature"),
    "no signature": (lambda a, h: altered(letter(a, event(), now=h.clock.now()), signature=""), 400, "missing_parameter"),
    "message signature": (lambda a, h: altered(letter(a, event(), now=h.clock.now()), msg_signature="0" * 40), 403, "bad_signature"),
    "stale": (lambda a, h: letter(a, event(), now=h.clock.now() - timedelta(seconds=301)), 403, "stale_timestamp"),
    "from the future": (lambda a, h: letter(a, event(), now=h.clock.now() + timedelta(seconds=301)), 403, "stale_timestamp"),
    "plaintext in safe mode": (
        lambda a, h: letter(replace(a, mode=Mode.PLAIN), event(), now=h.clock.now()),
        403,
        "plaintext_refused",
    ),
    "another key": (
        lambda a, h: letter(replace(a, aes_key="B" * 42 + "A"), event(), now=h.clock.now()),
        400,
        "bad_ciphertext",
    ),
    "no xml inside": (lambda a, h: letter(a, "hello", now=h.clock.now()), 400, "bad_body"),
    "an entity": (
        lambda a, h: letter(a, "<!DOCTYPE x [<!ENTITY a 'b'>]>" + event(), now=h.clock.now()),
        400,
        "bad_body",
    ),
    "no body": (lambda a, h: replace(letter(a, event(), now=h.clock.now()), body=b""), 411, "length_required"),
    "64 KiB and one": (lambda a, h: replace(letter(a, event(), now=h.clock.now()), body=b"<" * (64 * 1024 + 1)), 413, "body_too_large"),
    "another charset": (lambda a, h: letter(a, event(), now=h.clock.now(), content_type="text/xml; charset=gbk"), 400, "bad_encoding"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_a_problem_a_counter_and_a_masked_line(
    case: str, house: House, client: FlaskClient, make_account: Callable[..., OpenAccount], caplog: pytest.LogCaptureFixture
) -> None:
    account = make_account(mode="safe")
    make, status, code = REFUSED[case]
    sent = make(account, house)
    answer = post(client, sent)
    problem = answer.get_json(force=True)
    assert (answer.status_code, answer.content_type, problem["code"], problem["status"]) == (
        status,
        "application/problem+json",
        code,
        status,
    )
    assert any("一" <= sign <= "鿿" for sign in problem["detail"])
    assert problem["detail_en"].isascii()
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    client.application.blueprints["webhook"].door.refused.settle()
    assert house.redis.hgetall(refused_key(house.settings.redis_prefix)) == {code: "1"}
    (line,) = [record.fields for record in caplog.records if record.getMessage() == "webhook_refused"]
    assert line == {"refusal": code, "status": status, "appid": account.appid, "request": problem["request_id"]}
    everything = answer.get_data(as_text=True) + "".join(str(vars(record)) for record in caplog.records)
    for secret in (LIN.openid, account.token, account.secret, account.aes_key, sent.query["nonce"], sent.query["timestamp"], "Traceback"):
        assert secret not in everything
    assert entries(house) == []


@pytest.mark.parametrize(
    "path",
    [
        "/wechat/wxunknown",
        "/wechat/",
        "/wechat/%E4%BD%A0",
        "/wechat/%FF",
        "/wechat/a%00b",
        "/wechat/a%2Fb",
        "/wechat/" + "a" * 400,
        "//wechat//x",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_or_mangled_account_is_404(path: str, method: str, client: FlaskClient) -> None:
    answer = client.open(path, method=method, data=b"x" if method == "POST" else None)
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_405(method: str, house: House, client: FlaskClient, make_account: Callable[..., OpenAccount]) -> None:
    answer = client.open(echo(make_account(), now=house.clock.now()).url, method=method)
    assert (answer.status_code, answer.content_type) == (405, "application/problem+json")
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


def test_a_repeated_parameter_is_refused(house: House, client: FlaskClient, make_account: Callable[..., OpenAccount]) -> None:
    sent = letter(make_account(), event(), now=house.clock.now())
    answer = client.post(sent.url + "&nonce=486452656", data=sent.body)
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (400, "repeated_parameter")


def test_what_nobody_foresaw_is_500_without_a_traceback(
    house: House, make_app: Callable[..., Flask], make_account: Callable[..., OpenAccount], caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def run(self, *_: object) -> None:
            raise RuntimeError(f"{LIN.openid} wrote something")

    account = make_account()
    answer = post(make_app(chain=Broken()).test_client(), letter(account, event(), now=house.clock.now()))
    problem = answer.get_json(force=True)
    assert (answer.status_code, problem["code"]) == (500, "internal")
    assert LIN.openid not in answer.get_data(as_text=True)
    assert "Traceback" not in answer.get_data(as_text=True)
    (line,) = [record.fields for record in caplog.records if record.getMessage() == "request_failed"]
    assert line["request"] == problem["request_id"]


def test_a_reply_that_fails_does_not_unsay_the_event(
    house: House, client: FlaskClient, make_account: Callable[..., OpenAccount], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_account()
    rule(house, trigger="follow", reply={"type": "text", "content": "欢迎"})
    monkeypatch.setattr("app.web.webhook.door.seal_reply", lambda *_, **__: 1 / 0)
    answer = post(client, letter(account, event(), now=house.clock.now()))
    assert (answer.status_code, answer.data) == (200, b"")
    assert len(entries(house)) == 1


def mini_event(name: str, **fields: str) -> str:
    import orjson

    said = {"ToUserName": "gh_mini", "FromUserName": LIN.openid, "CreateTime": NOON, "MsgType": name, **fields}
    return orjson.dumps(said).decode()


def test_a_mini_program_is_answered_with_nothing_but_a_hand_over(
    house: House, client: FlaskClient, make_account: Callable[..., OpenAccount]
) -> None:
    account = make_account(kind="mini", mode="plain")
    rule(house, trigger="default", reply={"type": "text", "content": "收到"})
    rule(house, trigger="keyword", pattern="人工", reply={"type": "transfer_customer_service"})
    quiet = post(
        client, letter(account, mini_event("text", Content="在吗", MsgId="1"), now=house.clock.now(), content_type="application/json")
    )
    assert (quiet.status_code, quiet.data) == (200, b"")
    handed = post(
        client, letter(account, mini_event("text", Content="人工", MsgId="2"), now=house.clock.now(), content_type="application/json")
    )
    assert handed.content_type == "application/json"
    assert handed.get_json()["MsgType"] == "transfer_customer_service"
    blanks = "\ufeff\n " + mini_event("text", Content="人工", MsgId="3")
    handed = post(client, letter(account, blanks, now=house.clock.now(), content_type="application/json"))
    assert handed.get_json()["MsgType"] == "transfer_customer_service"


def test_a_privacy_event_is_about_the_person_it_names(house: House, client: FlaskClient, make_account: Callable[..., OpenAccount]) -> None:
    account = make_account(kind="mini", mode="plain")
    xml = event("user_authorization_revoke", extra="<OpenID><![CDATA[oZhaoxxxxxxxxxxxxxxxxxxxxxx4]]></OpenID><RevokeInfo>8</RevokeInfo>")
    assert post(client, letter(account, xml, now=house.clock.now())).status_code == 200
    (entry,) = entries(house)
    assert entry.openid == "oZhaoxxxxxxxxxxxxxxxxxxxxxx4"


def test_the_official_vector_is_ours() -> None:
    assert signature("AAAAA", "1714036504", "1514711492") == "f464b24fc39322e44b38aa78f5edd27bd1441696"
