"""The load generator counts what the server says and times it from the moment it was due."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from flask import Flask, request

from bench.letters import ANSWERED_KEY, APPID, mail, openids
from bench.wire import closed_loop, open_loop, post


@pytest.fixture
def port(serve: Callable[..., str]) -> int:
    application = Flask("echo")

    @application.post("/<int:status>")
    def answer(status: int) -> tuple[bytes, int]:
        return request.data, status

    return urlsplit(serve(application)).port or 0


def test_a_closed_loop_sends_each_request_once(port: int) -> None:
    load = closed_loop([post("/200", b"x"), post("/200", b""), post("/403", b"no"), post("/503", b"")] * 25, port=port, connections=4)
    assert dict(load.statuses) == {200: 50, 403: 25, 503: 25}
    assert (load.accepted, load.replies, len(load.latencies_s)) == (50, 50, 100)
    assert load.quantile_ms(0.5) <= load.quantile_ms(1.0)


def test_an_open_loop_keeps_its_rate_whatever_the_answers_do(port: int) -> None:
    load = open_loop([post("/200", b"x")] * 100, port=port, connections=2, per_s=200)
    assert load.accepted == 100
    # The last one is due after 99 / 200 s, and nothing can be over before it was due.
    assert load.lasted_s >= 0.495


def test_letters_are_all_different_and_some_want_an_answer() -> None:
    letters = mail(200, seed=3, people=openids(10))
    assert len(set(letters.requests)) == 200
    assert 20 < letters.answered < 120
    assert all(f"/wechat/{APPID}?".encode() in request_ for request_ in letters.requests)
    assert not any(ANSWERED_KEY.encode() in request_ for request_ in letters.requests), "they are encrypted"
