"""The money's day on a real house: clean when the books are right, red for an order dropped, points posted twice and every other wrong."""

from collections import Counter

import pytest

from app.core.clock import WallClock
from app.factory import create_app
from demo.found import connect
from demo.money_log import read_log
from demo.money_mutate import double_points, drop_order
from demo.money_play import main
from demo.money_verdict import judge_money
from demo.verdict import Verdict

LOWEST = "SELECT min(c.id) FROM member_card c JOIN tier t ON t.id = c.tier_id WHERE t.rank = 0"
WRONGS = [
    ("UPDATE wallet SET active = active + 1 WHERE id = (SELECT min(id) FROM wallet WHERE kind = 'points' AND active > 0)", "points"),
    ("UPDATE coupon SET state = 'voided' WHERE id = (SELECT min(id) FROM coupon WHERE state = 'issued')", "coupons"),
    (f"UPDATE member_card SET tier_id = (SELECT max(id) FROM tier) WHERE id = ({LOWEST})", "tiers"),
    ("UPDATE lot_move SET amount = amount - 1 WHERE id = (SELECT min(id) FROM lot_move WHERE redeeming_unit_id IS NOT NULL)", "settlement"),
]


@pytest.fixture
def played(house, serve, tmp_path):
    """The input log of thirty members' day, played to its end."""
    house.clock = WallClock()
    log = tmp_path / "money.log"
    url = serve(create_app(house))
    assert main(["--log", str(log), "--url", url, "--members", "30", "--seconds", "0", "--seed", "5"]) == 0
    return log


def judge(log, house):
    verdict = Verdict()
    with connect(house.settings.database_url) as connection:
        judge_money(verdict, log, connection)
    return verdict


def red(verdict):
    return {(row.part, row.en): (row.lost, row.doubled) for row in verdict.rows if row.lost or row.doubled}


def test_a_right_house_is_clean_and_every_wrong_turns_it_red(played, house):
    verdict = judge(played, house)
    assert red(verdict) == {}
    figures = verdict.document()
    assert {"orders", "points", "coupons", "tiers", "settlement"} <= set(figures)
    assert figures["members"] == 30
    assert figures["repeated_requests"] > 2
    for part, name in (("orders", "returns"), ("orders", "refused"), ("points", "active"), ("points", "pending"), ("tiers", "changes")):
        assert figures[part][name]["truth"] > 2, name
    assert figures["coupons"]["used"]["truth"] > 2
    assert figures["settlement"]
    log_holds_every_kind_of_request(played)

    url = house.settings.database_url
    drop_order(url, seed=1)
    found = red(judge(played, house))
    assert found["orders", "booked"] == (1, 0)
    lost = found["points", "pending"][0]
    assert lost > 0
    assert set(found) == {("orders", "booked"), ("points", "pending")}

    double_points(url, seed=1)
    # The member may be the same one: then one wrong hides a part of the other.
    missing, too_many = red(judge(played, house)).get(("points", "pending"), (0, 0))
    assert missing - too_many < lost

    with connect(url) as connection:
        for wrong, part in WRONGS:
            before = faults(judge(played, house), part)
            assert connection.execute(wrong).rowcount == 1, wrong
            assert faults(judge(played, house), part) > before, wrong


def faults(verdict, part):
    return sum(row.lost + row.doubled for row in verdict.rows if row.part == part)


def log_holds_every_kind_of_request(played):
    records = list(read_log(played))
    ways = Counter(record["path"].split("/")[-1] for record in records if record["type"] == "ask")
    assert {"orders", "returns", "members", "quotes", "holds", "confirm", "redemptions"} <= set(ways)
    assert any(record["hit"] for record in records if record["type"] == "answer")
    assert {record["type"] for record in records} >= {"card", "coupon", "void", "matrix"}
    assert not any("fk_" in str(record) for record in records)
