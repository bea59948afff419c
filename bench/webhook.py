"""Accepted events a second over HTTP, encrypted and fsynced, two workers: ours beside the usual Flask webhook with one RQ job a message."""

import statistics
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from redis import Redis
from rq import Queue

from app.core.accounts import add_account
from app.core.inbox import Entry
from app.core.nouns import AccountKind, Mode
from app.core.settings import read_settings
from app.core.unit import work
from app.local.place import CHECKOUT
from app.local.program import Program
from app.local.programs import web_program
from bench.ground import Ground, free_port, ground, listening
from bench.letters import AES_KEY, ANSWER, ANSWERED_KEY, APPID, SECRET, TOKEN, Mail, mail, openids
from bench.rounds import Findings, duel, interleave, say
from bench.wire import Load, closed_loop, open_loop
from handlers.models import ReplyRule, Trigger

WORKERS, THREADS, CONNECTIONS = 2, 8, 32
LEAST = 2.0
P99_MS = 50.0


class WrongError(AssertionError):
    """A side did not do the work it was measured at."""


def run(*, quick: bool) -> Findings:
    """Closed loop for the rate, then a steady half of it for the latency."""
    number, rounds = (3_000, 3) if quick else (12_000, 5)
    people = openids(5_000)
    with ground("webhook") as place:
        _prepare(place)
        ours_port, baseline_port = free_port(), free_port()
        env = {**place.env, "FANKA_WEB_PORT": str(ours_port), "FANKA_WEB_WORKERS": str(WORKERS), "FANKA_WEB_THREADS": str(THREADS)}
        redis = Redis.from_url(place.env["REDIS_URL"])
        with place.running(web_program(read_settings(env), env)), place.running(_gunicorn(place, baseline_port)):
            loads: dict[str, list[Load]] = {"ours": [], "baseline": []}

            def side(name: str, port: int, check: Callable[[Redis, int], None]) -> Callable[[int], float]:
                def once(at: int) -> float:
                    letters = mail(number, seed=1 + at, people=people)
                    load = closed_loop(letters.requests, port=port, connections=CONNECTIONS)
                    _expect(load, letters)
                    check(redis, number)
                    redis.flushdb()
                    loads[name].append(load)
                    return load.per_s

                return once

            ours, baseline = side("ours", ours_port, check_inbox), side("baseline", baseline_port, check_queue)
            for warm in (ours, baseline):
                warm(1000)
            for held in loads.values():
                held.clear()
            found = interleave(rounds, ours, baseline, name="webhook")
            findings = Findings([duel("webhook", "events/s", found, least=LEAST, notes=(_own_share(loads),))])
            seconds = 4 if quick else 10
            rows = []
            for name, port, rate in (
                ("ours", ours_port, findings.duels[0].ours),
                ("baseline", baseline_port, findings.duels[0].baseline),
            ):
                letters = mail(int(rate / 2 * seconds), seed=5000, people=people)
                load = open_loop(letters.requests, port=port, connections=CONNECTIONS, per_s=rate / 2)
                _expect(load, letters)
                redis.flushdb()
                rows.append((name, rate / 2, load))
                say(
                    f"  webhook {name} at half load ({rate / 2:,.0f}/s): p50 {load.quantile_ms(0.5):.1f} ms, p99 {load.quantile_ms(0.99):.1f} ms"
                )
        redis.close()
    p99 = rows[0][2].quantile_ms(0.99)
    if p99 >= P99_MS:
        findings.failures.append(f"webhook: p99 at half load is {p99:.1f} ms, not under {P99_MS:.0f} ms")
    findings.tables.append(_latency_table(rows))
    return findings


def check_inbox(redis: Redis, number: int) -> None:
    """Every accepted event is one entry of the stream, each with a key of its own and what it meant."""
    entries = [Entry.unpack(fields[b"d"]) for _, fields in redis.xrange("bench:inbox")]
    if len(entries) != number or len({entry.key for entry in entries}) != number or not all(entry.drafts for entry in entries):
        raise WrongError(f"the inbox holds {len(entries)} entries for {number} accepted events")


def check_queue(redis: Redis, number: int) -> None:
    """Every accepted event is one job with the message in it."""
    queue = Queue("messages", connection=redis)
    ids = queue.get_job_ids()
    sample = queue.fetch_job(ids[0])
    if len(ids) != number or len(set(ids)) != number or sample is None or not sample.args[0]["FromUserName"]:
        raise WrongError(f"the queue holds {len(ids)} jobs for {number} accepted events")


def add_bench_account(place: Ground) -> int:
    """The account of every bench; returns its id."""
    now = datetime.now(UTC)
    with place.house() as house, work(house.engine) as session:
        row = add_account(
            session,
            ring=house.ring,
            now=now,
            appid=APPID,
            name="粉卡旗舰店",
            kind=AccountKind.SERVICE,
            mode=Mode.SAFE,
            secret=SECRET,
            token=TOKEN,
            aes_key=AES_KEY,
            client_msg_id_trusted=True,
        )
        return row.id


def _prepare(place: Ground) -> None:
    add_bench_account(place)
    now = datetime.now(UTC)
    with place.house() as house, work(house.engine) as session:
        session.add(
            ReplyRule(
                name="sale",
                trigger=Trigger.MENU,
                pattern=ANSWERED_KEY,
                reply={"type": "text", "content": ANSWER},
                created_at=now,
                changed_at=now,
            )
        )


def _gunicorn(place: Ground, port: int) -> Program:
    env = {**place.env, "BENCH_TOKEN": TOKEN, "BENCH_AES_KEY": AES_KEY, "BENCH_APPID": APPID}
    return Program(
        name="gunicorn",
        argv=(
            *(sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread"),
            *("--workers", str(WORKERS), "--threads", str(THREADS), "--keep-alive", "75", "--log-level", "warning"),
            "bench.baseline.webhook:app",
        ),
        cwd=CHECKOUT,
        env=env,
        ready=lambda: listening(port),
    )


def _expect(load: Load, letters: Mail) -> None:
    if load.accepted != len(letters.requests) or load.replies < letters.answered:
        raise WrongError(f"answers were {dict(load.statuses)} with {load.replies} replies to {letters.answered} clicks")


def _own_share(loads: dict[str, list[Load]]) -> str:
    shares = {name: statistics.median(load.own_cpu_s / load.lasted_s for load in held) for name, held in loads.items()}
    return f"the load generator used {shares['ours']:.0%} of a core against ours and {shares['baseline']:.0%} against the baseline"


def _latency_table(rows: list[tuple[str, float, Load]]) -> str:
    lines = ["| webhook at half load | events/s | p50 ms | p90 ms | p99 ms | slowest ms |", "|---|---|---|---|---|---|"]
    for name, rate, load in rows:
        figures = " | ".join(f"{load.quantile_ms(share):.1f}" for share in (0.5, 0.9, 0.99, 1.0))
        lines.append(f"| {name} | {rate:,.0f} | {figures} |")
    return "\n".join(lines)
