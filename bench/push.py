"""Template messages a second from delivery rows to recorded msgids, one SimpleWorker: ours beside one RQ job a recipient."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from redis import Redis
from rq import Queue
from sqlalchemy import text

from app.core.house import House
from app.core.inbound import openid_digest
from app.core.unit import work
from app.wechat.gateway import Template
from bench.baseline import push as usual
from bench.ground import Ground, cpu_s, ground, memory_mib, module, wait_until
from bench.letters import APPID, SECRET
from bench.platform import TEMPLATE, TEMPLATE_ID, Platform, platform
from bench.rounds import Findings, duel, interleave, say
from bench.webhook import WrongError, add_bench_account
from jobs.broadcasts.doors import DRAIN
from jobs.broadcasts.plan import plan_broadcast, read_plan

LEAST = 25.0
# No wait of our own is measured: the buckets are open wide, as they are for the baseline, which has none.
_WIDE = {"per_second": 1_000_000, "per_minute": 60_000_000, "per_day": 1_000_000_000}


@dataclass(slots=True)
class Stage:
    """Both sides' place of work: followers in our database whom the platform knows, and one worker each."""

    place: Ground
    house: House
    wechat: Platform
    account_id: int
    number: int = 0

    def lay(self, recipients: int) -> int:
        """A broadcast with so many delivery rows, frozen and ready; returns its id."""
        self.number += 1
        body = {
            "key": f"bench-{self.number}",
            "name": "会员日",
            "purpose": "service",
            "segment": {"kind": "follows_account", "account": APPID},
            "content": {"what": "您的积分即将到期", "when": "2026年11月30日"},
            "accounts": [{"appid": APPID, "template_id": TEMPLATE_ID, "fields": {"thing1": "what", "time2": "when"}}],
        }
        now = datetime.now(UTC)
        with work(self.house.engine) as session:
            accounts = {account.appid: account for account in self.house.accounts.all()}
            listed = {self.account_id: [Template(TEMPLATE_ID, "积分变动", TEMPLATE)]}
            made = plan_broadcast(session, read_plan(body), accounts=accounts, catalogue=listed, actor="bench", now=now)
            made.scheduled_at = made.frozen_at = now
            made.frozen_wave = 1
            session.flush()
            rows = session.execute(_FREEZE, {"broadcast": made.id, "number": recipients, "now": now})
            assert rows.rowcount == recipients
            broadcast_id = made.id
        with psycopg.connect(self.place.env["DATABASE_URL"], autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE delivery")
            connection.execute("CHECKPOINT")
        return broadcast_id

    def ours(self, recipients: int) -> float:
        """Seconds that our drain took for so many."""
        broadcast_id = self.lay(recipients)
        return self._timed(broadcast_id, recipients, lambda: self.house.queues.wake("send", DRAIN, broadcast_id, self.account_id))

    def baseline(self, recipients: int) -> float:
        """Seconds that the usual jobs took for so many, their enqueueing among them."""
        broadcast_id = self.lay(recipients)
        with psycopg.connect(self.place.env["DATABASE_URL"]) as connection:
            found = connection.execute("SELECT id FROM delivery WHERE broadcast_id = %s ORDER BY id", [broadcast_id]).fetchall()
        with Redis.from_url(self.place.env["REDIS_URL"]) as redis:
            queue = Queue("push", connection=redis)
            return self._timed(broadcast_id, recipients, lambda: usual.enqueue(queue, [row[0] for row in found]))

    def _timed(self, broadcast_id: int, recipients: int, begin) -> float:
        mark = self.wechat.mark()
        with psycopg.connect(self.place.env["DATABASE_URL"], autocommit=True) as connection:
            query = "SELECT NOT EXISTS (SELECT 1 FROM delivery WHERE broadcast_id = %s AND state IN ('pending', 'sending'))"
            started = time.perf_counter()
            begin()
            wait_until(lambda: (connection.execute(query, [broadcast_id]).fetchone() or (False,))[0], within_s=120, every_s=0.01)
            lasted = time.perf_counter() - started
            rows = connection.execute("SELECT openid, msgid, state FROM delivery WHERE broadcast_id = %s", [broadcast_id]).fetchall()
        self._check(mark, rows, recipients)
        return lasted

    def _check(self, mark: int, rows: Sequence[tuple[str, str, str]], recipients: int) -> None:
        """Everybody was sent one message, and the row says which."""
        got, by_msgid = self.wechat.accepted_since(mark)
        if len(rows) != recipients or {state for _, _, state in rows} != {"sent"}:
            raise WrongError(f"not every delivery was sent: {len(rows)} rows, states {sorted({state for _, _, state in rows})}")
        if len(got) != recipients or set(got.values()) != {1} or any(by_msgid.get(msgid) != openid for openid, msgid, _ in rows):
            raise WrongError(f"the platform took {sum(got.values())} messages for {len(got)} of {recipients} people")


_FREEZE = text(
    """
    INSERT INTO delivery (broadcast_id, wave, customer_id, follower_id, account_id, openid, bucket, state, attempts, doubtful, frozen_at)
    SELECT :broadcast, 1, customer_id, id, account_id, openid, 0, 'pending', 0, false, :now FROM follower ORDER BY id LIMIT :number
    """
)


def run(*, quick: bool) -> Findings:
    """Both latencies by turns, then the cost of a message at three sizes and the memory of the worker."""
    rounds = 3 if quick else 5
    sizes = (1_000, 10_000) if quick else (1_000, 10_000, 100_000)
    findings = Findings()
    with ground("push") as place, platform(place) as wechat, place.house(FANKA_WECHAT_API_URL=wechat.url) as house:
        env = {**place.env, "FANKA_WECHAT_API_URL": wechat.url, "BENCH_APPID": APPID, "BENCH_SECRET": SECRET}
        account_id = prepare_people(place, house, wechat, max(sizes))
        stage = Stage(place, house, wechat, account_id)
        worker = module("send", "send", module="app.worker", env=env)
        usual_worker = module("usual", module="bench.baseline.push", env=env)
        with place.running(worker) as ours, place.running(usual_worker):
            stage.ours(200)
            stage.baseline(20)
            at_rest = memory_mib(ours.pid)
            for latency_ms, name, many, few in ((30, "push_30ms", 10_000, 100), (0, "push_0ms", 10_000, 400)):
                wechat.control("settings", {"latency_ms": latency_ms})
                found = interleave(
                    rounds,
                    lambda _, many=many: many / stage.ours(many),
                    lambda _, few=few: few / stage.baseline(few),
                    name=name,
                )
                note = f"{latency_ms} ms simulated latency; rounds of {many:,} against {few:,} messages"
                findings.duels.append(duel(name, "messages/s", found, least=LEAST, notes=(note,)))
            findings.tables.append(_cost_table(stage, ours.pid, sizes, at_rest=at_rest))
    return findings


def _cost_table(stage: Stage, pid: int, sizes: Sequence[int], *, at_rest: float) -> str:
    lines = [
        "| recipients | messages/s | worker CPU us a message | PostgreSQL CPU us a message | worker MiB |",
        "|---|---|---|---|---|",
    ]
    database = stage.place.children["postgres"].pid
    for size in sizes:
        before, before_database = cpu_s(pid), cpu_s(database)
        lasted = stage.ours(size)
        spent, spent_database = cpu_s(pid) - before, cpu_s(database) - before_database
        # A process of PostgreSQL's that ends in between takes what it spent out of the sum.
        database_us = f"{spent_database / size * 1e6:,.0f}" if spent_database > 0 else "not known"
        lines.append(f"| {size:,} | {size / lasted:,.0f} | {spent / size * 1e6:,.0f} | {database_us} | {memory_mib(pid):.0f} |")
        say(f"  push to {size:,}: {size / lasted:,.0f}/s, {spent / size * 1e6:,.0f} us of worker CPU a message")
    return "\n".join([*lines, "", f"The sending worker held {at_rest:.0f} MiB at rest."])


def prepare_people(place: Ground, house: House, wechat: Platform, people: int) -> int:
    """So many followers, in our database and on the platform; returns the account's id."""
    account_id = add_bench_account(place)
    now = datetime.now(UTC)
    openids = wechat.make_followers(people)
    with psycopg.connect(place.env["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(
            "UPDATE account SET per_second = %(per_second)s, per_minute = %(per_minute)s, per_day = %(per_day)s",
            _WIDE,
        )
        connection.execute(
            "INSERT INTO customer (public_id, created_at) SELECT gen_random_uuid(), now() FROM generate_series(1, %s)", [people]
        )
        copy = "COPY follower (account_id, customer_id, openid, openid_digest, state, state_at, created_at) FROM STDIN"
        ids = [row[0] for row in connection.execute("SELECT id FROM customer ORDER BY id").fetchall()]
        with connection.cursor() as cursor, cursor.copy(copy) as rows:
            for customer_id, openid in zip(ids, openids, strict=True):
                rows.write_row((account_id, customer_id, openid, openid_digest(APPID, openid), "following", now, now))
        connection.execute("VACUUM ANALYZE")
    house.accounts.forget()
    return account_id
