"""Bringing events to their accounts: order, chance, five seconds, repeats, and the log of every try."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from sandbox.callbacks.crypto import signature
from sandbox.callbacks.letters import is_card_event, is_watched, sign
from sandbox.callbacks.replies import APOLOGY, PassiveReply, ReplyError, read_reply
from sandbox.net.client import CallFailedError, Client, parse_target
from sandbox.state.identity import chance
from sandbox.state.messages import deliver

if TYPE_CHECKING:
    from sandbox.journal import Journal
    from sandbox.net.client import Answer
    from sandbox.state.account import Account
    from sandbox.state.world import Event, Record, World

OK: Final = 200
# A wrong answer to a card event is repeated three times only; a server that is down ten times.
WRONG_CARD_REPEATS: Final = 3


class Courier:
    """Brings pending events out, at most `concurrency` at once."""

    def __init__(self, world: World, journal: Journal) -> None:
        """Stand by; events come through `send`."""
        self._world = world
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._client = Client()
        self._ready: deque[tuple[Event, int]] = deque()
        self._held: Event | None = None
        self._running = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._open_tries: dict[int, int] = {}
        self.generation = 0

    # -- taking events in ----------------------------------------------------------------------

    def send(self, event: Event) -> None:
        """Queue a new event, with the chances of lateness, disorder and doubling that are set."""
        habits, seed = self._world.settings.callbacks, self._world.seed
        copies = 2 if chance(seed, "duplicate", event.number) < habits.duplicate else 1
        event.copies = copies
        self._open_tries[event.number] = copies
        if chance(seed, "late", event.number) < habits.late:
            wait = habits.late_s * (0.2 + 0.8 * chance(seed, "late_s", event.number))
            self._after(wait, event, copies)
        elif self._held is None and chance(seed, "reorder", event.number) < habits.reorder:
            # It lets the next event pass; when none comes soon it goes anyway.
            self._held = event
            self._after_held(event, copies)
        else:
            self._enqueue(event, copies)
            self._release_held()

    def resume(self) -> None:
        """Bring what a former run left undone."""
        for event in list(self._world.pending.values()):
            self._open_tries[event.number] = 1
            self._enqueue(event, 1)

    def forget(self) -> None:
        """Drop everything that waits, for a reset."""
        self.generation += 1
        self._ready.clear()
        self._held = None
        self._open_tries.clear()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    async def close(self) -> None:
        """Stop calling back."""
        self.forget()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._client.close()

    def pump(self) -> None:
        """Start as many callbacks as may run at once."""
        habits = self._world.settings.callbacks
        while self._ready and not habits.paused and self._running < habits.concurrency:
            event, try_ = self._ready.popleft()
            self._running += 1
            task = self._loop.create_task(self._bring(event, try_, self.generation))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _enqueue(self, event: Event, copies: int) -> None:
        for _ in range(copies):
            event.tries += 1
            self._ready.append((event, event.tries))
        self.pump()

    def _after(self, seconds: float, event: Event, copies: int) -> None:
        def due() -> None:
            self._timers.discard(timer)
            self._enqueue(event, copies)

        timer = self._loop.call_later(seconds, due)
        self._timers.add(timer)

    def _after_held(self, event: Event, copies: int) -> None:
        def due() -> None:
            self._timers.discard(timer)
            if self._held is event:
                self._held = None
                self._enqueue(event, copies)

        timer = self._loop.call_later(0.5, due)
        self._timers.add(timer)

    def _release_held(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._enqueue(held, self._open_tries.get(held.number, 1))

    async def verify(self, account: Account) -> Record:
        """Do what the console does when an address is saved: send echostr and expect it back unchanged."""
        timestamp, nonce, echo = str(int(time.time())), str(secrets.randbelow(2_000_000_000)), str(secrets.randbits(63))
        proof = signature(account.token, timestamp, nonce)
        query = f"signature={proof}&echostr={echo}&timestamp={timestamp}&nonce={nonce}"
        try:
            answer = await self._client.get(
                parse_target(account.callback_url), query=query, timeout_s=self._world.settings.callbacks.timeout_s
            )
        except CallFailedError as failed:
            return {"verified": False, "status": 0, "error": failed.reason}
        return {"verified": answer.status == OK and answer.body == echo.encode(), "status": answer.status}

    # -- one callback --------------------------------------------------------------------------

    async def _bring(self, event: Event, try_: int, generation: int) -> None:
        try:
            await self._call(event, try_, generation)
        finally:
            self._running -= 1
            self.pump()

    async def _call(self, event: Event, try_: int, generation: int) -> None:
        world = self._world
        account = world.accounts.get(event.appid)
        if account is None or not account.callback_url or event.number not in world.pending:
            self._finish(event, {}, done=True)
            return
        world.record("callback", {"event": event.number, "try": try_, "appid": event.appid})
        await self._journal.durable()
        if generation != self.generation:
            return
        query, body, content_type = sign(account, event)
        started = self._loop.time()
        answer: Answer | None = None
        try:
            answer = await self._client.post(
                parse_target(account.callback_url),
                query=query,
                body=body,
                content_type=content_type,
                timeout_s=world.settings.callbacks.timeout_s,
            )
        except CallFailedError as failed:
            outcome: Record = {"status": 0, "error": failed.reason}
        else:
            outcome = {"status": answer.status}
        if generation != self.generation:
            return
        outcome["ms"] = round((self._loop.time() - started) * 1000, 1)
        self._judge(account, event, try_, answer, outcome)

    def _judge(self, account: Account, event: Event, try_: int, answer: Answer | None, outcome: Record) -> None:
        """Decide what an answer means: done, a reply to show, or a repeat."""
        outcome["try"] = try_
        reply: PassiveReply | None = None
        failed = True
        if answer is not None and answer.status == OK:
            failed = False
            try:
                reply = read_reply(account, event.openid, answer.body)
            except ReplyError as broken:
                outcome["reply"], outcome["why"] = "garbage", str(broken)
            else:
                outcome["reply"] = reply.kind
        is_card = is_card_event(event)
        wait = None
        if reply is None and (failed or is_card):
            wait = self._wait_before_repeat(event, is_card=is_card, wrong=not failed)
        if wait is not None:
            self._note(event, outcome, done=False)
            self._after(wait, event, 1)
            return
        if reply is not None:
            event.replied = True
        self._finish(event, outcome, done=True)
        if reply is not None:
            self._show(account, event, reply)
        elif not event.replied:
            self._apologise(account, event)

    def _wait_before_repeat(self, event: Event, *, is_card: bool, wrong: bool) -> float | None:
        """Return the seconds until the next try, or None when there is none."""
        habits = self._world.settings.callbacks
        schedule = habits.card_retry_after_s if is_card else habits.retry_after_s
        if wrong:
            schedule = schedule[:WRONG_CARD_REPEATS]
        made = event.tries - event.copies
        if event.replied or self._open_tries.get(event.number, 1) > 1 or made >= len(schedule):
            return None
        if chance(self._world.seed, "lose_retry", event.number, event.tries) < habits.lose_retry:
            return None
        return schedule[made]

    def _note(self, event: Event, outcome: Record, *, done: bool) -> None:
        if outcome:
            self._world.record("answer", {"event": event.number, "appid": event.appid, **outcome, "done": done})

    def _finish(self, event: Event, outcome: Record, *, done: bool) -> None:
        """Note the answer; the event is over when no copy of it is still on its way."""
        left = self._open_tries.get(event.number, 1) - 1
        if left > 0:
            self._open_tries[event.number] = left
            self._note(event, outcome, done=False)
            return
        self._open_tries.pop(event.number, None)
        if outcome:
            self._note(event, outcome, done=done)
        else:
            self._world.pending.pop(event.number, None)

    # -- the person's screen -------------------------------------------------------------------

    def _show(self, account: Account, event: Event, reply: PassiveReply) -> None:
        """Put a reply on the screen, once an event, and only where a chat is."""
        contact = account.contacts.get(event.openid)
        unseen = reply.kind in {"empty", "success", "transfer_customer_service"}
        if unseen or event.shown or contact is None or not (contact.following or account.kind == "mini"):
            return
        event.shown = True
        more = {"msgtype": reply.kind, "event": event.number}
        deliver(self._world, account, contact, via="reply", data=reply.data, more=more)

    def _apologise(self, account: Account, event: Event) -> None:
        """Show what a person sees when the account answers garbage or nothing."""
        contact = account.contacts.get(event.openid)
        if not is_watched(event) or event.shown or contact is None or not contact.following:
            return
        event.shown = True
        more = {"msgtype": "platform_error", "event": event.number}
        deliver(self._world, account, contact, via="reply", data={"content": APOLOGY}, more=more)


def apply_callback(world: World, entry: Record, line: bytes) -> None:
    """Apply a callback record: so many tries went out."""
    del line
    event = world.pending.get(entry["event"])
    if event:
        event.tries = max(event.tries, entry["try"])


def apply_answer(world: World, entry: dict[str, Any], line: bytes) -> None:
    """Apply an answer record; the event is over when it says done."""
    del line
    if entry["status"] == OK and entry.get("reply") != "garbage":
        world.totals.callbacks_ok += 1
    else:
        world.totals.callbacks_failed += 1
    if entry["done"]:
        world.pending.pop(entry["event"], None)
