"""The bulk sender against a platform that misbehaves on purpose: nothing is sent twice, every outcome has its name."""

import itertools
import json
import threading
from collections import Counter

import pytest

from app.core.accounts import OpenAccount
from app.wechat.errors import AccountRefused, BadPayload, RecipientRefused, Throttled, Transient, Unanswered, Unreached, WeChatError
from app.wechat.sender import Answer, CurlSender, Outgoing
from tests.app.wechat.platform import Heard, TinyPlatform, answer
from tests.support.wechat import opened

ACCOUNT = opened()
SEND = "/cgi-bin/message/template/send"


class NumberedTokens:
    """Gives t1, and the next number after each drop that was justified."""

    def __init__(self) -> None:
        self.now = 1
        self.asked = 0
        self.error: WeChatError | None = None

    def token(self, account: OpenAccount) -> str:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return f"t{self.now}"

    def drop(self, account: OpenAccount, token: str) -> None:
        self.now += token == f"t{self.now}"


@pytest.fixture
def tokens() -> NumberedTokens:
    return NumberedTokens()


def outgoing(number: int, account: OpenAccount = ACCOUNT) -> list[Outgoing]:
    return [Outgoing(account, SEND, {"touser": f"o{tag}", "words": "积分到账"}, tag) for tag in range(number)]


def send(platform: TinyPlatform, tokens: NumberedTokens, requests: list[Outgoing], **options: float) -> list[Answer]:
    sender = CurlSender(platform.url, tokens, **{"connections": 4, **options})  # type: ignore[arg-type]
    try:
        return sender.send(requests)
    finally:
        sender.close()


def accepted(heard: Heard) -> bytes:
    return answer({"errcode": 0, "errmsg": "ok", "msgid": int(json.loads(heard.body)["touser"][1:]) + 1000})


def test_answers_come_back_in_order_over_few_connections(tokens: NumberedTokens) -> None:
    with TinyPlatform(accepted) as platform:
        answers = send(platform, tokens, outgoing(50))
        assert [(each.tag, each.ok, each.error, each.body["msgid"]) for each in answers if each.body] == [
            (tag, True, None, tag + 1000) for tag in range(50)
        ]
        assert platform.connections <= 4
        assert platform.most_at_once <= 4
        assert Counter(json.loads(each.body)["words"] for each in platform.heard) == {"积分到账": 50}
        assert all(each.line == f"POST {SEND}?access_token=t1 HTTP/1.1" for each in platform.heard)
        assert tokens.asked == 1
    assert send(platform, tokens, []) == []


def test_connections_stay_open_between_batches(tokens: NumberedTokens) -> None:
    with TinyPlatform(accepted) as platform:
        sender = CurlSender(platform.url, tokens, connections=2)
        for _ in range(5):
            assert all(each.ok for each in sender.send(outgoing(4)))
        sender.close()
        assert platform.connections <= 2


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (answer({"errcode": 45009, "errmsg": "reach max api daily quota limit rid: 1234abcd-12"}), Throttled),
        (answer({"errcode": 43004, "errmsg": "require subscribe"}), RecipientRefused),
        (answer({"errcode": 48001, "errmsg": "api unauthorized"}), AccountRefused),
        (answer({"errcode": 47003, "errmsg": "argument invalid! data.thing1.value invalid"}), BadPayload),
        (answer({"errcode": -1, "errmsg": "system error"}), Transient),
        (answer({"errcode": 41001, "errmsg": "missing"}, 401), Transient),
        (answer(b"<html>busy</html>", 502), Unanswered),
        (answer(b"<html>slow down</html>", 429), Throttled),
        (answer(b"<html>no</html>", 404), BadPayload),
        (answer(b"[]"), Unanswered),
        (answer(b"{"), Unanswered),
        (answer({"errcode": "many"}), Unanswered),
        (answer(b"x" * (1 << 20) + b"x"), Unanswered),
        (b"nonsense\r\n\r\n", Unanswered),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", Unanswered),
    ],
)
def test_each_answer_has_its_class(tokens: NumberedTokens, said: bytes, kind: type[WeChatError]) -> None:
    with TinyPlatform(lambda heard: said if heard.on_connection == 1 else None) as platform:
        (got,) = send(platform, tokens, outgoing(1), timeout_s=1)
        assert len(platform.heard) == 1
    assert not got.ok
    assert type(got.error) is kind
    assert got.error.appid == ACCOUNT.appid


@pytest.mark.parametrize("kept", [0, 1, 3], ids=["fresh connection", "kept connection", "old connection"])
def test_a_message_taken_before_the_line_went_dead_is_not_sent_again(tokens: NumberedTokens, kept: int) -> None:
    def hang_up_later(heard: Heard) -> bytes | None:
        return accepted(heard) if heard.on_connection <= kept else None

    with TinyPlatform(hang_up_later) as platform:
        answers = send(platform, tokens, outgoing(kept + 1), connections=1)
        taken = Counter(json.loads(each.body)["touser"] for each in platform.heard)
    assert [each.ok for each in answers] == [True] * kept + [False]
    assert isinstance(answers[-1].error, Unanswered)
    assert set(taken.values()) == {1}


def test_no_answer_in_time_is_unanswered(tokens: NumberedTokens) -> None:
    release = threading.Event()

    def sleep(heard: Heard) -> None:
        release.wait(20)

    with TinyPlatform(sleep) as platform:
        (got,) = send(platform, tokens, outgoing(1), timeout_s=0.2)
        release.set()
    assert isinstance(got.error, Unanswered)
    assert not got.error.outcome_known


def test_a_platform_that_is_not_there_is_unreached(tokens: NumberedTokens) -> None:
    with TinyPlatform(accepted) as platform:
        pass
    answers = send(platform, tokens, outgoing(6))
    assert {type(each.error) for each in answers} == {Unreached}
    assert [each.tag for each in answers] == list(range(6))


@pytest.mark.parametrize("code", [40001, 40014, 42001])
def test_a_refused_token_is_dropped_and_what_it_cost_is_sent_once_more(tokens: NumberedTokens, code: int) -> None:
    with TinyPlatform(lambda heard: answer({"errcode": code, "errmsg": "x"}) if heard.token == "t1" else accepted(heard)) as platform:
        assert all(each.ok for each in send(platform, tokens, outgoing(10)))
        assert Counter(each.token for each in platform.heard) == {"t1": 10, "t2": 10}


def test_a_token_that_dies_in_mid_batch_repeats_only_what_it_refused(tokens: NumberedTokens) -> None:
    turn = itertools.count(1)

    def dies(heard: Heard) -> bytes:
        return answer({"errcode": 42001, "errmsg": "x"}) if heard.token == "t1" and next(turn) > 6 else accepted(heard)

    with TinyPlatform(dies) as platform:
        assert all(each.ok for each in send(platform, tokens, outgoing(10)))
        assert Counter(each.token for each in platform.heard) == {"t1": 10, "t2": 4}


def test_a_token_refused_for_good_is_repeated_once_and_never_more(tokens: NumberedTokens) -> None:
    with TinyPlatform(lambda heard: answer({"errcode": 40001, "errmsg": "x"})) as platform:
        assert {type(each.error) for each in send(platform, tokens, outgoing(5))} == {Transient}
        assert Counter(each.token for each in platform.heard) == {"t1": 5, "t2": 5}


def test_48001_never_touches_the_token(tokens: NumberedTokens) -> None:
    with TinyPlatform(lambda heard: answer({"errcode": 48001, "errmsg": "x"})) as platform:
        assert {type(each.error) for each in send(platform, tokens, outgoing(3))} == {AccountRefused}
        assert (len(platform.heard), tokens.now) == (3, 1)


def test_an_account_without_a_token_does_not_stop_the_others(tokens: NumberedTokens) -> None:
    class Some(NumberedTokens):
        def token(self, account: OpenAccount) -> str:
            if account.appid == ACCOUNT.appid:
                raise AccountRefused(40125, "invalid appsecret", "", account.appid)
            return super().token(account)

    other = opened(appid="wxffffffffffffffff")
    with TinyPlatform(accepted) as platform:
        answers = send(platform, Some(), [*outgoing(2), *outgoing(2, other)])
        assert [each.ok for each in answers] == [False, False, True, True]
        assert {type(each.error) for each in answers[:2]} == {AccountRefused}
        assert len(platform.heard) == 2


def test_a_payload_that_is_no_json_is_refused_by_itself(tokens: NumberedTokens) -> None:
    with TinyPlatform(accepted) as platform:
        bad = Outgoing(ACCOUNT, SEND, {"touser": object()}, 7)
        answers = send(platform, tokens, [bad, *outgoing(1)])
        assert [each.ok for each in answers] == [False, True]
        assert isinstance(answers[0].error, BadPayload)


def test_the_sender_goes_on_after_a_batch_that_failed(tokens: NumberedTokens) -> None:
    calls = itertools.count(1)
    with TinyPlatform(lambda heard: None if next(calls) <= 3 else accepted(heard)) as platform:
        sender = CurlSender(platform.url, tokens, connections=3)
        assert not any(each.ok for each in sender.send(outgoing(3)))
        assert all(each.ok for each in sender.send(outgoing(9)))
        sender.close()
