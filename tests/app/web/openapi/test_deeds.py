"""What members did elsewhere, over the API: on record once, rewarded by the rules, refused when it cannot be."""

from datetime import timedelta

import pytest

from app.core.unit import work
from cards.membership import open_card
from cards.models.membership import CardPath
from cards.rulebook import define_rule
from jobs.reactions_run import run_reactions
from tests.support.api import make_caller
from tests.support.members import facts_of
from tests.support.orders import open_till


@pytest.fixture
def till(house):
    made = open_till(house)
    rules = (
        ("问卷", "form_completed", {"points": 30, "forms": ["满意度"]}),
        ("分享", "share", {"points": 5}),
        ("活动", "event", {"points": 20, "kind": "event.attended", "match": {"event": "周年庆"}, "name": "参加周年庆"}),
    )
    with work(house.engine) as session:
        now = house.clock.now()
        for name, kind, params in rules:
            common = {"unit_id": made.shop.unit_id, "now": now, "valid_from": now - timedelta(days=60), "actor": "Mei"}
            define_rule(session, programme_id=made.programme_id, name=name, kind=kind, params=params, **common)
    return made


@pytest.fixture
def card(house, till):
    with work(house.engine) as session:
        common = {"registry": house.registry, "actor": "h5", "now": house.clock.now()}
        return open_card(session, customer_id=till.lin_id, programme_id=till.programme_id, path=CardPath.H5, **common).card


@pytest.fixture
def caller(house, web, till):
    return make_caller(house, web, programme_id=till.programme_id)


def deed(kind="form", name="满意度", ref="r1", **more):
    return {"kind": kind, "name": name, "ref": ref, **more}


@pytest.mark.parametrize(
    ("kind", "name", "points", "fact"),
    [("form", "满意度", 30, "form.completed"), ("share", "新品", 5, "content.shared"), ("event", "周年庆", 20, "event.attended")],
)
def test_a_deed_is_on_record_and_rewarded_once(house, till, card, caller, kind, name, points, fact):
    body = deed(kind, name)
    first = caller.post(f"/members/{card.number}/deeds", body)
    assert (first.status_code, first.json["card"]) == (201, str(card.public_id))
    assert caller.post(f"/members/{card.public_id}/deeds", body).status_code == 200
    run_reactions(house)
    run_reactions(house)
    assert till.wallet().active == points
    assert len(facts_of(house, fact)) == 1


def test_another_form_or_event_brings_nothing(house, till, card, caller):
    caller.post(f"/members/{card.number}/deeds", deed("form", "别的", "r1"))
    caller.post(f"/members/{card.number}/deeds", deed("event", "别的", "r2"))
    run_reactions(house)
    assert till.wallet().active == 0


def test_a_number_that_told_something_else_is_refused(card, caller):
    assert caller.post(f"/members/{card.number}/deeds", deed()).status_code == 201
    for other in (deed(name="别的"), deed(kind="share"), deed(occurred_at="2026-11-21T00:00:00Z")):
        answer = caller.post(f"/members/{card.number}/deeds", other)
        assert (answer.status_code, answer.json["code"]) == (409, "ref_differs")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (deed(kind="purchase"), 422),
        (deed(name=""), 422),
        (deed(ref="有空 格"), 422),
        (deed(name="profile"), 422),
        (deed(occurred_at="2026-10-01T00:00:00Z"), 422),
        (deed(occurred_at="2026-11-23T00:00:00Z"), 422),
        (deed(points=5), 422),
    ],
)
def test_what_cannot_be_is_refused(house, card, caller, body, status):
    assert caller.post(f"/members/{card.number}/deeds", body).status_code == status
    assert facts_of(house, "form.completed") == []


def test_without_the_scope_or_the_member_nothing_is_told(house, web, till, card, caller):
    other = make_caller(house, web, programme_id=till.programme_id, scopes=["orders:write"])
    assert other.post(f"/members/{card.number}/deeds", deed()).status_code == 403
    assert caller.post("/members/8000000000000003/deeds", deed()).status_code == 404
    assert facts_of(house, "form.completed") == []
