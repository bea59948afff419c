"""The loop of a drain: claim, send, record, one chunk on the wire while the last is recorded and the next claimed.

The claim is always committed before the first call of its chunk; a crash at any line leaves rows whose lease runs out. An answer that came is
written down whatever else fails.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from app.core.accounts import OpenAccount
from app.core.house import House
from app.core.log import get_logger
from app.core.unit import work
from app.wechat.errors import BadPayload
from app.wechat.sender import Answer, Outgoing, Sender
from jobs.broadcasts.carrier import Carrier
from jobs.broadcasts.claim import Claimed, claim, release, renew
from jobs.broadcasts.lanes import LEASE, Run, keep_lane
from jobs.broadcasts.orders import pause_by_itself
from jobs.broadcasts.outcomes import Result, heed, result_of
from jobs.broadcasts.pacing import CHUNK, Pace
from jobs.broadcasts.quiet import quiet_end
from jobs.broadcasts.results import record_results
from jobs.models import Broadcast, DeliveryState

log = get_logger(__name__)

RECORD_FOR_S = 60.0
"""How long results are held while the database is away: less than the lease, after which the rows count as unknown."""
PATIENCE_S = 0.1
"""How long results may wait for the pace while another chunk is on the wire."""
LONGEST_WAIT_S = 2.0
"""An account that may not send for longer than this does not keep a worker waiting."""
RENEW_AFTER_S = LEASE.total_seconds() / 3
"""A claimed chunk that waited so long behind a slow one gets its lease renewed before it is sent."""
BAD_PAYLOADS = 50
"""So many refusals of the content without one success pause the broadcast."""


@dataclass(slots=True)
class Report:
    """What a drain did. `ended` is done, budget, stopped, quiet, waiting (for the account's next minute or day), or no_lane."""

    ended: str = ""
    claimed: int = 0
    states: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Rows in hand, and when they were claimed by this process's own clock."""

    rows: list[Claimed] = field(default_factory=list)
    claimed_at: float = 0.0


@dataclass(slots=True)
class Held:
    """What a drain holds from start to end. `after` is the last claimed id, carried forward so that no claim scans what is done."""

    house: House
    run: Run
    broadcast: Broadcast
    account: OpenAccount
    message: dict[str, Any]
    carrier: Carrier
    pace: Pace
    until: float
    client_id: Callable[[int], str]
    after: int = 0
    wait_s: float = 0.0
    over: bool = False
    bad: int = 0
    report: Report = field(default_factory=Report)

    def end(self, why: str) -> None:
        self.over = True
        self.report.ended = self.report.ended or why

    def left_s(self) -> float:
        return self.until - time.monotonic()


def pump(held: Held, sender: Sender) -> None:
    """Send until it is over. Whatever `sender` raises is raised again; its rows are left to their lease."""
    with ThreadPoolExecutor(1, thread_name_prefix="drain") as second:
        _loop(held, sender, second)


def _loop(held: Held, sender: Sender, second: ThreadPoolExecutor) -> None:
    """Send the chunk in hand while the other thread records the one before and claims the one after."""
    chunk = _Chunk()
    done: list[Result] = []
    while chunk.rows or done or not held.over:
        turn = second.submit(_turn, held, done, patience_s=PATIENCE_S if chunk.rows else held.left_s())
        done = []
        try:
            rows = _still_ours(held, chunk)
            answers = sender.send(_outgoing(held, rows)) if rows else []
        except BaseException:
            _put_back(held, turn.result().rows)
            raise
        # From here on there are answers, and whatever else fails they are written down.
        done = _results(held, rows, answers)
        try:
            _heed(held, done, answers)
            chunk = turn.result()
        except BaseException:
            _record(held, done)
            raise


def _turn(held: Held, done: list[Result], *, patience_s: float) -> _Chunk:
    """Record what is done and claim the next chunk, in one transaction where the pace allows it at once."""
    tokens = _tokens(held)
    if not tokens:
        _record(held, done)
        done = []
        tokens = _wait_for_tokens(held, patience_s)
        if not tokens:
            return _Chunk()
    try:
        with work(held.house.engine) as session:
            now = held.house.clock.now()
            record_results(session, held.run, done, trusted=held.account.client_msg_id_trusted, now=now)
            rows = _claim(held, session, tokens)
    except (DBAPIError, PoolTimeout) as error:
        # The database went away or chose us in a deadlock. What was answered must not be lost; the claim is simply made again.
        log.warning("claim_failed", broadcast=held.run.broadcast_id, error=type(error).__name__)
        _give_back(held, tokens)
        _record(held, done)
        time.sleep(0.2)
        return _Chunk()
    _give_back(held, tokens - len(rows))
    held.report.claimed += len(rows)
    return _Chunk(rows, time.monotonic())


def _tokens(held: Held) -> int:
    """Tokens for the next chunk, or none: because it is over, or not yet."""
    if held.over:
        return 0
    if held.left_s() <= 0:
        held.end("budget")
        return 0
    if quiet_end(held.broadcast, held.house.clock.now()) is not None:
        held.end("quiet")
        return 0
    try:
        grant = held.pace.take(held.account, CHUNK)
    except RedisError as error:
        # Without the shared buckets nobody may send; the sweep comes back when Redis does.
        log.warning("no_pace", account=held.account.id, error=type(error).__name__)
        held.end("waiting")
        return 0
    held.wait_s = grant.wait_ms / 1000
    if not grant.number and held.wait_s > min(held.left_s(), LONGEST_WAIT_S):
        held.end("waiting")
    return grant.number


def _give_back(held: Held, tokens: int) -> None:
    try:
        held.pace.give_back(held.account, tokens)
    except RedisError as error:
        log.warning("tokens_lost", account=held.account.id, error=type(error).__name__)


def _wait_for_tokens(held: Held, patience_s: float) -> int:
    until = time.monotonic() + patience_s
    while not held.over and time.monotonic() < until:
        time.sleep(max(min(held.wait_s, until - time.monotonic()), 0.001))
        tokens = _tokens(held)
        if tokens:
            return tokens
    return 0


def _claim(held: Held, session: Session, number: int) -> list[Claimed]:
    now = held.house.clock.now()
    if not keep_lane(session, held.run, now=now):
        held.end("stopped")
        return []
    retry_unknown = held.account.client_msg_id_trusted
    rows = claim(session, held.run, number=number, after=held.after, now=now, retry_unknown=retry_unknown)
    if not rows and held.after:
        # Rows that were put back have lower ids than the last one claimed.
        held.after = 0
        rows = claim(session, held.run, number=number, after=0, now=now, retry_unknown=retry_unknown)
    if not rows:
        held.end("done")
    else:
        held.after = max(held.after, rows[-1].id)
    return rows


def _outgoing(held: Held, rows: Sequence[Claimed]) -> list[Outgoing]:
    account, path, message, address, client_id = held.account, held.carrier.path, held.message, held.carrier.address, held.client_id
    return [Outgoing(account, path, address(message, openid=row.openid, client_id=client_id(row.id)), row.id) for row in rows]


def _still_ours(held: Held, chunk: _Chunk) -> list[Claimed]:
    """The rows of a chunk that had to wait for its turn, with their lease renewed; only those nobody took over meanwhile."""
    if not chunk.rows or time.monotonic() - chunk.claimed_at < RENEW_AFTER_S:
        return chunk.rows
    with work(held.house.engine) as session:
        return renew(session, held.run, chunk.rows, now=held.house.clock.now())


def _results(held: Held, rows: Sequence[Claimed], answers: Sequence[Answer]) -> list[Result]:
    attempts = {row.id: row.attempt for row in rows}
    results = [result_of(answer, attempt=attempts[answer.tag], carrier=held.carrier) for answer in answers if answer.tag in attempts]
    answered = {result.id for result in results}
    results += [Result(row.id, row.attempt, DeliveryState.UNKNOWN, why="unanswered") for row in rows if row.id not in answered]
    held.report.states.update(result.state.value for result in results)
    return results


def _heed(held: Held, results: Sequence[Result], answers: Sequence[Answer]) -> None:
    """Stop the account, or the broadcast, where the answers ask for it."""
    try:
        heed(answers, account_id=held.account.id, pace=held.pace)
    except RedisError as error:
        log.warning("account_not_parked", account=held.account.id, error=type(error).__name__)
        held.end("waiting")
    # Everybody gets the same content: when WeChat refuses it again and again and takes none, asking 100 000 times more helps nobody.
    sent = any(result.state is DeliveryState.SENT for result in results)
    held.bad = 0 if sent else held.bad + sum(result.why == BadPayload.reason for result in results)
    if held.bad >= BAD_PAYLOADS and not held.over:
        with work(held.house.engine) as session:
            pause_by_itself(session, held.run.broadcast_id, why="bad_payload", now=held.house.clock.now())
        held.end("stopped")


def _record(held: Held, done: Sequence[Result]) -> None:
    """Record outcomes by themselves, again and again while the database is away."""
    until = time.monotonic() + RECORD_FOR_S
    while done:
        try:
            with work(held.house.engine) as session:
                record_results(session, held.run, done, trusted=held.account.client_msg_id_trusted, now=held.house.clock.now())
        except (DBAPIError, PoolTimeout):
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return


def _put_back(held: Held, rows: Sequence[Claimed]) -> None:
    with work(held.house.engine) as session:
        release(session, held.run, rows, now=held.house.clock.now())
