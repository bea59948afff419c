"""Each kind of rule hears the facts it names, and decides from fact and count alone."""

from datetime import UTC, datetime

import pytest

from app.core.errors import BadRequestError
from app.core.facts import Fact
from tagging.rule import Seen, matches
from tagging.rulebook import rule_kinds
from tagging.tags import check_params

HERE, THERE = "01a20300-0000-7000-8000-000000000001", "01a20300-0000-7000-8000-000000000002"


def decide(kind, params, data, *, fact_kind, channel=None, count=0):
    plugin = rule_kinds()[kind]
    checked = plugin.params.model_validate(params)
    assert fact_kind in plugin.listens(checked)
    return plugin.decide(checked, Seen(Fact("k", fact_kind, datetime(2026, 11, 22, tzinfo=UTC), data), channel, count))


CASES = [
    ("menu_key", {"keys": ["sale", "new"]}, "menu.clicked", {"key": "sale"}, {"key": "other"}),
    ("menu_key", {"keys": ["scan"]}, "menu.used", {"key": "scan", "event": "scancode_push"}, {}),
    ("keyword", {"keywords": ["优惠"]}, "keyword.matched", {"keyword": "优惠"}, {"keyword": "地址"}),
    ("card", {"card_ids": ["p1"]}, "card.claimed", {"card_id": "p1"}, {"card_id": "p2"}),
    ("card", {"deeds": ["given"], "card_ids": ["p1"]}, "card.given", {"card_id": "p1"}, {"card_id": "p2"}),
    ("coupon", {"card_ids": ["c1"]}, "coupon.redeemed", {"card_id": "c1"}, {"card_id": "c2"}),
    ("article", {"urls": ["https://mp.weixin.qq.com/s/tea"]}, "menu.viewed", {"url": "https://mp.weixin.qq.com/s/tea#rd"}, {"url": ""}),
    ("purchase", {"stores": [HERE]}, "order.placed", {"store": HERE}, {"store": THERE}),
    ("purchase", {"sources": ["pos"]}, "order.placed", {"source": "pos"}, {"source": "shop"}),
    ("purchase", {"skus": ["TEA", "CUP"]}, "order.placed", {"skus": ["CUP"]}, {"skus": ["POT"]}),
    ("purchase", {"categories": ["茶"]}, "order.placed", {"categories": ["茶", "杯"]}, {"skus": ["茶"]}),
    ("purchase", {"at_least_fen": 10_000}, "order.placed", {"total_fen": 10_000}, {"total_fen": 9_999}),
    (
        "purchase",
        {"skus": ["TEA"], "at_least_fen": 5},
        "order.placed",
        {"skus": ["TEA"], "total_fen": 5},
        {"skus": ["TEA"], "total_fen": 4},
    ),
    ("event", {"kind": "mini.entered", "match": {"path": "/shop"}}, "mini.entered", {"path": "/shop", "more": 1}, {"path": "/"}),
    ("event", {"kind": "card.checked", "match": {"passed": True}}, "card.checked", {"passed": True}, {"passed": 1}),
]


@pytest.mark.parametrize(("kind", "params", "fact_kind", "fitting", "other"), CASES)
def test_a_fitting_fact_speaks_and_another_does_not(kind, params, fact_kind, fitting, other):
    assert decide(kind, params, fitting, fact_kind=fact_kind) == 1
    assert decide(kind, params, other, fact_kind=fact_kind) == 0


@pytest.mark.parametrize(("kind", "fact_kind"), [("card", "card.claimed"), ("coupon", "coupon.redeemed")])
def test_no_card_named_means_every_card(kind, fact_kind):
    assert decide(kind, {}, {"card_id": "whichever"}, fact_kind=fact_kind) == 1


@pytest.mark.parametrize(
    ("params", "channel", "following", "strength"),
    [
        ({}, HERE, True, 1),
        ({}, None, True, 0),
        ({"channels": [HERE]}, HERE, True, 1),
        ({"channels": [HERE]}, THERE, True, 0),
        ({"follow_only": True}, HERE, True, 0),
        ({"follow_only": True}, HERE, False, 1),
    ],
)
def test_a_channel_rule_looks_at_the_channel_and_the_follow(params, channel, following, strength):
    assert decide("channel", params, {"following": following}, fact_kind="qr.scanned", channel=channel) == strength


def test_a_count_speaks_from_its_number_on_and_only_for_what_it_counts():
    params = {"kind": "menu.clicked", "at_least": 3, "within_s": 60, "match": {"key": "sale"}}
    said = [decide("count_in_window", params, {"key": "sale"}, fact_kind="menu.clicked", count=count) for count in (2, 3, 4)]
    assert said == [0, 1, 1]
    assert decide("count_in_window", params, {"key": "other"}, fact_kind="menu.clicked", count=3) == 0


@pytest.mark.parametrize(
    ("kind", "params", "where"),
    [
        ("menu_key", {"keys": []}, "keys"),
        ("menu_key", {"keys": ["a"], "more": 1}, "more"),
        ("count_in_window", {"kind": "menu.clicked", "at_least": 0, "within_s": 5}, "at_least"),
        ("count_in_window", {"kind": "nonsense", "at_least": 1, "within_s": 5}, "kind"),
        ("event", {"kind": "mini.entered", "match": {"a": [1]}}, "match.a"),
        ("event", {"kind": "mini.entered", "match": {f"f{'x' * n}": 1 for n in range(6)}}, "match"),
        ("channel", {"channels": ["not a uuid"]}, "channels.0"),
        ("purchase", {"stores": ["NJX"]}, "stores.0"),
        ("purchase", {"at_least_fen": -1}, "at_least_fen"),
        ("article", {"urls": ["javascript:alert(1)"]}, "urls.0"),
    ],
)
def test_wrong_parameters_are_refused_by_name(kind, params, where):
    with pytest.raises(BadRequestError) as refused:
        check_params(kind, params)
    assert refused.value.code == "bad_rule_params"
    assert refused.value.detail.startswith(where)


def test_an_unknown_kind_names_the_known_ones():
    with pytest.raises(BadRequestError, match="menu_key"):
        check_params("horoscope", {})


def test_every_kind_has_a_title_in_both_languages_and_a_schema():
    kinds = rule_kinds()
    assert set(kinds) == {"article", "menu_key", "channel", "keyword", "card", "coupon", "purchase", "event", "count_in_window"}
    for kind in kinds.values():
        assert " · " in kind.title
        assert kind.params.model_json_schema()["type"] == "object"


def test_one_is_not_true():
    assert matches({"a": 1}, (("a", 1),))
    assert not matches({"a": True}, (("a", 1),))
    assert not matches({}, (("a", 1),))
