"""Postings: ours beside pgbench sending the very statements ours sent, on one hot and on spread wallets; then a night and a proof over a million lots."""

import itertools
import multiprocessing
import os
import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine

from app.core.db import engine_options
from app.core.house import settle_in
from app.core.unit import reading, work
from bench.ground import Ground, ground
from bench.pgbench import Script, listen, run_script, write_script
from bench.rounds import Findings, duel, interleave, say
from bench.webhook import WrongError
from cards.ledger.debit import _CLAIM, _TAKE_FIRST
from cards.ledger.earn import _EARN, earn
from cards.ledger.night import settle_night
from cards.ledger.post import Cause
from cards.ledger.spend import spend
from cards.ledger.verify import verify

LEAST = 0.6
CONNECTIONS = max(os.cpu_count() or 2, 2)
"""As many as the machine has cores, which is how many web workers a house runs: beyond that both sides only queue for the processor."""
SPREAD = 10_000
VERIFY_WITHIN_S = 60.0
_MUCH = 10**9
_engine: Engine | None = None
_Post = Callable[[Any, int, Cause], object]


def run(*, quick: bool) -> Findings:
    """Four duels, then the night over many lots and the proof of everything that was posted."""
    rounds, seconds, lots = (2, 2.0, 50_000) if quick else (5, 5.0, 1_000_000)
    findings = Findings()
    with ground("ledger") as place:
        url = place.env["DATABASE_URL"]
        _fill(url, wallets=SPREAD)
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(CONNECTIONS, mp_context=spawn, initializer=_open, initargs=(url,)) as pool:
            list(pool.map(_settle_in, range(CONNECTIONS)))
            for name, wallets in itertools.product(("earn", "spend"), (SPREAD, 1)):
                label = f"ledger {name} {'hot' if wallets == 1 else 'spread'}"
                script = _script(place, name, wallets)
                found = interleave(
                    rounds,
                    lambda _, name=name, wallets=wallets: _ours(pool, name, wallets, seconds),
                    lambda _, script=script: run_script(place, script, connections=CONNECTIONS, seconds=seconds),
                    name=label,
                )
                note = f"{CONNECTIONS} connections, {wallets:,} wallets, the statements of one posting each"
                findings.duels.append(duel(label, "postings/s", found, least=LEAST, notes=(note,)))
        _night_and_proof(place, findings, lots=lots)
    return findings


def _night_and_proof(place: Ground, findings: Findings, *, lots: int) -> None:
    url = place.env["DATABASE_URL"]
    began = time.perf_counter()
    _fill_lots(url, lots)
    say(f"  ledger: {lots:,} lots in {time.perf_counter() - began:,.0f} s")
    with place.house() as house:
        now = datetime.now(UTC)
        began = time.perf_counter()
        settle_night(house.engine, now=now)
        night = time.perf_counter() - began
        again = time.perf_counter()
        touched = settle_night(house.engine, now=now)
        again = time.perf_counter() - again
        with reading(house.engine) as session:
            began = time.perf_counter()
            broken = verify(session)
            proof = time.perf_counter() - began
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM points_txn").fetchone()
    postings = row[0] if row else 0
    if broken or touched:
        raise WrongError(f"after the night: {touched} wallets left, {[each.invariant for each in broken]}")
    findings.tables.append(
        "| ledger | |\n|---|---|\n"
        f"| night over {lots:,} due lots | {night:,.1f} s, {lots / night:,.0f} lots/s |\n| the same night again | {again:,.1f} s |\n"
        f"| verify of {postings:,} postings | {proof:,.1f} s |"
    )
    if proof > VERIFY_WITHIN_S:
        findings.failures.append(f"ledger verify took {proof:.0f} s over {postings:,} postings; {VERIFY_WITHIN_S:.0f} s are allowed")


def _fill(url: str, *, wallets: int) -> None:
    """A programme, a unit and wallets that each hold one big lot."""
    with psycopg.connect(url, autocommit=True) as connection:
        _run(
            connection,
            """
            INSERT INTO programme (public_id, name, return_policy, expiry, expiry_months, pending_days, created_at)
            VALUES (gen_random_uuid(), 'bench', 'debt', 'rolling', 12, 7, now());
            INSERT INTO business_unit (public_id, name) VALUES (gen_random_uuid(), 'bench')
            """,
        )
        _people(connection, wallets, available="now() - interval '1 day'", state="active", quantity=_MUCH, lots_each=1, tag="big")
        _run(connection, "VACUUM ANALYZE")


def _fill_lots(url: str, lots: int) -> None:
    """Lots whose return window closed an hour ago, five to a wallet, with their entries: what a night has to activate."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        # The foreign keys hold by how the rows are made; looking each up again would take longer than the night.
        connection.execute("SET session_replication_role = replica")
        _people(connection, lots // 5, available="now() - interval '1 hour'", state="pending", quantity=10, lots_each=5, tag="due")
        _run(connection, "VACUUM ANALYZE")


def _people(connection: Any, number: int, *, available: str, state: str, quantity: int, lots_each: int, tag: str) -> None:
    """Customers with a wallet and lots each, in books that are right."""
    _run(
        connection,
        f"""
        CREATE TEMP TABLE fresh AS WITH made AS (
            INSERT INTO customer (public_id, created_at) SELECT gen_random_uuid(), now() FROM generate_series(1, {number}) RETURNING id)
            SELECT id FROM made;
        INSERT INTO wallet (customer_id, programme_id, kind, active, pending, held, debt)
            SELECT id, 1, 'points', {quantity * lots_each if state == "active" else 0}, {quantity * lots_each if state == "pending" else 0}, 0, 0
            FROM fresh ORDER BY id;
        INSERT INTO points_txn (public_id, kind, business_key, reason, actor, occurred_at, posted_at, data)
            SELECT gen_random_uuid(), 'earn', '{tag}:' || wallet.id || ':' || n, 'bench', 'bench', now(), now(), '{{}}'
            FROM wallet JOIN fresh ON fresh.id = wallet.customer_id CROSS JOIN generate_series(1, {lots_each}) AS n;
        CREATE TEMP TABLE txns AS SELECT id, split_part(business_key, ':', 2)::bigint AS wallet_id FROM points_txn WHERE business_key LIKE '{tag}:%';
        INSERT INTO lot (wallet_id, txn_id, issuing_unit_id, quantity, remaining, state, available_from, expires_at)
            SELECT wallet_id, id, 1, {quantity}, {quantity}, '{state}', {available}, now() + interval '1 year' FROM txns;
        INSERT INTO lot_move (lot_id, txn_id, amount) SELECT lot.id, lot.txn_id, lot.quantity FROM lot JOIN txns ON txns.id = lot.txn_id;
        INSERT INTO points_entry (txn_id, book, wallet_id, amount) SELECT id, '{state}', wallet_id, {quantity} FROM txns;
        INSERT INTO points_entry (txn_id, book, business_unit_id, amount) SELECT id, 'issued', 1, -{quantity} FROM txns;
        DROP TABLE fresh; DROP TABLE txns
        """,
    )


def _run(connection: Any, statements: str) -> None:
    for statement in statements.split(";"):
        connection.execute(statement)


def _open(url: str) -> None:
    """In a child: its one connection, held as pgbench holds its own."""
    global _engine
    _engine = create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1), **{**engine_options(pool_size=1), "pool_pre_ping": False}
    )


def _settle_in(number: int) -> int:
    """In a child: imports and plans are warm before anything is measured, and it has settled in as a web worker has."""
    assert _engine is not None
    for name in ("earn", "spend"):
        for turn in range(20):
            with work(_engine) as session:
                _POSTS[name](session, 1 + (number * 20 + turn) % SPREAD, _cause(f"warm:{name}:{os.getpid()}:{turn}"))
    settle_in()
    time.sleep(0.5)
    return number


def _cause(key: str) -> Cause:
    now = datetime.now(UTC)
    return Cause(key, "bench", "bench", now, now)


def _earn(session: Any, wallet: int, cause: Cause) -> object:
    ends = cause.now + timedelta(days=365)
    return earn(session, wallet_id=wallet, amount=7, unit_id=1, cause=cause, available_from=cause.now, expires_at=ends)


def _spend(session: Any, wallet: int, cause: Cause) -> object:
    return spend(session, wallet_id=wallet, amount=3, unit_id=1, cause=cause)


_POSTS: Mapping[str, _Post] = {"earn": _earn, "spend": _spend}


def _ours(pool: ProcessPoolExecutor, name: str, wallets: int, seconds: float) -> float:
    start = time.time() + 0.3
    counts = list(pool.map(_post_for, *zip(*[(name, wallets, seconds, start, number) for number in range(CONNECTIONS)], strict=True)))
    return sum(counts) / seconds


def _post_for(name: str, wallets: int, seconds: float, start: float, number: int) -> int:
    """In a child: post until the time is over; says how many were committed."""
    assert _engine is not None
    post, done, wallet = _POSTS[name], 0, number * 7919
    time.sleep(max(start - time.time(), 0))
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        wallet = (wallet * 1103515245 + 12345) % 2**31
        with work(_engine) as session:
            post(session, 1 + wallet % wallets, _cause(f"{name}:{os.getpid()}:{start}:{done}"))
        done += 1
    return done


def _script(place: Ground, name: str, wallets: int) -> Script:
    """What one posting of ours sends, as a script of pgbench: on a wallet drawn by lot, under a key and an id that ascend as ours do."""

    def post(engine: Engine) -> None:
        with work(engine) as session:
            _POSTS[name](session, 1, _cause(f"script:{name}:{secrets.token_hex(4)}"))

    drawn = {
        "public_id": "CAST(:head || lpad(to_hex(CAST(:id AS bigint)), 12, '0') AS uuid)",
        "business_key": "(:run || ':' || :id)",
        "wallet": ":wallet",
    }
    known = {each._sent.decode(): each._names for each in (_EARN, _CLAIM, _TAKE_FIRST)}
    return write_script(listen(place, post), known, drawn, f"\\set wallet random(1, {wallets})")
