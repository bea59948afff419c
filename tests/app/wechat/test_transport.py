"""One call at a time against a platform that misbehaves: one repeat, named outcomes, no foreign exception, no secret in the log."""

import itertools
import json
import logging
from collections.abc import Callable, Iterator

import pytest

from app.core.accounts import OpenAccount
from app.core.log import _Line
from app.wechat.errors import AccountRefused, BadPayload, RecipientRefused, Throttled, Transient, Unanswered, Unreached, WeChatError
from app.wechat.gateway import WeChatGateway
from app.wechat.tokens import Kind
from app.wechat.transport import MAX_ANSWER_BYTES, ApiClient
from tests.app.wechat.platform import Heard, Move, TinyPlatform, answer
from tests.support.wechat import opened

ACCOUNT = opened()


class NumberedTokens:
    """Gives t1, and the next number after each drop that was justified."""

    def __init__(self) -> None:
        self.now = 1
        self.dropped: list[str] = []

    def token(self, account: OpenAccount) -> str:
        return f"t{self.now}"

    def drop(self, account: OpenAccount, token: str) -> None:
        self.dropped.append(token)
        self.now += token == f"t{self.now}"

    def obtain(self, account: OpenAccount, kind: Kind) -> str:
        return f"{kind} ticket"

    def check(self, account: OpenAccount) -> None:
        raise AccountRefused(40164, "invalid ip 203.0.113.7, not in whitelist rid: 1234abcd-12", "", account.appid)


@pytest.fixture
def tokens() -> NumberedTokens:
    return NumberedTokens()


@pytest.fixture
def speak(tokens: NumberedTokens) -> Iterator[Callable[[TinyPlatform], WeChatGateway]]:
    made: list[WeChatGateway] = []

    def make(platform: TinyPlatform) -> WeChatGateway:
        made.append(WeChatGateway(ApiClient(ACCOUNT, platform.url, tokens), tokens))
        return made[-1]

    yield make
    for gateway in made:
        gateway.close()


Speak = Callable[[TinyPlatform], WeChatGateway]


def saying(body: object, status: int = 200) -> Move:
    return lambda heard: answer(body, status)


@pytest.mark.parametrize("code", [40001, 40014, 42001])
def test_a_refused_token_is_dropped_and_the_call_repeated_once(tokens: NumberedTokens, speak: Speak, code: int) -> None:
    with TinyPlatform(lambda heard: answer({"errcode": code if heard.token == "t1" else 0, "tags": []})) as platform:
        assert speak(platform).list_tags() == []
        assert [each.token for each in platform.heard] == ["t1", "t2"]
    assert tokens.dropped == ["t1"]


def test_a_constant_40001_ends_after_one_repeat(tokens: NumberedTokens, speak: Speak) -> None:
    with TinyPlatform(saying({"errcode": 40001, "errmsg": "x"})) as platform:
        for act in (lambda: speak(platform).create_tag("会员"), lambda: speak(platform).call("/card/create", {})):
            before = len(platform.heard)
            with pytest.raises(Transient):
                act()
            assert len(platform.heard) - before == 2


def test_48001_never_touches_the_token(tokens: NumberedTokens, speak: Speak) -> None:
    with TinyPlatform(saying({"errcode": 48001, "errmsg": "api unauthorized"})) as platform:
        with pytest.raises(AccountRefused):
            speak(platform).list_tags()
        assert len(platform.heard) == 1
    assert tokens.dropped == []


def test_an_upload_is_repeated_whole(tokens: NumberedTokens, speak: Speak) -> None:
    with TinyPlatform(lambda heard: answer({"errcode": 42001} if heard.token == "t1" else {"media_id": "m1"})) as platform:
        assert speak(platform).upload_media("image", "logo.png", b"\x89PNG rest") == "m1"
        assert all(b"\x89PNG rest" in each.body and b'filename="logo.png"' in each.body for each in platform.heard)
        assert len(platform.heard) == 2


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (answer({"errcode": 45009, "errmsg": "x"}), Throttled),
        (answer({"errcode": 40003, "errmsg": "x"}), RecipientRefused),
        (answer({"errcode": 47001, "errmsg": "x"}), BadPayload),
        (answer({"errcode": -1, "errmsg": "x"}), Transient),
        (answer({"errcode": "40003", "errmsg": None}), RecipientRefused),
        (answer({"errcode": "words"}), Unanswered),
        (answer({"errcode": None}), Unanswered),
        (answer({"unlike": "what was promised"}), Unanswered),
        (answer({"tags": "no list"}), Unanswered),
        (answer({"tags": [{"id": "no number"}]}), Unanswered),
        (answer([1, 2]), Unanswered),
        (answer(b"<html>"), Unanswered),
        (answer(b"[" * 100_000), Unanswered),
        (answer(b"", 302), Unanswered),
        (answer(b"<html>", 502), Unanswered),
        (answer({"errcode": -1, "errmsg": "unknown api"}, 404), Transient),
        (answer(b"<html>", 404), BadPayload),
        (answer(b"", 429), Throttled),
        (answer(b" " * (MAX_ANSWER_BYTES + 1)), Unanswered),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", Unanswered),
        (b"nonsense\r\n\r\n", Unanswered),
        (None, Unanswered),
    ],
)
def test_each_answer_has_its_class(speak: Speak, said: bytes | None, kind: type[WeChatError]) -> None:
    def once(heard: Heard) -> bytes | None:
        if said is not None and said.endswith(b"50\r\n\r\n{"):
            platform.hang_up_after = True
        return said

    with TinyPlatform(once) as platform:
        with pytest.raises(WeChatError) as caught:
            speak(platform).list_tags()
        assert len(platform.heard) == 1
    assert type(caught.value) is kind
    assert caught.value.appid == ACCOUNT.appid
    # Nothing of requests or wechatpy, which carry the address with its token, hangs on our error.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_a_platform_that_is_not_there_is_unreached(speak: Speak) -> None:
    with TinyPlatform(saying({})) as platform:
        pass
    with pytest.raises(Unreached):
        speak(platform).list_tags()


def test_what_is_no_json_never_leaves(speak: Speak) -> None:
    with TinyPlatform(saying({})) as platform:
        for payload in ({"a": object()}, {"a": "\ud800"}):
            with pytest.raises(BadPayload):
                speak(platform).call("/card/create", payload)
        assert platform.heard == []


def test_login_carries_no_access_token(speak: Speak, tokens: NumberedTokens) -> None:
    with TinyPlatform(saying({"openid": "oLin", "session_key": "k"})) as platform:
        session = speak(platform).jscode_to_session("c1")
        assert "access_token" not in platform.heard[0].line
    assert (session.openid, session.session_key, session.unionid) == ("oLin", "k", "")
    assert "oLin" not in repr(session)


def test_a_mass_message_sent_before_gives_the_first_receipt(speak: Speak) -> None:
    with TinyPlatform(saying({"errcode": 45065, "errmsg": "clientmsgid exist", "msg_id": 77})) as platform:
        receipt = speak(platform).send_mass({"msgtype": "text", "text": {"content": "x"}}, tag_id=100, client_msg_id="m1")
        assert json.loads(platform.heard[0].body)["filter"] == {"is_to_all": False, "tag_id": 100}
    assert (receipt.msg_id, receipt.repeated) == ("77", True)


def test_the_log_names_code_rid_and_account_and_nothing_else(speak: Speak, caplog: pytest.LogCaptureFixture) -> None:
    message = "invalid openid oLin0000 data.thing1 积分 rid: 68f0c1aa-1234abcd"
    platform = TinyPlatform(saying({"errcode": 40003, "errmsg": message}))
    with platform, caplog.at_level(logging.DEBUG), pytest.raises(RecipientRefused):
        speak(platform).send_template("oLin0000", "T1", {"thing1": {"value": "积分"}})
    ours = [_Line().format(record) for record in caplog.records if record.name.startswith("fanka")]
    (line,) = (json.loads(each) for each in ours)
    assert line["errcode"] == 40003
    assert line["rid"] == "68f0c1aa-1234abcd"
    assert (line["appid"], line["path"]) == (ACCOUNT.appid, "/cgi-bin/message/template/send")
    everything = "".join(ours) + "".join(record.getMessage() for record in caplog.records)
    for secret in ("oLin0000", "积分", "=t1", ACCOUNT.secret):
        assert secret not in everything


def test_threads_may_share_a_gateway(speak: Speak) -> None:
    from concurrent.futures import ThreadPoolExecutor

    turns = itertools.count()
    with TinyPlatform(lambda heard: answer({"tagid_list": [next(turns)]})) as platform:
        gateway = speak(platform)
        with ThreadPoolExecutor(8) as pool:
            got = sorted(pool.map(lambda n: gateway.list_follower_tags(f"o{n}")[0], range(40)))
    assert got == list(range(40))
