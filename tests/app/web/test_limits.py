"""A body is exactly as long as it says and no longer than it may be; a query says each thing once."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask, request

from app.core.errors import BadRequestError
from app.web import problems
from app.web.limits import Patience, read_bounded, read_query


class Drip(io.BytesIO):
    """A stream that gives three bytes at a time, as a slow network does."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(3, size if size is not None and size >= 0 else 3))


def environ(body: bytes, **more: Any) -> dict[str, Any]:
    return {"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True, "CONTENT_LENGTH": str(len(body)), **more}


def test_a_body_is_read_whole_however_it_drips() -> None:
    assert read_bounded(environ(b"x" * 64), limit=64) == b"x" * 64
    assert read_bounded({**environ(b""), "wsgi.input": Drip(b"0123456789"), "CONTENT_LENGTH": "10"}, limit=64) == b"0123456789"


def test_nothing_beyond_the_declared_length_is_read() -> None:
    held = environ(b"abcdef", CONTENT_LENGTH="3")
    assert read_bounded(held, limit=64) == b"abc"
    assert held["wsgi.input"].tell() == 3


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"CONTENT_LENGTH": ""}, 411, "length_required"),
        ({"CONTENT_LENGTH": None}, 411, "length_required"),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, 411, "length_required"),
        ({"CONTENT_LENGTH": "65"}, 413, "body_too_large"),
        ({"CONTENT_LENGTH": "9" * 30}, 400, "bad_length"),
        ({"CONTENT_LENGTH": "-1"}, 400, "bad_length"),
        ({"CONTENT_LENGTH": "1e1"}, 400, "bad_length"),
        ({"CONTENT_LENGTH": "٣"}, 400, "bad_length"),
        ({"CONTENT_LENGTH": "20"}, 400, "bad_length"),
        ({"HTTP_CONTENT_ENCODING": "gzip"}, 415, "encoded_body"),
        ({"HTTP_CONTENT_ENCODING": "identity, br"}, 415, "encoded_body"),
    ],
)
def test_a_body_that_is_not_what_it_says_is_refused(more: dict[str, Any], status: int, code: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        read_bounded(environ(b"0123456789", **more), limit=64)
    assert (caught.value.status, caught.value.code) == (status, code)


def test_an_oversized_body_is_read_away_within_bounds() -> None:
    held = environ(b"x" * (17 * 1024 * 1024))
    with pytest.raises(BadRequestError):
        read_bounded(held, limit=64)
    assert held["wsgi.input"].tell() == 16 * 1024 * 1024
    open_ended = environ(b"x" * 100, **{"wsgi.input_terminated": False})
    with pytest.raises(BadRequestError):
        read_bounded(open_ended, limit=64)
    assert open_ended["wsgi.input"].tell() == 0, "a server that does not end the stream would leave us waiting"


def test_a_query_is_read_once() -> None:
    assert read_query({"QUERY_STRING": "a=1&b=%E4%BD%A0&c="}) == {"a": "1", "b": "你", "c": ""}
    assert read_query({}) == {}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("a=1&a=1", "repeated_parameter"),
        ("a=1&%61=2", "repeated_parameter"),
        ("a=%FF", "bad_query"),
        ("&".join(f"k{number}=1" for number in range(33)), "bad_query"),
        ("a=" + "x" * 2048, "bad_query"),
    ],
)
def test_a_strange_query_is_refused(query: str, code: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        read_query({"QUERY_STRING": query})
    assert caught.value.code == code


class Dawdler(io.BytesIO):
    """A body of which nothing comes before its time."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self.waited_for, self.comes = threading.Event(), threading.Event()

    def read(self, size: int | None = -1) -> bytes:
        self.waited_for.set()
        self.comes.wait(10)
        return super().read(size)


def test_who_dawdles_takes_a_place_and_not_all_threads() -> None:
    flask_app = Flask("patient")
    problems.install(flask_app)
    flask_app.add_url_rule("/<place>/x", "x", lambda place: request.form["a"], methods=["POST"])
    flask_app.wsgi_app = Patience(flask_app.wsgi_app, most=1, heard="/wechat/", wait_s=0.01)  # type: ignore[method-assign]
    client, dawdler, form = flask_app.test_client(), Dawdler(b"a=late"), "application/x-www-form-urlencoded"
    with ThreadPoolExecutor(1) as other:
        slow = other.submit(client.post, "/join/x", input_stream=dawdler, content_length=6, content_type=form)
        assert dawdler.waited_for.wait(10)
        refused = flask_app.test_client().post("/join/x", data={"a": "1"})
        assert (refused.status_code, refused.get_json(force=True)["code"]) == (503, "busy")
        assert flask_app.test_client().post("/wechat/x", data={"a": "heard"}).text == "heard"
        dawdler.comes.set()
        assert slow.result().text == "late"
    assert flask_app.test_client().post("/join/x", data={"a": "free"}).text == "free"
