"""Who is kept out claims, redeems and earns nothing until his day is over, and hears what everybody hears."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.facts import Fact, record
from app.core.ids import new_public_id
from app.core.nouns import AuditEntry, Customer
from app.core.rotation import lookup_columns, sealed_columns
from app.core.unit import reading, work
from cards.activities import check_in, refer
from cards.adjust import adjust_points, transfer_points
from cards.blocks import Whom, add_block, lift_block, list_blocks
from cards.coupons.checkout import spendable
from cards.coupons.claim import Claim, ClaimRefusedError, Path, claim
from cards.coupons.gifts import offer_coupon, take_gift
from cards.fraud import ACCOUNTS_PER_DEVICE, MOST_CLAIMS_PER_DEVICE_DAY, suspect_claim
from cards.membership import open_card
from cards.models.coupons import CouponTemplate
from cards.models.membership import CardPath, OpeningGift
from cards.models.redemption import Suspicion
from cards.phones import know_phone
from cards.refusals import PUBLIC_CODE, RefusedError
from cards.rulebook import define_rule
from cards.stored_value import top_up
from tests.support.coupons import open_counter

PHONE = "13800000003"


def block(counter, *, until=None, reason="刷券", **whom):
    with work(counter.house.engine) as session:
        now = counter.house.clock.now()
        return add_block(session, counter.house.ring, Whom(**whom), reason=reason, until=until, actor="Mei", now=now)


def lift(counter, entry, reason="核实无误"):
    with work(counter.house.engine) as session:
        return lift_block(session, entry.public_id, reason=reason, actor="Mei", now=counter.house.clock.now())


def take(counter, template, who=0, device=None):
    with work(counter.house.engine) as session:
        wish = Claim(counter.customers[who], Path.PAGE, f"t:{new_public_id()}", "h5", device=device)
        held = session.get_one(CouponTemplate, template.id)
        return claim(session, held, wish, registry=counter.house.registry, now=counter.house.clock.now()).coupon


def person(counter, who=0):
    with reading(counter.house.engine) as session:
        return session.get_one(Customer, counter.customers[who]).public_id


def with_phone(counter, who=0):
    with work(counter.house.engine) as session:
        customer = session.get_one(Customer, counter.customers[who])
        know_phone(session, counter.house.ring, customer=customer, phone=PHONE, actor="Lin", now=counter.house.clock.now())


def test_a_blocked_customer_claims_and_redeems_nothing_and_hears_what_all_hear(house, clock):
    counter = open_counter(house)
    template = counter.template(per_person=None)
    coupon = take(counter, template)
    entry = block(counter, customer=person(counter), until=clock.now() + timedelta(days=7))
    with pytest.raises(ClaimRefusedError) as refused:
        take(counter, template)
    closed = counter.template(claimable=False)
    with pytest.raises(ClaimRefusedError) as ordinary:
        take(counter, closed, who=1)
    assert (refused.value.code, refused.value.detail) == (ordinary.value.code, ordinary.value.detail)
    assert counter.redeem(coupon.code).body["code"] == "blocked"
    assert counter.redeem(coupon.code, public=True).body["code"] == PUBLIC_CODE
    take(counter, template, who=1)
    clock.advance(timedelta(days=7))
    assert counter.redeem(coupon.code, till=counter.colleague).body["code"] == "expired"
    assert take(counter, template).customer_id == counter.customers[0]
    with reading(house.engine) as session:
        assert entry.public_id not in {each.public_id for each in list_blocks(session, now=clock.now())}
        assert {each.kind for each in session.scalars(select(Suspicion))} == {"blocked"}


def test_a_blocked_number_keeps_every_account_of_it_out(house):
    counter = open_counter(house)
    template = counter.template()
    with_phone(counter, 0)
    entry = block(counter, phone="138 0000 0003")
    with_phone(counter, 1)
    for who in (0, 1):
        with pytest.raises(ClaimRefusedError):
            take(counter, template, who=who)
    take(counter, template, who=2)
    assert entry.phone_sealed is not None
    assert PHONE.encode() not in entry.phone_sealed
    lift(counter, entry)
    take(counter, template, who=0)
    assert "block.phone_sealed" in {each.label for each in sealed_columns()}
    assert "block.phone_lookup" in {each.label for each in lookup_columns()}


def test_a_blocked_phone_in_the_hand_keeps_whoever_holds_it_out(house):
    counter = open_counter(house)
    template = counter.template(per_person=None)
    coupon = take(counter, template, device=77)
    block(counter, device=77)
    with pytest.raises(ClaimRefusedError):
        take(counter, template, who=1, device=77)
    take(counter, template, who=1, device=78)
    # What was claimed on it is not redeemed either.
    assert counter.redeem(coupon.code).body["code"] == "blocked"


def test_who_is_kept_out_earns_nothing_by_what_he_does(house, clock):
    counter = open_counter(house)
    with work(house.engine) as session:
        said = {"kind": "check_in", "params": {"points": 5}, "name": "签到", "valid_from": clock.now() - timedelta(days=1)}
        define_rule(session, programme_id=counter.shop.programme_id, now=clock.now(), actor="Mei", unit_id=counter.shop.unit_id, **said)
    programme = {"programme_id": counter.shop.programme_id, "registry": house.registry, "actor": "h5"}
    block(counter, customer=person(counter))
    with work(house.engine) as session:
        for customer_id in counter.customers[:2]:
            open_card(session, customer_id=customer_id, path=CardPath.H5, now=clock.now(), **programme)
    with work(house.engine) as session:
        kept_out, other = (check_in(session, customer_id=each, now=clock.now(), **programme) for each in counter.customers[:2])
    assert (kept_out.points, other.points) == (0, 5)


def test_one_phone_is_not_many_people(house):
    counter = open_counter(house, customers=5)
    template = counter.template(per_person=1)
    for who in range(ACCOUNTS_PER_DEVICE):
        take(counter, template, who=who, device=77)
    with pytest.raises(ClaimRefusedError) as refused:
        take(counter, template, who=ACCOUNTS_PER_DEVICE, device=77)
    assert (refused.value.code, refused.value.doubt) == ("limit_reached", "many_on_one_phone")
    take(counter, template, who=ACCOUNTS_PER_DEVICE, device=78)
    many = counter.template(per_person=None)
    for _ in range(MOST_CLAIMS_PER_DEVICE_DAY - ACCOUNTS_PER_DEVICE):
        take(counter, many, device=77)
    with pytest.raises(ClaimRefusedError) as refused:
        take(counter, many, device=77)
    assert refused.value.doubt == "many_on_one_phone"


def test_a_second_account_of_one_number_is_doubted_and_an_honest_limit_is_not(house):
    counter = open_counter(house)
    template = counter.template(per_person=1)
    with_phone(counter, 0)
    with_phone(counter, 1)
    take(counter, template, who=0)
    for who, doubt in ((0, ""), (1, "second_account")):
        with pytest.raises(ClaimRefusedError) as refused:
            take(counter, template, who=who)
        assert refused.value.doubt == doubt


def test_one_case_is_enough(house):
    counter = open_counter(house)
    whom = {"customer_id": counter.customers[0], "device": 77, "now": house.clock.now()}
    for again in (False, True):
        with work(house.engine) as session:
            assert (suspect_claim(session, "many_on_one_phone", **whom) is None) is again


def test_every_entry_has_a_reason_an_end_and_a_name_in_the_audit(house, clock):
    counter = open_counter(house)
    entry = block(counter, customer=person(counter), reason=" 刷券 ")
    lift(counter, entry)
    with pytest.raises(ConflictError):
        lift(counter, entry)
    for wrong in ({"reason": " "}, {"until": clock.now()}, {"phone": PHONE, "device": 7}):
        with pytest.raises(BadRequestError):
            block(counter, **{"customer": person(counter), **wrong})
    with pytest.raises(BadRequestError):
        block(counter)
    with pytest.raises(NotFoundError):
        block(counter, customer=new_public_id())
    with pytest.raises(BadRequestError):
        lift(counter, entry, reason="")
    with reading(house.engine) as session:
        told = [
            (each.action, each.detail["reason"]) for each in session.scalars(select(AuditEntry).where(AuditEntry.object_type == "block"))
        ]
        (kept,) = list_blocks(session, now=clock.now(), everything=True)
    assert sorted(told) == [("block.added", "刷券"), ("block.lifted", "核实无误")]
    assert kept.lifted_by == "Mei"


def test_who_was_kept_out_stays_out_when_two_customers_turn_out_to_be_one(house, clock):
    counter = open_counter(house)
    template = counter.template(per_person=None, giveable=True)
    old, into = counter.customers[1], counter.customers[0]
    block(counter, customer=person(counter, 1))
    take(counter, template, who=0)
    with work(house.engine) as session:
        session.get_one(Customer, old).joined_into_id = into
        fact = Fact("j", "customer.joined", clock.now(), {"from": old, "into": into}, customer_id=into)
        record(session, [fact], registry=house.registry, now=clock.now())
    with pytest.raises(ClaimRefusedError):
        take(counter, template, who=0)


def credit(counter, how, **more):
    house = counter.house
    now = house.clock.now()
    common = {"programme_id": counter.shop.programme_id, "actor": "Chen", "now": now, "ref": new_public_id().hex}
    with work(house.engine) as session:
        if how == "top_up":
            paid = {"paid_fen": 1000, "route": "cash", "route_ref": "1", "unit_id": counter.shop.unit_id}
            return top_up(session, **{"customer_id": counter.customers[0], **common, **paid, **more})
        if how == "adjust":
            given = {"points": 50, "unit_id": counter.shop.unit_id, "reason": "补登积分"}
            return adjust_points(session, **{"customer_id": counter.customers[0], **common, **given, **more})
        people = {"from_id": counter.customers[1], "to_id": counter.customers[0], "points": 5, "reason": "赠送"}
        return transfer_points(session, **{**common, **people, **more})


def test_nobody_credits_who_is_kept_out_unless_somebody_who_decides_says_why(house):
    counter = open_counter(house)
    for who in counter.customers[:2]:
        credit(counter, "adjust", customer_id=who)
    before = credit(counter, "top_up", ref="before")
    block(counter, customer=person(counter))
    for how in ("top_up", "adjust", "transfer"):
        with pytest.raises(RefusedError) as refused:
            credit(counter, how)
        assert refused.value.code == "blocked"
    with pytest.raises(RefusedError):
        credit(counter, "transfer", from_id=counter.customers[0], to_id=counter.customers[1])
    # What was done before answers as before, and what is taken needs no word.
    assert credit(counter, "top_up", ref="before").txn.id == before.txn.id
    credit(counter, "adjust", despite_block=True)
    credit(counter, "adjust", points=-10)
    credit(counter, "top_up", despite_block="核实本人，误封")
    with reading(house.engine) as session:
        told = {
            (each.action, each.detail["despite_block"]) for each in session.scalars(select(AuditEntry)) if "despite_block" in each.detail
        }
        has = spendable(session, customer_id=counter.customers[0], programme_id=counter.shop.programme_id, now=house.clock.now())
    assert told == {("points.adjusted", "补登积分"), ("value.topped_up", "核实本人，误封")}
    assert (has["points"], has["value"]) == (90, 2000)


def test_who_is_kept_out_gives_his_coupons_to_nobody(house):
    counter = open_counter(house)
    template = counter.template(per_person=None, giveable=True)
    offered, kept = take(counter, template), take(counter, template)
    now = house.clock.now()
    with work(house.engine) as session:
        token = offer_coupon(session, offered.public_id, giver_id=counter.customers[0], now=now).token
    block(counter, customer=person(counter))
    with pytest.raises(ConflictError) as refused, work(house.engine) as session:
        offer_coupon(session, kept.public_id, giver_id=counter.customers[0], now=now)
    assert (refused.value.code, counter.reread(kept).state) == ("not_giveable_now", "issued")
    with pytest.raises(ConflictError) as refused, work(house.engine) as session:
        take_gift(session, token, taker_id=counter.customers[1], registry=house.registry, now=now)
    assert refused.value.code == "gift_over"


def test_who_is_kept_out_gets_neither_the_opening_gift_nor_a_friends_reward(house, clock):
    counter = open_counter(house)
    programme_id = counter.shop.programme_id
    with work(house.engine) as session:
        session.add(OpeningGift(programme_id=programme_id, points=88, business_unit_id=counter.shop.unit_id, changed_at=clock.now()))
        rule = {
            "kind": "referral",
            "params": {"newcomer": 10, "friend": 20},
            "name": "老带新",
            "valid_from": clock.now() - timedelta(days=1),
        }
        define_rule(session, programme_id=programme_id, now=clock.now(), actor="Mei", unit_id=counter.shop.unit_id, **rule)
    block(counter, customer=person(counter))
    common = {"programme_id": programme_id, "registry": house.registry, "actor": "h5", "now": clock.now()}
    with work(house.engine) as session:
        gifts = [open_card(session, customer_id=each, path=CardPath.H5, **common).gift_points for each in counter.customers[:2]]
        given = refer(session, newcomer_id=counter.customers[1], friend_id=counter.customers[0], **common)
    assert gifts == [0, 88]
    assert [(each.customer_id, each.points) for each in given] == [(counter.customers[1], 10)]
