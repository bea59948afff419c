"""The whole program put together: the world, the log, the courier, and which request goes where."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Final

from sandbox.acts.perform import apply_act
from sandbox.callbacks.cashier import Cashier, apply_notice
from sandbox.callbacks.courier import Courier, apply_answer, apply_callback
from sandbox.callbacks.receipts import ReceiptOffice
from sandbox.calls import oauth, scanlogin
from sandbox.calls.qrcodes import show_code
from sandbox.clock import Clock
from sandbox.control import accounts, figures, habits, pay, people
from sandbox.control.base import Platform, apply_control
from sandbox.dispatch import answer_call, answer_control, apply_call
from sandbox.journal import Journal, read_lines
from sandbox.net.message import Reply, error_reply
from sandbox.net.server import Listener
from sandbox.page import PAGES
from sandbox.state.messages import apply_message, apply_receipt
from sandbox.state.world import World

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sandbox.net.message import Request
    from sandbox.options import Options
    from sandbox.state.world import Effect

_EFFECTS: Final[dict[str, Effect]] = {
    "account": accounts.apply_account,
    "person": people.apply_person,
    "act": apply_act,
    "callback": apply_callback,
    "answer": apply_answer,
    "call": apply_call,
    "message": apply_message,
    "receipt": apply_receipt,
    "notice": apply_notice,
    "control": apply_control,
}
# Pages of the platform that a browser is sent to.
_BROWSED: Final = {oauth.PATH: oauth.authorize, scanlogin.SHOWN: scanlogin.answer, scanlogin.CONFIRM: scanlogin.answer}
_CONTROL_FAMILIES: Final = (accounts, people, habits, figures, pay)
MAX_BODY: Final = 1 << 20
MAX_UPLOAD: Final = 11 << 20
MAX_CONTROL: Final = 16 << 20


def body_limit(path: str) -> int:
    """Return how many bytes a request to `path` may carry."""
    if path.startswith("/_control/"):
        return MAX_CONTROL
    return MAX_UPLOAD if path.endswith(("/media/upload", "/add_material", "/media/uploadimg")) else MAX_BODY


class Sandbox:
    """A running platform."""

    def __init__(self, options: Options) -> None:
        """Build everything on the running loop; `open` reads the log and listens."""
        self._options = options
        self.journal: Journal
        self.platform: Platform
        self._listener: Listener
        self.port = 0

    async def open(self) -> int:
        """Rebuild the state from the log, then listen; returns the port."""
        self.journal = Journal(self._options.log)
        self.world = World(self._options.seed, Clock(), _EFFECTS, self.journal.append)
        self._rebuild()
        courier, receipts = Courier(self.world, self.journal), ReceiptOffice(self.world)
        cashier = Cashier(self.world, self.journal)
        self.platform = Platform(self.world, self.journal, courier, receipts, cashier)
        self.world.on_event, self.world.on_awaited = courier.send, receipts.expect
        self._listener = Listener(self.handle, self.journal.when_durable, body_limit, self.world.clock.now)
        self.port = await self._listener.open(self._options.host, self._options.port)
        courier.resume()
        receipts.reconsider()
        cashier.resume()
        # What exists now stays: without this each collection walks the whole world again.
        gc.collect()
        gc.freeze()
        return self.port

    def _rebuild(self) -> None:
        for line in read_lines(self._options.log):
            self.world.replay(line)
        self.world.clock.replay(None)

    async def close(self) -> None:
        """Stop answering, stop calling back, write what is left."""
        await self._listener.close()
        self.platform.receipts.forget()
        await self.platform.courier.close()
        await self.platform.cashier.close()
        await self.journal.close()

    def handle(self, request: Request) -> Reply | Awaitable[Reply]:
        """Answer one request."""
        path = request.path
        if path.startswith("/_control/"):
            return answer_control(self.platform, request)
        if path == "/cgi-bin/showqrcode":
            return show_code(self.world, request)
        browsed = _BROWSED.get(path)
        if browsed is not None:
            return browsed(self.world, request)
        reply = answer_call(self.world, request)
        if reply is not None:
            return reply
        page = PAGES.get(path)
        if page is not None and request.method in {"GET", "HEAD"}:
            return page()
        return error_reply("no such path", 404)
