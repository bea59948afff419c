"""Points moved over the API by hand: adjusted, given to a member, donated; each once per reference, each in the audit."""

import pytest
from sqlalchemy import func, select

from app.core.nouns import AuditEntry
from app.core.unit import reading, work
from cards.ledger.verify import verify
from cards.membership import open_card
from cards.models.ledger import Book, PointsEntry, Wallet
from cards.models.membership import CardPath
from tests.support.api import make_caller
from tests.support.orders import open_till


@pytest.fixture
def till(house):
    return open_till(house, customers=2)


@pytest.fixture
def cards(house, till):
    """Lin's card, with 100 points from an adjustment, and a friend's."""
    with work(house.engine) as session:
        common = {"registry": house.registry, "actor": "h5", "now": house.clock.now(), "path": CardPath.H5}
        friend_id = session.scalars(select(Wallet.customer_id).where(Wallet.id == till.shop.wallets[1])).one()
        people = [till.lin_id, friend_id]
        return [open_card(session, customer_id=who, programme_id=till.programme_id, **common).card for who in people]


@pytest.fixture
def caller(house, web, till):
    return make_caller(house, web, programme_id=till.programme_id)


def wish(till, points, ref="1", **more):
    return {"points": points, "reason": "山区图书馆", "store": till.store, "ref": ref, **more}


def donated(house) -> int:
    with reading(house.engine) as session:
        return session.scalar(select(func.coalesce(func.sum(PointsEntry.amount), 0)).where(PointsEntry.book == Book.DONATION))


def test_points_are_added_given_and_donated_once_each(house, till, cards, caller):
    lin, friend = (f"/members/{card.number}/points" for card in cards)
    assert caller.post(f"{lin}/adjustments", wish(till, 100)).status_code == 201
    body = {"to": cards[1].number, "points": 30, "reason": "生日", "ref": "1"}
    assert caller.post(f"{lin}/transfers", body).json["balance"]["active"] == 70
    first = caller.post(f"{lin}/donations", wish(till, 25))
    assert (first.status_code, first.json["points"], first.json["balance"]["active"]) == (201, -25, 45)
    # Another key and the same reference: the till that lost its answer asks again.
    again = caller.post(f"{lin}/donations", wish(till, 25))
    assert (again.status_code, again.json["id"]) == (200, first.json["id"])
    assert donated(house) == 25
    assert caller.get(friend).json["active"] == 30
    assert [line["kind"] for line in caller.get(f"{lin}/statement").json["lines"]] == ["donate", "transfer", "adjust"]
    with reading(house.engine) as session:
        assert verify(session) == []
        done = session.scalars(select(AuditEntry.action).where(AuditEntry.object_type == "points_txn").order_by(AuditEntry.id)).all()
    assert done == ["points.adjusted", "points.transferred", "points.donated"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"points": 101}, 409),
        ({"points": 0}, 422),
        ({"points": -5}, 422),
        ({"reason": " "}, 422),
        ({"store": "nowhere"}, 422),
        ({"ref": ""}, 422),
    ],
)
def test_what_cannot_be_donated_changes_nothing(house, till, cards, caller, change, status):
    lin = f"/members/{cards[0].number}/points"
    caller.post(f"{lin}/adjustments", wish(till, 100))
    assert caller.post(f"{lin}/donations", wish(till, 5) | change).status_code == status
    assert donated(house) == 0
    assert caller.get(lin).json["active"] == 100


def test_a_reference_that_was_used_for_something_else_is_refused(house, till, cards, caller):
    lin = f"/members/{cards[0].number}/points"
    caller.post(f"{lin}/adjustments", wish(till, 100))
    caller.post(f"{lin}/donations", wish(till, 5))
    refused = caller.post(f"{lin}/donations", wish(till, 6))
    assert (refused.status_code, refused.json["code"]) == (409, "ref_differs")
    assert donated(house) == 5


def test_a_key_without_the_scope_donates_nothing(house, web, till, cards):
    reader = make_caller(house, web, programme_id=till.programme_id, scopes=["points:read"])
    assert reader.post(f"/members/{cards[0].number}/points/donations", wish(till, 5)).status_code == 403
