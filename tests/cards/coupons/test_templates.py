"""Templates: drafts may change, opened terms never do, and limits that exist may be moved."""

from uuid import uuid4

import pytest
from sqlalchemy import select

from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.nouns import AuditEntry
from app.core.unit import reading, work
from cards.coupons.templates import PoolWish, add_pool, add_template, change_template, read_wish, set_state, show_template
from cards.models.coupons import CouponTemplate, TemplateState
from tests.support.coupons import open_counter


@pytest.fixture
def counter(house):
    return open_counter(house)


def wish(counter, **more):
    return {"name": "满减", "type": "amount_off", "terms": {"amount_fen": 1000}, "unit": str(counter.unit), "days_valid": 7, **more}


def change(counter, template, **changes):
    with work(counter.house.engine) as session:
        return change_template(session, template.public_id, changes, now=counter.house.clock.now(), actor="Mei")


def test_a_wish_comes_back_as_it_was_made(counter):
    asked = wish(
        counter,
        stores=[str(counter.store)],
        skus=["tea"],
        minimum_fen=5000,
        stock=10,
        claim_on=[{"kind": "keyword.matched", "match": {"keyword": "领券"}}],
    )
    with work(counter.house.engine) as session:
        made = add_template(session, read_wish(asked), programme_id=counter.shop.programme_id, now=counter.house.clock.now(), actor="Mei")
        told = show_template(session, made)
    assert {key: told[key] for key in asked} == asked
    assert made.state == TemplateState.DRAFT


@pytest.mark.parametrize(
    "changes",
    [{"terms": {"amount_fen": 1}}, {"minimum_fen": 0}, {"days_valid": 1}, {"stores": []}, {"stacking_class": "free"}, {"giveable": True}],
)
def test_what_was_opened_keeps_its_terms(counter, changes):
    template = counter.template()
    with pytest.raises(ConflictError) as refused:
        change(counter, template, **changes)
    assert refused.value.code == "terms_are_fixed"


def test_limits_of_an_open_template_move_but_do_not_begin(counter):
    template = counter.template(stock=10)
    assert change(counter, template, stock=20, name="新名").stock == 20
    assert change(counter, template, stock=None).stock is None
    with pytest.raises(ConflictError):
        change(counter, template, per_day=5)
    with pytest.raises(ConflictError):
        change(counter, template, stock=5)


def test_a_draft_changes_and_the_audit_tells(counter):
    with work(counter.house.engine) as session:
        made = add_template(
            session, read_wish(wish(counter)), programme_id=counter.shop.programme_id, now=counter.house.clock.now(), actor="Mei"
        )
    change(counter, made, terms={"amount_fen": 2000})
    with reading(counter.house.engine) as session:
        assert session.get_one(CouponTemplate, made.id).terms == {"amount_fen": 2000}
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "coupon_template.changed")).one()
    assert entry.detail == {"terms": {"before": {"amount_fen": 1000}, "after": {"amount_fen": 2000}}}


def test_an_opened_template_is_no_draft_again(counter):
    template = counter.template()
    with work(counter.house.engine) as session:
        set_state(session, template.public_id, TemplateState.CLOSED, now=counter.house.clock.now(), actor="Mei")
    with pytest.raises(ConflictError), work(counter.house.engine) as session:
        set_state(session, template.public_id, TemplateState.DRAFT, now=counter.house.clock.now(), actor="Mei")


@pytest.mark.parametrize(
    "more",
    [
        {"days_valid": None},
        {"days_valid": 0},
        {"stock": 0},
        {"minimum_fen": -1},
        {"stacking_class": "Not a class"},
        {"name": " "},
        {"valid_until": "2026-11-22T00:00:00"},
        {"valid_until": "9999-12-31T23:59:59-12:00"},
        {"claim_from": "0001-01-01T00:00:00+14:00"},
        {"valid_from": "2026-12-02T00:00:00Z", "valid_until": "2026-12-01T00:00:00Z"},
        {"claim_on": [{"kind": "order.eaten"}]},
        {"terms": None},
        {"colour": "red"},
    ],
)
def test_what_cannot_be_is_named(counter, more):
    with pytest.raises(BadRequestError) as refused:
        read_wish(wish(counter, **more))
    assert refused.value.code == "bad_template"


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"unit": str(uuid4())}, NotFoundError),
        ({"pool": str(uuid4())}, NotFoundError),
        ({"stores": [str(uuid4())]}, NotFoundError),
        ({"type": "lottery"}, BadRequestError),
        ({"audience": {"kind": "no_such"}}, BadRequestError),
    ],
)
def test_what_does_not_exist_is_said(counter, more, error):
    with pytest.raises(error), work(counter.house.engine) as session:
        add_template(
            session, read_wish(wish(counter, **more)), programme_id=counter.shop.programme_id, now=counter.house.clock.now(), actor="Mei"
        )


def test_two_pools_have_two_names(counter):
    with work(counter.house.engine) as session:
        now = counter.house.clock.now()
        add_pool(session, PoolWish(name="双十一", stock=1), programme_id=counter.shop.programme_id, now=now, actor="Mei")
        with pytest.raises(ConflictError):
            add_pool(session, PoolWish(name="双十一"), programme_id=counter.shop.programme_id, now=now, actor="Mei")
