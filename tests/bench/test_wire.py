"""The load generator counts what the server says and times it from the moment it was due."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from bench.letters import ANSWERED_KEY, APPID, mail, openids
from bench.wire import closed_loop, open_loop, post


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with the status in the path and the body that came; /500 is answered and the connection closed."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            body = await reader.readexactly(length)
            status = head.split(b" ")[1].strip(b"/")
            ends = b"Connection: close\r\n" if status == b"500" else b""
            writer.write(b"HTTP/1.1 %b X\r\n%bContent-Length: %d\r\n\r\n%b" % (status, ends, len(body), body))
            if ends:
                break
    except asyncio.IncompleteReadError:
        pass
    finally:
        writer.close()


@pytest.fixture
def port() -> Iterator[int]:
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(_echo, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield server.sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    server.close()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0.1))
    loop.close()


def test_a_closed_loop_sends_each_request_once(port: int) -> None:
    load = closed_loop([post("/200", b"x"), post("/200", b""), post("/403", b"no"), post("/503", b"")] * 25, port=port, connections=4)
    assert dict(load.statuses) == {200: 50, 403: 25, 503: 25}
    assert (load.accepted, load.replies, len(load.latencies_s)) == (50, 50, 100)
    assert load.quantile_ms(0.5) <= load.quantile_ms(1.0)


def test_a_server_that_closes_leaves_the_rest_unanswered(port: int) -> None:
    load = closed_loop([post("/200", b"x"), post("/500", b"x"), post("/200", b"x")], port=port, connections=1)
    assert dict(load.statuses) == {200: 1, 500: 1, 0: 1}


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
