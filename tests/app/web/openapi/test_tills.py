"""Tills over the API: one quote, holds, redemptions and reversals, with scopes, idempotency and one refusal for strangers."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from app.core.audit import AuditEntry
from app.core.nouns import Customer, Store
from app.core.people import Role, Staff
from app.core.staffing import give_position
from app.core.unit import reading, work
from cards import codes
from cards.ledger.earn import earn
from cards.ledger.wallets import open_wallet
from cards.membership import open_card
from cards.models.coupons import CouponState
from cards.models.membership import CardPath, MemberCard
from cards.models.redemption import Attempt, CouponUse
from cards.models.tiers import Tier
from cards.phones import know_phone
from cards.points_at_till import Terms, write_terms
from tests.support.api import Caller, make_caller
from tests.support.cast import LIN
from tests.support.coupons import Counter, at_once, open_counter
from tests.support.money import cause


@pytest.fixture
def counter(house) -> Counter:
    return open_counter(house)


@pytest.fixture
def caller(house, web, counter) -> Caller:
    return make_caller(house, web, programme_id=counter.shop.programme_id, unit_id=counter.shop.unit_id)


@pytest.fixture
def plain(house, web, counter) -> Caller:
    """A till that may not know why."""
    return make_caller(house, web, programme_id=counter.shop.programme_id, unit_id=counter.shop.unit_id, scopes=["tills"])


@pytest.fixture
def card(house, counter):
    """Lin's card, with 2 000 points of which a hundred pay a yuan."""
    now = house.clock.now()
    with work(house.engine) as session:
        customer = session.get_one(Customer, counter.customers[0])
        know_phone(session, house.ring, customer=customer, phone=LIN.phone, actor="test", now=now)
        opened = open_card(
            session,
            customer_id=customer.id,
            programme_id=counter.shop.programme_id,
            path=CardPath.CLERK,
            registry=house.registry,
            actor="Chen",
            now=now,
        )
        wallet_id = open_wallet(session, customer_id=customer.id, programme_id=counter.shop.programme_id)
        earn(session, wallet_id=wallet_id, amount=2000, unit_id=counter.shop.unit_id, cause=cause(now), available_from=now, expires_at=None)
        write_terms(session, counter.shop.programme_id, Terms(fen_per_100_points=100), now=now)
        return opened.card


def person(counter, who=0):
    with reading(counter.house.engine) as session:
        return str(session.get_one(Customer, counter.customers[who]).public_id)


def asked(counter, **more):
    return {"store": str(counter.store), "attempt_id": str(uuid4()), **more}


def redemption(counter, coupon, *, total_fen=5000, order_no=None, **more):
    return asked(counter, code=coupon.code, order={"order_no": order_no, "total_fen": total_fen}, **more)


def test_a_member_is_found_by_what_he_shows_or_says_and_seen_masked(house, counter, caller, card):
    coupon = counter.coupon()
    moving = codes.make_moving(house.ring, kind=codes.MEMBER, subject=int(card.number), now=house.clock.now())
    answers = [caller.post("/till/members", {"store": str(counter.store), "key": key}) for key in (moving, LIN.phone, card.number)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert answers[0].json == answers[1].json == answers[2].json
    told = answers[0].json
    assert (told["customer"], told["points"], told["phone"]) == (person(counter), 2000, "138****0003")
    assert [each["id"] for each in told["coupons"]] == [str(coupon.public_id)]
    assert LIN.phone not in answers[0].text
    assert card.number not in answers[0].text
    assert coupon.code not in answers[0].text


def test_a_moving_member_code_shown_at_another_till_is_nobody(house, web, counter, caller, plain, card):
    moving = codes.make_moving(house.ring, kind=codes.MEMBER, subject=int(card.number), now=house.clock.now())
    assert caller.post("/till/members", {"store": str(counter.store), "key": moving}).status_code == 200
    refused = plain.post("/till/members", {"store": str(counter.store), "key": moving})
    assert (refused.status_code, refused.json["code"]) == (404, "unknown_member")
    assert plain.post("/till/members", {"store": str(counter.store), "key": "13911112222"}).json["code"] == "unknown_member"


def test_from_quote_to_slip(house, counter, caller, card):
    coupon = counter.coupon(name="满五十减十", minimum_fen=5000)
    order = {"order_no": "A-1", "lines": [{"number": 1, "sku": "tea", "amount_fen": 6000}]}
    quoted = caller.post("/till/quotes", {"store": str(counter.store), "customer": person(counter), "order": order})
    assert quoted.status_code == 200
    told = quoted.json
    assert (told["total_fen"], told["coupon_fen"], told["points"], told["to_pay_fen"]) == (6000, 1000, 2000, 3000)
    wish = asked(
        counter, customer=person(counter), order=order, coupons=[str(coupon.public_id)], points=2000, to_pay_fen=told["to_pay_fen"]
    )
    held = caller.post("/till/holds", wish)
    assert held.status_code == 201
    assert held.json["quote"] == told
    confirmed = caller.post(f"/till/holds/{held.json['hold']}/confirm", asked(counter))
    assert (confirmed.status_code, confirmed.json["state"]) == (200, "confirmed")
    assert "应付 To pay                30.00" in confirmed.json["slip"]
    assert "满五十减十                -10.00" in confirmed.json["slip"]
    assert counter.reread(coupon).state == CouponState.USED
    back = caller.post(f"/till/holds/{held.json['hold']}/reverse", asked(counter))
    assert back.json["state"] == "reversed"
    assert counter.reread(coupon).state == CouponState.ISSUED
    again = caller.post(f"/till/holds/{held.json['hold']}/reverse", asked(counter))
    assert (again.status_code, again.json["code"]) == (409, "already_reversed")


@pytest.fixture
def gold(house, counter, card):
    """Lin pays nine tenths of the price."""
    with work(house.engine) as session:
        tier = Tier(programme_id=counter.shop.programme_id, rank=0, name="金卡", threshold=0, discount_percent=10, multiplier_percent=200)
        session.add(tier)
        session.flush()
        session.get_one(MemberCard, card.id).tier_id = tier.id


def test_the_tier_is_in_a_redemption_as_it_is_in_the_quote(counter, caller, gold):
    first, second = (counter.coupon(name=name, stacking_class=name) for name in ("a", "b"))
    order = {"order_no": "A-1", "total_fen": 5000}
    quoted = caller.post("/till/quotes", {"store": str(counter.store), "customer": person(counter), "order": order, "points": 0}).json
    assert (quoted["tier"], quoted["tier_fen"], quoted["coupon_fen"], quoted["to_pay_fen"]) == ("金卡", 500, 2000, 2500)
    done = [caller.post("/till/redemptions", redemption(counter, coupon, order_no="A-1")).json for coupon in (first, second)]
    # The tier's part is that of the order, so it stands with its first coupon alone.
    assert [(each["tier_fen"], each["discount_fen"]) for each in done] == [(500, 1000), (0, 1000)]


def test_a_named_supervisor_lets_it_through_with_scope_and_reason(house, web, counter, caller, plain):
    coupon = counter.coupon(minimum_fen=9000)
    with work(house.engine) as session:
        staff = session.get_one(Staff, counter.chen.staff_id)
        login, store = staff.login, session.get_one(Store, counter.store_id)
        wish = {**redemption(counter, coupon, order_no="A-1"), "override": "补偿", "clerk": login}
        give_position(session, staff, role=Role.CLERK, store=store, actor="t", now=house.clock.now())
    assert caller.post("/till/redemptions", wish).json["code"] == "no_override"
    with work(house.engine) as session:
        give_position(session, session.get_one(Staff, staff.id), role=Role.SUPERVISOR, store=store, actor="t", now=house.clock.now())
    assert plain.post("/till/redemptions", wish).json["code"] == "coupon_refused"
    assert caller.post("/till/redemptions", {**wish, "clerk": None}).json["code"] == "no_override"
    assert caller.post("/till/redemptions", {**wish, "override": ""}).json["code"] == "below_minimum"
    done = caller.post("/till/redemptions", wish)
    assert (done.status_code, done.json["waived"], done.json["discount_fen"]) == (200, "below_minimum", 1000)
    again = caller.post("/till/redemptions", {**wish, "order": {"order_no": "A-2", "total_fen": 5000}})
    assert again.json["code"] == "already_used"
    with reading(house.engine) as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "coupon.overridden")).one()
        assert entry.detail["reason"] == "补偿"


def test_what_was_set_aside_is_released(house, counter, caller, card):
    coupon = counter.coupon()
    wish = asked(
        counter, customer=person(counter), order={"order_no": "A-1", "total_fen": 6000}, coupons=[str(coupon.public_id)], points=500
    )
    held = caller.post("/till/holds", wish, key="one")
    assert caller.post("/till/holds", wish, key="one").headers["Idempotency-Hit"] == "true"
    assert counter.reread(coupon).state == CouponState.HELD
    released = caller.post(f"/till/holds/{held.json['hold']}/release", asked(counter))
    assert released.json["state"] == "released"
    assert counter.reread(coupon).state == CouponState.ISSUED


def test_redeemed_once_by_key_and_by_order(counter, caller):
    coupon = counter.coupon()
    body = redemption(counter, coupon, order_no="A-1")
    first = caller.post("/till/redemptions", body, key="one")
    assert (first.status_code, first.json["outcome"], first.json["discount_fen"]) == (200, "done", 1000)
    again = caller.post("/till/redemptions", body, key="one")
    assert (again.json, again.headers["Idempotency-Hit"]) == (first.json, "true")
    fresh = caller.post("/till/redemptions", redemption(counter, coupon, order_no="A-1"), key="two")
    assert (fresh.json["again"], fresh.json["use"]) == (True, first.json["use"])
    other = caller.post("/till/redemptions", redemption(counter, coupon, order_no="A-2"))
    assert (other.status_code, other.json["code"], other.json["outcome"]) == (409, "already_used", "already_used")
    assert other.json["told"]["by"]
    reused = caller.post("/till/redemptions", redemption(counter, coupon, order_no="A-3"), key="one")
    assert (reused.status_code, reused.json["code"]) == (422, "key_reused")


def test_fifty_tills_over_http_redeem_one_code(house, counter, caller):
    coupon = counter.coupon()
    answers = at_once(
        50, lambda place: caller.post("/till/redemptions", redemption(counter, coupon, order_no=f"A-{place}"), key=f"t{place}"), workers=10
    )
    found = sorted(answer.status_code for answer in answers)
    assert found == [200] + [409] * 49
    with reading(house.engine) as session:
        assert len(session.scalars(select(CouponUse)).all()) == 1
        assert len(session.scalars(select(Attempt)).all()) == 50


def test_strangers_hear_one_refusal_whatever_is_wrong(house, clock, counter, plain):
    used, over, voided = counter.coupon(), counter.coupon(name="B", days_valid=1), counter.coupon(name="C")
    counter.redeem(used.code)
    counter.change(voided, state="voided")
    clock.advance(timedelta(days=1))
    wrong = codes.new_code()
    answers = [
        plain.post("/till/redemptions", asked(counter, code=code, order={"total_fen": 5000}))
        for code in (used.code, over.code, voided.code, wrong, "HELLO")
    ]
    told = {(answer.status_code, str({**answer.json, "request_id": ""})) for answer in answers}
    assert len(told) == 1
    assert answers[0].json["code"] == "coupon_refused"
    with reading(house.engine) as session:
        kept = session.scalars(select(Attempt.outcome).order_by(Attempt.id)).all()
    assert kept[1:] == ["already_used", "expired", "voided", "unknown_code", "bad_code"]


def test_a_lost_answer_is_asked_for_by_its_attempt(counter, caller, plain):
    coupon = counter.coupon()
    body = redemption(counter, coupon)
    caller.post("/till/redemptions", body)
    assert caller.get(f"/till/attempts/{body['attempt_id']}").json["outcome"] == "done"
    assert plain.get(f"/till/attempts/{body['attempt_id']}").status_code == 404
    refused = redemption(counter, coupon)
    plain.post("/till/redemptions", refused)
    assert plain.get(f"/till/attempts/{refused['attempt_id']}").json["outcome"] == "refused"
    assert caller.get(f"/till/attempts/{uuid4()}").status_code == 404


def test_reversed_at_once_by_the_till_and_later_with_scope_and_reason(clock, counter, caller, plain):
    for till, code in ((caller, "done"), (plain, "refused")):
        coupon = counter.coupon(name=code)
        use = till.post("/till/redemptions", redemption(counter, coupon)).json["use"]
        clock.advance(timedelta(minutes=16))
        assert till.post(f"/till/redemptions/{use}/reverse", asked(counter)).status_code == 409
        late = till.post(f"/till/redemptions/{use}/reverse", asked(counter, reason="退货"))
        assert late.status_code == (200 if code == "done" else 409)
    coupon = counter.coupon(name="quick")
    use = plain.post("/till/redemptions", redemption(counter, coupon)).json["use"]
    assert plain.post(f"/till/redemptions/{use}/reverse", asked(counter)).json["outcome"] == "done"
    assert plain.post(f"/till/redemptions/{use}/reverse", asked(counter)).json["code"] == "coupon_refused"


def test_a_clerk_the_till_names_cannot_redeem_for_himself(house, counter, caller, card):
    coupon = counter.coupon()
    with work(house.engine) as session:
        staff = session.get_one(Staff, counter.chen.staff_id)
        staff.phone_sealed, staff.phone_lookup = b"sealed", house.ring.lookup_hash(LIN.phone, kind="phone")
        login = staff.login
    assert caller.post("/till/redemptions", redemption(counter, coupon, clerk=login)).json["code"] == "own_coupon"
    assert caller.post("/till/redemptions", redemption(counter, coupon, clerk="nobody")).json["code"] == "unknown_clerk"
    assert caller.post("/till/redemptions", redemption(counter, coupon)).status_code == 200


def test_a_foreign_store_and_a_key_without_the_scope_get_nowhere(house, web, counter, caller):
    coupon = counter.coupon()
    elsewhere = open_counter(house)
    foreign = caller.post("/till/redemptions", {**redemption(counter, coupon), "store": str(elsewhere.store)})
    assert (foreign.status_code, foreign.json["code"]) == (403, "foreign_store")
    stranger = make_caller(house, web, programme_id=counter.shop.programme_id, scopes=["orders:write"])
    assert stranger.post("/till/redemptions", redemption(counter, coupon)).json["code"] == "scope_missing"
    assert counter.reread(coupon).state == CouponState.ISSUED


@pytest.mark.parametrize(
    "change",
    [
        {"order": {"total_fen": -1}},
        {"order": {"total_fen": 10.5}},
        {"order": {"total_fen": 100, "lines": [{"number": 1, "sku": "tea", "amount_fen": 99}]}},
        {"order": {"lines": [{"number": 1, "sku": "tea", "amount_fen": 1}, {"number": 1, "sku": "cup", "amount_fen": 1}]}},
        {"code": ""},
        {"code": "A" * 65},
        {"times": 0},
        {"device_at": "9999-12-31T23:59:59-12:00"},
        {"attempt_id": "x"},
        {"more": 1},
    ],
)
def test_what_cannot_be_is_refused_by_name_and_changes_nothing(house, counter, caller, change):
    coupon = counter.coupon()
    refused = caller.post("/till/redemptions", {**redemption(counter, coupon), **change})
    assert (refused.status_code, refused.json["code"]) == (422, "invalid")
    assert counter.reread(coupon).state == CouponState.ISSUED
    with reading(house.engine) as session:
        assert session.scalars(select(Attempt)).all() == []


def test_a_writing_call_without_a_key_is_refused_and_a_quote_needs_none(counter, caller):
    refused = caller.web.post(
        "/api/v1/till/redemptions", json=redemption(counter, counter.coupon()), headers={"Authorization": f"Bearer {caller.key}"}
    )
    assert refused.json["code"] == "idempotency_key_missing"
    quoted = caller.web.post(
        "/api/v1/till/quotes",
        json={"store": str(counter.store), "customer": person(counter), "order": {"total_fen": 100}},
        headers={"Authorization": f"Bearer {caller.key}"},
    )
    assert quoted.status_code == 200


def test_the_answers_are_what_the_document_says(caller):
    document = caller.web.get("/api/v1/openapi.json").json
    paths = {path for path in document["paths"] if path.startswith("/till/")}
    assert len(paths) == 9
    holds = document["paths"]["/till/holds"]["post"]
    assert "Idempotency-Key" in {each["name"] for each in holds["parameters"]}
    assert document["paths"]["/till/quotes"]["post"]["parameters"] == []
