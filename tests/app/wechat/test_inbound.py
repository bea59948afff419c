"""The door: the account's mode decides, signatures and times are checked, and only our errors come out."""

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import orjson
import pytest
from werkzeug.datastructures import MultiDict

from app.core.accounts import OpenAccount
from app.core.errors import BadRequestError, FankaError, ForbiddenError
from app.core.nouns import AccountKind, Mode
from app.wechat.bodies import read_xml
from app.wechat.crypto import decrypt, sign
from app.wechat.inbound import Received, read_inbound, seal_reply, verify_echo
from tests.fuzz import bodies as fuzz
from tests.support.wechat import opened

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
FIELDS = {
    "ToUserName": "gh_0123456789ab",
    "FromUserName": "oLin0000000000000000000000ab",
    "CreateTime": str(NOW_S - 3),
    "MsgType": "event",
    "Event": "subscribe",
    "EventKey": "qrscene_7",
    "Ticket": "gQ",
}


def door(account: OpenAccount, form: str = "xml") -> fuzz.Door:
    return fuzz.Door(account.appid, account.token, account.aes_key, account.mode.value, form)


def receive(account: OpenAccount, mutant: fuzz.Mutant) -> Received:
    args = MultiDict(mutant.args)
    return read_inbound(account, args=args, body=mutant.body, content_type=mutant.content_type, now=NOW, tolerance_s=300)


def say(account: OpenAccount, fields: dict[str, object] = FIELDS, form: str = "xml", **more: object) -> Received:
    at = door(account, form)
    made = fuzz.call(at, fuzz.write(at, dict(fields)), rng=Random(1), now_s=NOW_S, name="", valid=True, said="", **more)  # type: ignore[arg-type]
    return receive(account, made)


@pytest.mark.parametrize("mode", list(Mode))
def test_an_event_arrives_with_every_field(mode: Mode) -> None:
    received = say(opened(mode))
    inbound = received.inbound
    assert received.encrypted is (mode is not Mode.PLAIN)
    assert (inbound.openid, inbound.msg_type, inbound.event, inbound.event_key) == (
        FIELDS["FromUserName"],
        "event",
        "subscribe",
        "qrscene_7",
    )
    assert inbound.occurred_at == NOW - timedelta(seconds=3)
    assert inbound.received_at == NOW
    assert inbound.fields == FIELDS


def test_a_repeat_has_the_same_key_however_it_was_sealed() -> None:
    keys = {say(opened(mode)).inbound.key for mode in (Mode.SAFE, Mode.SAFE, Mode.PLAIN)}
    assert len(keys) == 1
    assert say(opened(appid="wxffffffffffffffff")).inbound.key not in keys
    assert say(opened(), {**FIELDS, "CreateTime": str(NOW_S - 4)}).inbound.key not in keys


def test_a_mini_program_may_speak_json() -> None:
    mini = opened(kind=AccountKind.MINI)
    assert say(mini, {**FIELDS, "CreateTime": NOW_S - 3}, "json").inbound == say(mini).inbound
    with pytest.raises(BadRequestError) as caught:
        say(opened(), form="json")
    assert caught.value.code == "json_not_expected"


def plain_request(account: OpenAccount, body: bytes, **args: str) -> Received:
    nonce, timestamp = "77", str(NOW_S)
    signed = {"signature": sign(account.token, timestamp, nonce), "timestamp": timestamp, "nonce": nonce, **args}
    return read_inbound(account, args=signed, body=body, content_type="text/xml", now=NOW, tolerance_s=300)


def test_safe_mode_refuses_plaintext_whatever_the_request_says() -> None:
    for args in ({}, {"encrypt_type": "raw"}, {"encrypt_type": "aes"}, {"encrypt_type": "aes", "msg_signature": "0" * 40}):
        with pytest.raises(ForbiddenError) as caught:
            plain_request(opened(), fuzz.xml(FIELDS).encode(), **args)
        assert caught.value.code == "plaintext_refused"


def test_a_plain_account_takes_no_sealed_only_body() -> None:
    with pytest.raises(ForbiddenError) as caught:
        plain_request(opened(Mode.PLAIN), fuzz.xml({"ToUserName": "gh_1", "Encrypt": "AAAA"}).encode(), encrypt_type="aes")
    assert caught.value.code == "wrong_mode"


def test_compatible_mode_reads_the_sealed_part_when_there_is_one() -> None:
    account = opened(Mode.COMPATIBLE)
    forged = {**FIELDS, "FromUserName": "oZhao"}
    received = say(account, outer=lambda box: fuzz.xml({**forged, "Encrypt": box}))
    assert received.inbound.fields == FIELDS
    bare = plain_request(account, fuzz.xml({**FIELDS, "Encrypt": "fresh for every repeat"}).encode())
    assert not bare.encrypted
    assert bare.inbound.key == received.inbound.key


def test_the_bound_on_time_is_the_setting() -> None:
    account = opened(Mode.PLAIN)
    body = fuzz.xml(FIELDS).encode()
    for offset, fits in ((-300, True), (300, True), (-301, False), (301, False)):
        timestamp = str(NOW_S + offset)
        args = {"signature": sign(account.token, timestamp, "1"), "timestamp": timestamp, "nonce": "1"}
        if fits:
            assert read_inbound(account, args=args, body=body, content_type="", now=NOW, tolerance_s=300)
        else:
            with pytest.raises(ForbiddenError) as caught:
                read_inbound(account, args=args, body=body, content_type="", now=NOW, tolerance_s=300)
            assert caught.value.code == "stale_timestamp"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"FromUserName": "o p"}, "bad_fromusername"),
        ({"ToUserName": ""}, "bad_tousername"),
        ({"MsgType": "te xt"}, "bad_msgtype"),
        ({"Event": ""}, "bad_event"),
        ({"CreateTime": "１２"}, "bad_createtime"),
        ({"CreateTime": "-5"}, "bad_createtime"),
        ({"CreateTime": "99999999999999"}, "bad_createtime"),
        ({"CreateTime": "99999999999"}, "bad_createtime"),
        ({"CreateTime": "0"}, "bad_createtime"),
        ({"CreateTime": str(NOW_S + 90_000)}, "bad_createtime"),
    ],
)
def test_a_field_that_every_message_needs_has_a_code_of_its_own(change: dict[str, str], code: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        say(opened(Mode.PLAIN), {**FIELDS, **change})
    assert caught.value.code == code


@pytest.mark.parametrize("moment", ["12345678", "123456789", "1348831860"])
def test_the_moments_of_wechats_own_samples_are_taken(moment: str) -> None:
    assert say(opened(Mode.PLAIN), {**FIELDS, "CreateTime": moment}).inbound.occurred_at.timestamp() == int(moment)


def test_the_echo_is_answered_only_when_signed() -> None:
    account = opened(token="AAAAA")
    args = {"signature": "f464b24fc39322e44b38aa78f5edd27bd1441696", "timestamp": "1714036504", "nonce": "1514711492"}
    assert verify_echo(account, {**args, "echostr": "4375120948345356249"}) == "4375120948345356249"
    then = datetime.fromtimestamp(1714036504, UTC)
    assert verify_echo(account, {**args, "echostr": "1"}, now=then, tolerance_s=5) == "1"
    refusals = [
        ({**args, "echostr": "1", "nonce": "2"}, None, "bad_signature"),
        ({**args, "echostr": "<é>"}, None, "bad_echo"),
        (args, None, "bad_echo"),
        ({"echostr": "1"}, None, "missing_parameter"),
        ({**args, "echostr": "1"}, NOW, "stale_timestamp"),
        (MultiDict([*args.items(), ("echostr", "1"), ("echostr", "2")]), None, "repeated_parameter"),
    ]
    for given, now, code in refusals:
        with pytest.raises(FankaError) as caught:
            verify_echo(account, given, now=now)
        assert (caught.value.code, caught.value.status in {400, 403}) == (code, True)


def test_a_sealed_reply_opens_at_the_platform() -> None:
    account = opened()
    reply = read_xml(seal_reply(account, "<xml><A>你好</A></xml>", nonce="abc", now=NOW).encode())
    assert reply["MsgSignature"] == fuzz.sign(account.token, reply["TimeStamp"], reply["Nonce"], reply["Encrypt"])
    assert (reply["TimeStamp"], reply["Nonce"]) == (str(NOW_S), "abc")
    assert decrypt(reply["Encrypt"], aes_key=account.aes_key, appid=account.appid) == "<xml><A>你好</A></xml>"
    as_json = orjson.loads(seal_reply(account, "{}", nonce="abc", now=NOW, as_json=True))
    assert as_json["MsgSignature"] == fuzz.sign(account.token, str(as_json["TimeStamp"]), "abc", as_json["Encrypt"])
    assert decrypt(as_json["Encrypt"], aes_key=account.aes_key, appid=account.appid) == "{}"
    assert "]]><x" not in seal_reply(account, "<xml/>", nonce="a]]><x", now=NOW)


def answered(account: OpenAccount, mutant: fuzz.Mutant) -> Received | FankaError:
    try:
        return receive(account, mutant)
    except (BadRequestError, ForbiddenError) as error:
        return error


DOORS = [(mode, kind, form) for mode in Mode for kind, form in ((AccountKind.SERVICE, "xml"), (AccountKind.MINI, "json"))]


@pytest.mark.parametrize(("mode", "kind", "form"), DOORS)
def test_mutations_are_accepted_or_refused_and_nothing_else(mode: Mode, kind: AccountKind, form: str) -> None:
    account = opened(mode, kind)
    seen: Counter[tuple[str, bool | None]] = Counter()
    for mutant in itertools.islice(fuzz.mutants(door(account, form), seed=11, now_s=NOW_S), 1700):
        seen[mutant.name, mutant.valid] += 1
        answer = answered(account, mutant)
        if isinstance(answer, FankaError):
            assert mutant.valid is not True, (mutant, answer.code, answer.detail)
            assert 400 <= answer.status < 500
        else:
            assert mutant.valid is not False, mutant
            # What is accepted must fit the inbox and PostgreSQL's jsonb.
            assert b"\\u0000" not in orjson.dumps(answer.inbound.fields)
    assert len(seen) > 30
    assert min(sum(count for (_, valid), count in seen.items() if valid is wanted) for wanted in (True, False)) > 100
