"""The client for callbacks against servers that die at bad moments."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Self, TypeVar

import pytest
import uvloop

from sandbox.net.client import Answer, CallFailedError, Client, Target, _Link, parse_target

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


Result = TypeVar("Result")


def on_loop(story: Callable[[], Awaitable[Result]]) -> Result:
    """Run a story on the loop the sandbox runs on."""

    async def run() -> Result:
        return await story()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


async def ask(client: Client, port: int) -> Answer:
    target = parse_target(f"http://127.0.0.1:{port}/wechat/wx1")
    return await client.post(target, query="", body=b"<xml/>", content_type="text/xml", timeout_s=5)


class Door:
    """A small server that answers `ok` and lets its links be cut."""

    def __init__(self) -> None:
        self.writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()
        self._server.close()
        await self._server.wait_closed()

    async def cut(self) -> None:
        for writer in self.writers:
            writer.close()
        await asyncio.sleep(0.05)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"<xml/>")
                writer.write(ANSWER)


def test_a_link_that_dies_before_it_is_written_to_is_a_failed_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> str:
        async with Door() as door:
            client, find = Client(), Client._link

            async def dying(self: Client, target: Target, timeout_s: float) -> _Link:
                link = await find(self, target, timeout_s)
                await door.cut()
                return link

            monkeypatch.setattr(Client, "_link", dying)
            with pytest.raises(CallFailedError) as failed:
                await ask(client, door.port)
            return failed.value.reason

    assert on_loop(story) == "closed"


def test_a_transport_that_refuses_to_be_written_to_is_a_failed_call() -> None:
    async def story() -> str:
        class Gone(asyncio.Transport):
            def is_closing(self) -> bool:
                return False

            def write(self, data: object) -> None:
                raise RuntimeError(data)

        link = _Link()
        link.connection_made(Gone())
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        link.send(b"", b"", waiting)
        with pytest.raises(CallFailedError) as failed:
            await waiting
        assert link.closed
        return failed.value.reason

    assert on_loop(story) == "closed"


def test_a_kept_link_that_died_meanwhile_is_replaced_without_a_new_try() -> None:
    async def story() -> int:
        async with Door() as door:
            client = Client()
            assert await ask(client, door.port) == Answer(200, b"ok")
            await door.cut()
            assert await ask(client, door.port) == Answer(200, b"ok")
            client.close()
            return len(door.writers)

    assert on_loop(story) == 2
