"""A segment may ask who got a broadcast, and the next broadcast may be for them."""

from datetime import timedelta

import pytest

from app.core.errors import BadRequestError, NotFoundError
from app.core.house import House
from app.core.unit import reading
from app.wechat.errors import Unanswered
from tagging.segments import compile_tree, verify_tree
from tagging.tree import parse_tree
from tests.support.broadcasts import Stage, refusal

FAST = {"per_second": 100_000, "per_minute": 1_000_000}


@pytest.fixture
def stage(house: House) -> Stage:
    return Stage(house)


def members(stage, **leaf):
    tree = parse_tree({"kind": "received_broadcast", **leaf})
    with reading(stage.house.engine) as session:
        verify_tree(session, tree)
        return sorted(session.scalars(compile_tree(tree, stage.house.clock.now())))


def test_it_tells_who_got_it_and_who_did_not(stage, make_account):
    account = make_account(**FAST)
    got, refused, silent = stage.people(account, 3)
    (gone,) = stage.people(account, 1, state="gone")
    first = stage.sent(account, key="first")
    answers = iter([None, refusal(43004), Unanswered("lost")])
    stage.platform.answer = lambda _: next(answers)
    stage.drain(first, account)
    assert members(stage, broadcast="first") == [got]
    assert members(stage, broadcast="first", outcome="delivered") == []
    assert members(stage, broadcast="first", outcome="missed") == [refused, gone]
    assert members(stage, broadcast="first", outcome="unknown") == [silent]
    stage.platform.answer = None
    stage.house.clock.advance(timedelta(hours=1))
    follow_up = stage.sent(account, key="second", segment={"not": {"kind": "received_broadcast", "broadcast": "first"}})
    assert sorted(row.customer_id for row in stage.rows(follow_up)) == [refused, silent, gone]


def test_one_customer_is_explained(stage, make_account):
    account = make_account(**FAST)
    got, stranger = stage.people(account, 2)
    stage.drain(stage.sent(account, key="first", segment=stage.only(account)), account)
    leaf = parse_tree({"kind": "received_broadcast", "broadcast": "first"})
    with reading(stage.house.engine) as session:
        now = stage.house.clock.now()
        assert leaf.condition.explain(session, leaf.params, got, now=now) == "first: wave 1: sent"
        assert leaf.condition.explain(session, leaf.params, stranger + 1000, now=now) == "first: not among its recipients"


def test_a_broadcast_that_is_not_there_and_a_wrong_outcome_are_refused(stage):
    with pytest.raises(NotFoundError):
        members(stage, broadcast="nothing")
    with pytest.raises(BadRequestError):
        members(stage, broadcast="first", outcome="eaten")
