"""What WeChat may send, and what a forger may, over real HTTP from a client of our own: one fact each, or a refusal and none."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import text

from app.core.clock import WallClock
from app.core.unit import reading
from app.local.place import CHECKOUT
from jobs.ingest_loop import IngestLoop
from tests.adversary.wire import Account, call, post, sealed
from tests.support.webserver import web_server

SAMPLES = sorted((CHECKOUT / "tests" / "fixtures" / "inbound").glob("*"))
_numbers = count(1)


@pytest.fixture(scope="module")
def street(environment, tmp_path_factory):
    with web_server(environment, tmp_path_factory.mktemp("town") / "web.log") as web:
        yield web


@pytest.fixture
def town(house, street, make_account):
    made = {mode: make_account(mode=mode) for mode in ("plain", "compatible", "safe")}
    made |= {f"mini-{mode}": make_account(mode=mode, kind="mini") for mode in ("plain", "safe")}
    accounts = {name: Account(each.appid, each.token, each.aes_key, str(each.mode)) for name, each in made.items()}
    # Each worker looks once a second at most for an account it does not know.
    street.wait_until_awake([f"/wechat/{each.appid}" for each in made.values()], status=400)
    return Town(replace(house, clock=WallClock()), street, accounts)


class Town:
    def __init__(self, house, web, accounts):
        self.house, self.web, self.accounts = house, web, accounts

    def say(self, name, body, **how):
        query, sent = call(self.accounts[name], body, **how)
        return post(self.web.port, self.accounts[name], query, sent)[0]

    def drain(self):
        loop = IngestLoop(self.house, "adversary")
        while loop.step(block_ms=20):
            pass

    def rows(self, query):
        with reading(self.house.engine) as session:
            return [tuple(row) for row in session.execute(text(query))]

    def facts(self):
        """How many callbacks became facts."""
        self.drain()
        said = "split_part(key, ':', 1)"
        return self.rows(f"SELECT count(DISTINCT {said}) FROM fact WHERE kind NOT IN ('follower.erased', 'follower.disputed')")[0][0]


def click(openid="oLin", *, key="sale", at=None, more="", event="CLICK"):
    moment = int(time.time()) if at is None else at
    return (
        f"<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[{openid}]]></FromUserName><CreateTime>{moment}</CreateTime>"
        f"<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[{event}]]></Event><EventKey><![CDATA[{key}]]></EventKey>{more}</xml>"
    ).encode()


def as_xml(value, name="xml"):
    if isinstance(value, dict):
        return f"<{name}>{''.join(as_xml(each, key) for key, each in value.items())}</{name}>"
    if isinstance(value, list):
        return "".join(as_xml(each, name) for each in value)
    return f"<{name}><![CDATA[{value}]]></{name}>"


def as_json(element):
    if not len(element):
        return (element.text or "").strip()
    found = {}
    for child in element:
        value = as_json(child)
        found[child.tag] = (
            [*found[child.tag], value]
            if isinstance(found.get(child.tag), list)
            else [found[child.tag], value]
            if child.tag in found
            else value
        )
    return found


def test_every_kind_of_event_in_every_mode_and_form(town):
    """Each is sent twice, freshly signed and sealed; the moments are those of WeChat's own samples, long ago."""
    wrong = []
    for sample in SAMPLES:
        raw = sample.read_bytes()
        tree = json.loads(raw) if sample.suffix == ".json" else as_json(ET.fromstring(raw))
        tree["CreateTime"] = 123456789
        for name in town.accounts:
            tree["FromUserName"] = f"o{sample.stem[:20]}{name}".replace(".", "_")
            tree.pop("OpenID", None)
            forms = [(as_xml(tree).encode(), False)]
            if name.startswith("mini"):
                other = {**tree, "CreateTime": 123456790}
                forms.append((json.dumps(other, ensure_ascii=False).encode(), True))
            for body, is_json in forms:
                for _ in range(2):
                    status = town.say(name, body, json=is_json)
                    if status != 200:
                        wrong.append((sample.name, name, is_json, status))
    assert not wrong
    expected = len(SAMPLES) * (len(town.accounts) + 2)
    assert town.facts() == expected
    assert town.rows("SELECT count(*) FROM dead_letter") == [(0,)]


def test_fifty_identical_callbacks_at_once_are_one_fact(town):
    body = click()
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: town.say("safe", body), range(50)))
    assert answers == [200] * 50
    assert town.facts() == 1


def test_what_differs_in_anything_is_another_fact(town):
    now = int(time.time())
    bodies = [
        click(at=now),
        click(at=now - 1),
        click(at=now, key="Sale"),
        click(at=now, key="sale\u0301"),
        click(at=now, event="click"),
        click("oMei", at=now),
        click(at=now, more="<Novelty>1</Novelty>"),
        click(at=now, more="<MsgId>1</MsgId>"),
        click(at=now, more=f"<MsgId>{'9' * 300}</MsgId>"),
    ]
    assert [town.say("plain", body) for body in bodies] == [200] * len(bodies)
    # Order of fields, blanks, and CDATA or not are no difference.
    same = re.sub(rb"<!\[CDATA\[(.*?)\]\]>", rb" \1 ", bodies[0])
    assert town.say("plain", same) == 200
    assert town.facts() == len(bodies)


FORGED = {
    "wrong length": lambda a, b: sealed(a, b, length=len(b) + 1),
    "huge length": lambda a, b: sealed(a, b, length=0x7FFFFFFF),
    "negative length": lambda a, b: sealed(a, b, length=-1),
    "no length": lambda a, b: sealed(a, b, length=0),
    "another appid": lambda a, b: sealed(a, b, appid="wxffffffffffffffff"),
    "an appid with more": lambda a, b: sealed(a, b, appid=a.appid + "x"),
    "no appid": lambda a, b: sealed(a, b, appid=""),
    "another key": lambda a, b: sealed(replace(a, aes_key="B" * 42 + "A"), b),
    "half a block": lambda a, b: sealed(a, b)[:-12],
    "a bit turned": lambda a, b: ("A" if sealed(a, b)[0] != "A" else "B") + "C" * 63 + sealed(a, b)[64:],
    "not base64": lambda a, b: "%%%" + sealed(a, b)[3:],
    "empty": lambda a, b: "AAAA",
}


@pytest.mark.parametrize("name", ["safe", "mini-safe"])
def test_forged_ciphertexts_are_refused(town, name):
    wrong = {}
    for what, forge in FORGED.items():
        body = click(f"o{next(_numbers)}")
        status = town.say(name, body, box=forge(town.accounts[name], body))
        if not 400 <= status < 500:
            wrong[what] = status
    assert not wrong
    assert town.facts() == 0
    assert "Traceback" not in town.web.words()


def test_padding_that_pkcs7_does_not_know_is_refused(town):
    account, wrong = town.accounts["safe"], {}
    for number in range(32):
        body = click("o" + "a" * number)
        plain_length = 20 + len(body) + len(account.appid)
        need = 32 - plain_length % 32
        for last in {0, 33, 200, 255} | ({need + 1} if need < 32 else set()):
            fill = bytes([7]) * (need - 1) + bytes([last])
            status = town.say("safe", body, box=sealed(account, body, fill=fill))
            if not 400 <= status < 500:
                wrong[number, last] = status
    assert not wrong
    assert town.facts() == 0


def test_texts_that_are_no_honest_utf8(town):
    wrong = {}
    tries = {
        "gbk": click(key="优惠").decode().encode("gbk"),
        "utf-16": click().decode().encode("utf-16"),
        "declared gbk": b'<?xml version="1.0" encoding="GBK"?>' + click(),
        "nul": click().replace(b"sale", b"sa\0le"),
        "nul by number": click().replace(b"<![CDATA[sale]]>", b"sa&#0;le"),
        "half a sign": click().replace(b"sale", b"\xed\xa0\x80"),
        "overlong": click().replace(b"sale", b"\xc0\xaf"),
        "laughs": b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + click().replace(b"sale", b"&b;"),
        "deep": click().replace(b"</xml>", b"<a>" * 500 + b"</a>" * 500 + b"</xml>"),
        "wide": click().replace(b"</xml>", b"<a/>" * 5000 + b"</xml>"),
        "two roots": click() + click(),
        "far future": click(at=int(time.time()) + 200_000),
        "before time": click(at=0),
    }
    for what, body in tries.items():
        for name in ("plain", "safe"):
            status = town.say(name, body)
            if not 400 <= status < 500:
                wrong[what, name] = status
    assert not wrong
    good = {"bom": b"\xef\xbb\xbf" + click("oBom"), "declared": b'<?xml version="1.0" encoding="UTF-8"?>\n' + click("oDeclared")}
    assert {what: town.say("plain", body) for what, body in good.items()} == dict.fromkeys(good, 200)
    smuggled = json.dumps(
        {
            "ToUserName": "gh_1",
            "FromUserName": "oNul",
            "CreateTime": int(time.time()),
            "MsgType": "text",
            "Content": "a\0b\ud800c",
            "MsgId": 1,
        }
    )
    assert town.say("mini-plain", smuggled.encode(), json=True) == 200
    assert town.facts() == 3
    assert town.rows("SELECT count(*) FROM dead_letter") == [(0,)]
