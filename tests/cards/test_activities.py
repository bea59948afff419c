"""Check-ins, referrals and other deeds: rewarded once, by the rules that hear them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core import kinds
from app.core.errors import FankaError
from app.core.facts import Fact, ReactionRow, record
from app.core.unit import reading, work
from cards.activities import check_in, refer
from cards.membership import open_card
from cards.models.ledger import Wallet
from cards.models.membership import CardPath
from jobs.reactions_run import run_due
from tests.support.orders import Till, open_till, order


@pytest.fixture
def till(house) -> Till:
    return open_till(house, rule=False)


@pytest.fixture
def people(till) -> list[int]:
    """Three customers, each with a card, opened an hour apart."""
    house = till.house
    with reading(house.engine) as session:
        found = list(session.scalars(select(Wallet.customer_id).where(Wallet.id.in_(till.shop.wallets)).order_by(Wallet.id)))
    for number, customer_id in enumerate(found):
        with work(house.engine) as session:
            open_card(
                session,
                customer_id=customer_id,
                programme_id=till.programme_id,
                path=CardPath.CLERK,
                registry=house.registry,
                actor="Chen",
                now=house.clock.now() + timedelta(hours=number - 5),
            )
    return found


def rule(till, kind, params, **more):
    till.rule(kind, params, unit_id=till.shop.unit_id, **more)


def act(till, function, **wishes):
    house = till.house
    with work(house.engine) as session:
        return function(session, programme_id=till.programme_id, registry=house.registry, actor="me", now=house.clock.now(), **wishes)


def balances(till, people) -> list[int]:
    return [till.wallet(person).active for person in people]


def test_days_in_a_row_are_counted_in_shanghai_and_a_gap_begins_anew(till, people):
    rule(till, "check_in", {"points": 1, "streaks": [{"days": 3, "extra": 10}]})
    lin = people[0]
    found = []
    for hours in (0, 1, 23, 24, 48):
        till.house.clock.advance(timedelta(hours=hours))
        done = act(till, check_in, customer_id=lin)
        found.append((done.fresh, done.streak, done.points))
    assert found == [(True, 1, 1), (False, 1, 0), (True, 2, 1), (True, 3, 11), (True, 1, 1)]
    till.books_are_right()


def test_ten_taps_on_check_in_are_one(till, people):
    rule(till, "check_in", {"points": 5})
    with ThreadPoolExecutor(5) as pool:
        found = list(pool.map(lambda _: act(till, check_in, customer_id=people[0]).points, range(10)))
    assert sum(found) == 5
    assert till.wallet(people[0]).active == 5


def test_a_referral_rewards_both_sides_once(till, people):
    rule(till, "referral", {"newcomer": 10, "friend": 20})
    given = act(till, refer, newcomer_id=people[1], friend_id=people[0])
    assert sorted((each.customer_id, each.points) for each in given) == [(people[0], 20), (people[1], 10)]
    assert act(till, refer, newcomer_id=people[1], friend_id=people[0]) == []
    assert balances(till, people) == [20, 10, 0]
    till.books_are_right()


@pytest.mark.parametrize(("newcomer", "friend", "code"), [(0, 0, "self_referral"), (0, 1, "not_a_newcomer")])
def test_nobody_brings_himself_or_somebody_who_was_here(till, people, newcomer, friend, code):
    with pytest.raises(FankaError) as refused:
        act(till, refer, newcomer_id=people[newcomer], friend_id=people[friend])
    assert refused.value.code == code


def test_who_has_no_card_checks_in_nowhere(till):
    with pytest.raises(FankaError) as refused:
        act(till, check_in, customer_id=till.lin_id)
    assert refused.value.code == "no_card"


def happen(till, kind, customer_id, data, number=1):
    house = till.house
    with work(house.engine) as session:
        fact = Fact(f"{'x' * 100}:{kind}:{number}", kind, house.clock.now(), data, customer_id=customer_id)
        record(session, [fact], registry=house.registry, now=house.clock.now())


@pytest.mark.parametrize(
    ("kind", "params", "fact", "data"),
    [
        ("form_completed", {"points": 7}, "form.completed", {"form": "问卷"}),
        ("share", {"points": 7}, "content.shared", {"content": "a"}),
        ("event", {"points": 7, "kind": "menu.clicked", "name": "点菜单"}, "menu.clicked", {"key": "a"}),
        ("birthday", {"points": 7}, "member.birthday", {}),
    ],
)
def test_a_fact_that_a_rule_hears_is_rewarded_once(till, people, kind, params, fact, data):
    rule(till, kind, params)
    for _ in range(2):
        happen(till, fact, people[0], data)
        run_due()
    assert balances(till, people) == [7, 0, 0]
    till.books_are_right()


def test_a_birthday_is_rewarded_once_a_year(till, people):
    rule(till, "birthday", {"points": 7})
    for number in range(3):
        happen(till, "member.birthday", people[0], {}, number)
        run_due()
    assert till.wallet(people[0]).active == 7


def test_facts_that_no_rule_hears_get_no_row(till, people):
    rule(till, "share", {"points": 7})
    happen(till, "menu.clicked", people[0], {"key": "a"})
    with reading(till.house.engine) as session:
        assert "award_points" not in session.scalars(select(ReactionRow.name)).all()


def test_two_customers_who_become_one_keep_their_orders_caps_and_days(till, people):
    house = till.house
    till.rule("spend", {"rate": {"points": 1}}, caps=[{"span": "day", "points": 150}])
    asked = order(till)
    till.book(asked)
    rule(till, "check_in", {"points": 1})
    for person in people[:2]:
        act(till, check_in, customer_id=person)
    with work(house.engine) as session:
        joined = Fact("join:1", kinds.JOINED, house.clock.now(), {"from": people[0], "into": people[1]}, customer_id=people[1])
        from app.core.nouns import Customer

        session.get_one(Customer, people[0]).joined_into_id = people[1]
        record(session, [joined], registry=house.registry, now=house.clock.now())
    assert till.wallet(people[1]).pending == 100
    assert till.book(order(till)).points == 50
    assert till.bring_back(asked, {1: 1}).taken_back == 100
    assert till.wallet(people[1]).pending == 50
    assert act(till, check_in, customer_id=people[1]).fresh is False
    till.books_are_right()
