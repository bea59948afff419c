"""Random mutations of valid bodies against the real server: still valid ones 200, all others 4xx, never a 5xx, a traceback or a second fact."""

import itertools
import os
import random
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from app.core.dead import DeadLetterRow
from app.core.facts import FactRow
from app.core.inbound import InboundRow
from app.core.inbox import Entry
from app.core.unit import reading
from jobs.ingest_loop import IngestLoop
from tests.fuzz.bodies import Door, Mutant, mutants, resigned
from tests.fuzz.conftest import Siege
from tests.support.knocking import Answered, Knock, knock_all
from tests.support.letters import read_reply

MANY = 10_000
BATCH = 2_000
REPEAT_EVERY = 5
_NEVER_LOGGED = ("Traceback", "request_failed", "handler_failed", "reply_failed", "event_not_accepted", "part_away", "panicked")


def test_ten_thousand_mutations(siege: Siege) -> None:
    bombard(siege, MANY, seed=int(os.environ.get("FUZZ_SEED", "20261122")))


@pytest.mark.soak
def test_a_hundred_thousand_mutations(siege: Siege) -> None:
    bombard(siege, 100_000, seed=random.SystemRandom().getrandbits(32))


def bombard(siege: Siege, number: int, *, seed: int) -> None:
    """Send so many mutants, some of the valid ones a second time with a fresh signature, and account for every fact afterwards."""
    print(f"FUZZ_SEED={seed}")
    workers = siege.web.workers()
    said: set[str] = set()
    drafted: set[str] = set()
    counted: Counter[int] = Counter()
    for batch in _batches(siege, number, seed=seed):
        for knock, answered in knock_all(siege.web.port, batch):
            counted[answered.status] += 1
            _judge(siege, knock, answered)
            if answered.status == 200:
                said.add(knock.about[1].said)
        drafted |= _drain(siege)
    assert counted.total() >= number
    assert counted[200] > number / 8
    assert counted.total() - counted[200] > number / 8
    assert siege.web.workers() == workers, "a worker died"
    log = siege.web.words()
    assert not [word for word in _NEVER_LOGGED if word in log]
    with reading(siege.house.engine) as session:
        assert session.scalar(select(func.count()).select_from(DeadLetterRow)) == 0
        assert session.scalar(select(func.count()).select_from(InboundRow)) == len(said)
        heard = select(FactRow.key).where(FactRow.key.regexp_match("^[0-9a-f]{64}:"))
        assert set(session.scalars(heard)) == drafted


def _batches(siege: Siege, number: int, *, seed: int) -> Iterator[list[Knock]]:
    doors = siege.doors
    now_s = int(time.time())
    sources = [mutants(door, seed=seed + at, now_s=now_s) for at, door in enumerate(doors)]
    sent = 0
    while sent < number:
        # A soak lasts longer than a signature does.
        if int(time.time()) - now_s > 60:
            now_s = int(time.time())
            sources = [mutants(door, seed=seed + sent + at, now_s=now_s) for at, door in enumerate(doors)]
        batch: list[Knock] = []
        for at in range(min(BATCH, number - sent)):
            which = at % len(doors)
            mutant = next(sources[which])
            batch.append(_knock(doors[which], which, mutant))
            if mutant.valid and at % REPEAT_EVERY == 0:
                again = resigned(mutant, doors[which], str(now_s)) if at % 2 else mutant
                batch.append(_knock(doors[which], which, again))
        sent += min(BATCH, number - sent)
        yield batch


def _knock(door: Door, which: int, mutant: Mutant) -> Knock:
    return Knock(f"/wechat/{door.appid}", mutant.query, mutant.body, mutant.content_type, about=(which, mutant))


def _judge(siege: Siege, knock: Knock, answered: Answered) -> None:
    which, mutant = knock.about
    assert answered.status == 200 or 400 <= answered.status < 500, (answered, mutant)
    assert mutant.valid is None or mutant.valid is (answered.status == 200), (answered, mutant)
    assert b"Traceback" not in answered.body
    assert b'File "' not in answered.body
    if answered.status == 200 and mutant.valid and siege.doors[which].form == "xml":
        read_reply(siege.accounts[which], answered.body)


def _drain(siege: Siege) -> set[str]:
    """Let ingest record what was accepted; returns the keys of the facts that it was asked for."""
    inbox = siege.house.inbox
    entries = [Entry.unpack(fields[b"d"]) for _, fields in inbox.redis.xrange(inbox.stream)]
    loop = IngestLoop(siege.house, "siege")
    for _ in itertools.takewhile(lambda _: inbox.waiting(), range(1000)):
        loop.step(block_ms=1)
    assert inbox.waiting() == 0
    return {f"{entry.key}:{draft.kind}:{draft.number}" for entry in entries for draft in entry.drafts}
