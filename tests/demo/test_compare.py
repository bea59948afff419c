"""The comparison on a small real world: clean when the house is right, red for one dropped fact and for one doubled send."""

import json

import psycopg

from demo.compare import compare, main
from demo.mutate import double_send, drop_fact
from demo.table import table


def judge(world):
    return compare(world.sandbox.log, world.database_url)


def faults(world, part):
    """How much of one part is lost or doubled."""
    return sum(row.lost + row.doubled for row in judge(world).rows if row.part == part)


def red(verdict):
    """The rows that are wrong, as (part, name, lost, doubled)."""
    return [(row.part, row.en, row.lost, row.doubled) for row in verdict.rows if row.lost or row.doubled]


def test_a_right_house_is_clean_and_each_mutation_turns_it_red(world, capsys):
    verdict = judge(world)
    assert red(verdict) == []
    assert verdict.clean
    figures = verdict.document()
    assert figures["facts"] > 200
    assert figures["joined_customers"] >= 3
    assert figures["unjudged_followers"] == 0
    assert figures["segment"]["size"]["truth"] > 5
    assert sum(part["truth"] for part in figures["deliveries"].values()) == figures["segment"]["size"]["truth"]
    assert {"events", "facts_by_kind", "followers", "customers", "tags", "channels", "segment", "messages", "deliveries"} <= set(figures)

    kind = drop_fact(world.database_url, seed=1)
    verdict = judge(world)
    assert not verdict.clean
    assert ("facts_by_kind", kind, 1, 0) in red(verdict)
    assert {part for part, *_ in red(verdict)} == {"facts_by_kind"}

    double_send(world.control, world.sandbox.log, world.shop.secrets, seed=1)
    world.work_off()
    verdict = judge(world)
    assert sum(row.doubled for row in verdict.rows if row.part == "messages") == 1

    assert main(["--log", str(world.sandbox.log), "--database-url", world.database_url, "--wait-s", "0"]) == 1
    *lines, last = capsys.readouterr().out.strip().splitlines()
    assert json.loads(last)["ok"] is False
    assert any("✗" in line for line in lines)
    assert len({len(line) for line in table(verdict) if line.startswith("─")}) == 1


def test_other_wrongs_are_seen_too(world):
    """Each is done to the database by hand; the next one stands beside it."""
    assert judge(world).clean
    wrongs = [
        # Words of somebody whom the account had to forget.
        (
            """UPDATE fact SET data = '{"key": "SALE"}' WHERE ctid = (SELECT min(ctid) FROM fact WHERE kind = 'menu.clicked' AND data = '{}')""",
            "facts_by_kind",
        ),
        ("DELETE FROM customer_tag WHERE ctid = (SELECT min(ctid) FROM customer_tag)", "tags"),
        ("UPDATE follower SET state = 'gone' WHERE id = (SELECT min(id) FROM follower WHERE state = 'following')", "followers"),
        ("UPDATE channel_day SET scans = scans + 1 WHERE ctid = (SELECT min(ctid) FROM channel_day)", "channels"),
        ("UPDATE delivery SET state = 'sent' WHERE id = (SELECT min(id) FROM delivery WHERE state = 'delivered')", "deliveries"),
        ("DELETE FROM delivery WHERE id = (SELECT min(id) FROM delivery)", "segment"),
        (
            (
                "UPDATE follower SET customer_id = (SELECT max(id) FROM customer WHERE joined_into_id IS NULL) "
                "WHERE id = (SELECT min(id) FROM follower WHERE state = 'following')"
            ),
            "customers",
        ),
        (
            (
                "INSERT INTO fact (key, kind, account_id, occurred_at, recorded_at, data) "
                "SELECT key || 'x', kind, account_id, occurred_at, recorded_at, data FROM fact WHERE kind = 'menu.clicked' LIMIT 1"
            ),
            "facts_by_kind",
        ),
    ]
    url = world.database_url.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(url, autocommit=True) as connection:
        for wrong, part in wrongs:
            before = faults(world, part)
            assert connection.execute(wrong).rowcount == 1, wrong
            assert faults(world, part) > before, wrong
