"""The HTTP server: order, bounds and malformed requests."""

import json
import re
import time
from email.utils import parsedate_to_datetime

import pytest

STATE = b"GET /_control/state HTTP/1.1\r\nHost: x\r\n\r\n"


def test_keeps_the_connection_and_answers_pipelined_requests_in_order(platform):
    last = b"GET /_control/people/nobody HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    got = platform.raw(STATE + STATE + last)
    assert re.findall(rb"HTTP/1\.1 (\d+)", got) == [b"200", b"200", b"404"]


def test_every_answer_tells_the_platforms_moment(platform):
    def moment_of(got):
        return parsedate_to_datetime(re.search(rb"\r\nDate: ([^\r]+ GMT)\r\n", got)[1].decode()).timestamp()

    before = int(time.time())
    answered, refused = platform.raw(STATE.replace(b"x\r\n\r\n", b"x\r\nConnection: close\r\n\r\n")), platform.raw(b"NONSENSE\r\n\r\n")
    assert before <= moment_of(answered) <= moment_of(refused) <= time.time()
    platform.control("clock", {"advance_s": 3600})
    assert before + 3600 <= moment_of(platform.raw(b"NONSENSE\r\n\r\n")) <= time.time() + 3600


def test_a_body_in_chunks_is_read(platform):
    body = b'{"count": 2}'
    request = (
        b"POST /_control/people HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    )
    answer = platform.raw(request)
    assert len(json.loads(answer.partition(b"\r\n\r\n")[2])["people"]) == 2


def test_expect_100_continue_is_answered_before_the_body(platform):
    head = b"POST /_control/people HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n"
    assert platform.raw(head, until=b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: banana\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: 1\r\n" % n for n in range(150)) + b"\r\n", 431),
    ],
)
def test_a_malformed_request_is_4xx_json_and_the_end_of_the_connection(platform, request_bytes, status):
    answer = platform.raw(request_bytes)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert "error" in json.loads(answer.partition(b"\r\n\r\n")[2])


def test_a_body_over_its_bound_is_413(platform):
    head = b"POST /cgi-bin/tags/create HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n"
    answer = platform.raw(head + b"x" * (1 << 20) + b"xx")
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("body", [b"", b"[", b"[]", b"3", b"null", b'"x"', b"\xff\xfe", b'{"a":' * 2000, b"{" + b'"a":1,' * 10 + b"}"])
def test_no_body_makes_the_platform_stumble(platform, body):
    for path in ("/cgi-bin/stable_token", f"/cgi-bin/message/template/send?access_token={platform.token()}"):
        answer = platform.request("POST", path, body)
        assert answer.status == 200
        assert json.loads(answer.body)["errcode"] in {44002, 47001, 40002, 40003}
    answer = platform.request("POST", "/_control/act", body)
    assert answer.status == 400
    assert "error" in json.loads(answer.body)


def test_unknown_paths_are_404_json(platform):
    for path in ("/nothing", "/static/../server.py", "/_control/nothing", "/cgi-bin/nothing"):
        answer = platform.request("GET", path)
        assert answer.status == 404
        assert {"error", "errcode"} & set(json.loads(answer.body))


def test_head_has_no_body(platform):
    answer = platform.request("HEAD", "/_control/state")
    assert (answer.status, answer.body) == (200, b"")


def test_another_site_cannot_control_it_from_a_browser(platform):
    answer = platform.request("POST", "/_control/reset", b"{}", {"Origin": "https://evil.example"})
    assert answer.status == 403
    own = platform.request("POST", "/_control/people", b'{"count":1}', {"Origin": platform.url})
    assert own.status == 200
