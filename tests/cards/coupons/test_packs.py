"""Packs: each friend takes one, once; never more than were put in; what is left comes back to the giver alone."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.core.errors import BadRequestError, ConflictError, ForbiddenError, NotFoundError
from app.core.ids import new_public_id
from app.core.nouns import Customer
from app.core.unit import reading, work
from cards.coupons.claim import ClaimRefusedError
from cards.coupons.gifts import lapse_gifts, offer_coupon, open_offers, take_gift
from cards.coupons.packs import find_pack, inside, open_pack, recall_pack, take_from_pack
from cards.models.coupons import Coupon, CouponGift, CouponState
from tests.support.coupons import at_once, open_counter


@pytest.fixture
def counter(house):
    return open_counter(house, customers=31)


def held(counter, size, **wishes):
    template = counter.template(**{"giveable": True, "per_person": size, **wishes})
    for _ in range(size):
        counter.coupon(template)
    return template


def pack(counter, template, size, token=None):
    with work(counter.house.engine) as session:
        return open_pack(session, template.id, size=size, giver_id=counter.customers[0], now=counter.house.clock.now(), token=token)


def take(counter, packed, who, **more):
    house = counter.house
    with work(house.engine) as session:
        return take_from_pack(
            session, packed.token, taker_id=counter.customers[who], registry=house.registry, now=house.clock.now(), **more
        )


def states(house):
    with reading(house.engine) as session:
        rows = session.execute(select(Coupon.state, func.count()).group_by(Coupon.state))
        return {str(row[0]): row[1] for row in rows}


def test_thirty_friends_at_a_pack_of_five(house, counter):
    packed = pack(counter, held(counter, 5), 5)
    assert states(house) == {"given": 5}
    results = at_once(60, lambda place: take(counter, packed, 1 + place % 30))
    given = {result.id for result in results if isinstance(result, Coupon)}
    assert len(given) == 5
    assert {result.code for result in results if not isinstance(result, Coupon)} == {"gift_over"}
    assert states(house) == {"given": 5, "issued": 5}
    with reading(house.engine) as session:
        takers = session.scalars(select(CouponGift.taken_by_id)).all()
        assert len(set(takers)) == 5
        found = inside(session, find_pack(session, packed.token), now=house.clock.now())
    assert (found.left, found.taken) == (0, 5)


def test_one_friend_at_twenty_windows_takes_one(house, counter):
    packed = pack(counter, held(counter, 3), 3)
    results = at_once(20, lambda _: take(counter, packed, 1))
    assert len({result.id for result in results}) == 1
    assert states(house) == {"given": 3, "issued": 1}


def test_a_second_account_of_one_phone_takes_none(house, counter):
    packed = pack(counter, held(counter, 3), 3)
    with work(house.engine) as session:
        for customer_id in counter.customers[1:3]:
            person = session.get_one(Customer, customer_id)
            person.phone_sealed, person.phone_lookup = b"sealed", house.ring.lookup_hash("13800000003", kind="phone")
    take(counter, packed, 1)
    with pytest.raises(ConflictError) as refused:
        take(counter, packed, 2)
    assert refused.value.code == "limit_reached"


def test_what_nobody_takes_comes_back_in_time(house, counter, clock):
    packed = pack(counter, held(counter, 4), 4)
    friend = take(counter, packed, 1)
    clock.advance(timedelta(days=3))
    with pytest.raises(ConflictError):
        take(counter, packed, 2)
    for back in (3, 0):
        with work(house.engine) as session:
            assert lapse_gifts(session, now=clock.now()) == back
    assert states(house) == {"given": 1, "issued": 4}
    with reading(house.engine) as session:
        mine = session.scalars(select(Coupon.customer_id).where(Coupon.state == CouponState.ISSUED, Coupon.id != friend.id)).all()
    assert set(mine) == {counter.customers[0]}


def test_recalled_or_taken_never_both(house, counter):
    packed = pack(counter, held(counter, 6), 6)

    def act(place):
        if place == 10:
            with work(house.engine) as session:
                return recall_pack(session, packed.pack.public_id, giver_id=counter.customers[0], now=house.clock.now())
        return take(counter, packed, 1 + place)

    results = at_once(20, act)
    taken = sum(isinstance(result, Coupon) for result in results)
    assert results[10] + taken == 6
    assert states(house) == {"issued": 6} | ({"given": taken} if taken else {})
    with pytest.raises(ConflictError):
        take(counter, packed, 25)


def test_the_same_token_opens_one_pack(house, counter):
    template = held(counter, 4)
    pack(counter, template, 2, token="t" * 40)
    with reading(house.engine) as session:
        assert len(open_offers(session, giver_id=counter.customers[0], now=house.clock.now())) == 2


def test_what_is_no_pack(house, counter):
    template = held(counter, 3)
    for size in (0, 1, 51):
        with pytest.raises(BadRequestError):
            pack(counter, template, size)
    with pytest.raises(ConflictError):
        pack(counter, template, 4)
    with pytest.raises(ForbiddenError):
        pack(counter, held(counter, 2, name="B", giveable=False), 2)
    packed = pack(counter, template, 2)
    with pytest.raises(ConflictError) as own:
        take(counter, packed, 0)
    assert own.value.code == "own_gift"
    with pytest.raises(NotFoundError), work(house.engine) as session:
        recall_pack(session, packed.pack.public_id, giver_id=counter.customers[1], now=house.clock.now())
    with pytest.raises(NotFoundError), work(house.engine) as session:
        take_from_pack(session, str(new_public_id()), taker_id=counter.customers[1], registry=house.registry, now=house.clock.now())


def test_who_is_kept_out_takes_nothing(house, counter):
    from cards.blocks import Whom, add_block

    packed = pack(counter, held(counter, 3), 2)
    with work(house.engine) as session:
        add_block(session, house.ring, Whom(device=77), reason="刷券", until=None, actor="Mei", now=house.clock.now())
    with pytest.raises(ClaimRefusedError):
        take(counter, packed, 1, device=77)
    with work(house.engine) as session:
        left = session.scalars(select(Coupon.public_id).where(Coupon.state == CouponState.ISSUED)).one()
        offered = offer_coupon(session, left, giver_id=counter.customers[0], now=house.clock.now())
    with pytest.raises(ClaimRefusedError), work(house.engine) as session:
        take_gift(session, offered.token, taker_id=counter.customers[1], registry=house.registry, now=house.clock.now(), device=77)
    assert take(counter, packed, 1, device=78).customer_id == counter.customers[1]
