"""Rules with versions, groups and caps over real orders."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from app.core.errors import FankaError
from app.core.unit import reading, work
from cards.caps import span_of
from cards.models.earning import EarningUse
from cards.models.programme import Programme
from cards.models.tiers import Tier
from cards.rule_words import members_rules
from cards.rulebook import define_group, end_rule, rules_at
from tests.support.orders import LONG_AGO, Till, open_till, order


@pytest.fixture
def till(house) -> Till:
    return open_till(house, rule=False, customers=4)


def spend_rule(till, points, **more):
    till.rule("spend", {"rate": {"points": points}}, **more)


def test_an_old_order_earns_by_the_rule_of_its_day(till):
    spend_rule(till, 1, name="消费")
    old = (till.house.clock.now() - timedelta(hours=2)).isoformat()
    till.house.clock.advance(timedelta(days=1))
    spend_rule(till, 5, name="消费", valid_from=till.house.clock.now())
    till.house.clock.advance(timedelta(days=1))
    assert till.book(order(till)).points == 500
    assert till.book(order(till, paid_at=old)).points == 100


def test_a_rule_ends_with_its_dates_and_by_hand(till):
    now = till.house.clock.now()
    spend_rule(till, 1, name="限时", valid_to=now + timedelta(days=1))
    assert till.book(order(till)).points == 100
    till.house.clock.advance(timedelta(days=2))
    assert till.book(order(till)).points == 0
    spend_rule(till, 2, name="长期")
    with work(till.house.engine) as session:
        at = till.house.clock.now()
        end_rule(session, programme_id=till.programme_id, name="长期", at=at, now=at, actor="Mei")
    till.house.clock.advance(timedelta(days=2))
    assert till.book(order(till)).points == 0


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"kind": "birthday", "params": {"points": 1}}, "no_unit"),
        ({"kind": "nothing"}, "bad_kind"),
        ({"name": "消费", "kind": "first_purchase", "params": {"points": 1}}, "other_kind"),
        ({"name": "消费", "valid_from": LONG_AGO + timedelta(days=1)}, "past_version"),
        ({"params": {"rate": {"points": -1}}}, "bad_params"),
        ({"caps": [{"span": "day"}]}, "bad_params"),
        ({"caps": [{"span": "day", "points": 1}] * 9}, "bad_params"),
        ({"group": "没有"}, "no_group"),
        ({"name": " "}, "bad_name"),
        ({"valid_to": LONG_AGO}, "bad_dates"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(till, more, code):
    spend_rule(till, 1, name="消费")
    with pytest.raises(FankaError) as refused:
        till.rule(**more)
    assert refused.value.code == code


@pytest.mark.parametrize(("pick", "points"), [("first", 100), ("best", 300), ("all", 600)])
def test_of_several_rules_the_first_the_best_or_all(till, pick, points):
    with work(till.house.engine) as session:
        define_group(session, programme_id=till.programme_id, name="主", pick=pick, actor="Mei", now=till.house.clock.now())
    spend_rule(till, 2, group="主", priority=20)
    spend_rule(till, 1, group="主", priority=10)
    spend_rule(till, 3, group="主", priority=30)
    spend_rule(till, 7, name="另计")
    assert till.book(order(till)).points == points + 700


@pytest.mark.parametrize(
    ("cap", "later", "sums"),
    [
        ({"span": "day", "points": 150}, timedelta(days=1), [100, 50, 0, 100]),
        ({"span": "day", "times": 2}, timedelta(days=1), [100, 100, 0, 100]),
        ({"span": "week", "points": 150}, timedelta(days=7), [100, 50, 0, 100]),
        ({"span": "month", "points": 150}, timedelta(days=12), [100, 50, 0, 100]),
        ({"span": "year", "points": 150}, timedelta(days=50), [100, 50, 0, 100]),
        ({"span": "ever", "points": 150}, timedelta(days=400), [100, 50, 0, 0]),
        ({"scope": "rule", "span": "ever", "points": 150}, timedelta(days=1), [100, 50, 0, 0]),
    ],
)
def test_caps_hold_within_their_span(till, cap, later, sums):
    spend_rule(till, 1, caps=[cap])
    found = [till.book(order(till)).points for _ in range(3)]
    till.house.clock.advance(later)
    assert [*found, till.book(order(till)).points] == sums
    till.books_are_right()


def test_a_cap_of_the_whole_rule_is_shared_by_parallel_customers(till):
    spend_rule(till, 1, caps=[{"scope": "rule", "span": "ever", "points": 1_234}])
    with reading(till.house.engine) as session:
        from sqlalchemy import select

        from app.core.nouns import Customer
        from cards.models.ledger import Wallet

        people = session.scalars(
            select(Customer.public_id).join(Wallet, Wallet.customer_id == Customer.id).where(Wallet.id.in_(till.shop.wallets))
        ).all()
    orders = [order(till, phone=None, customer=str(people[number % len(people)])) for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda each: till.book(each).points, orders)) == 1_234
    with reading(till.house.engine) as session:
        assert [row.points for row in session.query(EarningUse)] == [1_234]
    till.books_are_right()


def test_a_day_is_a_day_in_shanghai():
    from datetime import date

    assert span_of("week", date(2026, 1, 1)) == "week:2026-01"
    assert span_of("month", date(2026, 1, 31)) == "month:2026-01"
    assert span_of("ever", date(2026, 1, 1)) == "ever"


def test_the_tier_multiplies(till):
    from cards.membership import open_card
    from cards.models.membership import CardPath

    house = till.house
    with work(house.engine) as session:
        session.add(
            Tier(programme_id=till.programme_id, rank=1, name="金卡", name_en="Gold", threshold=0, face="gold", multiplier_percent=150)
        )
        session.flush()
        open_card(
            session,
            customer_id=till.lin_id,
            programme_id=till.programme_id,
            path=CardPath.CLERK,
            registry=house.registry,
            actor="Chen",
            now=house.clock.now() - timedelta(days=1),
        )
    spend_rule(till, 1)
    assert till.book(order(till)).points == 150


def test_the_members_page_is_written_by_the_rules(till):
    spend_rule(till, 2, name="消费", caps=[{"span": "day", "points": 500}, {"scope": "rule", "span": "ever", "points": 10**9}])
    till.rule("first_purchase", {"points": 66}, name="首单")
    with reading(till.house.engine) as session:
        programme = session.get_one(Programme, till.programme_id)
        said = {each.name: each for each in members_rules(session, programme=programme, at=till.house.clock.now())}
        assert rules_at(session, programme_id=till.programme_id, at=LONG_AGO - timedelta(days=1)) == []
    assert said["消费"].zh == "每消费 1 元得 2 积分；按会员等级加倍；每天最多500 积分"
    assert said["首单"].zh == "首次消费奖励 66 积分；累计最多1 次"
    assert said["首单"].en == "66 points for your first purchase; at most once in all"
    assert said["有效期"].zh == "积分自获得之日起 12 个月内有效"
    assert "7 天" in said["到账"].zh
