"""Redemption and reversal on real connections: used once, reversed once, retried safely, told to the clerk and to nobody else."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from app.core import idempotency
from app.core.errors import ConflictError
from app.core.facts import FactRow
from app.core.nouns import AuditEntry, Customer
from app.core.people import Staff
from app.core.unit import reading, work
from cards import codes
from cards.coupons import attempts
from cards.coupons.asked import OrderIn, RedeemIn
from cards.coupons.claim import Path
from cards.ledger.verify import verify
from cards.models.coupons import Coupon, CouponState
from cards.models.ledger import Wallet
from cards.models.programme import ReturnPolicy
from cards.models.redemption import Attempt, CouponUse, Suspicion
from cards.redemption import preview
from cards.refusals import RefusedError, for_public
from tests.support.coupons import at_once, open_counter
from tests.support.crowds import crowded, together


def rows(house, model, **wishes):
    with reading(house.engine) as session:
        return session.scalars(select(model).filter_by(**wishes).order_by(model.id)).all()


def outcomes(answers):
    return sorted(answer.body["outcome"] for answer in answers)


def test_fifty_tills_redeem_one_code(house):
    counter = open_counter(house)
    coupon = counter.coupon()
    with crowded(house, 50) as big:
        crowd = replace(counter, house=big)
        # A device that types thirty codes is stopped before it is looked at, so they are not all one device's.
        till = lambda place: crowd.chen if place % 2 else crowd.colleague  # noqa: E731
        act = lambda place: crowd.redeem(coupon.code, till=till(place), order=OrderIn(total_fen=5000))  # noqa: E731
        answers = together(big, 50, act, table="coupon")
    assert outcomes(answers) == ["already_used"] * 49 + ["done"]
    assert {answer.body["code"] for answer in answers if answer.body["outcome"] != "done"} == {"already_used"}
    assert len(rows(house, CouponUse)) == 1
    assert len(rows(house, Attempt)) == 50
    assert counter.reread(coupon).state == CouponState.USED


def test_one_coupon_for_many_orders_goes_on_one(house):
    counter = open_counter(house)
    coupon = counter.coupon()
    with crowded(house, 20) as big:
        crowd = replace(counter, house=big)
        order = lambda place: OrderIn(order_no=f"A{place}", total_fen=5000)  # noqa: E731
        answers = together(big, 20, lambda place: crowd.redeem(coupon.code, order=order(place)), table="coupon")
    assert outcomes(answers) == ["already_used"] * 19 + ["done"]
    used = next(answer for answer in answers if answer.body["outcome"] == "already_used").body["told"]
    assert used["by"] == "Chen"
    assert used["store"].startswith("海岸一店")


def test_the_same_key_gets_the_same_answer_even_when_the_coupon_has_expired_since(house, clock):
    counter = open_counter(house)
    coupon = counter.coupon()
    attempt = uuid4()
    first = counter.redeem(coupon.code, key="k1", attempt_id=attempt)
    clock.advance(timedelta(hours=23))
    counter.change(coupon, expires_at=coupon.valid_from + timedelta(seconds=1))
    second = counter.redeem(coupon.code, key="k1", attempt_id=attempt)
    assert second.hit
    assert not first.hit
    assert (second.status, dict(second.body)) == (first.status, dict(first.body))
    assert len(rows(house, CouponUse)) == 1
    assert len(rows(house, Attempt)) == 1


def test_a_refusal_is_answered_again_too(house):
    counter = open_counter(house)
    code = codes.new_code()
    attempt = uuid4()
    first = counter.redeem(code, key="k1", attempt_id=attempt)
    assert (first.status, first.body["code"]) == (409, "unknown_code")
    assert counter.redeem(code, key="k1", attempt_id=attempt).hit
    assert len(rows(house, Attempt)) == 1


def test_another_body_under_the_same_key_is_refused_and_changes_nothing(house):
    counter = open_counter(house)
    coupon, other = counter.coupon(), counter.coupon(who=1, name="B")
    counter.redeem(coupon.code, key="k1")
    with pytest.raises(ConflictError) as refused:
        counter.redeem(other.code, key="k1")
    assert (refused.value.status, refused.value.code) == (422, "key_reused")
    assert counter.reread(other).state == CouponState.ISSUED


def test_twins_under_one_key_are_one_redemption(house):
    counter = open_counter(house)
    coupon = counter.coupon()
    attempt = uuid4()
    answers = at_once(10, lambda _: counter.redeem(coupon.code, key="k1", attempt_id=attempt))
    assert outcomes(answers) == ["done"] * 10
    assert sum(not answer.hit for answer in answers) == 1
    assert len({answer.body["use"] for answer in answers}) == 1


def test_two_bodies_race_for_one_key_and_one_of_them_is_the_call(house, monkeypatch):
    monkeypatch.setattr(idempotency, "TWIN_WAIT_MS", 20_000)
    counter = open_counter(house)
    coupons = [counter.coupon(), counter.coupon(who=1, name="B")]
    attempts = [uuid4(), uuid4()]
    with crowded(house, 20) as big:
        crowd = replace(counter, house=big)
        act = lambda place: crowd.redeem(coupons[place % 2].code, key="k1", attempt_id=attempts[place % 2])  # noqa: E731
        answers = together(big, 20, act, table="idempotency")
    refused = [answer for answer in answers if isinstance(answer, ConflictError)]
    assert {(answer.status, answer.code) for answer in refused} == {(422, "key_reused")}
    done = [answer for answer in answers if not isinstance(answer, Exception)]
    assert (len(refused), len(done)) == (10, 10)
    assert len({answer.body["use"] for answer in done}) == 1
    assert sorted(counter.reread(coupon).state for coupon in coupons) == [CouponState.ISSUED, CouponState.USED]


def test_a_till_that_retries_under_a_new_key_is_caught_by_its_order(house):
    counter = open_counter(house)
    template = counter.template(type="times_card", terms={"goods": "咖啡", "uses": 5}, reward_points=7)
    coupon = counter.coupon(template)
    order = OrderIn(order_no="A1", total_fen=3000)
    with crowded(house, 20) as big:
        crowd = replace(counter, house=big)
        answers = together(big, 20, lambda place: crowd.redeem(coupon.code, key=f"k{place}", order=order), table="coupon")
    assert outcomes(answers) == ["done"] * 20
    assert sum(not answer.body["again"] for answer in answers) == 1
    assert counter.reread(coupon).uses_left == 4
    with reading(house.engine) as session:
        assert session.get_one(Wallet, counter.shop.wallets[0]).active == 7
        assert verify(session) == []


def test_a_device_that_sends_again_after_a_day_is_caught_by_its_attempt(house, clock):
    counter = open_counter(house)
    coupon = counter.coupon(type="times_card", terms={"goods": "咖啡", "uses": 5})
    attempt = uuid4()
    first = counter.redeem(coupon.code, attempt_id=attempt)
    clock.advance(timedelta(hours=30))
    again = counter.redeem(coupon.code, attempt_id=attempt)
    assert again.body["again"]
    assert again.body["use"] == first.body["use"]
    assert counter.reread(coupon).uses_left == 4


def test_two_undos_at_once_are_one(house):
    counter = open_counter(house)
    coupon = counter.coupon(reward_points=30)
    use = counter.redeem(coupon.code).body["use"]
    with crowded(house, 20) as big:
        crowd = replace(counter, house=big)
        answers = together(big, 20, lambda _: crowd.undo(use), table="coupon")
    assert outcomes(answers) == ["already_used"] * 19 + ["done"]
    assert {answer.body["code"] for answer in answers if answer.body["outcome"] == "already_used"} == {"already_reversed"}
    back = counter.reread(coupon)
    assert (back.state, back.uses_left) == (CouponState.ISSUED, 1)
    assert len(rows(house, CouponUse, kind="undo")) == 1
    with reading(house.engine) as session:
        assert session.get_one(Wallet, counter.shop.wallets[0]).active == 0
        assert session.scalar(select(func.count()).where(FactRow.kind == "coupon.reversed")) == 1
        assert verify(session) == []


def test_used_undone_used_undone_on_one_order(house):
    counter = open_counter(house)
    coupon = counter.coupon(reward_points=10)
    order = OrderIn(order_no="A1", total_fen=3000)
    for _ in range(3):
        used = counter.redeem(coupon.code, order=order)
        assert (used.body["outcome"], used.body["again"]) == ("done", False)
        assert counter.undo(used.body["use"]).body["outcome"] == "done"
    assert counter.reread(coupon).state == CouponState.ISSUED
    with reading(house.engine) as session:
        assert verify(session) == []


def test_only_the_same_clerk_and_device_undo_within_fifteen_minutes(house, clock):
    counter = open_counter(house)
    use = counter.redeem(counter.coupon().code).body["use"]
    assert counter.undo(use, till=counter.colleague).body["code"] == "undo_too_late"
    clock.advance(timedelta(minutes=15))
    assert counter.undo(use).body["outcome"] == "done"


def test_later_a_supervisor_undoes_with_a_reason_and_it_is_in_the_audit(house, clock):
    counter = open_counter(house)
    coupon = counter.coupon()
    use = counter.redeem(coupon.code).body["use"]
    clock.advance(timedelta(minutes=15, seconds=1))
    assert counter.undo(use).body["code"] == "undo_too_late"
    assert counter.undo(use, till=counter.colleague, supervisor=True).body["code"] == "reason_needed"
    assert counter.undo(use, till=counter.colleague, supervisor=True, reason="顾客退货").body["outcome"] == "done"
    assert counter.undo(use, till=counter.colleague, supervisor=True, reason="顾客退货").body["code"] == "already_reversed"
    entries = rows(house, AuditEntry, action="coupon.reversed")
    assert [(entry.actor, entry.detail["reason"]) for entry in entries] == [("Wu", "顾客退货")]


def test_a_use_undone_after_the_coupon_ended_leaves_it_expired(house, clock):
    counter = open_counter(house)
    coupon = counter.coupon()
    use = counter.redeem(coupon.code).body["use"]
    clock.advance(timedelta(days=8))
    assert counter.undo(use, supervisor=True, reason="错核").body["outcome"] == "done"
    assert counter.reread(coupon).state == CouponState.EXPIRED


def test_an_undo_is_refused_where_the_programme_keeps_spent_points(house):
    from cards.ledger.spend import spend
    from tests.support.money import cause

    counter = open_counter(house, return_policy=ReturnPolicy.REFUSE)
    coupon = counter.coupon(reward_points=50)
    use = counter.redeem(coupon.code).body["use"]
    with work(house.engine) as session:
        spend(session, wallet_id=counter.shop.wallets[0], amount=20, unit_id=counter.shop.unit_id, cause=cause(house.clock.now()))
    assert counter.undo(use).body["code"] == "points_spent"
    assert counter.reread(coupon).state == CouponState.USED


@pytest.mark.parametrize(
    ("scene", "code"),
    [
        ({"state": "voided"}, "voided"),
        ({"state": "given"}, "given"),
        ({"state": "expired"}, "expired"),
        ({"uses_left": 0, "state": "used"}, "already_used"),
    ],
)
def test_a_coupon_that_is_over_is_refused_with_its_reason(house, clock, scene, code):
    counter = open_counter(house)
    coupon = counter.coupon()
    if code == "expired":
        clock.advance(timedelta(days=7))
    counter.change(coupon, **scene)
    answer = counter.redeem(coupon.code)
    assert (answer.status, answer.body["code"]) == (409, code)
    assert answer.body["next"]["zh"]
    assert [row.outcome for row in rows(house, Attempt)] == [code]


def test_a_coupon_ends_at_its_moment_whether_the_night_ran_or_not(house, clock):
    counter = open_counter(house)
    coupon = counter.coupon()
    clock.moment = coupon.expires_at - timedelta(seconds=1)
    assert preview(house, RedeemIn(attempt_id=uuid4(), code=coupon.code), till=counter.chen)["outcome"] == "preview"
    clock.moment = coupon.expires_at
    assert counter.redeem(coupon.code).body["code"] == "expired"


def test_conditions_of_the_order(house):
    counter = open_counter(house)
    coupon = counter.coupon(minimum_fen=5000, skus=["tea"])
    assert counter.redeem(coupon.code, order=OrderIn()).body["code"] == "amount_needed"
    assert counter.redeem(coupon.code, order=OrderIn(total_fen=4999)).body["code"] == "below_minimum"
    rice = OrderIn(lines=[{"number": 1, "sku": "rice", "amount_fen": 9000}])
    assert counter.redeem(coupon.code, order=rice).body["code"] == "no_goods"
    mixed = OrderIn(lines=[{"number": 1, "sku": "rice", "amount_fen": 9000}, {"number": 2, "sku": "tea", "amount_fen": 5000}])
    assert counter.redeem(coupon.code, order=mixed).body["discount_fen"] == 1000


def test_a_coupon_larger_than_the_order_takes_no_more_than_the_order(house):
    counter = open_counter(house)
    coupon = counter.coupon(terms={"amount_fen": 100_000})
    assert counter.redeem(coupon.code, order=OrderIn(total_fen=300)).body["discount_fen"] == 300


def test_two_coupons_on_one_order_never_take_more_than_it_comes_to_nor_clash(house):
    counter = open_counter(house)
    coupons = [counter.coupon(name=name, terms={"amount_fen": 800}, stacking_class=name) for name in ("free", "cash")]
    alone = counter.coupon(name="独用")
    order = OrderIn(order_no="A1", total_fen=1000)
    answers = at_once(2, lambda place: counter.redeem(coupons[place].code, order=order))
    assert sorted(answer.body["discount_fen"] for answer in answers) == [200, 800]
    assert counter.redeem(alone.code, order=order).body["code"] == "no_stacking"


def test_of_two_that_exclude_each_other_one_goes_on_the_order_however_fast(house):
    counter = open_counter(house)
    coupons = [counter.coupon(name=f"C{number}", stacking_class="cash") for number in range(8)]
    order = OrderIn(order_no="A1", total_fen=100_000)
    answers = at_once(8, lambda place: counter.redeem(coupons[place].code, order=order))
    assert outcomes(answers) == ["done"] + ["refused"] * 7
    assert {answer.body.get("code") for answer in answers} == {None, "no_stacking"}


def test_a_foreign_store_is_told_where_it_goes(house):
    counter, elsewhere = open_counter(house), open_counter(house)
    coupon = counter.coupon(stores=[counter.store])
    refused = counter.redeem(coupon.code, till=elsewhere.chen)
    assert refused.body["code"] == "wrong_store"
    assert refused.body["told"]["stores"][0].startswith("海岸一店")
    assert counter.redeem(coupon.code).body["outcome"] == "done"


def test_strangers_cannot_tell_one_refusal_from_another(house, clock):
    counter, elsewhere = open_counter(house), open_counter(house)
    used, voided, expired, foreign = (
        counter.coupon(name=name, **wishes)
        for name, wishes in [("a", {}), ("b", {}), ("c", {"days_valid": 1}), ("d", {"stores": [elsewhere.store]})]
    )
    counter.redeem(used.code)
    counter.change(voided, state="voided")
    clock.advance(timedelta(days=1))
    wrong = codes.new_code()
    answers = [
        counter.redeem(code, public=True) for code in (used.code, voided.code, expired.code, foreign.code, wrong, "not a code", "A" * 25)
    ]
    assert {(answer.status, str(dict(answer.body))) for answer in answers} == {(409, str(for_public()))}
    told = [row.outcome for row in rows(house, Attempt)][1:]
    assert told == ["already_used", "voided", "expired", "wrong_store", "unknown_code", "bad_code", "bad_code"]


def test_guesses_are_counted_and_stopped_for_device_clerk_and_address(house, monkeypatch):
    monkeypatch.setattr(attempts, "GUESSES", 5)
    counter = open_counter(house)
    answers = at_once(12, lambda _: counter.redeem(codes.new_code()))
    found = [answer.body["code"] for answer in answers]
    assert sorted(found) == ["too_many_tries"] * 7 + ["unknown_code"] * 5
    assert counter.redeem(counter.coupon().code).body["code"] == "too_many_tries"
    assert counter.redeem(counter.coupon(name="B").code, till=counter.colleague).body["outcome"] == "done"
    assert {row.kind for row in rows(house, Suspicion)} == {"too_many_tries"}
    assert counter.redeem("2222-2222-2223").body["code"] == "bad_code"


def test_paper_coupons_of_a_rush_are_no_guesses_and_win_nobody_a_guess(house, monkeypatch):
    monkeypatch.setattr(attempts, "GUESSES", 3)
    counter = open_counter(house)
    template = counter.template(per_person=None)

    def serve(coupon):
        preview(house, RedeemIn(attempt_id=uuid4(), code=coupon.code, order=OrderIn(total_fen=10_000)), till=counter.chen)
        return counter.redeem(coupon.code).body["outcome"]

    assert [serve(counter.coupon(template)) for _ in range(8)] == ["done"] * 8
    used = counter.coupon(template)
    assert [counter.redeem(used.code).body.get("code") for _ in range(5)] == [None] + ["already_used"] * 4
    key, wrong = str(uuid4()), codes.new_code()
    found = []
    for _ in range(2):
        # The same call again is the same guess.
        found += [counter.redeem(wrong, key=key, body=b"one").body["code"] for _ in range(3)]
        found.append(counter.redeem(counter.coupon(template).code).body["outcome"])
        with pytest.raises(RefusedError, match="没有这张券"):
            preview(house, RedeemIn(attempt_id=uuid4(), code=codes.new_code()), till=counter.chen)
    assert found == ["unknown_code", "unknown_code", "unknown_code", "done"] * 2
    assert counter.redeem(counter.coupon(template).code).body["code"] == "too_many_tries"


def test_a_moving_code_is_accepted_once(house, clock):
    counter = open_counter(house)
    coupon = counter.coupon(type="times_card", terms={"goods": "咖啡", "uses": 50})
    code = codes.make_moving(house.ring, kind=codes.COUPON, subject=coupon.number, now=clock.now())
    answers = at_once(20, lambda place: counter.redeem(code, till=counter.chen if place % 2 else counter.colleague))
    assert outcomes(answers) == ["done"] + ["refused"] * 19
    assert {answer.body.get("code") for answer in answers} == {None, "code_seen"}
    assert counter.reread(coupon).uses_left == 49
    clock.advance(timedelta(seconds=90))
    assert counter.redeem(code).body["code"] == "stale_code"


def test_a_preview_leads_to_a_redemption_by_its_ticket_on_that_device_alone(house, clock):
    counter = open_counter(house)
    coupon = counter.coupon()
    code = codes.make_moving(house.ring, kind=codes.COUPON, subject=coupon.number, now=clock.now())
    seen = preview(house, RedeemIn(attempt_id=uuid4(), code=code, order=OrderIn(total_fen=500)), till=counter.chen)
    assert (seen["discount_fen"], seen["coupon"]["name"]) == (500, "满减")
    with pytest.raises(RefusedError):
        preview(house, RedeemIn(attempt_id=uuid4(), code=code), till=counter.colleague)
    clock.advance(timedelta(minutes=2))
    assert counter.redeem(ticket=seen["ticket"], till=counter.colleague).body["code"] == "ticket_stale"
    assert counter.redeem(ticket=seen["ticket"][:-1] + ("1" if seen["ticket"][-1] == "0" else "0")).body["code"] == "ticket_stale"
    assert counter.redeem(ticket=seen["ticket"]).body["outcome"] == "done"
    clock.advance(timedelta(minutes=5))
    assert counter.redeem(ticket=seen["ticket"]).body["code"] == "ticket_stale"
    assert [row.outcome for row in rows(house, Attempt, act="preview")] == ["code_seen"]


def test_a_preview_asks_for_the_amount_and_changes_nothing(house):
    counter = open_counter(house)
    coupon = counter.coupon(minimum_fen=100)
    seen = preview(house, RedeemIn(attempt_id=uuid4(), code=coupon.code), till=counter.chen)
    assert (seen["needs_amount"], seen["discount_fen"]) == (True, 0)
    assert counter.reread(coupon).state == CouponState.ISSUED
    assert rows(house, CouponUse) == []


def test_a_members_code_is_no_coupons(house, clock):
    counter = open_counter(house)
    code = codes.make_moving(house.ring, kind=codes.MEMBER, subject=8_000_000_000_000_001, now=clock.now())
    assert counter.redeem(code).body["code"] == "member_code"


def test_a_clerk_cannot_redeem_for_himself(house):
    counter = open_counter(house)
    coupon = counter.coupon(path=Path.PAGE)
    looked_up = house.ring.lookup_hash("13800000002", kind="phone")
    with work(house.engine) as session:
        staff, customer = session.get_one(Staff, counter.chen.staff_id), session.get_one(Customer, coupon.customer_id)
        for person in (staff, customer):
            person.phone_sealed, person.phone_lookup = b"sealed", looked_up
    assert counter.redeem(coupon.code).body["code"] == "own_coupon"
    assert [(row.kind, row.staff_id) for row in rows(house, Suspicion)] == [("own_coupon", counter.chen.staff_id)]
    with work(house.engine) as session:
        session.get_one(Customer, coupon.customer_id).phone_sealed = None
        session.get_one(Customer, coupon.customer_id).phone_lookup = None
    assert counter.redeem(coupon.code).body["outcome"] == "done"


def test_too_many_for_one_customer_wait_for_review(house, monkeypatch):
    from cards import fraud

    monkeypatch.setattr(fraud, "MOST_PER_CUSTOMER_DAY", 3)
    counter = open_counter(house)
    coupon = counter.coupon(type="times_card", terms={"goods": "咖啡", "uses": 50})
    answers = at_once(10, lambda _: counter.redeem(coupon.code))
    assert outcomes(answers) == ["done"] * 3 + ["refused"] * 7
    assert counter.reread(coupon).uses_left == 47
    cases = rows(house, Suspicion)
    assert {case.kind for case in cases} == {"too_often"}
    use = next(answer.body["use"] for answer in answers if answer.body["outcome"] == "done")
    counter.undo(use)
    assert counter.redeem(coupon.code).body["outcome"] == "done"


def test_offline_redemption_goes_as_its_template_says(house, clock):
    counter = open_counter(house)
    made = clock.now()
    never, up_to, always = (
        counter.coupon(name=name, offline=name, offline_fen=5000, days_valid=1) for name in ("never", "up_to", "always")
    )
    clock.advance(timedelta(days=1))
    counter.change(always, state="expired")

    def send(coupon, total_fen=5000, at=made, **more):
        return counter.redeem(coupon.code, order=OrderIn(total_fen=total_fen), offline=True, device_at=at, **more).body

    assert send(never)["code"] == "expired"
    assert send(up_to, total_fen=5001)["code"] == "offline_refused"
    assert send(up_to)["outcome"] == "done"
    assert send(always, at=clock.now() + timedelta(hours=1))["code"] == "expired"
    assert send(always)["outcome"] == "done"
    assert {row.offline for row in rows(house, Attempt)} == {True}


def test_a_times_card_counts_down_to_used(house):
    counter = open_counter(house)
    coupon = counter.coupon(type="times_card", terms={"goods": "咖啡", "uses": 3})
    assert counter.redeem(coupon.code, times=2).body["coupon"]["uses_left"] == 1
    assert counter.redeem(coupon.code, times=2).body["code"] == "too_many_times"
    assert counter.redeem(coupon.code).body["coupon"]["state"] == "used"
    assert counter.redeem(coupon.code).body["code"] == "already_used"


def test_what_the_clerk_sees_of_the_customer_is_masked(house):
    counter = open_counter(house)
    coupon = counter.coupon()
    with work(house.engine) as session:
        person = session.get_one(Customer, coupon.customer_id)
        person.phone_sealed = house.ring.seal("13800000003", table="customer", column="phone_sealed", row=person.public_id)
        person.phone_lookup = house.ring.lookup_hash("13800000003", kind="phone")
    body = counter.redeem(coupon.code).body
    assert body["customer"]["phone"] == "138****0003"
    assert "13800000003" not in str(dict(body))
    assert coupon.code not in str(dict(body))


def test_every_code_in_the_table_is_typable(house):
    counter = open_counter(house)
    counter.coupon()
    with reading(house.engine) as session:
        assert all(codes.is_typed(code) for code in session.scalars(select(Coupon.code)))
