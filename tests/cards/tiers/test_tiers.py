"""Up at once on what was earned, never on what is left; what a tier gives; and how far the next one is."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.core.nouns import Store
from app.core.unit import reading, work
from cards.ledger.returns import take_back
from cards.ledger.spend import spend
from cards.models.ledger import TxnKind
from cards.models.orders import Purchase, PurchaseLine, PurchaseReturn
from cards.models.programme import ReturnPolicy
from cards.models.tiers import ChangeWhy, TierChange, TierRule, TierWindow
from cards.tier_periods import span_now
from cards.tier_rule import measures
from cards.tiers import measured_now, progress, requalify, tier_discount_percent, tier_multiplier_percent
from tests.support.members import card_now, earn_points, facts_of, join_club, open_club, somebody, wallet_now
from tests.support.money import cause


def lift(house, club, customer_id, **more):
    with work(house.engine) as session:
        return requalify(
            session, customer_id=customer_id, programme_id=club.programme_id, registry=house.registry, now=house.clock.now(), **more
        )


def measured(house, club, customer_id):
    with reading(house.engine) as session:
        rule = session.get_one(TierRule, club.programme_id)
        return measured_now(session, rule=rule, spans={customer_id: span_now(rule, house.clock.now())}).get(customer_id, 0)


def buy(house, club, customer_id, fen, *, at=None, order_no="1", refund_fen=0, returned=0):
    now = house.clock.now()
    with work(house.engine) as session:
        store = session.scalar(select(Store).where(Store.business_unit_id == club.shop.unit_id))
        if store is None:
            store = Store(business_unit_id=club.shop.unit_id, code="A1", name="一店")
            session.add(store)
            session.flush()
        purchase = Purchase(
            programme_id=club.programme_id,
            source="pos",
            order_no=order_no,
            customer_id=customer_id,
            store_id=store.id,
            business_unit_id=club.shop.unit_id,
            actor="Chen",
            paid_at=at or now,
            booked_at=now,
            total_fen=fen,
            content_hash="-",
        )
        session.add(purchase)
        session.flush()
        line = {"sku": "s", "category": "c", "quantity": 2, "amount_fen": fen, "discount_fen": 0, "is_reward": False}
        session.add(PurchaseLine(purchase_id=purchase.id, line_no=1, returned_qty=returned, **line))
        if refund_fen:
            gone = {
                "source": "pos",
                "return_no": f"r{order_no}",
                "actor": "Chen",
                "returned_at": now,
                "booked_at": now,
                "content_hash": "-",
            }
            session.add(PurchaseReturn(purchase_id=purchase.id, refund_fen=refund_fen, **gone))


def test_a_member_rises_at_once_and_is_told_what_it_brings(house):
    club = open_club(house)
    lin = join_club(house, club).customer_id
    earn_points(house, club, lin, 999)
    assert lift(house, club, lin) is None
    earn_points(house, club, lin, 2001, pending=True)
    change = lift(house, club, lin)
    assert change is not None
    assert (change.from_tier_id, change.to_tier_id, change.why, change.measured) == (
        club.tiers[0],
        club.tiers[2],
        ChangeWhy.QUALIFIED,
        3000,
    )
    card = card_now(house, club, lin)
    assert card.tier_id == club.tiers[2]
    assert card.tier_until == datetime(2027, 11, 22, 16, 0, tzinfo=UTC)
    (fact,) = facts_of(house, "tier.upgraded")
    assert fact.customer_id == lin
    assert (fact.data["from"], fact.data["to"]) == ("普通", "金卡")
    assert (fact.data["benefits"], fact.data["benefits_en"]) == ("九五折", "5% off")
    assert lift(house, club, lin) is None
    assert len(facts_of(house, "tier.upgraded")) == 1


def test_spent_and_expired_points_still_qualify(house, clock):
    club = open_club(house, gift=0)
    lin = join_club(house, club).customer_id
    earn_points(house, club, lin, 1000)
    with work(house.engine) as session:
        spend(session, wallet_id=wallet_now(house, club, lin).id, amount=1000, unit_id=club.shop.unit_id, cause=cause(clock.now()))
    assert wallet_now(house, club, lin).active == 0
    assert lift(house, club, lin).to_tier_id == club.tiers[1]


def test_the_gift_and_transfers_and_adjustments_do_not_qualify(house):
    club = open_club(house, gift=5000)
    lin = join_club(house, club).customer_id
    assert measured(house, club, lin) == 0
    with work(house.engine) as session:
        from cards.ledger.earn import earn

        for kind in (TxnKind.ADJUST, TxnKind.OPEN):
            earn(
                session,
                wallet_id=wallet_now(house, club, lin).id,
                amount=4000,
                unit_id=club.shop.unit_id,
                cause=cause(house.clock.now()),
                available_from=house.clock.now(),
                expires_at=None,
                kind=kind,
            )
    assert measured(house, club, lin) == 0
    assert lift(house, club, lin) is None


@pytest.mark.parametrize("policy", list(ReturnPolicy))
def test_earn_and_return_is_nothing_whatever_the_policy(house, policy):
    club = open_club(house, gift=0)
    lin = join_club(house, club).customer_id
    txn = earn_points(house, club, lin, 1200)
    with work(house.engine) as session:
        take_back(session, earn_txn_id=txn, amount=500, policy=policy, cause=cause(house.clock.now()))
    assert measured(house, club, lin) == 700


def test_what_was_spent_and_then_returned_is_nothing_too(house):
    club = open_club(house, gift=0)
    for policy in (ReturnPolicy.DEBT, ReturnPolicy.FLOOR_AT_ZERO):
        lin = join_club(house, club).customer_id
        txn = earn_points(house, club, lin, 1000)
        with work(house.engine) as session:
            spend(session, wallet_id=wallet_now(house, club, lin).id, amount=900, unit_id=club.shop.unit_id, cause=cause(house.clock.now()))
            take_back(session, earn_txn_id=txn, amount=1000, policy=policy, cause=cause(house.clock.now()))
        assert measured(house, club, lin) == 0


def test_points_that_repaid_a_debt_were_earned_all_the_same(house):
    club = open_club(house, gift=0)
    lin = join_club(house, club).customer_id
    txn = earn_points(house, club, lin, 300)
    with work(house.engine) as session:
        spend(session, wallet_id=wallet_now(house, club, lin).id, amount=300, unit_id=club.shop.unit_id, cause=cause(house.clock.now()))
        take_back(session, earn_txn_id=txn, amount=300, policy=ReturnPolicy.DEBT, cause=cause(house.clock.now()))
    earn_points(house, club, lin, 1000)
    assert wallet_now(house, club, lin).active == 700
    assert measured(house, club, lin) == 1000


def test_what_is_older_than_the_window_does_not_count(house, clock):
    club = open_club(house, gift=0)
    lin = join_club(house, club).customer_id
    earn_points(house, club, lin, 800, at=clock.now() - timedelta(days=365, seconds=1))
    earn_points(house, club, lin, 400, at=clock.now() - timedelta(days=364))
    assert measured(house, club, lin) == 400


def test_last_years_late_order_lifts_by_last_years_measure(house, clock):
    club = open_club(house, gift=0, window=TierWindow.CALENDAR)
    lin = join_club(house, club).customer_id
    bought = clock.now()
    clock.moment = datetime(2027, 1, 3, 4, 0, tzinfo=UTC)
    earn_points(house, club, lin, 1000, at=bought)
    assert lift(house, club, lin) is None
    assert lift(house, club, lin, occurred_at=bought).to_tier_id == club.tiers[1]
    assert card_now(house, club, lin).tier_until == datetime(2027, 12, 31, 16, 0, tzinfo=UTC)


def test_money_counts_with_refunds_taken_off(house, clock):
    club = open_club(house, measure="spend")
    lin = join_club(house, club).customer_id
    buy(house, club, lin, 900, order_no="1")
    buy(house, club, lin, 2500, order_no="2", refund_fen=500)
    buy(house, club, lin, 9000, order_no="3", at=clock.now() - timedelta(days=400))
    assert measured(house, club, lin) == 2900
    assert lift(house, club, lin).to_tier_id == club.tiers[1]


def test_orders_count_when_something_was_kept(house):
    club = open_club(house, measure="orders")
    lin = join_club(house, club).customer_id
    buy(house, club, lin, 100, order_no="1")
    buy(house, club, lin, 100, order_no="2", returned=1)
    buy(house, club, lin, 100, order_no="3", returned=2)
    assert measured(house, club, lin) == 2


def test_eight_orders_at_once_lift_once(house):
    club = open_club(house)
    lin = join_club(house, club).customer_id
    earn_points(house, club, lin, 3000)
    with ThreadPoolExecutor(8) as pool:
        changes = [change for change in pool.map(lambda _: lift(house, club, lin), range(8)) if change is not None]
    assert len(changes) == 1
    assert len(facts_of(house, "tier.upgraded")) == 1


def test_a_tier_gives_its_discount_and_its_multiplier(house, clock):
    club = open_club(house)
    lin, stranger = join_club(house, club).customer_id, somebody(house)
    earn_points(house, club, lin, 3000)
    lift(house, club, lin)
    with reading(house.engine) as session:
        at = {"programme_id": club.programme_id, "at": clock.now()}
        assert tier_discount_percent(session, customer_id=lin, **at) == 5
        assert tier_multiplier_percent(session, customer_id=lin, **at) == 150
        assert tier_discount_percent(session, customer_id=stranger, **at) == 0
        assert tier_multiplier_percent(session, customer_id=stranger, **at) == 100


@pytest.mark.parametrize(
    ("measure", "zh", "en"),
    [
        ("points", "再获得 2,700 积分升级为金卡", "earn 2,700 more points to reach Gold"),
        ("spend", "再消费 ¥27.00升级为金卡", "spend ¥27.00 more to reach Gold"),
        ("orders", "再消费 2700 次升级为金卡", "2700 more orders to reach Gold"),
    ],
)
def test_progress_says_what_is_missing(house, clock, measure, zh, en, monkeypatch):
    club = open_club(house, measure=measure)
    lin = join_club(house, club).customer_id
    monkeypatch.setattr(measures()[measure], "measure", lambda session, *, programme_id, spans: dict.fromkeys(spans, 300), raising=True)
    with work(house.engine) as session:
        session.get_one(TierChange, session.scalars(select(TierChange.id)).one())
        from cards.membership import card_of

        card = card_of(session, customer_id=lin, programme_id=club.programme_id)
        card.tier_id = club.tiers[1]
    with reading(house.engine) as session:
        found = progress(session, customer_id=lin, programme_id=club.programme_id, at=clock.now())
    assert (found.zh, found.en) == (zh, en)
    assert (found.missing, found.percent, found.measured) == (2700, 10, 300)


def test_at_the_top_nothing_is_missing_and_a_stranger_has_no_progress(house, clock):
    club = open_club(house)
    lin = join_club(house, club).customer_id
    earn_points(house, club, lin, 5000)
    lift(house, club, lin)
    with reading(house.engine) as session:
        found = progress(session, customer_id=lin, programme_id=club.programme_id, at=clock.now())
        assert (found.following, found.missing, found.percent) == (None, 0, 100)
        assert progress(session, customer_id=somebody(house), programme_id=club.programme_id, at=clock.now()) is None
