"""Tiers that are bought or given: a floor for a term, above which one may rise, given once and taken back with the order."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.errors import BadRequestError, ConflictError
from app.core.facts import ReactionRow
from app.core.unit import reading, work
from cards.ledger.earn import earn
from cards.ledger.wallets import open_wallet
from cards.membership import card_of, open_card
from cards.models.membership import CardPath
from cards.models.orders import Purchase
from cards.models.tiers import ChangeWhy, GrantWay, Tier, TierChange, TierOverride, TierStep, TierWindow
from cards.tier_grants import invite, sell_tiers
from cards.tier_night import review_tiers
from cards.tier_setup import add_tier, override_tier, set_rule
from cards.tiers import current_tier, progress, requalify
from jobs.reactions_run import run_reactions
from tests.support.members import facts_of
from tests.support.money import cause
from tests.support.orders import Till, open_till
from tests.support.orders import order as order_in

PLUS, BLACK = "PLUS 会员", "黑卡"


@pytest.fixture
def till(house) -> Till:
    """A shop that sells PLUS for 30 days, invites to 黑卡, and whose members earn 银卡 and 金卡."""
    made = open_till(house)
    now = house.clock.now()
    ladder = (("普通", 0, {}), ("银卡", 1000, {}), (PLUS, None, {"sku": "PLUS-1", "term_days": 30}), ("金卡", 3000, {}), (BLACK, None, {}))
    with work(house.engine) as session:
        for rank, (name, threshold, more) in enumerate(ladder):
            add_tier(session, Tier(programme_id=made.programme_id, rank=rank, name=name, threshold=threshold, **more), actor="Mei", now=now)
        common = {"window": TierWindow.ROLLING, "window_days": 365, "grace_days": 0, "step": TierStep.ONE}
        set_rule(session, programme_id=made.programme_id, measure="points", actor="Mei", now=now, **common)
        open_card(
            session, customer_id=made.lin_id, programme_id=made.programme_id, path=CardPath.H5, registry=house.registry, actor="h5", now=now
        )
    return made


def buy(till, pieces=1):
    order = order_in(till, {"sku": "PLUS-1", "quantity": pieces, "amount_fen": 9900 * pieces})
    till.book(order)
    run_reactions(till.house)
    return order


def bring(till, points):
    house = till.house
    with work(house.engine) as session:
        wallet_id = open_wallet(session, customer_id=till.lin_id, programme_id=till.programme_id)
        now = house.clock.now()
        ends = now + timedelta(days=800)
        earn(session, wallet_id=wallet_id, amount=points, unit_id=till.shop.unit_id, cause=cause(now), available_from=now, expires_at=ends)
        requalify(session, customer_id=till.lin_id, programme_id=till.programme_id, registry=house.registry, now=now)


def tier_now(till):
    with reading(till.house.engine) as session:
        return current_tier(session, customer_id=till.lin_id, programme_id=till.programme_id, at=till.house.clock.now()).name


def card_now(till):
    with reading(till.house.engine) as session:
        return card_of(session, customer_id=till.lin_id, programme_id=till.programme_id)


def terms(till):
    with reading(till.house.engine) as session:
        return list(session.scalars(select(TierOverride).order_by(TierOverride.id)))


def call(till, name, *, days=30, how=invite):
    with work(till.house.engine) as session:
        card = card_of(session, customer_id=till.lin_id, programme_id=till.programme_id)
        tier = session.scalars(select(Tier).where(Tier.programme_id == till.programme_id, Tier.name == name)).one()
        now = till.house.clock.now()
        return how(
            session,
            card,
            tier=tier,
            ends_at=now + timedelta(days=days),
            reason="受邀嘉宾",
            actor="Mei",
            registry=till.house.registry,
            now=now,
        )


def test_a_bought_tier_is_there_for_its_term_and_ends(house, till, clock):
    buy(till)
    assert tier_now(till) == PLUS
    (fact,) = facts_of(house, "tier.upgraded")
    assert (fact.data["to"], fact.data["why"]) == (PLUS, "granted")
    clock.advance(timedelta(days=29))
    assert review_tiers(house) == 0
    clock.advance(timedelta(days=1))
    assert tier_now(till) == "普通"
    assert review_tiers(house) == 1
    assert review_tiers(house) == 0
    assert (tier_now(till), card_now(till).tier_until) == ("普通", None)
    with reading(house.engine) as session:
        assert session.scalars(select(TierChange.why).order_by(TierChange.id)).all()[-1] == ChangeWhy.OVERRIDE_ENDED


def test_each_piece_follows_the_one_before_without_a_gap(house, till, clock):
    buy(till, pieces=2)
    buy(till)
    assert [(each.ends_at - clock.now()).days for each in terms(till)] == [30, 60, 90]
    for _ in range(2):
        clock.advance(timedelta(days=30))
        assert tier_now(till) == PLUS
        assert review_tiers(house) == 0
        assert tier_now(till) == PLUS
    clock.advance(timedelta(days=30))
    assert review_tiers(house) == 1
    assert tier_now(till) == "普通"


def test_who_earns_more_stands_higher_and_falls_no_lower_than_he_paid_for(house, till, clock):
    buy(till, pieces=20)
    bring(till, 3000)
    assert tier_now(till) == "金卡"
    clock.advance(timedelta(days=366))
    assert review_tiers(house) == 1
    assert tier_now(till) == PLUS
    assert review_tiers(house) == 0


def test_an_order_gives_its_terms_once_however_often_it_is_told(house, till):
    order = buy(till)

    def again():
        with work(house.engine) as session:
            purchase = session.scalars(select(Purchase).where(Purchase.order_no == order.order_no)).one()
            return sell_tiers(session, purchase, registry=house.registry, actor="system", now=house.clock.now())

    with ThreadPoolExecutor(4) as pool:
        assert [each.result() for each in [pool.submit(again) for _ in range(4)]] == [0] * 4
    assert len(terms(till)) == 1


def test_ten_at_once_give_one_term(house, till):
    order = order_in(till, {"sku": "PLUS-1", "quantity": 1, "amount_fen": 9900})
    till.book(order)

    def give():
        with work(house.engine) as session:
            purchase = session.scalars(select(Purchase).where(Purchase.order_no == order.order_no)).one()
            return sell_tiers(session, purchase, registry=house.registry, actor="system", now=house.clock.now())

    with ThreadPoolExecutor(10) as pool:
        assert sum(each.result() for each in [pool.submit(give) for _ in range(10)]) == 1


def test_a_return_takes_the_last_piece_and_then_the_tier(house, till, clock):
    order = buy(till, pieces=2)
    till.bring_back(order, {1: 1})
    run_reactions(house)
    first, second = terms(till)
    assert (first.ended_at, second.ended_at) == (None, clock.now())
    assert tier_now(till) == PLUS
    till.bring_back(order, {1: 1})
    run_reactions(house)
    assert all(each.ended_at is not None for each in terms(till))
    assert tier_now(till) == "普通"
    assert facts_of(house, "tier.downgraded")[0].data["to"] == "普通"


def test_terms_behind_a_returned_one_begin_so_much_sooner(house, till, clock):
    first, last = buy(till), None
    second = buy(till)
    last = buy(till, pieces=2)
    clock.advance(timedelta(days=10))
    till.bring_back(second, {1: 1})
    run_reactions(house)
    assert [(each.ends_at - clock.now()).days for each in terms(till) if each.ended_at is None] == [20, 50, 80]
    till.bring_back(first, {1: 1})
    run_reactions(house)
    assert tier_now(till) == PLUS
    assert [(each.ends_at - clock.now()).days for each in terms(till) if each.ended_at is None] == [30, 60]
    clock.advance(timedelta(days=59))
    assert tier_now(till) == PLUS
    till.bring_back(last, {1: 2})
    run_reactions(house)
    assert tier_now(till) == "普通"


def test_what_came_back_before_it_was_given_is_not_given(house, till):
    order = order_in(till, {"sku": "PLUS-1", "quantity": 1, "amount_fen": 9900})
    till.book(order)
    till.bring_back(order, {1: 1})
    run_reactions(house)
    assert (tier_now(till), terms(till)) == ("普通", [])


def test_an_order_without_a_tier_in_it_is_not_looked_at(house, till):
    till.book(order_in(till))
    with reading(house.engine) as session:
        assert session.scalar(select(ReactionRow.name).where(ReactionRow.name == "sell_tier")) is None


def test_an_invitation_is_a_floor_with_a_reason_and_an_end(house, till, clock):
    bring(till, 1000)
    call(till, BLACK)
    assert tier_now(till) == BLACK
    assert [(each.way, each.reason) for each in terms(till)] == [(GrantWay.INVITED, "受邀嘉宾")]
    clock.advance(timedelta(days=30))
    assert tier_now(till) == "银卡"
    assert review_tiers(house) == 1
    assert tier_now(till) == "银卡"


def test_a_hand_rules_over_what_was_bought_and_gives_it_back(house, till, clock):
    buy(till, pieces=2)
    call(till, "银卡", days=10, how=override_tier)
    assert tier_now(till) == "银卡"
    bring(till, 3000)
    assert tier_now(till) == "银卡"
    clock.advance(timedelta(days=10))
    assert tier_now(till) == "金卡"
    assert review_tiers(house) == 1
    assert tier_now(till) == "金卡"


def test_progress_speaks_of_what_can_be_earned(house, till):
    buy(till)
    with reading(house.engine) as session:
        way = progress(session, customer_id=till.lin_id, programme_id=till.programme_id, at=house.clock.now())
    assert (way.tier.name, way.following.name) == (PLUS, "金卡")
    assert "升级为金卡" in way.zh


def test_what_cannot_be_is_refused(house, till):
    with pytest.raises(BadRequestError):
        call(till, BLACK, days=0)
    with work(house.engine) as session:
        broken = Tier(programme_id=till.programme_id, rank=9, name="半个", threshold=None, sku="X")
        with pytest.raises(ConflictError):
            add_tier(session, broken, actor="Mei", now=house.clock.now())
