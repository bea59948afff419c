"""Segments kept under a name: checked, changed, counted with their age."""

import pytest
from sqlalchemy import select

from app.core.errors import BadRequestError, NotFoundError
from app.core.nouns import AuditEntry, Customer
from app.core.unit import reading, work
from tagging.saved_segments import find_segment, list_segments, recount, save_segment
from tagging.tags import define_tag, tag_customers


@pytest.fixture
def coffee(house):
    with work(house.engine) as session:
        tag = define_tag(session, "coffee", now=house.clock.now())
        people = [Customer(created_at=house.clock.now()) for _ in range(3)]
        session.add_all(people)
        session.flush()
        tag_customers(session, tag, customer_ids=[people[0].id, people[1].id], actor="mei", now=house.clock.now())
    return {"kind": "tag", "tag": "coffee"}


def test_a_segment_is_kept_counted_and_changed_under_its_name(house, coffee):
    now = house.clock.now()
    with work(house.engine) as session:
        kept = save_segment(session, "drinkers", coffee, actor="mei", now=now)
        assert recount(session, kept, now=now) == 2
        assert (kept.counted, kept.counted_at) == (2, now)
    with work(house.engine) as session:
        changed = save_segment(session, "drinkers", {"not": coffee}, actor="mei", now=now)
        assert changed.public_id == kept.public_id
        assert changed.counted is None
        assert recount(session, changed, now=now) == 1
    with reading(house.engine) as session:
        assert [each.name for each in list_segments(session)] == ["drinkers"]
        assert list_segments(session, after="drinkers") == []
        actions = session.scalars(select(AuditEntry.action).where(AuditEntry.object_type == "segment")).all()
        assert actions == ["segment.saved", "segment.saved"]


@pytest.mark.parametrize(
    ("name", "tree", "error"),
    [
        ("", {"kind": "tag", "tag": "coffee"}, BadRequestError),
        ("x" * 65, {"kind": "tag", "tag": "coffee"}, BadRequestError),
        ("tea", {"kind": "tag", "tag": "tea"}, NotFoundError),
        ("odd", {"kind": "zodiac"}, BadRequestError),
    ],
)
def test_a_segment_that_means_nothing_is_refused(house, coffee, name, tree, error):
    with pytest.raises(error), work(house.engine) as session:
        save_segment(session, name, tree, actor="mei", now=house.clock.now())


def test_an_unknown_name_is_not_found(session):
    with pytest.raises(NotFoundError):
        find_segment(session, "nobody")
