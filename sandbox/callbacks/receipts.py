"""Receipts of template messages: when they come and how they turn out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sandbox.state.identity import chance

if TYPE_CHECKING:
    from sandbox.state.world import Awaited, Record, World

BLOCKED: Final = "failed:user block"
FAILED: Final = "failed: system failed"


class ReceiptOffice:
    """Waits a moment for each message and then tells the account how it went."""

    def __init__(self, world: World) -> None:
        """Stand by; messages come through `expect`."""
        self._world = world
        self._loop = asyncio.get_running_loop()
        self._timers: dict[int, asyncio.TimerHandle] = {}

    @property
    def waiting(self) -> int:
        """How many receipts are on their way (withheld ones are not)."""
        return len(self._timers)

    def expect(self, sent: Awaited) -> None:
        """Schedule the receipt of a message unless receipts are withheld."""
        habits = self._world.settings.receipts
        if habits.withheld or sent.msgid in self._timers:
            return
        first, last = habits.delay_s
        wait = first + (last - first) * chance(self._world.seed, "receipt", sent.msgid)
        self._timers[sent.msgid] = self._loop.call_later(wait, self._tell, sent)

    def reconsider(self) -> None:
        """Follow changed settings: hold back what waits, or schedule it anew, with what was withheld."""
        self.forget()
        for sent in list(self._world.unreceipted.values()):
            self.expect(sent)

    def forget(self) -> None:
        """Drop what waits."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _tell(self, sent: Awaited) -> None:
        self._timers.pop(sent.msgid, None)
        world = self._world
        account = world.accounts.get(sent.appid)
        if account is None or sent.msgid not in world.unreceipted:
            return
        status = sent.status or self._outcome(sent.msgid)
        event = sent.event or {"Event": "TEMPLATESENDJOBFINISH", "MsgID": sent.msgid, "Status": status}
        entry: Record = {
            "event": world.next_event(),
            "msgid": sent.msgid,
            "status": status,
            "appid": sent.appid,
            "openid": sent.openid,
            "person": sent.person,
            "fields": {
                "ToUserName": account.original_id,
                "FromUserName": sent.openid,
                "CreateTime": int(world.clock.now()),
                "MsgType": "event",
                **event,
            },
        }
        world.record("receipt", entry)

    def _outcome(self, msgid: int) -> str:
        habits = self._world.settings.receipts
        draw = chance(self._world.seed, "outcome", msgid) * 100
        if draw < habits.block_percent:
            return BLOCKED
        return FAILED if draw < habits.block_percent + habits.fail_percent else "success"
