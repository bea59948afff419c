"""Segments: random trees give exactly whom a naive reading gives; trees are bounded; members are listed, sampled and explained."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text, update
from sqlalchemy.dialects import postgresql

from app.core.errors import BadRequestError, NotFoundError, UnavailableError
from app.core.nouns import Customer, Follower
from app.core.unit import reading, work
from tagging.condition_book import ConditionBook
from tagging.segments import compile_tree, count_segment, explain, list_members, parse_tree, sample_members, tree_json, verify_tree
from tagging.tags import find_tag, tag_customers
from tests.tagging.steps import channel, customers, fact, moment, rule, tags, tell

PEOPLE = 24
TAGS = ("red", "green", "blue")


class Crowd:
    """People with random pasts, and the naive reading of every condition about them."""

    def __init__(self, house, make_account):
        self.house = house
        self.accounts = [make_account(), make_account()]
        tags(house, *TAGS)
        for name in TAGS:
            rule(house, name, "menu_key", {"keys": [name]}, half_life_s=100, expires_after_s=500 if name == "blue" else None)
        self.channels = [channel(house, self.accounts[0], "s1"), channel(house, self.accounts[0], "s2")]
        self.people = [*customers(house, self.accounts[0], PEOPLE - 8), *customers(house, self.accounts[1], 8)]
        self.facts = []
        for number, who in enumerate(self.people):
            account = self.accounts[0] if number < PEOPLE - 8 else self.accounts[1]
            for turn in range(number % 5):
                key = TAGS[(number * 7 + turn * 3) % 3]
                self.facts.append(fact(house, who, "menu.clicked", -((number * 37 + turn * 111) % 900), account.id, key=key))
            if account is self.accounts[0] and number % 3:
                for turn in range(1 + number % 2):
                    scene = ("s1", "s2")[(number + turn) % 2]
                    self.facts.append(fact(house, who, "qr.scanned", -100 + turn, account.id, scene=scene, following=True))
        tell(house, *self.facts)
        with work(house.engine) as session:
            for number, (_, follower_id) in enumerate(self.people):
                state = "gone" if number % 4 == 3 else "following"
                values = {"state": state, "subscribed_at": moment(house, -86_400 * (number % 6) - 10)}
                session.execute(update(Follower).where(Follower.id == follower_id).values(**values))
            self.erased = {self.people[2][0], self.people[9][0]}
            session.execute(update(Customer).where(Customer.id.in_(self.erased)).values(erased_at=house.clock.now()))
            session.execute(text("DELETE FROM customer_tag WHERE customer_id = ANY(:ids)"), {"ids": sorted(self.erased)})

    @property
    def live(self):
        return {customer_id for customer_id, _ in self.people} - self.erased

    def members(self, tree):
        """Whom the tree means, read node by node."""
        if "all" in tree:
            return set.intersection(*(self.members(child) for child in tree["all"]))
        if "any" in tree:
            return set.union(*(self.members(child) for child in tree["any"]))
        if "not" in tree:
            return self.live - self.members(tree["not"])
        return {
            who for number, (who, _) in enumerate(self.people) if who in self.live and getattr(self, f"is_{tree['kind']}")(number, tree)
        }

    def own(self, number, kind):
        return [each for each in self.facts if each.customer_id == self.people[number][0] and each.kind == kind]

    def age(self, each):
        return (self.house.clock.now() - each.occurred_at).total_seconds()

    def clicks(self, number, name):
        found = [each for each in self.own(number, "menu.clicked") if each.data["key"] == name]
        return [] if name == "blue" and all(self.age(each) >= 500 for each in found) else found

    def is_tag(self, number, leaf):
        return bool(self.clicks(number, leaf["tag"]))

    def is_tag_weight(self, number, leaf):
        return sum(2 ** (-self.age(each) / 100) for each in self.clicks(number, leaf["tag"])) >= leaf["at_least"]

    def is_follows_account(self, number, leaf):
        mine = self.accounts[0] if number < PEOPLE - 8 else self.accounts[1]
        return leaf["account"] == mine.appid and number % 4 != 3

    def is_channel(self, number, leaf):
        wanted = {str(each.public_id): each.scene for each in self.channels}[leaf["channel"]]
        scans = [each.data["scene"] for each in sorted(self.own(number, "qr.scanned"), key=lambda each: each.occurred_at)]
        chosen = {"first": scans[:1], "last": scans[-1:], "any": scans}[leaf["touch"]]
        return wanted in chosen

    def is_subscribed_since(self, number, leaf):
        return number % 4 != 3 and 86_400 * (number % 6) + 10 <= 86_400 * leaf["within_days"]

    def is_event_count(self, number, leaf):
        found = [
            each
            for each in self.own(number, leaf["fact"])
            if self.age(each) < leaf["within_s"] and all(each.data[name] == value for name, value in leaf["match"].items())
        ]
        return len(found) >= leaf["at_least"]

    def leaves(self):
        tag = st.sampled_from(TAGS)
        return st.one_of(
            st.fixed_dictionaries({"kind": st.just("tag"), "tag": tag}),
            st.fixed_dictionaries({"kind": st.just("tag"), "tag": tag}),
            st.fixed_dictionaries({"kind": st.just("tag_weight"), "tag": tag, "at_least": st.sampled_from([0.01, 0.3, 0.9])}),
            st.fixed_dictionaries({"kind": st.just("follows_account"), "account": st.sampled_from([each.appid for each in self.accounts])}),
            st.fixed_dictionaries(
                {
                    "kind": st.just("channel"),
                    "channel": st.sampled_from([str(each.public_id) for each in self.channels]),
                    "touch": st.sampled_from(["first", "last", "any"]),
                }
            ),
            st.fixed_dictionaries({"kind": st.just("subscribed_since"), "within_days": st.integers(1, 6)}),
            st.fixed_dictionaries(
                {
                    "kind": st.just("event_count"),
                    "fact": st.just("menu.clicked"),
                    "at_least": st.integers(1, 3),
                    "within_s": st.sampled_from([200, 600, 5000]),
                    "match": st.one_of(st.just({}), st.fixed_dictionaries({"key": tag})),
                }
            ),
        )

    def trees(self):
        def grow(inner):
            branch = st.lists(inner, min_size=1, max_size=3)
            return st.one_of(
                branch.map(lambda each: {"all": each}), branch.map(lambda each: {"any": each}), inner.map(lambda each: {"not": each})
            )

        return st.recursive(self.leaves(), grow, max_leaves=8)


@pytest.fixture
def crowd(house, make_account):
    return Crowd(house, make_account)


@given(data=st.data())
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_random_trees_mean_what_they_say(house, crowd, data):
    tree = data.draw(crowd.trees())
    parsed = parse_tree(tree)
    now = house.clock.now()
    with reading(house.engine) as session:
        found = list(session.scalars(compile_tree(parsed, now)))
        assert sorted(found) == sorted(crowd.members(tree))
        assert count_segment(session, parsed, now=now) == len(found)
        # One of them is explained, another in each tree: a question for every condition costs more than the tree itself.
        customer_id = data.draw(st.sampled_from(sorted(crowd.live)))
        assert explain(session, parsed, customer_id, now=now).holds is (customer_id in found)
    assert parse_tree(tree_json(parsed)) == parsed


def test_the_crowd_tells_every_condition_apart(crowd):
    """The property would say little if a condition held for everybody or nobody."""
    account, poster = crowd.accounts[0].appid, str(crowd.channels[0].public_id)
    for leaf in (
        *({"kind": "tag", "tag": name} for name in TAGS),
        {"kind": "tag_weight", "tag": "red", "at_least": 0.3},
        {"kind": "follows_account", "account": account},
        *({"kind": "channel", "channel": poster, "touch": touch} for touch in ("first", "last", "any")),
        {"kind": "subscribed_since", "within_days": 3},
        {"kind": "event_count", "fact": "menu.clicked", "at_least": 2, "within_s": 600, "match": {}},
    ):
        assert 0 < len(crowd.members(leaf)) < len(crowd.live), leaf


def compiled(tree, now):
    return str(compile_tree(parse_tree(tree), now).compile(dialect=postgresql.dialect()))


RED, GREEN, BLUE = ({"kind": "tag", "tag": name} for name in TAGS)


def test_tags_alone_never_read_the_big_customer_table(house):
    statement = compiled(
        {"any": [{"all": [RED, GREEN, {"not": BLUE}]}, {"all": [BLUE, {"not": {"any": [RED, GREEN]}}]}]}, house.clock.now()
    )
    assert "FROM customer\n" not in statement + "\n"
    assert "customer.erased_at" not in statement
    assert statement.count("FROM customer_tag") == 6
    assert statement.count("NOT (EXISTS") == 2


def test_a_lonely_not_starts_from_everybody_live(house):
    assert "customer.erased_at IS NULL" in compiled({"not": RED}, house.clock.now())


def test_values_travel_as_parameters(house):
    nasty = "x'; DROP TABLE customer; --"
    statement = compiled(
        {"any": [{"kind": "tag", "tag": nasty}, {"kind": "event_count", "fact": "a.b", "match": {"key": nasty}}]}, house.clock.now()
    )
    assert "DROP" not in statement


@pytest.mark.parametrize(
    ("tree", "code", "says"),
    [
        ([], "bad_segment", "the segment"),
        ({}, "bad_segment", "exactly one of"),
        ({"all": []}, "bad_segment", "all: a list"),
        ({"all": {"kind": "tag"}}, "bad_segment", "all: a list"),
        ({"all": [{"not": 7}]}, "bad_segment", "all.0.not: a condition is an object"),
        ({"all": [RED], "any": [RED]}, "bad_segment", "exactly one of"),
        ({"not": RED, "why": 1}, "bad_segment", "nothing may stand beside not"),
        ({"any": [RED, {"kind": "zodiac"}]}, "unknown_condition", "any.1: there is no condition 'zodiac'"),
        ({"kind": 7}, "unknown_condition", "int"),
        ({"all": [{"kind": "tag"}]}, "bad_segment", "all.0.tag.tag: Field required"),
        ({"kind": "tag", "tag": "x", "colour": "red"}, "bad_segment", "tag.colour: Extra inputs"),
        ({"kind": "tag_weight", "tag": "x", "at_least": float("nan")}, "bad_segment", "tag_weight.at_least"),
        ({"kind": "event_count", "fact": "DROP TABLE"}, "bad_segment", "event_count.fact"),
        ({"kind": "event_count", "fact": "a.b", "match": {"A B": 1}}, "bad_segment", "event_count.match"),
        ({"kind": "subscribed_since"}, "bad_segment", "subscribed_since"),
        ({"kind": "follows_account", "account": "wx' OR"}, "bad_segment", "follows_account.account"),
    ],
)
def test_a_wrong_tree_is_refused_with_the_place(tree, code, says):
    with pytest.raises(BadRequestError) as refused:
        parse_tree(tree)
    assert refused.value.code == code
    assert says in refused.value.detail


def deep(levels):
    tree = RED
    for _ in range(levels - 1):
        tree = {"not": tree}
    return tree


def test_depth_and_size_are_bounded():
    parse_tree(deep(10))
    parse_tree({"any": [RED] * 99})
    for tree in (deep(11), deep(5000), {"any": [RED] * 100}, {"any": [{"all": [RED] * 60}, {"all": [RED] * 60}]}):
        with pytest.raises(BadRequestError) as refused:
            parse_tree(tree)
        assert refused.value.code == "segment_too_big"


def test_what_a_tree_names_must_exist(crowd, session):
    verify_tree(session, parse_tree({"all": [RED, {"kind": "channel", "channel": str(crowd.channels[0].public_id)}]}))
    for leaf in (
        {"kind": "tag", "tag": "violet"},
        {"kind": "tag_weight", "tag": "violet", "at_least": 1},
        {"kind": "channel", "channel": "01a20381-d22d-7f88-8803-9919913613db"},
        {"kind": "follows_account", "account": "wxnobody"},
        {"kind": "subscribed_since", "within_days": 1, "account": "wxnobody"},
        {"kind": "event_count", "fact": "a.b", "account": "wxnobody"},
    ):
        with pytest.raises(NotFoundError):
            verify_tree(session, parse_tree({"not": leaf}))


def test_pages_hold_everybody_once_and_only_public_ids(house, crowd):
    tree = parse_tree({"any": [RED, GREEN, BLUE]})
    now, seen, after = house.clock.now(), [], None
    with reading(house.engine) as session:
        while True:
            page = list_members(session, tree, now=now, after=after, limit=4)
            assert len(page.members) <= 4
            seen += page.members
            after = page.after
            if after is None:
                break
        ids = {row[0]: row[1] for row in session.execute(select(Customer.public_id, Customer.id))}
        everybody = crowd.members({"any": [RED, GREEN, BLUE]})
        assert [ids[each] for each in seen] == sorted(everybody)
        sample = sample_members(session, tree, now=now, size=5)
        assert len(set(sample)) == 5
        assert {ids[each] for each in sample} <= everybody
        with pytest.raises(BadRequestError, match="cursor"):
            list_members(session, tree, now=now, after=crowd.channels[0].public_id)
        with pytest.raises(BadRequestError, match="between 1 and 500"):
            list_members(session, tree, now=now, limit=0)


def test_expired_is_not_in_though_no_sweep_ran(house, crowd):
    tree, now = parse_tree(BLUE), house.clock.now()
    with reading(house.engine) as session:
        at_noon = count_segment(session, tree, now=now)
        assert at_noon > 0
        assert count_segment(session, tree, now=now + timedelta(seconds=501)) == 0
        assert (
            count_segment(session, parse_tree({"kind": "tag_weight", "tag": "blue", "at_least": 0.001}), now=now + timedelta(seconds=501))
            == 0
        )


def test_a_count_that_takes_too_long_is_cut_off_and_says_so(house, crowd):
    slow = parse_tree({"any": [RED, GREEN]})
    with work(house.engine) as session:
        session.execute(text("LOCK TABLE customer_tag IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(UnavailableError) as cut, reading(house.engine) as other:
            count_segment(other, slow, now=house.clock.now(), timeout_ms=50)
    assert cut.value.code == "segment_timeout"
    assert cut.value.status == 503


def test_a_count_leaves_the_limit_of_its_transaction_as_it_was(house, crowd):
    with reading(house.engine, timeout_ms=1234) as session:
        count_segment(session, parse_tree(RED), now=house.clock.now())
        assert session.scalar(text("SELECT current_setting('statement_timeout')")) == "1234ms"


def test_explaining_names_every_node_with_its_reason(house, make_account):
    account = make_account()
    tags(house, "red", "blue")
    lin, zhao = customers(house, account, 2)
    with work(house.engine) as session:
        now = house.clock.now()
        tag_customers(session, find_tag(session, "red"), customer_ids=[lin[0]], actor="Mei", now=now, expires_at=now + timedelta(hours=1))
    tell(house, fact(house, lin, "menu.clicked", -5, account.id, key="sale"))
    tree = {
        "all": [
            RED,
            {"not": BLUE},
            {
                "any": [
                    {"kind": "follows_account", "account": account.appid},
                    {"kind": "event_count", "fact": "menu.clicked", "at_least": 2},
                ]
            },
        ]
    }
    with reading(house.engine) as session:
        verdict = explain(session, parse_tree(tree), lin[0], now=house.clock.now())
        assert verdict.holds
        red, no_blue, some = verdict.children
        assert (red.node, red.holds, red.why) == ("tag", True, "'red': until 2026-11-22 05:00:00Z")
        assert (no_blue.node, no_blue.holds, no_blue.children[0].why) == ("not", True, "no tag 'blue'")
        assert [(each.holds, each.why) for each in some.children] == [
            (True, f"following on {account.appid} since 2026-11-22 04:00:00Z"),
            (False, "menu.clicked ×1, last at 2026-11-22 03:59:55Z; 2 needed"),
        ]
        assert not explain(session, parse_tree(tree), zhao[0], now=house.clock.now()).holds
        with pytest.raises(NotFoundError):
            explain(session, parse_tree(tree), 10**9, now=house.clock.now())


def test_a_book_refuses_two_conditions_of_one_name():
    from app.core.registry import RegistryError

    with pytest.raises(RegistryError, match="'channel'"):
        ConditionBook(["tagging.conditions", "tagging.conditions"])
    with pytest.raises(RegistryError, match="not a Condition"):
        ConditionBook(["tagging.rules"])
