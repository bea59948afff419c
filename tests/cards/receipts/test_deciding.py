"""A receipt becomes points by somebody's verdict, once, by the rules of its day; and never on his own."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.nouns import AuditEntry, Customer
from app.core.people import Position, Role, Staff
from app.core.unit import reading, work
from cards.blocks import Whom, add_block
from cards.models.orders import Purchase
from cards.models.receipts import Receipt
from cards.receipts.deciding import Judge
from cards.receipts.reading import list_own, list_waiting
from cards.reviews import decide as decide_case
from cards.reviews import list_cases
from tests.support.coupons import at_once
from tests.support.orders import LONG_AGO, open_till, order
from tests.support.receipts import Desk


@pytest.fixture
def desk(house):
    return Desk(open_till(house))


def own(desk):
    with reading(desk.till.house.engine) as session:
        return list_own(session, desk.till.lin_id)


def employ(desk, *, login="lin"):
    """Lin works at the store where she shops."""
    with work(desk.till.house.engine) as session:
        lin, now = session.get_one(Customer, desk.till.lin_id), desk.till.house.clock.now()
        staff = Staff(login=login, name="林", password_hash="-", created_at=now, phone_sealed=b"s", phone_lookup=lin.phone_lookup)
        session.add(staff)
        session.flush()
        session.add(Position(staff_id=staff.id, role=Role.CLERK, given_at=now))
        return staff.id


def test_it_earns_by_the_rules_of_its_day_waits_like_any_purchase_and_is_booked_once(house):
    desk = Desk(open_till(house, rule=False))
    rates = {"old": {"points": 1, "per_fen": 100}, "new": {"points": 3, "per_fen": 100}}
    desk.till.rule(params={"rate": rates["old"]}, name="消费", valid_from=LONG_AGO)
    desk.till.rule(params={"rate": rates["new"]}, name="消费", valid_from=house.clock.now())
    receipt = desk.snap("88201", fen=8_850, days_ago=3)
    (line,) = own(desk)
    assert (line.state, line.points, line.available_from) == ("waiting", 0, None)
    desk.judge(receipt)
    wallet = desk.till.wallet()
    assert (wallet.active, wallet.pending) == (0, 88)
    (line,) = own(desk)
    assert (line.state, line.points, line.held) == ("credited", 88, False)
    # Noon of its day, and seven days for returns.
    assert line.available_from.date() == desk.today + timedelta(days=4)
    with reading(house.engine) as session:
        bought = session.scalars(select(Purchase)).one()
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "receipt.approved")).one()
    assert (bought.source, bought.order_no, bought.total_fen) == ("receipt", "S1-88201", 8_850)
    assert (entry.actor, entry.detail["points"], entry.detail["corrected"]) == ("陈晨", 88, False)
    with pytest.raises(ConflictError) as again:
        desk.judge(receipt, "refuse")
    assert again.value.code == "already_decided"
    desk.till.books_are_right()


def test_ten_verdicts_at_once_are_one(desk):
    receipt = desk.snap()
    results = at_once(10, lambda place: desk.judge(receipt, "refuse" if place % 3 else "approve"))
    (done,) = [each for each in results if isinstance(each, Receipt)]
    assert {each.code for each in results if each is not done} == {"already_decided"}
    assert desk.points() == (100 if done.state == "credited" else 0)
    desk.till.books_are_right()


def test_what_the_picture_says_counts_and_not_what_was_written(house, desk):
    receipt = desk.snap("88201", fen=88_500)
    done = desk.judge(receipt, reason="金额按照片", number="88207", amount_fen=8_850, paid_on=desk.today - timedelta(days=1))
    assert (done.number, done.amount_fen, done.said["amount_fen"], desk.points()) == ("88207", 8_850, 88_500, 88)
    with reading(house.engine) as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "receipt.approved")).one()
    assert (entry.detail["corrected"], entry.detail["reason"]) == (True, "金额按照片")
    other = desk.snap("88201")
    for wrong in ({"paid_on": desk.today + timedelta(days=1)}, {"amount_fen": 0}, {"number": "--"}):
        with pytest.raises(BadRequestError):
            desk.judge(other, **wrong)
    with pytest.raises(ConflictError) as taken:
        desk.judge(other, number="88207")
    assert taken.value.code == "receipt_known"
    assert (desk.row(other).state, desk.points()) == ("waiting", 88)


def test_a_refusal_says_why_and_books_nothing(house, desk):
    receipt = desk.snap()
    with pytest.raises(BadRequestError):
        desk.judge(receipt, "refuse", " ")
    desk.judge(receipt, "refuse", "不是本店小票")
    (line,) = own(desk)
    assert (line.state, line.reason, desk.points()) == ("refused", "不是本店小票", 0)
    with reading(house.engine) as session:
        assert session.scalar(select(Purchase.id)) is None
        assert session.scalars(select(AuditEntry.detail).where(AuditEntry.action == "receipt.refused")).one()["reason"] == "不是本店小票"


def test_nobody_decides_on_his_own_and_a_colleagues_points_wait_for_a_supervisor(house, desk):
    receipt, lin = desk.snap(), employ(desk)
    for decision in ("approve", "refuse"):
        with pytest.raises(ConflictError) as own_one:
            desk.judge(receipt, decision, judge=Judge("林", "staff:lin", lin))
        assert own_one.value.code == "own_receipt"
    desk.judge(receipt)
    assert (desk.points(), own(desk)[0].held) == (0, True)
    with work(house.engine) as session:
        (case,) = list_cases(session, house.ring)
        assert (case.kind, case.holds_points) == ("own_credit", True)
        decide_case(session, case.id, decision="release", reason="员工自购", actor="王敏", registry=house.registry, now=house.clock.now())
    assert (desk.points(), own(desk)[0].held) == (100, False)


def test_who_was_blocked_meanwhile_gets_nothing(house, desk):
    receipt = desk.snap()
    with work(house.engine) as session:
        who = Whom(session.get_one(Customer, desk.till.lin_id).public_id)
        add_block(session, house.ring, who, reason="刷单", until=None, actor="Mei", now=house.clock.now())
    with pytest.raises(ConflictError) as blocked:
        desk.judge(receipt)
    assert (blocked.value.code, desk.points()) == ("blocked", 0)


def test_a_store_sees_its_own_queue_and_what_looks_like_the_same_purchase(house, desk):
    receipt = desk.snap("88201")
    desk.till.book(order(desk.till, order_no="POS-7", paid_at=house.clock.now().isoformat()))
    with reading(house.engine) as session:
        (case,) = list_waiting(session, house.ring, store_id=desk.store_id())
        assert list_waiting(session, house.ring, store_id=desk.store_id() + 1) == []
    assert (case["id"], case["customer"]["phone"]) == (str(receipt), "138****0003")
    assert [(each["order_no"], each["own"]) for each in case["alike"]] == [("POS-7", True)]
    with pytest.raises(NotFoundError):
        desk.judge(receipt, judge=Judge("陈晨", "staff:chen", None, desk.store_id() + 1))


def test_a_unit_with_a_list_of_goods_takes_receipts_too(house, desk):
    from cards.models.orders import Sku

    with work(house.engine) as session:
        session.add(Sku(business_unit_id=desk.till.shop.unit_id, code="TEA", name="茶"))
    desk.judge(desk.snap())
    assert desk.points() == 100
