"""What no library sends: bodies of ten megabytes, broken HTTP, strange paths and queries. Nobody gets more than a 4xx, and the door stays open."""

import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.fuzz.bodies import Door, call, message, plain_call, sign, write, xml
from tests.fuzz.conftest import Siege
from tests.support.knocking import Knock, knock_all, shout, shout_all, statuses

MEGABYTES_10 = 10 * 1024 * 1024
RNG = random.Random(7)


def now() -> int:
    return int(time.time())


@pytest.fixture
def standing(siege: Siege) -> Iterator[Siege]:
    """Afterwards the same workers answer every account, nothing was logged as an error, and only that last round was recorded."""
    workers = siege.web.workers()
    yield siege
    for which, door in enumerate(siege.doors):
        mutant = plain_call(door, RNG, now())
        (_, answered), *_ = knock_all(siege.web.port, [Knock(f"/wechat/{door.appid}", mutant.query, mutant.body, mutant.content_type)])
        assert answered.status == 200, (which, answered)
    assert siege.web.workers() == workers, "a worker died"
    log = siege.web.words()
    assert "Traceback" not in log
    assert "request_failed" not in log
    assert "part_away" not in log
    assert siege.house.inbox.waiting() == len(siege.doors)


def refused(heard: bytes) -> bool:
    """Either nothing was said, or something beginning with 4."""
    return all(400 <= status < 500 for status in statuses(heard)) and b"Traceback" not in heard


def big_text(door: Door) -> bytes:
    fields = message(RNG, now()) | {"MsgType": "text", "Content": "x" * MEGABYTES_10}
    return call(door, write(door, fields), rng=RNG, now_s=now(), name="big", valid=False, said="").body


BIG: dict[str, Callable[[Door], bytes]] = {
    "signed": big_text,
    "brackets": lambda door: b"<" * MEGABYTES_10,
    "deep": lambda door: b"<xml>" + b"<a>" * (MEGABYTES_10 // 7) + b"</a>" * (MEGABYTES_10 // 7) + b"</xml>",
    "zeros": lambda door: b"\0" * MEGABYTES_10,
    "entity": lambda door: b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "' + b"y" * MEGABYTES_10 + b'">]><xml>&a;&a;&a;</xml>',
    "lists": lambda door: b"[" * MEGABYTES_10,
}


def test_ten_megabytes_are_refused(standing: Siege) -> None:
    wrong = {}
    for name, make in BIG.items():
        for door in (standing.doors[0], standing.doors[1], standing.doors[3]):
            query = plain_call(door, RNG, now()).query
            ((_, answered),) = knock_all(standing.web.port, [Knock(f"/wechat/{door.appid}", query, make(door))])
            if answered.status != 413:
                wrong[name, door.mode] = answered
    assert not wrong


def _billion_laughs(levels: int) -> str:
    names = [f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, levels)]
    return f'<?xml version="1.0"?><!DOCTYPE xml [<!ENTITY l0 "ha">{"".join(names)}]>'


BOMBS = {
    "laughs": _billion_laughs(10) + "<xml><Content>&l9;</Content></xml>",
    "outside": '<!DOCTYPE xml [<!ENTITY % p SYSTEM "http://127.0.0.1:9/evil.dtd"> %p;]><xml/>',
    "file": '<!DOCTYPE xml [<!ENTITY x SYSTEM "file:///etc/passwd">]><xml><Content>&x;</Content></xml>',
    "include": '<xml xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd" parse="text"/></xml>',
}


def test_entity_bombs_are_refused_signed_and_sealed(standing: Siege) -> None:
    wrong = {}
    for name, body in BOMBS.items():
        for door in standing.doors[:3]:
            inner = body.replace("<Content>", xml(message(RNG, now()))[5:-6] + "<Content>")
            mutant = call(door, inner, rng=RNG, now_s=now(), name="bomb", valid=False, said="")
            ((_, answered),) = knock_all(standing.web.port, [Knock(f"/wechat/{door.appid}", mutant.query, mutant.body)])
            if not 400 <= answered.status < 500 or b"root:" in answered.body:
                wrong[name, door.mode] = answered
    assert not wrong


def letter_to(door: Door) -> tuple[str, bytes]:
    mutant = plain_call(door, RNG, now())
    return f"/wechat/{door.appid}?{mutant.query}", mutant.body


def head(target: str, *lines: str, method: str = "POST", version: str = "HTTP/1.1") -> bytes:
    return "\r\n".join([f"{method} {target} {version}", "Host: fanka", "Connection: close", *lines, "", ""]).encode("latin-1")


BROKEN: dict[str, Callable[[str, bytes], bytes]] = {
    "length in words": lambda target, body: head(target, "Content-Length: many") + body,
    "negative length": lambda target, body: head(target, "Content-Length: -1") + body,
    "length in hex": lambda target, body: head(target, "Content-Length: 0x10") + body,
    "length beyond numbers": lambda target, body: head(target, f"Content-Length: {'9' * 30}") + body,
    "two lengths": lambda target, body: head(target, "Content-Length: 5", f"Content-Length: {len(body)}") + body,
    "no length": lambda target, body: head(target) + body,
    "length too long": lambda target, body: head(target, f"Content-Length: {len(body) + 100}") + body,
    "length and chunks": lambda target, body: (
        head(target, f"Content-Length: {len(body)}", "Transfer-Encoding: chunked") + f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    ),
    "chunks": lambda target, body: head(target, "Transfer-Encoding: chunked") + f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n",
    "chunk size in words": lambda target, body: head(target, "Transfer-Encoding: chunked") + b"zz\r\n" + body,
    "endless chunk": lambda target, body: head(target, "Transfer-Encoding: chunked") + b"ffffffffffffffff\r\n" + body,
    "chunks without an end": lambda target, body: head(target, "Transfer-Encoding: chunked") + b"5\r\nhello\r\n",
    "unknown transfer": lambda target, body: head(target, "Transfer-Encoding: cow") + body,
    "compressed": lambda target, body: head(target, f"Content-Length: {len(body)}", "Content-Encoding: gzip") + body,
    "a header of a megabyte": lambda target, body: head(target, "X-Long: " + "a" * (1 << 20), f"Content-Length: {len(body)}") + body,
    "ten thousand headers": lambda target, body: head(target, *(f"X-{n}: y" for n in range(10_000)), f"Content-Length: {len(body)}") + body,
    "a header without a colon": lambda target, body: head(target, "nonsense", f"Content-Length: {len(body)}") + body,
    "a NUL in a header": lambda target, body: head(target, "X-A: a\0b", f"Content-Length: {len(body)}") + body,
    "a target of a megabyte": lambda target, body: head("/" + "a" * (1 << 20)),
    "a query of a megabyte": lambda target, body: head(target + "&x=" + "a" * (1 << 20), f"Content-Length: {len(body)}") + body,
    "a raw byte in the target": lambda target, body: head(target + "&x=\xff\xfe", f"Content-Length: {len(body)}") + body,
    "a blank in the target": lambda target, body: head(target + "& x", f"Content-Length: {len(body)}") + body,
    "lower-case method": lambda target, body: head(target, f"Content-Length: {len(body)}", method="post") + body,
    "made-up method": lambda target, body: head(target, f"Content-Length: {len(body)}", method="BREW") + body,
    "another version": lambda target, body: head(target, f"Content-Length: {len(body)}", version="HTTP/9.9") + body,
    "no version": lambda target, body: f"POST {target}\r\n\r\n".encode() + body,
    "HTTP/2 at once": lambda target, body: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": lambda target, body: bytes.fromhex("16030100c5010000c10303") + bytes(190),
    "noise": lambda target, body: random.Random(3).randbytes(4000),
    "only line ends": lambda target, body: b"\r\n" * 5000,
    "half a head": lambda target, body: head(target, f"Content-Length: {len(body)}")[:-4],
}


def test_broken_http_is_refused(standing: Siege) -> None:
    raws = {(name, door.mode): make(*letter_to(door)) for name, make in BROKEN.items() for door in standing.doors[:2]}
    found = shout_all(standing.web.port, raws)
    assert not {name: heard[:300] for name, heard in found.items() if not refused(heard)}
    # Most of it is answered: silence alone would prove little.
    assert sum(bool(heard) for heard in found.values()) > len(found) / 2


def test_a_length_too_short_never_makes_an_event(standing: Siege) -> None:
    """What is left over is the beginning of another request, which is none; the part itself is no whole body."""
    for door in standing.doors[:2]:
        target, body = letter_to(door)
        assert refused(shout(standing.web.port, head(target, f"Content-Length: {len(body) - 40}") + body))


def test_strangers_who_promise_a_body_and_send_none_hold_nobody(standing: Siege) -> None:
    """Twice as many as there are threads: what WeChat did not sign is refused before a byte of its body is waited for."""
    unsigned = head(f"/wechat/{standing.doors[0].appid}?signature={'0' * 40}&timestamp={now()}&nonce=1", "Content-Length: 60000")
    found = shout_all(standing.web.port, dict.fromkeys(range(32), unsigned))
    assert {status for heard in found.values() for status in statuses(heard)} == {403}
    assert all(found.values())


def test_strangers_who_dawdle_over_a_form_leave_threads_for_wechat(standing: Siege) -> None:
    ours = head(f"/wechat/{standing.doors[0].appid}", method="GET")
    slow = head("/me/check-in", "Content-Type: application/x-www-form-urlencoded", "Content-Length: 90")
    with ExitStack() as stack:
        for _ in range(32):
            stack.enter_context(socket.create_connection(("127.0.0.1", standing.web.port), timeout=10)).sendall(slow)
        assert [list(statuses(shout(standing.web.port, ours, timeout_s=10))) for _ in range(8)] == [[400]] * 8


def test_a_body_that_stops_in_the_middle_is_no_event(standing: Siege) -> None:
    target, body = letter_to(standing.doors[1])
    with socket.create_connection(("127.0.0.1", standing.web.port), timeout=10) as line:
        line.sendall(head(target, f"Content-Length: {len(body)}") + body[:50])
    time.sleep(0.2)
    assert standing.house.inbox.waiting() == 0


PATHS = (
    "/wechat",
    "/wechat/",
    "/wechat//{appid}",
    "/wechat/{appid}/",
    "/wechat/{appid}/x",
    "/wechat/../wechat/x{appid}",
    "/wechat/%00",
    "/wechat/{appid}%00",
    "/wechat/{appid}%0a",
    "/wechat/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "/wechat/%c0%ae",
    "/wechat/%ff",
    "/wechat/%",
    "/wechat/" + "a" * 300,
    "/wechat/wx0000000000000000",
    "/WECHAT/{appid}",
    "/wechat/';DROP TABLE account;--",
    "*",
)


def test_strange_paths_lead_nowhere(standing: Siege) -> None:
    door = standing.doors[1]
    raws = {}
    for path in PATHS:
        for method in ("GET", "POST"):
            target, body = letter_to(door)
            strange = path.format(appid=door.appid) + "?" + target.partition("?")[2]
            raws[path, method] = head(strange, f"Content-Length: {len(body)}", method=method) + body
    found = shout_all(standing.web.port, raws)
    assert not {name: heard[:300] for name, heard in found.items() if not heard or not refused(heard)}


QUERIES = (
    "",
    "?",
    "&&&&",
    "=",
    "signature",
    "signature=&timestamp=&nonce=",
    "%",
    "%zz=%zz",
    "a=%ff%fe",
    ";" * 100,
    "&".join(f"n{n}=1" for n in range(100)),
    "signature[]=1&timestamp[]=2&nonce[]=3",
    "signature=%00&timestamp=%00&nonce=%00",
    "echostr=<script>alert(1)</script>&signature=1&timestamp=1&nonce=1",
    "x=" + "y" * 3000,
)


METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE")


def test_strange_queries_and_methods_are_refused(standing: Siege) -> None:
    door = standing.doors[1]
    raws = {}
    for query in QUERIES:
        for method in METHODS:
            _, body = letter_to(door)
            raws[query, method] = head(f"/wechat/{door.appid}?{query}", f"Content-Length: {len(body)}", method=method) + body
    found = shout_all(standing.web.port, raws)
    assert not {name: heard[:300] for name, heard in found.items() if not heard or not refused(heard)}


def test_an_echo_is_never_made_of_unsigned_words(standing: Siege) -> None:
    door, stamp = standing.doors[1], str(now())
    unsigned = f"/wechat/{door.appid}?signature={'0' * 40}&timestamp={stamp}&nonce=1&echostr=secret"
    heard = shout(standing.web.port, head(unsigned, method="GET"))
    assert list(statuses(heard)) == [403]
    assert b"secret" not in heard
    signed = f"/wechat/{door.appid}?signature={sign(door.token, stamp, '1')}&timestamp={stamp}&nonce=1&echostr="
    for echo in ("%00", "%0d%0aSet-Cookie:%20a=b", "%e6%9e%97", ""):
        heard = shout(standing.web.port, head(signed + echo, method="GET"))
        assert list(statuses(heard)) == [400], (echo, heard[:300])
