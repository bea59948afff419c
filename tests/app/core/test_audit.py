"""What is in the audit beside the commands: erasures, and the books of money that carry who and when in every row."""

import pytest
from sqlalchemy import inspect, select

from app.core.nouns import AuditEntry
from app.core.unit import reading
from tests.support.cast import LIN
from tests.support.stories import hear, said

BOOKS = {
    "points_txn": ("actor", "posted_at", "kind", "business_key"),
    "coupon_use": ("actor", "at", "kind", "purpose"),
    "redeem_attempt": ("actor", "at", "act", "outcome"),
    "purchase": ("actor", "booked_at", "source", "order_no"),
    "purchase_return": ("actor", "booked_at", "source", "return_no"),
    "tier_change": ("actor", "at", "why", "card_id"),
    "audit_entry": ("actor", "at", "action", "object_id"),
}


@pytest.mark.parametrize("book", BOOKS)
def test_every_row_of_a_book_says_who_what_and_when(engine, book):
    columns = {column["name"]: column for column in inspect(engine).get_columns(book)}
    for name in BOOKS[book]:
        assert name in columns, name
        assert not columns[name]["nullable"], name


def test_an_erasure_is_in_the_audit_and_names_nobody(house, make_account):
    account = make_account()
    hear(house, said(house, account, "follower.followed", 10), said(house, account, "message.received", 12, text="我的电话 13800000003"))
    hear(house, said(house, account, "follower.unfollowed", 20))
    with reading(house.engine) as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.action == "follower.erased")).all()
    assert (entry.actor, entry.object_type, entry.detail["left"]) == ("wechat", "follower", True)
    assert entry.at == house.clock.now()
    assert LIN.openid not in f"{entry.object_id}{entry.detail}"
    assert len(entry.object_id) == 64
