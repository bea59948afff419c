"""Events a second from the stream to committed facts and tags, with three rules: ours beside one ORM transaction an event."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random

import psycopg
from sqlalchemy import Engine, create_engine

from app.core.db import engine_options
from app.core.facts import FactDraft
from app.core.house import House
from app.core.inbox import Entry
from app.core.settings import read_settings
from app.core.unit import work
from bench.baseline.ingest import OrmIngest
from bench.ground import Ground, ground
from bench.letters import APPID, openids
from bench.rounds import Findings, clocked, duel, interleave
from bench.webhook import WrongError, add_bench_account
from jobs.ingest_loop import IngestLoop
from tagging.models import Tag, TagRule

LEAST = 15.0
STREAM = "bench:inbox"
KEYS = ("menu_sale", "menu_card", "menu_shop", "menu_kids", "menu_help")
WORDS = ("优惠券", "积分", "生日", "门店", "客服")
_BEGIN = datetime(2026, 11, 1, tzinfo=UTC)

# What both sides must leave behind, without ids that depend on the order of work.
_RESULT = """
SELECT 'fact', fact.key, fact.kind, fact.data::text, follower.openid_digest, fact.occurred_at::text
FROM fact JOIN follower ON follower.id = fact.follower_id AND follower.customer_id = fact.customer_id
UNION ALL
SELECT 'tag', tag.name, follower.openid_digest, '', '', '' FROM customer_tag JOIN tag ON tag.id = tag_id JOIN follower USING (customer_id)
UNION ALL
SELECT 'evidence', tag.name, follower.openid_digest, e.first_key || e.last_key, e.hits || ' ' || e.weight, e.first_at || ' ' || e.last_at
FROM tag_evidence e JOIN tag ON tag.id = e.tag_id JOIN follower ON follower.id = e.follower_id
UNION ALL
SELECT 'follower', openid_digest, openid, state, state_at::text, last_interaction_at::text FROM follower
UNION ALL
SELECT 'inbound', key, occurred_at::text, '', '', '' FROM inbound
ORDER BY 1, 2, 3, 4, 5, 6
"""


@dataclass(frozen=True, slots=True)
class Rates:
    """How many events each side is given in a round (the baseline fewer, or nobody would wait for it), and how many are on record before."""

    ours: int
    baseline: int
    before: int
    rounds: int


def run(*, quick: bool) -> Findings:
    """Both sides first leave the same rows for the same events, then run by turns."""
    rates = Rates(10_000, 500, 20_000, 3) if quick else Rates(30_000, 1_500, 60_000, 5)
    with ground("ingest") as place, place.house() as house:
        engine = create_engine(read_settings(place.env).database_url, **engine_options(pool_size=2))
        table = _Table(place, house, engine)
        try:
            table.prepare(rates.before)
            _check_same_result(table, rates.baseline)

            def ours(at: int) -> float:
                table.lay(entries(rates.ours, seed=at))
                lasted = clocked(table.work_ours)
                table.expect(rates.before + rates.ours)
                return rates.ours / lasted

            def baseline(at: int) -> float:
                table.lay(entries(rates.baseline, seed=at))
                lasted = clocked(table.work_baseline)
                table.expect(rates.before + rates.baseline)
                return rates.baseline / lasted

            return Findings([duel("ingest", "events/s", interleave(rates.rounds, ours, baseline, name="ingest"), least=LEAST)])
        finally:
            engine.dispose()


@dataclass(slots=True)
class _Table:
    """Both sides' place of work: the same database to begin with, the same entries in the same stream."""

    place: Ground
    house: House
    engine: Engine
    account_id: int = 0

    def prepare(self, before: int) -> None:
        """A house that has seen some events already, so that its tables have sizes and statistics as in life."""
        self.account_id = add_bench_account(self.place)
        make_rules(self.house)
        self._pour(entries(before, seed=4242, begin=_BEGIN - timedelta(seconds=before)))
        self.work_ours()
        self._let_go()
        self.place.keep_as("start")

    def lay(self, stories: Sequence[Entry]) -> None:
        """Begin again, with these entries waiting."""
        self._let_go()
        self.place.begin_from("start")
        self.house.inbox.redis.flushdb()
        self._pour(stories)

    def work_ours(self) -> None:
        loop = IngestLoop(self.house, "bench")
        while self.house.inbox.waiting():
            loop.step(block_ms=1)

    def work_baseline(self) -> None:
        OrmIngest(self.engine, self.house.inbox.redis, STREAM, accounts={APPID: self.account_id}).run()

    def expect(self, number: int) -> None:
        with psycopg.connect(self.place.env["DATABASE_URL"]) as connection:
            row = connection.execute("SELECT (SELECT count(*) FROM inbound), (SELECT count(*) FROM dead_letter)").fetchone()
        if row != (number, 0) or self.house.inbox.waiting():
            raise WrongError(f"recorded and dead are {row}, not {number} and none")

    def result(self) -> list[tuple[str, ...]]:
        with psycopg.connect(self.place.env["DATABASE_URL"]) as connection:
            return connection.execute(_RESULT).fetchall()

    def _pour(self, stories: Sequence[Entry]) -> None:
        inbox = self.house.inbox
        inbox.ensure_group()
        for start in range(0, len(stories), 1000):
            with inbox.redis.pipeline(transaction=False) as pipe:
                for story in stories[start : start + 1000]:
                    packed = story.pack()
                    pipe.xadd(STREAM, {"d": packed})
                    pipe.incrby(inbox.held, len(packed))
                pipe.execute()

    def _let_go(self) -> None:
        self.house.engine.dispose()
        self.engine.dispose()


def entries(number: int, *, seed: int, begin: datetime = _BEGIN) -> list[Entry]:
    """What a busy day brings: clicks and keywords of five thousand people, in the order they happened."""
    rng = Random(seed)
    people = openids(5_000)
    found = []
    for index in range(number):
        occurred_at = begin + timedelta(seconds=index)
        if rng.random() < 0.6:
            drafts: tuple[FactDraft, ...] = (FactDraft("menu.clicked", {"key": rng.choice(KEYS)}),)
        else:
            word = rng.choice(WORDS)
            text = FactDraft("message.received", {"type": "text", "text": word, "msg_id": str(index)})
            drafts = (text, FactDraft("keyword.matched", {"keyword": word, "rule": "1"}))
        key = sha256(f"{seed}:{index}".encode()).hexdigest()
        found.append(Entry(key, APPID, rng.choice(people), "event", "CLICK", occurred_at, occurred_at, drafts))
    return found


def make_rules(house: House) -> None:
    """Three rules: a menu key, keywords, and three clicks within an hour."""
    rules = (
        ("menu_key", {"keys": [KEYS[0], KEYS[1]]}),
        ("keyword", {"keywords": [WORDS[0], WORDS[1]]}),
        ("count_in_window", {"kind": "menu.clicked", "at_least": 3, "within_s": 3600}),
    )
    with work(house.engine) as session:
        for kind, params in rules:
            tag = Tag(name=kind, created_at=_BEGIN)
            session.add(tag)
            session.flush()
            session.add(TagRule(name=kind, kind=kind, params=params, tag_id=tag.id, created_at=_BEGIN))


def _check_same_result(table: _Table, number: int) -> None:
    stories = entries(number, seed=99)
    found = []
    for work_side in (table.work_ours, table.work_baseline):
        table.lay(stories)
        before = len(table.result())
        work_side()
        found.append(table.result())
        if len(found[-1]) < before + number:
            raise WrongError("less was recorded than happened")
    if found[0] != found[1]:
        raise WrongError(f"the two sides left different rows: {sorted(set(found[0]) ^ set(found[1]))[:6]}")
