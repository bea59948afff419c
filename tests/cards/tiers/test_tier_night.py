"""The nightly review: periods end, grace runs out, exceptions end, and a second run changes nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.core.errors import BadRequestError, ConflictError
from app.core.facts import Fact, record
from app.core.nouns import AuditEntry
from app.core.unit import reading, work
from cards.ledger.verify import verify
from cards.membership import card_of
from cards.models.tiers import ChangeWhy, Tier, TierChange, TierOverride, TierRule, TierStep, TierWindow
from cards.tier_night import review_tiers
from cards.tier_setup import add_tier, override_tier, set_rule
from cards.tiers import current_tier, requalify
from tests.support.members import card_now, earn_points, facts_of, join_club, open_club


def raise_up(house, club, amount=3000):
    lin = join_club(house, club).customer_id
    earn_points(house, club, lin, amount)
    with work(house.engine) as session:
        requalify(session, customer_id=lin, programme_id=club.programme_id, registry=house.registry, now=house.clock.now())
    return lin


def by_hand(house, club, customer_id, tier, *, days=30, reason="重要来宾"):
    with work(house.engine) as session:
        card = card_of(session, customer_id=customer_id, programme_id=club.programme_id)
        return override_tier(
            session,
            card,
            tier=session.get_one(Tier, club.tiers[tier]),
            ends_at=house.clock.now() + timedelta(days=days),
            reason=reason,
            actor="Mei",
            registry=house.registry,
            now=house.clock.now(),
        )


def test_down_only_when_the_period_is_over_and_a_step_each(house, clock):
    club = open_club(house)
    lin = raise_up(house, club)
    clock.advance(timedelta(days=365))
    assert review_tiers(house) == 0
    clock.advance(timedelta(days=1))
    assert review_tiers(house) == 1
    assert card_now(house, club, lin).tier_id == club.tiers[1]
    assert review_tiers(house) == 0
    (fact,) = facts_of(house, "tier.downgraded")
    assert (fact.data["from"], fact.data["to"], fact.data["why"]) == ("金卡", "银卡", "period_ended")
    clock.advance(timedelta(days=366))
    assert review_tiers(house) == 1
    card = card_now(house, club, lin)
    assert (card.tier_id, card.tier_until) == (club.tiers[0], None)


def test_enough_in_the_new_period_keeps_the_tier(house, clock):
    club = open_club(house)
    lin = raise_up(house, club)
    clock.advance(timedelta(days=200))
    earn_points(house, club, lin, 3000)
    clock.advance(timedelta(days=200))
    assert review_tiers(house) == 0
    card = card_now(house, club, lin)
    assert card.tier_id == club.tiers[2]
    assert card.tier_until > clock.now()


def test_the_last_day_but_one_of_a_period_is_safe_and_grace_comes_after_it(house, clock):
    club = open_club(house, grace_days=30, step=TierStep.FULL, window=TierWindow.CALENDAR)
    lin = raise_up(house, club)
    clock.moment = clock.moment.replace(year=2027)
    assert review_tiers(house) == 0
    clock.moment = clock.moment.replace(year=2028, month=1, day=20)
    assert review_tiers(house) == 0
    assert card_now(house, club, lin).tier_id == club.tiers[2]
    clock.advance(timedelta(days=11))
    assert review_tiers(house) == 1
    assert card_now(house, club, lin).tier_id == club.tiers[0]


def test_a_house_that_slept_for_years_judges_every_period(house, clock):
    club = open_club(house)
    lin = raise_up(house, club)
    clock.advance(timedelta(days=365 * 4))
    assert review_tiers(house) == 2
    assert card_now(house, club, lin).tier_id == club.tiers[0]
    assert review_tiers(house) == 0


def test_a_purchase_in_grace_saves_the_tier(house, clock):
    club = open_club(house, grace_days=60, window=TierWindow.CALENDAR)
    lin = raise_up(house, club, amount=1000)
    clock.moment = clock.moment.replace(year=2028, month=1, day=20)
    earn_points(house, club, lin, 1000)
    clock.advance(timedelta(days=50))
    review_tiers(house)
    assert card_now(house, club, lin).tier_id == club.tiers[1]
    assert facts_of(house, "tier.downgraded") == []


def test_batches_reach_everybody_and_twice_is_once(house, clock):
    club = open_club(house)
    people = [raise_up(house, club, amount=1000 + 500 * number) for number in range(7)]
    clock.advance(timedelta(days=800))
    heard: list[int] = []
    first = review_tiers(house, batch=2, tell=heard.append)
    assert first >= 7
    assert heard[-1] == first
    states = [card_now(house, club, person).tier_id for person in people]
    assert review_tiers(house, batch=3) == 0
    assert [card_now(house, club, person).tier_id for person in people] == states
    with reading(house.engine) as session:
        assert verify(session) == []


def test_an_exception_by_hand_holds_against_both_ways_and_ends_on_its_date(house, clock):
    club = open_club(house)
    lin = raise_up(house, club, amount=1000)
    assert by_hand(house, club, lin, 2).why == ChangeWhy.OVERRIDE
    clock.advance(timedelta(days=29))
    assert review_tiers(house, everyone=True) == 0
    assert card_now(house, club, lin).tier_id == club.tiers[2]
    clock.advance(timedelta(days=1))
    # The date has come; the night has not. The till already goes by what he qualifies for.
    with reading(house.engine) as session:
        assert current_tier(session, customer_id=lin, programme_id=club.programme_id, at=clock.now()).id == club.tiers[1]
    assert review_tiers(house) == 1
    assert card_now(house, club, lin).tier_id == club.tiers[1]
    assert facts_of(house, "tier.downgraded")[-1].data["why"] == "override_ended"
    assert review_tiers(house) == 0


def test_an_exception_downwards_is_not_lifted_by_a_purchase(house):
    club = open_club(house)
    lin = raise_up(house, club)
    by_hand(house, club, lin, 0, reason="滥用退货")
    earn_points(house, club, lin, 9000)
    with work(house.engine) as session:
        assert requalify(session, customer_id=lin, programme_id=club.programme_id, registry=house.registry, now=house.clock.now()) is None


def test_a_second_exception_takes_the_place_of_the_first(house):
    club = open_club(house)
    lin = raise_up(house, club, amount=1000)
    by_hand(house, club, lin, 2)
    by_hand(house, club, lin, 0)
    with reading(house.engine) as session:
        open_ones = select(func.count()).select_from(TierOverride).where(TierOverride.ended_at.is_(None))
        assert session.scalar(open_ones) == 1
        notes = session.scalars(select(AuditEntry).where(AuditEntry.action == "tier.overridden")).all()
        assert [entry.detail["reason"] for entry in notes] == ["重要来宾", "重要来宾"]
    assert card_now(house, club, lin).tier_id == club.tiers[0]


@pytest.mark.parametrize("wrong", [{"reason": "  "}, {"days": 0}, {"days": -1}])
def test_an_exception_needs_a_reason_and_a_future_end(house, wrong):
    club = open_club(house)
    lin = raise_up(house, club)
    with pytest.raises(BadRequestError):
        by_hand(house, club, lin, 1, **wrong)
    assert card_now(house, club, lin).tier_id == club.tiers[2]


def test_after_a_new_rule_everybody_is_lifted_and_nobody_lowered(house, clock):
    club = open_club(house)
    low, high = raise_up(house, club, amount=900), raise_up(house, club, amount=3000)
    with work(house.engine) as session:
        session.get_one(Tier, club.tiers[1]).threshold = 800
        session.get_one(Tier, club.tiers[2]).threshold = 5000
    assert review_tiers(house) == 0
    assert review_tiers(house, everyone=True) == 1
    assert card_now(house, club, low).tier_id == club.tiers[1]
    assert card_now(house, club, high).tier_id == club.tiers[2]
    assert review_tiers(house, everyone=True) == 0
    del clock


def test_a_ladder_climbs_in_rank_and_threshold_together(house):
    club = open_club(house)
    for rank, threshold, name in (
        (3, 2000, "黑卡"),
        (1, 9000, "黑卡"),
        (3, 9000, "金卡"),
        (3, -1, "黑卡"),
        (3, 9000, " "),
        (3, 10**13, "黑卡"),
    ):
        with pytest.raises((BadRequestError, ConflictError)), work(house.engine) as session:
            tier = Tier(programme_id=club.programme_id, rank=rank, threshold=threshold, name=name)
            add_tier(session, tier, actor="Mei", now=house.clock.now())
    with reading(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(Tier).where(Tier.programme_id == club.programme_id)) == 3


@pytest.mark.parametrize("wrong", [{"measure": "balance"}, {"window_days": 0}, {"window_days": 2000}, {"grace_days": -1}])
def test_a_rule_that_cannot_be_is_refused(house, wrong):
    club = open_club(house)
    said = {"measure": "points", "window": TierWindow.ROLLING, "window_days": 365, "grace_days": 0, "step": TierStep.ONE, **wrong}
    with pytest.raises(BadRequestError), work(house.engine) as session:
        set_rule(session, programme_id=club.programme_id, actor="Mei", now=house.clock.now(), **said)
    with reading(house.engine) as session:
        assert session.get_one(TierRule, club.programme_id).measure == "points"


def test_changes_are_kept_with_who_and_why(house):
    club = open_club(house)
    lin = raise_up(house, club)
    by_hand(house, club, lin, 1)
    with reading(house.engine) as session:
        rows = session.scalars(select(TierChange).order_by(TierChange.id)).all()
    assert [row.why for row in rows] == ["opened", "qualified", "override"]
    assert [row.actor for row in rows] == ["Chen", "system", "Mei"]
    assert rows[-1].reason == "重要来宾"


def test_orders_and_the_night_never_wait_for_each_other_in_a_circle(house, clock):
    club = open_club(house)
    people = [raise_up(house, club, amount=1000) for _ in range(6)]
    clock.advance(timedelta(days=400))

    def order(number):
        customer = people[number % len(people)]
        with work(house.engine) as session:
            fact = Fact(f"o{number}", "order.placed", clock.now(), {}, customer_id=customer)
            record(session, [fact], registry=house.registry, now=clock.now())
            requalify(session, customer_id=customer, programme_id=club.programme_id, registry=house.registry, now=clock.now())

    with ThreadPoolExecutor(8) as pool:
        nights = [pool.submit(review_tiers, house, batch=3) for _ in range(2)]
        for done in [pool.submit(order, number) for number in range(60)]:
            done.result()
        assert sum(night.result() for night in nights) == 6
