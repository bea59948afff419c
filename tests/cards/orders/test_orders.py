"""Orders: booked once, with points by the rules of their day; what is wrong is refused by name and changes nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy import func, select

from app.core.errors import FankaError
from app.core.facts import FactRow
from app.core.nouns import Customer
from app.core.unit import reading, work
from cards.models.earning import EarningAward
from cards.models.ledger import Lot, PointsTxn, Wallet
from cards.models.orders import Purchase, PurchaseLine, Sku
from cards.models.settlement import SettlementPeriod
from tests.support.cast import LIN, ZHAO
from tests.support.orders import Till, open_till, order
from tests.tagging.steps import evidence, held, tags
from tests.tagging.steps import rule as tag_rule


@pytest.fixture
def till(house) -> Till:
    return open_till(house)


def rows(till: Till) -> dict[str, int]:
    with reading(till.house.engine) as session:
        kinds = (Purchase, PurchaseLine, PointsTxn, Lot, EarningAward, FactRow)
        return {kind.__tablename__: session.scalar(select(func.count()).select_from(kind)) for kind in kinds}


def test_an_order_earns_by_the_yuan_and_waits_for_the_end_of_the_return_window(till):
    booked = till.book(order(till, {"sku": "TEA", "quantity": 2, "amount_fen": 12_345}, {"sku": "CUP", "amount_fen": 655}))
    assert booked.fresh
    assert [(each.points, each.available_from - booked.purchase.paid_at) for each in booked.earned] == [(130, timedelta(days=7))]
    wallet = till.wallet()
    assert (wallet.active, wallet.pending) == (0, 130)
    assert booked.purchase.customer_id == till.lin_id
    assert booked.purchase.total_fen == 13_000
    till.books_are_right()


def test_the_transaction_carries_the_order_and_the_rule_as_its_key(till):
    booked = till.book(order(till, order_no="A-1"))
    with reading(till.house.engine) as session:
        txn = session.scalars(select(PointsTxn)).one()
    assert txn.business_key == f"order:pos:A-1:rule:{booked.earned[0].rule_id}"
    assert txn.store_id == booked.purchase.store_id


def test_a_late_order_is_active_at_once(till):
    till.book(order(till, paid_at=(till.house.clock.now() - timedelta(days=8)).isoformat()))
    assert (till.wallet().active, till.wallet().pending) == (100, 0)


def test_an_order_older_than_the_life_of_points_counts_from_now(till):
    booked = till.book(order(till, paid_at="2026-01-02T10:00:00+08:00"))
    assert booked.earned[0].expires_at.isoformat() == "2027-01-02T16:00:00+00:00"
    ancient = {"paid_at": "2025-06-01T10:00:00+08:00"}
    till.rule(name="远古", valid_from=till.house.clock.now() - timedelta(days=2000))
    late = till.book(order(till, **ancient))
    assert late.earned[0].expires_at.isoformat() == "2027-11-22T16:00:00+00:00"


def test_the_same_order_again_posts_nothing_and_answers_the_same(till):
    asked = order(till)
    first, before = till.book(asked), rows(till)
    again = till.book(asked)
    assert (again.fresh, again.purchase.id, again.earned) == (False, first.purchase.id, first.earned)
    assert rows(till) == before


@pytest.mark.parametrize(
    "change",
    [
        {"lines": [{"sku": "TEA", "amount_fen": 10_001}]},
        {"phone": ZHAO.phone},
        {"phone": None},
        {"terminal": "T2"},
        {"paid_at": "2026-11-01T00:00:00Z"},
    ],
)
def test_a_known_number_with_other_content_is_refused(till, change):
    till.book(order(till, order_no="A-1"))
    before = rows(till)
    with pytest.raises(FankaError) as refused:
        till.book(order(till, order_no="A-1", **change))
    assert (refused.value.code, refused.value.status) == ("order_differs", 409)
    assert rows(till) == before


def test_twenty_tills_with_one_order_book_it_once(till):
    asked = order(till)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: till.book(asked).fresh, range(20)))
    assert sum(found) == 1
    assert till.wallet().pending == 100
    till.books_are_right()


def test_rewards_and_discounts_do_not_earn(till):
    till.book(
        order(
            till,
            {"sku": "TEA", "amount_fen": 10_000, "discount_fen": 3_000},
            {"sku": "GIFT", "amount_fen": 50_000, "is_reward": True},
        )
    )
    assert till.wallet().pending == 70


def test_an_order_that_paid_nothing_earns_nothing(till):
    booked = till.book(order(till, {"sku": "TEA", "amount_fen": 500, "discount_fen": 500}))
    assert booked.earned == []
    assert till.wallet().pending == 0


@pytest.mark.parametrize(
    ("change", "code", "status"),
    [
        ({"store": "00000000-0000-7000-8000-000000000000"}, "unknown_store", 422),
        ({"store": "NOWHERE"}, "unknown_store", 422),
        ({"paid_at": "2026-11-23T00:00:00Z"}, "paid_in_future", 422),
        ({"phone": "12345"}, "bad_phone", 400),
        ({"phone": None, "card": "8000000000000000"}, "unknown_member", 422),
        ({"phone": None, "customer": "00000000-0000-7000-8000-000000000000"}, "unknown_member", 422),
        ({"period": "2026-10"}, "period_not_open", 409),
    ],
)
def test_what_cannot_be_is_refused_by_name_and_changes_nothing(till, change, code, status):
    before = rows(till)
    with pytest.raises(FankaError) as refused:
        till.book(order(till, **change))
    assert (refused.value.code, refused.value.status) == (code, status)
    assert rows(till) == before


def test_a_foreign_store_is_refused(till):
    with pytest.raises(FankaError) as refused:
        till.book(order(till, store=till.other_store), unit_id=till.shop.unit_id)
    assert (refused.value.code, refused.value.status) == ("foreign_store", 403)
    assert rows(till)["purchase"] == 0


def test_a_store_may_be_named_by_its_code(till):
    assert till.book(order(till, store="S1")).purchase.business_unit_id == till.shop.unit_id


def test_a_closed_month_is_refused_only_to_whoever_insists_on_it(till):
    with work(till.house.engine) as session:
        now = till.house.clock.now()
        session.add(SettlementPeriod(programme_id=till.programme_id, month="2026-10", closed_at=now, closed_by="Mei", matrix={}))
    with pytest.raises(FankaError) as refused:
        till.book(order(till, paid_at="2026-10-31T12:00:00+08:00", period="2026-10"))
    assert (refused.value.code, refused.value.status) == ("period_closed", 409)
    booked = till.book(order(till, paid_at="2026-10-31T12:00:00+08:00"))
    with reading(till.house.engine) as session:
        assert session.scalars(select(PointsTxn)).one().posted_at == till.house.clock.now()
    assert booked.points == 100
    assert till.book(order(till, period="2026-11")).fresh


def test_a_unit_with_a_list_of_goods_refuses_others_and_lends_its_categories(till):
    with work(till.house.engine) as session:
        session.add(Sku(business_unit_id=till.shop.unit_id, code="TEA", name="红茶", category="茶"))
        session.add(Sku(business_unit_id=till.shop.unit_id, code="OLD", name="旧货", category="茶", active=False))
    booked = till.book(order(till, {"sku": "TEA", "amount_fen": 100}))
    with reading(till.house.engine) as session:
        assert session.scalars(select(PurchaseLine.category).where(PurchaseLine.purchase_id == booked.purchase.id)).all() == ["茶"]
    for strange in ("COFFEE", "OLD"):
        with pytest.raises(FankaError) as refused:
            till.book(order(till, {"sku": "TEA", "amount_fen": 100}, {"sku": strange, "amount_fen": 100}))
        assert refused.value.code == "unknown_sku"
        assert f"第 2 行: 没有商品 {strange}" in refused.value.detail
    assert till.book(order(till, {"sku": "COFFEE", "amount_fen": 100}, store=till.other_store)).fresh


@pytest.mark.parametrize(
    "line",
    [
        {"sku": "TEA", "amount_fen": -1},
        {"sku": "TEA", "amount_fen": 100, "quantity": 0},
        {"sku": "TEA", "amount_fen": 100, "discount_fen": 101},
        {"sku": "TEA", "amount_fen": 1.5},
        {"sku": "TEA", "amount_fen": True},
        {"sku": "", "amount_fen": 1},
        {"sku": "TE\x00A", "amount_fen": 1},
        {"sku": "TEA", "amount_fen": 10**11},
        {"sku": "TEA", "amount_fen": 1, "colour": "red"},
    ],
)
def test_a_bad_line_never_becomes_an_order(till, line):
    with pytest.raises(ValidationError):
        order(till, line)


@pytest.mark.parametrize(
    "change",
    [
        {"total_fen": 9_999},
        {"lines": []},
        {"lines": [{"line_no": 1, "sku": "A", "amount_fen": 1}, {"line_no": 1, "sku": "B", "amount_fen": 1}]},
        {"card": "8000000000000000"},
        {"source": "paper"},
        {"order_no": "has blank"},
        {"paid_at": "2026-11-22T10:00:00"},
        {"period": "2026-13"},
    ],
)
def test_an_inconsistent_order_is_refused(till, change):
    with pytest.raises(ValidationError):
        order(till, **change)


def test_an_order_is_a_fact_of_the_customer(till):
    booked = till.book(order(till, order_no="A-1"))
    with reading(till.house.engine) as session:
        fact = session.scalars(select(FactRow).where(FactRow.kind == "order.placed")).one()
    assert (fact.key, fact.customer_id, fact.occurred_at) == ("order:pos:A-1", till.lin_id, booked.purchase.paid_at)
    assert fact.data["skus"] == ["TEA"]
    assert LIN.phone not in str(fact.data)


def test_the_phone_is_sealed_beside_its_hash(till):
    with work(till.house.engine) as session:
        stranger = Customer(created_at=till.house.clock.now())
        session.add(stranger)
    booked = till.book(order(till, phone=f"+86 {ZHAO.phone[:3]}-{ZHAO.phone[3:]}"))
    assert booked.purchase.customer_id is None
    assert booked.earned == []
    sealed = booked.purchase.phone_sealed
    assert ZHAO.phone.encode() not in sealed
    assert till.house.ring.open(sealed, table="purchase", column="phone_sealed", row=booked.purchase.public_id) == ZHAO.phone
    with reading(till.house.engine) as session:
        assert session.scalar(select(func.count()).select_from(FactRow).where(FactRow.kind == "order.placed")) == 0
        assert session.scalar(select(func.sum(Wallet.pending))) == 0


def test_an_order_tags_who_bought_over_all_accounts_and_is_the_answer_to_why(till):
    tags(till.house, "爱喝茶", "大客户")
    number = tag_rule(till.house, "爱喝茶", "purchase", {"stores": [till.store], "categories": ["食品"], "at_least_fen": 10_000})
    tag_rule(till.house, "大客户", "purchase", {"at_least_fen": 10_001})
    booked = till.book(order(till))
    assert held(till.house, till.lin_id) == {"爱喝茶"}
    (piece,) = evidence(till.house, [till.lin_id])
    assert (piece["source"], piece["first_key"]) == (f"rule:{number}", f"order:pos:{booked.purchase.order_no}")
