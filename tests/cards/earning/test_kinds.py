"""Every kind of earning rule: what it gives, purely, and what it says of itself."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cards.occasion import LineSeen, Occasion
from cards.rulebook import earning_kinds

STORE = UUID(int=7)
SUNDAY = date(2026, 11, 22)


def occasion(**more) -> Occasion:
    base = Occasion("order:pos:1", "order.placed", datetime(2026, 11, 22, 4, tzinfo=UTC), SUNDAY, 1)
    return replace(base, **more)


def bought(*lines, **more) -> Occasion:
    return occasion(lines=tuple(LineSeen(number, sku, category, 1, fen) for number, (sku, category, fen) in enumerate(lines, 1)), **more)


def points(kind, params, seen) -> list[tuple[int, str]]:
    plugin = earning_kinds()[kind]
    return [(prize.points, prize.side) for prize in plugin.award(plugin.params.model_validate(params), seen)]


BASE = {"rate": {"points": 1, "per_fen": 100}}


@pytest.mark.parametrize(
    ("params", "seen", "given_points"),
    [
        (BASE, bought(("A", "", 19_999)), 199),
        (BASE, bought(("A", "", 50), ("B", "", 50)), 1),
        (BASE, bought(("A", "", 99)), 0),
        ({**BASE, "least_fen": 20_000}, bought(("A", "", 19_999)), 0),
        ({**BASE, "special": [{"categories": ["茶"], "points": 3, "per_fen": 200}]}, bought(("A", "茶", 1_000), ("B", "", 1_000)), 25),
        ({**BASE, "special": [{"skus": ["A"], "points": 0}]}, bought(("A", "茶", 1_000), ("B", "", 1_000)), 10),
        (BASE, bought(("A", "", 1_000), tier_percent=150), 15),
        ({**BASE, "by_tier": False}, bought(("A", "", 1_000), tier_percent=150), 10),
        ({**BASE, "multipliers": [{"percent": 200, "weekdays": [7]}]}, bought(("A", "", 1_000), tier_percent=150), 30),
        ({**BASE, "multipliers": [{"percent": 200, "weekdays": [7]}], "combine": "best"}, bought(("A", "", 1_000), tier_percent=150), 20),
        ({**BASE, "multipliers": [{"percent": 200, "weekdays": [1]}]}, bought(("A", "", 1_000)), 10),
        ({**BASE, "multipliers": [{"percent": 300, "month_days": [22]}]}, bought(("A", "", 1_000)), 30),
        ({**BASE, "multipliers": [{"percent": 300, "stores": [str(STORE)]}]}, bought(("A", "", 1_000), store=STORE), 30),
        ({**BASE, "multipliers": [{"percent": 300, "stores": [str(STORE)]}]}, bought(("A", "", 1_000)), 10),
        ({**BASE, "multipliers": [{"percent": 500, "first_day": "2026-11-22", "last_day": "2026-11-22"}]}, bought(("A", "", 1_000)), 50),
        ({**BASE, "multipliers": [{"percent": 500, "last_day": "2026-11-21"}]}, bought(("A", "", 1_000)), 10),
    ],
)
def test_spend(params, seen, given_points):
    assert points("spend", params, seen) == ([(given_points, "self")] if given_points else [])


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=8), st.integers(1, 50), st.integers(1, 5_000), st.integers(1, 1_000))
def test_spend_is_one_division_over_the_whole_order(fens, rate, per_fen, percent):
    seen = bought(*(("A", "", fen) for fen in fens), tier_percent=percent)
    exact = sum(fens) * rate * percent // (per_fen * 100)
    assert points("spend", {"rate": {"points": rate, "per_fen": per_fen}}, seen) == ([(exact, "self")] if exact else [])


@pytest.mark.parametrize(
    ("kind", "params", "seen", "found"),
    [
        ("first_purchase", {"points": 50}, bought(("A", "", 1), first_purchase=True), [(50, "self")]),
        ("first_purchase", {"points": 50}, bought(("A", "", 1)), []),
        ("first_purchase", {"points": 50}, bought(("A", "", 0), first_purchase=True), []),
        ("first_purchase", {"points": 50, "least_fen": 100}, bought(("A", "", 99), first_purchase=True), []),
        ("check_in", {"points": 2}, occasion(streak=1), [(2, "self")]),
        ("check_in", {"points": 2, "streaks": [{"days": 7, "extra": 10}]}, occasion(streak=7), [(12, "self")]),
        ("check_in", {"points": 2, "streaks": [{"days": 7, "extra": 10}]}, occasion(streak=14), [(2, "self")]),
        ("check_in", {"points": 2, "streaks": [{"days": 7, "extra": 10}], "repeat": True}, occasion(streak=14), [(12, "self")]),
        ("check_in", {"points": 2}, occasion(streak=0), []),
        ("birthday", {"points": 88}, occasion(), [(88, "self")]),
        ("referral", {"newcomer": 10, "friend": 20}, occasion(other_id=2), [(10, "self"), (20, "other")]),
        ("referral", {"newcomer": 0, "friend": 20}, occasion(other_id=2), [(20, "other")]),
        ("referral", {"newcomer": 10, "friend": 20}, occasion(other_id=1), []),
        ("referral", {"newcomer": 10, "friend": 20}, occasion(), []),
        ("form_completed", {"points": 5}, occasion(data={"form": "x"}), [(5, "self")]),
        ("form_completed", {"points": 5, "forms": ["y"]}, occasion(data={"form": "x"}), []),
        ("share", {"points": 1}, occasion(data={"content": "x"}), [(1, "self")]),
        ("share", {"points": 1, "contents": ["y"]}, occasion(data={"content": "x"}), []),
        (
            "event",
            {"points": 9, "kind": "menu.clicked", "name": "点菜单", "match": {"key": "a"}},
            occasion(data={"key": "a"}),
            [(9, "self")],
        ),
        ("event", {"points": 9, "kind": "menu.clicked", "name": "点菜单", "match": {"key": "a"}}, occasion(data={"key": "b"}), []),
        ("event", {"points": 9, "kind": "qr.scanned", "name": "扫码", "match": {"following": True}}, occasion(data={"following": 1}), []),
    ],
)
def test_the_other_kinds(kind, params, seen, found):
    assert points(kind, params, seen) == found


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("spend", {"rate": {"points": 1, "per_fen": 0}}),
        ("spend", {**BASE, "special": [{"points": 1}]}),
        ("spend", {**BASE, "colour": "red"}),
        ("referral", {"newcomer": 0, "friend": 0}),
        ("check_in", {"points": 1, "streaks": [{"days": 7, "extra": 1}, {"days": 7, "extra": 2}]}),
        ("event", {"points": 1, "kind": "template.receipted", "name": "x"}),
        ("birthday", {"points": 0}),
    ],
)
def test_parameters_that_cannot_be_are_refused(kind, params):
    with pytest.raises(ValidationError):
        earning_kinds()[kind].params.model_validate(params)


def test_every_kind_speaks_for_itself():
    samples = {
        "spend": {
            **BASE,
            "special": [{"categories": ["茶"], "points": 2}, {"skus": ["酒"], "points": 0}],
            "multipliers": [{"percent": 150, "weekdays": [3], "month_days": [8], "stores": [str(STORE)], "first_day": "2026-11-11"}],
            "least_fen": 5_050,
        },
        "first_purchase": {"points": 50},
        "check_in": {"points": 2, "streaks": [{"days": 7, "extra": 10}]},
        "birthday": {"points": 88},
        "referral": {"newcomer": 10, "friend": 20},
        "form_completed": {"points": 5, "forms": ["问卷"]},
        "share": {"points": 1},
        "event": {"points": 9, "kind": "menu.clicked", "name": "点菜单"},
    }
    assert set(samples) == set(earning_kinds())
    for name, params in samples.items():
        kind = earning_kinds()[name]
        zh, en = kind.describe(kind.params.model_validate(params))
        assert str(params.get("points", params.get("newcomer", 1))) in zh + en
        assert zh != en
        assert kind.listens(kind.params.model_validate(params))
    said = earning_kinds()["spend"].describe(earning_kinds()["spend"].params.model_validate(samples["spend"]))
    assert (
        said[0]
        == "每消费 1 元得 1 积分；茶每 1 元得 2 积分；酒不积分；周三 每月 8 日 指定门店 2026-11-11 至  1.5 倍；按会员等级加倍；满 50.50 元起"
    )
