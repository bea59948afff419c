"""Mutations of valid webhook calls, endless and seeded: each says whether WeChat's rules still hold for it.

It shares no code with the house, so that it can judge it: at function level and over HTTP alike.
"""

import base64
import hashlib
import json
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

SIGNS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"


@dataclass(frozen=True)
class Door:
    """An account as the platform knows it. mode: plain, compatible or safe; form: xml, or json for a mini program."""

    appid: str
    token: str
    aes_key: str
    mode: str
    form: str = "xml"


@dataclass(frozen=True)
class Mutant:
    """One call. `valid` is None when only chance decides; `said` is the same for calls that say the same thing."""

    name: str
    args: tuple[tuple[str, str], ...]
    body: bytes
    content_type: str
    valid: bool | None
    said: str

    @property
    def query(self) -> str:
        return urlencode(self.args, errors="surrogatepass")


def sign(*parts: str) -> str:
    return hashlib.sha1(b"".join(sorted(part.encode() for part in parts))).hexdigest()


def seal(plain: bytes, *, aes_key: str, appid: str) -> str:
    key = base64.b64decode(aes_key + "=")
    inner = os.urandom(16) + struct.pack("!I", len(plain)) + plain + appid.encode()
    pad = 32 - len(inner) % 32
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(inner + bytes([pad]) * pad) + encryptor.finalize()).decode()


def openid(rng: Random) -> str:
    return "o" + "".join(rng.choices(SIGNS, k=27))


def message(rng: Random, now_s: int) -> dict[str, Any]:
    """Fields of something WeChat might say now."""
    fields: dict[str, Any] = {
        "ToUserName": "gh_" + "".join(rng.choices("0123456789abcdef", k=12)),
        "FromUserName": openid(rng),
        "CreateTime": str(now_s - rng.randrange(60)),
    }
    kind = rng.randrange(6)
    if kind == 0:
        words = rng.choice(["优惠券", "hello", "<b>&amp;</b>", "a ]] b", "😀积分", "<!DOCTYPE html>", "<?php ?>", "x" * 600])
        return fields | {"MsgType": "text", "Content": words, "MsgId": str(rng.getrandbits(60))}
    if kind == 1:
        return fields | {"MsgType": "event", "Event": "CLICK", "EventKey": rng.choice(["menu_sale", "menu_card"])}
    if kind == 2:
        return fields | {"MsgType": "event", "Event": "subscribe", "EventKey": f"qrscene_{rng.randrange(1000)}", "Ticket": "gQ" + "x" * 90}
    if kind == 3:
        pictures = [{"PicMd5Sum": f"{rng.getrandbits(128):032x}"} for _ in range(2)]
        info = {"Count": "2", "PicList": {"item": pictures}}
        return fields | {"MsgType": "event", "Event": "pic_weixin", "EventKey": "6", "SendPicsInfo": info}
    if kind == 4:
        return fields | {"MsgType": "event", "Event": f"brand_new_{rng.randrange(99)}", "Whatever": str(rng.random())}
    return fields | {"MsgType": "event", "Event": "user_get_card", "CardId": "p" + "C" * 27, "UserCardCode": str(rng.getrandbits(36))}


def xml(fields: dict[str, Any], *, cdata: Callable[[str], str] | None = None, between: str = "") -> str:
    wrap = cdata or (lambda text: "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>")

    def one(name: str, value: Any) -> str:
        if isinstance(value, list):
            return "".join(one(name, each) for each in value)
        inner = "".join(one(key, each) for key, each in value.items()) if isinstance(value, dict) else wrap(value)
        return f"<{name}>{inner}</{name}>{between}"

    return "<xml>" + between + "".join(one(name, value) for name, value in fields.items()) + "</xml>"


def write(door: Door, fields: dict[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False) if door.form == "json" else xml(fields)


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def call(
    door: Door,
    plain: str | bytes,
    *,
    rng: Random,
    now_s: int,
    name: str,
    valid: bool | None,
    said: str,
    appid: str | None = None,
    sealed: str | None = None,
    outer: Callable[[str], str] | None = None,
) -> Mutant:
    """Sign, and seal where the mode says so, whatever `plain` is."""
    raw = plain.encode("utf-8", "surrogatepass") if isinstance(plain, str) else plain
    timestamp, nonce = str(now_s - rng.randrange(20)), str(rng.getrandbits(31))
    args = [("signature", sign(door.token, timestamp, nonce)), ("timestamp", timestamp), ("nonce", nonce), ("openid", openid(rng))]
    body = raw
    if door.mode != "plain":
        box = sealed if sealed is not None else seal(raw, aes_key=door.aes_key, appid=appid or door.appid)
        args += [("encrypt_type", "aes"), ("msg_signature", sign(door.token, timestamp, nonce, box))]
        if outer is not None:
            body = outer(box).encode()
        elif door.form == "json":
            body = json.dumps({"ToUserName": "gh_0", "Encrypt": box}).encode()
        else:
            body = xml({"ToUserName": "gh_0", "Encrypt": box}).encode()
    content_type = "application/json" if door.form == "json" else "text/xml"
    return Mutant(name, tuple(args), body, content_type, valid, said)


def mutants(door: Door, *, seed: int, now_s: int) -> Iterator[Mutant]:
    """Endless calls on `door`: about a third still valid, the rest not, and some that only chance decides."""
    rng = Random(seed)
    shared = [*_OF_FIELDS, *_OF_CALLS]
    tools = shared + (_OF_JSON if door.form == "json" else _OF_XML) + ([] if door.mode == "plain" else _OF_SEALS)
    while True:
        yield rng.choice(tools)(door, rng, now_s)


Tool = Callable[[Door, Random, int], Mutant]


def plain_call(door: Door, rng: Random, now_s: int) -> Mutant:
    """A valid call."""
    fields = message(rng, now_s)
    return call(door, write(door, fields), rng=rng, now_s=now_s, name="as_is", valid=True, said=_said(fields))


def _said(fields: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _with_fields(name: str, change: Callable[[dict[str, Any], Random], object], *, valid: bool) -> Tool:
    def tool(door: Door, rng: Random, now_s: int) -> Mutant:
        fields = message(rng, now_s)
        change(fields, rng)
        return call(door, write(door, fields), rng=rng, now_s=now_s, name=name, valid=valid, said=_said(fields))

    return tool


def _set(name: str, *values: Any) -> Callable[[dict[str, Any], Random], object]:
    return lambda fields, rng: fields.__setitem__(name, rng.choice(values))


_BAD_TIMES = ("-1", "99999999999999", "１２３４５６７８９０", "1e9", "", " ", "0", "1700000000.5", "٣", "0x10", "9" * 400)
_BAD_PEOPLE = ("", "o" * 65, "o p", "林", "<script>", "../../etc", "o'--", "o\u202ex", "o\nx")

_OF_FIELDS: list[Tool] = [
    plain_call,
    plain_call,
    _with_fields("unknown_field", _set("Novelty", "1", "", "新"), valid=True),
    _with_fields("other_type", lambda f, r: f.update(MsgType=r.choice(["file", "link", "shortvideo", "brandnew"])), valid=True),
    _with_fields("bad_time", _set("CreateTime", *_BAD_TIMES), valid=False),
    _with_fields("bad_person", _set("FromUserName", *_BAD_PEOPLE), valid=False),
    _with_fields("bad_account", _set("ToUserName", *_BAD_PEOPLE), valid=False),
    _with_fields("bad_type", _set("MsgType", "", "te xt", "文", "t" * 65), valid=False),
    _with_fields("bad_event", lambda f, r: f.update(MsgType="event", Event=r.choice(["", "a b", "事件", "e" * 65])), valid=False),
    _with_fields("repeated_person", _set("FromUserName", ["oAAA", "oBBB"]), valid=False),
    _with_fields("nested_person", _set("FromUserName", {"a": "b"}), valid=False),
    *(
        _with_fields(f"without_{name}", lambda f, r, name=name: f.pop(name), valid=False)
        for name in ("ToUserName", "FromUserName", "CreateTime", "MsgType")
    ),
]


def _changed(name: str, change: Callable[[Mutant, Random, int, Door], Mutant], *, valid: bool | None = False) -> Tool:
    def tool(door: Door, rng: Random, now_s: int) -> Mutant:
        return replace(change(plain_call(door, rng, now_s), rng, now_s, door), name=name, valid=valid)

    return tool


def _arg(mutant: Mutant, name: str, value: str | None) -> Mutant:
    args = tuple((key, value if key == name else held) for key, held in mutant.args if not (key == name and value is None))
    return replace(mutant, args=args)


def resigned(mutant: Mutant, door: Door, timestamp: str) -> Mutant:
    held = dict(mutant.args)
    mutant = _arg(mutant, "timestamp", timestamp)
    mutant = _arg(mutant, "signature", sign(door.token, timestamp, held["nonce"]))
    if "msg_signature" in held:
        box = json.loads(mutant.body)["Encrypt"] if door.form == "json" else mutant.body.split(b"CDATA[")[2].split(b"]")[0].decode()
        mutant = _arg(mutant, "msg_signature", sign(door.token, timestamp, held["nonce"], box))
    return mutant


def _other_sign(text: str, rng: Random) -> str:
    at = rng.randrange(len(text))
    return text[:at] + rng.choice([sign for sign in "0123456789abcdefé" if sign != text[at]]) + text[at + 1 :]


def _flip(body: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(body))
    return body[:at] + bytes([body[at] ^ (1 << rng.randrange(8))]) + body[at + 1 :]


_OF_CALLS: list[Tool] = [
    _changed("wrong_signature", lambda m, r, n, d: _arg(m, "signature", _other_sign(dict(m.args)["signature"], r))),
    _changed("upper_signature", lambda m, r, n, d: _arg(m, "signature", "A" + dict(m.args)["signature"][1:].upper())),
    *(_changed(f"no_{name}", lambda m, r, n, d, name=name: _arg(m, name, None)) for name in ("signature", "timestamp", "nonce")),
    *(
        _changed(f"twice_{name}", lambda m, r, n, d, name=name: replace(m, args=(*m.args, (name, dict(m.args)[name]))))
        for name in ("signature", "timestamp", "nonce")
    ),
    _changed("long_nonce", lambda m, r, n, d: _arg(m, "nonce", "9" * r.choice([600, 5000]))),
    _changed("stale", lambda m, r, n, d: resigned(m, d, str(n - r.choice([301, 4000, 10**9])))),
    _changed("from_the_future", lambda m, r, n, d: resigned(m, d, str(n + r.choice([400, 4000, 10**9])))),
    _changed(
        "strange_timestamp", lambda m, r, n, d: resigned(m, d, r.choice(["１２３", "-1", "1e9", "9" * 30, f" {n}", f"{n}\n", "٣", "nan"]))
    ),
    _changed("other_token", lambda m, r, n, d: resigned(m, replace(d, token=d.token + "x"), str(n))),
    _changed("empty", lambda m, r, n, d: replace(m, body=b"")),
    _changed("huge", lambda m, r, n, d: replace(m, body=m.body[:-6] + b" " * (70_000) + m.body[-6:])),
    _changed("cut", lambda m, r, n, d: replace(m, body=m.body[: r.randrange(len(m.body))])),
    _changed("noise", lambda m, r, n, d: replace(m, body=r.randbytes(r.randrange(1, 3000)))),
    _changed("utf16", lambda m, r, n, d: replace(m, body=m.body.decode().encode(r.choice(["utf-16", "utf-16-le", "utf-32"])))),
    _changed("gbk_header", lambda m, r, n, d: replace(m, content_type="text/xml; charset=gbk")),
    _changed("trailing", lambda m, r, n, d: replace(m, body=m.body + r.choice([b"<x/>", b"{}", b"\0", b"x"]))),
    # Whoever holds a fresh signature of a plain account may say anything: chance decides, but never badly.
    _changed("flip", lambda m, r, n, d: replace(m, body=_flip(m.body, r)), valid=None),
    _changed("flips", lambda m, r, n, d: replace(m, body=_flip(_flip(_flip(m.body, r), r), r)), valid=None),
    _changed("doubled_body", lambda m, r, n, d: replace(m, body=m.body + m.body)),
]


def _sealed(name: str, make: Callable[[Random, Door], str]) -> Tool:
    return lambda door, rng, now_s: call(door, b"", rng=rng, now_s=now_s, name=name, valid=False, said="", sealed=make(rng, door))


def _half_sealed(door: Door, rng: Random) -> str:
    """Blocks that decrypt to an absurd length."""
    key = base64.b64decode(door.aes_key + "=")
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    inner = rng.randbytes(16) + struct.pack("!I", rng.getrandbits(32)) + rng.randbytes(43) + bytes([rng.choice([0, 1, 33, 200, 255])])
    return base64.b64encode(encryptor.update(inner) + encryptor.finalize()).decode()


def _other_appid(door: Door, rng: Random, now_s: int) -> Mutant:
    fields = message(rng, now_s)
    strange = rng.choice([door.appid[:-1], door.appid + "0", "wxffffffffffffffff", "\u00e9"])
    return call(door, write(door, fields), rng=rng, now_s=now_s, name="wrong_appid", valid=False, said="", appid=strange)


_OF_SEALS: list[Tool] = [
    _sealed("random_blocks", lambda r, d: base64.b64encode(r.randbytes(16 * r.randrange(1, 30))).decode()),
    _sealed("odd_length", lambda r, d: base64.b64encode(r.randbytes(r.randrange(1, 16))).decode()),
    _sealed("no_base64", lambda r, d: r.choice(["!!!!", "====", "a", "é", "A" * 17])),
    _sealed("absurd_length", lambda r, d: _half_sealed(d, r)),
    _sealed("other_key", lambda r, d: seal(b"<xml/>", aes_key="B" * 42 + "A", appid=d.appid)),
    _sealed("empty_inside", lambda r, d: seal(b"", aes_key=d.aes_key, appid=d.appid)),
    _sealed("bytes_inside", lambda r, d: seal(b"<xml><A>\xff\xfe</A></xml>", aes_key=d.aes_key, appid=d.appid)),
    _other_appid,
    _changed("wrong_msg_signature", lambda m, r, n, d: _arg(m, "msg_signature", _other_sign(dict(m.args)["msg_signature"], r))),
    _changed("no_msg_signature", lambda m, r, n, d: _arg(m, "msg_signature", None)),
    _changed("twice_msg_signature", lambda m, r, n, d: replace(m, args=(*m.args, ("msg_signature", "0" * 40)))),
    _changed("no_encrypt", lambda m, r, n, d: replace(m, body=m.body.replace(b"Encrypt", b"Encript"))),
]


def _as_text(name: str, make: Callable[[dict[str, Any], Random], str | bytes], *, valid: bool) -> Tool:
    def tool(door: Door, rng: Random, now_s: int) -> Mutant:
        fields = message(rng, now_s)
        return call(door, make(fields, rng), rng=rng, now_s=now_s, name=name, valid=valid, said=_said(fields))

    return tool


_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE xml [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">'
    '<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]>'
)
_OUTSIDE = '<?xml version="1.0"?><!DOCTYPE xml [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


def _bombed(fields: dict[str, Any], rng: Random) -> str:
    prolog, name = rng.choice([(_BOMB, "d"), (_OUTSIDE, "x"), ("<!DOCTYPE xml SYSTEM 'http://127.0.0.1/x.dtd'>", "x"), ("", "nothing")])
    return prolog + xml(fields | {"Content": "?"}).replace("<![CDATA[?]]>", f"&{name};")


def _shuffled(fields: dict[str, Any], rng: Random) -> str:
    names = list(fields)
    rng.shuffle(names)
    return xml({name: fields[name] for name in names})


def _declared(encoding: str) -> str:
    return f'<?xml version="1.0" encoding="{encoding}"?>\n'


_OF_XML: list[Tool] = [
    _as_text("blanks_between", lambda f, r: xml(f, between="\n  "), valid=True),
    _as_text("blanks_around", lambda f, r: xml(f, cdata=lambda t: f" <![CDATA[{t.replace(']]>', '')}]]> \n"), valid=True),
    _as_text("escaped", lambda f, r: xml(f, cdata=escape), valid=True),
    _as_text("numbered_signs", lambda f, r: xml(f, cdata=lambda t: "".join(f"&#{ord(sign)};" for sign in t)), valid=True),
    _as_text("shuffled", _shuffled, valid=True),
    _as_text("declared", lambda f, r: _declared(r.choice(["UTF-8", "utf-8"])) + xml(f), valid=True),
    _as_text("byte_order_mark", lambda f, r: "\ufeff" + xml(f), valid=True),
    _as_text("bomb", _bombed, valid=False),
    _as_text("declared_other", lambda f, r: _declared(r.choice(["gbk", "utf-16", "iso-8859-1", "utf-7"])) + xml(f), valid=False),
    _as_text("no_utf8", lambda f, r: xml(f | {"Content": "林"}).encode("gbk"), valid=False),
    _as_text("nul", lambda f, r: xml(f | {"Content": r.choice(["a\0b", "\ud800", "\ufffe", "\x08"])}), valid=False),
    _as_text("nul_escape", lambda f, r: xml(f).replace("</xml>", r.choice(["<A>&#0;</A></xml>", "<A>&#xD800;</A></xml>"])), valid=False),
    _as_text("deep", lambda f, r: xml(f).replace("</xml>", "<a>" * 3000 + "</a>" * 3000 + "</xml>"), valid=False),
    _as_text("wide", lambda f, r: xml(f).replace("</xml>", "<a/>" * 5000 + "</xml>"), valid=False),
    _as_text("attribute", lambda f, r: xml(f).replace("<MsgType>", "<MsgType a='1'>"), valid=False),
    _as_text("namespace", lambda f, r: xml(f).replace("<xml>", "<xml xmlns='urn:x'>"), valid=False),
    _as_text("comment", lambda f, r: xml(f).replace("<xml>", r.choice(["<xml><!-- x -->", "<xml><?php x ?>"])), valid=False),
    _as_text("instruction_first", lambda f, r: "<?xml-stylesheet href='x'?>" + xml(f), valid=False),
    _as_text("words_between", lambda f, r: xml(f).replace("<MsgType>", "words<MsgType>"), valid=False),
    _as_text("other_root", lambda f, r: xml(f).replace("xml>", r.choice(["XML>", "html>", "xmlx>"])), valid=False),
    _as_text("json_instead", lambda f, r: json.dumps(f), valid=False),
    _as_text("nothing_inside", lambda f, r: r.choice(["<xml/>", "<xml></xml>", "<xml>words</xml>"]), valid=False),
]


def _numbers(fields: dict[str, Any], rng: Random) -> str:
    return json.dumps(fields | {"CreateTime": int(fields["CreateTime"])})


_OF_JSON: list[Tool] = [
    _as_text("numbers", _numbers, valid=True),
    _as_text("spaced", lambda f, r: json.dumps(f, indent=2), valid=True),
    _as_text("extra_scalars", lambda f, r: json.dumps(f | {"A": None, "B": True, "C": 1.5, "D": 10**40, "E": []}), valid=True),
    _as_text("surrogate", lambda f, r: json.dumps(f | {"Content": r.choice(["\ud800", "a\0b", "\uffff"])}), valid=True),
    _as_text("xml_instead", lambda f, r: xml(f), valid=True),
    _as_text("not_a_number", lambda f, r: json.dumps(f | {"A": r.choice([float("nan"), float("inf")])}), valid=False),
    _as_text("repeated_name", lambda f, r: json.dumps(f)[:-1] + ', "MsgType": "text"}', valid=False),
    _as_text("deep_lists", lambda f, r: json.dumps(f)[:-1] + ', "A": ' + "[" * 9000 + "]" * 9000 + "}", valid=False),
    _as_text("deep_objects", lambda f, r: json.dumps(f)[:-1] + ', "A": ' + '{"a":' * 50 + "1" + "}" * 50 + "}", valid=False),
    _as_text("wide", lambda f, r: json.dumps(f | {"A": [1] * 2000}), valid=False),
    _as_text("list_outside", lambda f, r: json.dumps([f]), valid=False),
    _as_text("bare", lambda f, r: r.choice(["{}", "null", "1", '"x"', "{", '{"a":}', "{'a':1}"]), valid=False),
    _as_text(
        "time_as_float", lambda f, r: json.dumps(f | {"CreateTime": r.choice([1.5, 1e300, 10**60, -5, True, None, [], {}])}), valid=False
    ),
    _as_text("bad_name", lambda f, r: json.dumps(f | {r.choice(["", "n" * 65, "a\0b", "\ud800"]): "x"}), valid=False),
]
