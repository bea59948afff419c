"""Windows: half open, of whole seconds, completed by late facts; little is read of a busy customer."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from app.core.facts import Fact
from app.core.unit import reading
from tagging.rule import Window
from tagging.windows import Question, load_around, tally
from tests.tagging.steps import customers, fact, held, rule, tags, tell

START = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


def at(second, key=None):
    return Fact(key or f"k{second}", "menu.clicked", START + timedelta(seconds=second), {})


def test_the_window_leaves_out_its_beginning_and_holds_its_end():
    facts = [at(0), at(10), at(10, "twin"), at(20)]
    counts = {each.fact.key: each.now for each in tally(facts, within_s=10, new_keys={"k0", "k10", "twin", "k20"})}
    assert counts == {"k0": 1, "k10": 2, "twin": 2, "k20": 1}


def test_a_late_fact_is_counted_by_those_after_it():
    counts = {each.fact.key: (each.now, each.before) for each in tally([at(0), at(5), at(9), at(30)], within_s=10, new_keys={"k0"})}
    assert counts == {"k0": (1, None), "k5": (2, 1), "k9": (3, 2), "k30": (1, 1)}


@given(
    old=st.lists(st.integers(0, 50), max_size=12),
    new=st.lists(st.integers(0, 50), min_size=1, max_size=6),
    within_s=st.integers(1, 30),
)
def test_tallies_are_what_counting_by_hand_gives(old, new, within_s):
    facts = [at(second, f"old{number}") for number, second in enumerate(old)]
    facts += [at(second, f"new{number}") for number, second in enumerate(new)]
    seconds = {each.key: (each.occurred_at - START).total_seconds() for each in facts}
    for each in tally(facts, within_s=within_s, new_keys={f"new{number}" for number in range(len(new))}):
        end = seconds[each.fact.key]
        inside = [key for key, second in seconds.items() if end - within_s < second <= end]
        assert each.now == len(inside)
        assert each.before == (None if each.fact.key.startswith("new") else len([key for key in inside if key.startswith("old")]))


@pytest.fixture
def lin(house, make_account):
    account = make_account()
    return (*customers(house, account, 1)[0], account)


def click(house, lin, at_s, **data):
    return fact(house, lin[:2], "menu.clicked", at_s, lin[2].id, **data)


def test_of_a_busy_customer_no_more_is_read_than_decides(house, lin):
    tell(house, *[click(house, lin, second) for second in range(300)])
    new = click(house, lin, 300)
    tell(house, new)
    question = Question(Window("menu.clicked", 1000, 3), None, lin[0])
    with reading(house.engine) as session:
        found = load_around(session, {question: [new]})[question]
    assert [each.key for each in found if each.key == new.key] == [new.key]
    assert len(found) == 4


def test_all_windows_of_a_batch_are_one_statement(house, lin, engine):
    tags(house, "busy", "fan")
    rule(house, "busy", "count_in_window", {"kind": "menu.clicked", "at_least": 2, "within_s": 60})
    rule(house, "fan", "count_in_window", {"kind": "menu.clicked", "at_least": 2, "within_s": 90, "match": {"key": "a"}})
    others = customers(house, lin[2], 5)
    statements = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    tell(house, *[fact(house, who, "menu.clicked", second, lin[2].id, key="a") for who in others for second in (0, 1)])
    assert len([statement for statement in statements if "asked.least" in statement]) == 1
    assert all(held(house, who[0]) == {"busy", "fan"} for who in others)


def test_a_rule_of_one_account_counts_that_account_only(house, lin, make_account):
    other = make_account()
    tags(house, "busy")
    rule(house, "busy", "count_in_window", {"kind": "menu.clicked", "at_least": 2, "within_s": 60}, account_id=lin[2].id)
    tell(house, click(house, lin, 0), fact(house, lin[:2], "menu.clicked", 1, other.id))
    assert held(house, lin[0]) == set()
    tell(house, click(house, lin, 2))
    assert held(house, lin[0]) == {"busy"}
