"""Receipts come in bounded: once per form, once per number, so many a day, from honest days, and from people who may."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from app.core import kinds
from app.core.errors import BadRequestError, ConflictError, ForbiddenError, NotFoundError
from app.core.facts import Fact, record
from app.core.nouns import AuditEntry, Customer
from app.core.unit import reading, work
from cards.blocks import Whom, add_block
from cards.models.programme import Programme
from cards.models.receipts import Receipt, ReceiptPicture, ReceiptState
from cards.programmes import set_receipt_days
from cards.receipts.sending import MOST_A_DAY, MOST_WAITING, withdraw
from tests.support.coupons import at_once
from tests.support.orders import open_till
from tests.support.receipts import Desk


@pytest.fixture
def desk(house):
    return Desk(open_till(house))


def count(house, of=Receipt):
    with reading(house.engine) as session:
        return session.scalar(select(func.count()).select_from(of))


def back(desk, receipt, *, who=None):
    with work(desk.till.house.engine) as session:
        withdraw(session, receipt, customer_id=who or desk.till.lin_id, now=desk.till.house.clock.now())


def test_one_form_is_one_receipt_however_often_and_at_once_it_is_sent(house, desk):
    key = uuid4()
    sent = at_once(6, lambda _: desk.snap("88201", form_key=key))
    assert len(set(sent)) == 1
    assert (count(house), count(house, ReceiptPicture)) == (1, 1)
    with pytest.raises(ForbiddenError):
        desk.snap("88202", form_key=key, who=desk.other())
    with reading(house.engine) as session:
        assert session.scalars(select(AuditEntry.action).where(AuditEntry.object_type == "receipt")).all() == ["receipt.sent"]


def test_a_number_waits_once_in_its_store_and_is_free_again_when_it_was_refused(desk):
    first = desk.snap("00 88201")
    with pytest.raises(ConflictError) as known:
        desk.snap("s1-88201", who=desk.other())
    assert known.value.code == "receipt_known"
    desk.judge(first, "refuse", "照片不清楚")
    assert desk.row(desk.snap("88201", who=desk.other())).state == ReceiptState.WAITING


def test_so_many_wait_and_so_many_a_day_and_no_race_passes_the_limit(house, desk):
    sent = at_once(MOST_WAITING + 4, lambda _: desk.snap())
    refused = [each for each in sent if isinstance(each, ConflictError)]
    assert ([each.code for each in refused], count(house)) == (["too_many_receipts"] * 4, MOST_WAITING)
    house.clock.advance(timedelta(days=1))
    with pytest.raises(ConflictError):
        desk.snap()
    mine = [each for each in sent if not isinstance(each, ConflictError)]
    back(desk, mine[0])
    desk.judge(mine[1], "refuse")
    desk.judge(mine[2])
    for receipt in [desk.snap() for _ in range(3)] + mine[3:]:
        back(desk, receipt)
    for _ in range(MOST_A_DAY - 3):
        desk.snap()
    with pytest.raises(ConflictError):
        desk.snap()


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"days_ago": 31}, "bad_day"),
        ({"days_ago": -1}, "bad_day"),
        ({"fen": 0}, "bad_amount"),
        ({"fen": 100_000_001}, "bad_amount"),
        ({"number": "---"}, "bad_number"),
        ({"number": "小票一号"}, "bad_number"),
        ({"number": "8" * 41}, "bad_number"),
        ({"store_id": uuid4()}, "unknown_store"),
    ],
)
def test_what_cannot_be_on_a_receipt_is_refused_and_nothing_is_kept(house, desk, wish, code):
    with pytest.raises(BadRequestError) as refused:
        desk.snap(**wish)
    assert (refused.value.code, refused.value.status, count(house)) == (code, 422, 0)
    assert desk.snap(days_ago=30)


def test_who_is_blocked_hears_what_everybody_hears_when_none_are_taken(house, desk):
    with work(house.engine) as session:
        who = Whom(session.get_one(Customer, desk.other()).public_id)
        add_block(session, house.ring, who, reason="刷单", until=None, actor="Mei", now=house.clock.now())
    said = []
    with pytest.raises(ConflictError) as blocked:
        desk.snap(who=desk.other())
    said.append((blocked.value.code, blocked.value.detail))
    with work(house.engine) as session:
        programme = session.get_one(Programme, desk.till.programme_id)
        set_receipt_days(session, programme, days=0, actor="Mei", now=house.clock.now())
    with pytest.raises(ConflictError) as off:
        desk.snap()
    said.append((off.value.code, off.value.detail))
    assert said == [("receipts_off", said[0][1])] * 2


def test_without_a_rule_about_purchases_none_are_taken(house):
    with pytest.raises(ConflictError) as off:
        Desk(open_till(house, rule=False)).snap()
    assert off.value.code == "receipts_off"


def test_only_its_own_sender_takes_a_waiting_receipt_back_and_its_picture_goes(house, desk):
    receipt = desk.snap()
    with pytest.raises(NotFoundError):
        back(desk, receipt, who=desk.other())
    back(desk, receipt)
    assert (desk.row(receipt).state, count(house, ReceiptPicture)) == ("withdrawn", 0)
    for again in (lambda: back(desk, receipt), lambda: desk.judge(receipt)):
        with pytest.raises(ConflictError) as over:
            again()
        assert over.value.code == "already_decided"


def test_who_is_forgotten_leaves_no_picture_and_nothing_that_waits(house, desk):
    credited, waiting = desk.snap(), desk.snap()
    desk.judge(credited)
    now = house.clock.now()
    with work(house.engine) as session:
        session.get_one(Customer, desk.till.lin_id).erased_at = now
        session.flush()
        record(session, [Fact("erase:1", kinds.ERASED, now, {}, customer_id=desk.till.lin_id)], registry=house.registry, now=now)
    assert count(house, ReceiptPicture) == 0
    assert [desk.row(each).state for each in (credited, waiting)] == ["credited", "withdrawn"]
    with pytest.raises(ConflictError) as late:
        desk.judge(waiting)
    assert late.value.code == "customer_erased"


def test_two_who_are_one_have_their_receipts_together(house, desk):
    receipt, now = desk.snap(), house.clock.now()
    with work(house.engine) as session:
        data = {"from": desk.till.lin_id, "into": desk.other()}
        record(session, [Fact("join:1", kinds.JOINED, now, data, customer_id=data["into"])], registry=house.registry, now=now)
    assert desk.row(receipt).customer_id == desk.other()
