"""The count of (A and B and not C) or D among a million customers with thirty tags each: ours beside EXISTS for each tag."""

import statistics
import time
from datetime import UTC, datetime

import psycopg
from psycopg import sql

from app.core.unit import reading
from bench.baseline.segment import EXISTS, GROUP_BY
from bench.ground import Ground, ground
from bench.rounds import Findings, duel, interleave, say
from bench.webhook import WrongError
from tagging.segments import count_segment, parse_tree

LEAST = 5.0
TAGS_EACH = 30
NAMES = ("A", "B", "C", "D")
_OTHERS = 200
TREE = {
    "any": [
        {"all": [{"kind": "tag", "tag": "A"}, {"kind": "tag", "tag": "B"}, {"not": {"kind": "tag", "tag": "C"}}]},
        {"kind": "tag", "tag": "D"},
    ]
}

# A fifth of all customers have A, a tenth B, a twentieth C and a fiftieth D, each independently of the others; the rest of the thirty are
# spread over two hundred tags. One row in ten expires, and half of those have expired.
_FILL = """
INSERT INTO customer_tag (tag_id, customer_id, expires_at)
SELECT tag_id, customer_id,
  CASE WHEN (customer_id * 7 + tag_id * 13) %% 20 = 0 THEN %(now)s - interval '1 day'
       WHEN (customer_id * 7 + tag_id * 13) %% 20 = 1 THEN %(now)s + interval '30 days' END
FROM generate_series(%(first)s, %(last)s) AS customer_id
CROSS JOIN LATERAL (
  SELECT hashint8(customer_id)::bigint & 2147483647 AS h, hashint8(customer_id + 1000000007)::bigint & 2147483647 AS g
) AS hashed
CROSS JOIN LATERAL (
  SELECT (h %% 5 = 0)::int AS has_a, (h / 5 %% 10 = 0)::int AS has_b, (h / 50 %% 20 = 0)::int AS has_c, (h / 1000 %% 50 = 0)::int AS has_d
) AS chosen
CROSS JOIN LATERAL (
  SELECT 1 AS tag_id WHERE has_a = 1 UNION ALL SELECT 2 WHERE has_b = 1 UNION ALL SELECT 3 WHERE has_c = 1 UNION ALL SELECT 4 WHERE has_d = 1
  UNION ALL SELECT 5 + ((g + n * (1 + g %% 6)) %% %(others)s)::int FROM generate_series(1, %(each)s - has_a - has_b - has_c - has_d) AS n
) AS held
"""


def run(*, quick: bool) -> Findings:
    """Both counts by turns over a table that was vacuumed, as autovacuum leaves it; GROUP BY is shown beside them."""
    customers, rounds = (100_000, 3) if quick else (1_000_000, 7)
    now = datetime.now(UTC)
    with ground("segment") as place:
        _fill(place, customers, now)
        values = {"a": 1, "b": 2, "c": 3, "d": 4, "now": now}
        tree = parse_tree(TREE)
        with place.house() as house, psycopg.connect(place.env["DATABASE_URL"], autocommit=True) as connection:

            def ours(_: int) -> tuple[float, int]:
                with reading(house.engine) as session:
                    began = time.perf_counter()
                    counted = count_segment(session, tree, now=now, timeout_ms=60_000)
                    return (time.perf_counter() - began) * 1000, counted

            def usual(statement: str) -> tuple[float, int]:
                began = time.perf_counter()
                row = connection.execute(statement, values).fetchone()
                return (time.perf_counter() - began) * 1000, row[0] if row else -1

            counts = {ours(0)[1], usual(EXISTS)[1], usual(GROUP_BY)[1]}
            if len(counts) != 1 or not 0 < min(counts) < customers:
                raise WrongError(f"the three ways count {sorted(counts)} of {customers}")
            found = interleave(rounds, lambda at: ours(at)[0], lambda _: usual(EXISTS)[0], name="segment")
            grouped = statistics.median(usual(GROUP_BY)[0] for _ in range(3))
    say(f"  segment by GROUP BY: {grouped:,.0f} ms")
    note = f"{customers:,} customers with {TAGS_EACH} tags each; {counts.pop():,} are in it"
    findings = Findings([duel("segment", "ms", found, least=LEAST, higher_is_better=False, notes=(note,))])
    best = findings.duels[0]
    findings.tables.append(
        "| segment count | ms |\n|---|---|\n"
        f"| ours: sets over the index | {best.ours:,.0f} |\n| GROUP BY with HAVING | {grouped:,.0f} |\n| EXISTS for each tag | {best.baseline:,.0f} |"
    )
    return findings


def _fill(place: Ground, customers: int, now: datetime) -> None:
    """Fill the tables the quick way: indexes and foreign keys are taken off and put back exactly as the migrations made them."""
    began = time.perf_counter()
    with psycopg.connect(place.env["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("SET maintenance_work_mem = '1GB'")
        connection.execute("SET synchronous_commit = off")
        connection.execute(
            "INSERT INTO customer (public_id, created_at) SELECT gen_random_uuid(), %s FROM generate_series(1, %s)", [now, customers]
        )
        names = [*NAMES, *(f"tag {number}" for number in range(_OTHERS))]
        connection.cursor().executemany(
            "INSERT INTO tag (public_id, name, colour, description, sensitive, created_at)"
            " VALUES (gen_random_uuid(), %s, '#8c8c8c', '', false, %s)",
            [(name, now) for name in names],
        )
        restore = _strip(connection)
        step = 100_000
        for first in range(1, customers + 1, step):
            connection.execute(
                _FILL, {"first": first, "last": min(first + step - 1, customers), "now": now, "others": _OTHERS, "each": TAGS_EACH}
            )
        for statement in restore:
            connection.execute(statement)
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
        row = connection.execute("SELECT count(*) FROM customer_tag").fetchone()
    if row != (customers * TAGS_EACH,):
        raise WrongError(f"{row} rows instead of {customers * TAGS_EACH}")
    say(f"  segment: {customers * TAGS_EACH:,} rows in {time.perf_counter() - began:,.0f} s")


def _strip(connection: psycopg.Connection) -> list[sql.SQL]:
    """Take constraints and indexes off `customer_tag`; returns the statements that put them back."""
    restore = []
    constraints = connection.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'customer_tag'::regclass ORDER BY contype DESC"
    ).fetchall()
    for name, definition in constraints:
        restore.append(sql.SQL(f"ALTER TABLE customer_tag ADD CONSTRAINT {name} {definition}"))
        connection.execute(sql.SQL("ALTER TABLE customer_tag DROP CONSTRAINT {}").format(sql.Identifier(name)))
    indexes = connection.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'customer_tag'").fetchall()
    for name, definition in indexes:
        restore.append(sql.SQL(definition))
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
    return restore
