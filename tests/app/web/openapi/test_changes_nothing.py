"""What an order may not be: each gets a clear error with a stable code, and no table of money differs afterwards."""

import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.core.unit import reading, work
from cards.models.orders import Sku
from cards.settlement import close_month
from tests.support.api import make_caller
from tests.support.orders import open_till, order_body

MONEY = (
    "purchase", "purchase_line", "purchase_return", "purchase_return_line", "wallet", "lot", "lot_move", "points_txn", "points_entry",
    "points_hold", "earning_award", "earning_use", "coupon", "coupon_use", "coupon_hold", "fact", "reaction", "tier_change", "member_card",
    "settlement_period", "pay_notice", "value_consent", "audit_entry", "suspicion", "customer",
)  # fmt: skip
TEA = {"sku": "TEA", "amount_fen": 10_000}
LAST_MONTH = "2026-10"


@pytest.fixture
def till(house):
    """A unit that keeps a list of goods, last month closed, and one order on record."""
    made = open_till(house)
    with work(house.engine) as session:
        session.add(Sku(business_unit_id=made.shop.unit_id, code="TEA", name="茶", category="食品", active=True))
        session.add(Sku(business_unit_id=made.shop.unit_id, code="OLD", name="旧茶", category="食品", active=False))
        close_month(session, programme_id=made.programme_id, month=LAST_MONTH, actor="Mei", now=house.clock.now())
    return made


@pytest.fixture
def caller(house, web, till):
    made = make_caller(house, web, programme_id=till.programme_id, unit_id=till.shop.unit_id)
    assert made.post("/orders", order_body(till, TEA, order_no="KNOWN")).status_code == 201
    return made


def picture(house):
    """Every row of every table of money, as one digest a table."""
    with reading(house.engine) as session:
        return {
            table: hashlib.sha256(
                "\n".join(row[0] for row in session.execute(text(f"SELECT CAST(t AS text) FROM {table} AS t ORDER BY 1"))).encode()
            ).hexdigest()
            for table in MONEY
        }


@pytest.mark.parametrize(
    ("lines", "more", "status", "code", "says"),
    [
        pytest.param([{"sku": "TEA"}], {}, 422, "invalid", "amount_fen", id="a line without its amount"),
        pytest.param([{**TEA, "quantity": 0}], {}, 422, "invalid", "quantity", id="a line of nothing"),
        pytest.param([{**TEA, "discount_fen": 10_001}], {}, 422, "invalid", "discount", id="a discount over its price"),
        pytest.param([TEA, {**TEA, "amount_fen": 10.5}], {}, 422, "invalid", "amount_fen", id="an amount with a fraction"),
        pytest.param([{**TEA, "line_no": 1}, {**TEA, "line_no": 1}], {}, 422, "invalid", "line_no", id="two lines of one number"),
        pytest.param([TEA, {"sku": "CAR", "amount_fen": 5}], {}, 422, "unknown_sku", "CAR", id="an unknown SKU"),
        pytest.param([{"sku": "OLD", "amount_fen": 5}], {}, 422, "unknown_sku", "OLD", id="a SKU that is sold no more"),
        pytest.param([{**TEA, "amount_fen": -1}], {}, 422, "invalid", "amount_fen", id="a negative amount"),
        pytest.param([TEA], {"total_fen": 9_999}, 422, "invalid", "total_fen", id="a total that does not add up"),
        pytest.param([{**TEA, "amount_fen": 1}], {"order_no": "KNOWN"}, 409, "order_differs", "KNOWN", id="a duplicate with other content"),
        pytest.param([TEA], {"paid_at": "0001-01-01T00:00:00+14:00"}, 422, "invalid", "paid_at", id="the beginning of the calendar"),
        pytest.param([TEA], {"paid_at": "9999-12-31T23:59:59-12:00"}, 422, "invalid", "paid_at", id="its end"),
        pytest.param([TEA], {"period": LAST_MONTH}, 409, "period_closed", LAST_MONTH, id="a closed period"),
        pytest.param([TEA], {"period": "2026-12"}, 409, "period_not_open", "2026-12", id="a period that is not open"),
        pytest.param([TEA], {"store": "M1"}, 403, "foreign_store", "M1", id="a foreign store"),
        pytest.param([TEA], {"store": "NOWHERE"}, 422, "unknown_store", "NOWHERE", id="an unknown store"),
        pytest.param([TEA], {"phone": None, "card": "1234567890123452"}, 422, "unknown_member", "会员", id="an unknown member"),
    ],
)
def test_a_wrong_order_is_told_why_and_changes_nothing(house, till, caller, lines, more, status, code, says):
    before = picture(house)
    answer = caller.post("/orders", order_body(till, *lines, **more))
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.content_type == "application/problem+json"
    assert answer.json["detail"]
    assert answer.json["detail_en"]
    assert says in answer.text or says in str(answer.json)
    assert picture(house) == before


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"lines": [{"line_no": 9}]}, 422, "unknown_line"),
        ({"lines": [{"line_no": 1, "quantity": 2}]}, 422, "over_returned"),
        ({"lines": [{"line_no": 1, "quantity": -1}]}, 422, "invalid"),
        ({"returned_at": "2026-11-01T00:00:00Z"}, 422, "returned_before_paid"),
        ({"returned_at": "2026-11-23T00:00:00Z"}, 422, "returned_in_future"),
        ({"returned_at": "9999-12-31T23:59:59-12:00"}, 422, "invalid"),
    ],
)
def test_a_wrong_return_is_told_why_and_changes_nothing(house, caller, more, status, code):
    before = picture(house)
    back = {"return_no": "R1", "returned_at": (house.clock.now() + timedelta(minutes=1)).isoformat(), "lines": [{"line_no": 1}]}
    answer = caller.post("/orders/pos/KNOWN/returns", {**back, **more})
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert picture(house) == before


def test_the_picture_would_show_a_change(house, till, caller):
    before = picture(house)
    assert caller.post("/orders", order_body(till, TEA)).status_code == 201
    changed = {table for table, digest in picture(house).items() if digest != before[table]}
    assert {"purchase", "purchase_line", "wallet", "lot", "points_txn", "points_entry", "fact"} <= changed
