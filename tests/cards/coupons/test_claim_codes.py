"""Typed codes: never good for more people than they say, once for each, and one refusal for whatever is wrong."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.ids import new_public_id
from app.core.nouns import Customer
from app.core.tries import TooManyError
from app.core.unit import reading, work
from cards import codes
from cards.coupons.claim import ClaimRefusedError
from cards.coupons.claim_codes import PERSON_TRIES, REFUSED, add_word, claim_by_code, close_codes, make_codes, may_try, unused_of, words_of
from cards.guards import read_used
from cards.models.claiming import ClaimCode
from cards.models.coupons import Coupon, TemplateState
from tests.support.coupons import at_once, open_counter


def word(counter, template, text="SHUANG11", *, most=3, until=None):
    with work(counter.house.engine) as session:
        return add_word(session, template.public_id, text, most=most, until=until, actor="Mei", now=counter.house.clock.now())


def batch(counter, template, number=3, until=None):
    with work(counter.house.engine) as session:
        return make_codes(session, template.public_id, number, until=until, actor="Mei", now=counter.house.clock.now())


def type_in(counter, code, who=0, device=None):
    with work(counter.house.engine) as session:
        whom = {"customer_id": counter.customers[who], "programme_id": counter.shop.programme_id}
        return claim_by_code(session, counter.house, code, device=device, **whom)


def coupons(house):
    with reading(house.engine) as session:
        return session.scalar(select(func.count()).select_from(Coupon))


def test_a_word_is_good_for_so_many_and_once_for_each(house):
    counter = open_counter(house, customers=30)
    template = counter.template(claimable=False, per_person=None)
    word(counter, template, most=10)
    results = at_once(60, lambda place: type_in(counter, " shuang-11 ", who=place % 30))
    given = {result.coupon.id for result in results if not isinstance(result, Exception)}
    assert len(given) == coupons(house) == 10
    assert {result.detail for result in results if isinstance(result, Exception)} == {REFUSED}
    with reading(house.engine) as session:
        (row,) = words_of(session, template)
        assert row.used == 10
    lucky = next(place % 30 for place, result in enumerate(results) if not isinstance(result, Exception))
    assert not type_in(counter, "SHUANG11", who=lucky).fresh


def test_a_single_use_code_is_one_persons(house):
    counter = open_counter(house, customers=20)
    template = counter.template(claimable=False)
    made, (code, *rest) = batch(counter, template)
    assert all(codes.is_typed(each) for each in (code, *rest))
    results = at_once(20, lambda place: type_in(counter, codes.shown(code).lower(), who=place))
    assert sum(not isinstance(result, Exception) for result in results) == 1
    assert coupons(house) == 1
    with reading(house.engine) as session:
        assert set(unused_of(session, made)) == {codes.shown(each) for each in rest}


def test_whatever_is_wrong_is_said_in_the_same_words(house, clock):
    counter = open_counter(house)
    template, closed_template = counter.template(claimable=False, per_person=1), counter.template(name="B")
    word(counter, closed_template, "OVER2026")
    counter.change(closed_template, state=TemplateState.CLOSED)
    word(counter, template, "ENDS2026", until=clock.now() + timedelta(hours=1))
    stopped = word(counter, template, "STOP2026")
    with work(house.engine) as session:
        assert close_codes(session, stopped.public_id, actor="Mei", now=clock.now()) == 1
    _, (spent, *_) = batch(counter, template)
    type_in(counter, spent, who=1)
    word(counter, template, "MINE2026")
    type_in(counter, "MINE2026", who=0)
    clock.advance(timedelta(hours=2))
    told = set()
    # Unknown, mistyped, another's, over, closed, stopped, and one that would pass his own limit.
    for code in ("NOSUCH99", "", "汉", spent, "ENDS2026", "OVER2026", "STOP2026", codes.new_code()):
        with pytest.raises(ClaimRefusedError) as refused:
            type_in(counter, code, who=0)
        told.add((refused.value.code, refused.value.detail, refused.value.status))
    assert told == {("code_refused", REFUSED, 409)}
    assert coupons(house) == 2


def test_what_a_limit_refuses_uses_nothing_up(house):
    counter = open_counter(house)
    template = counter.template(stock=1, claimable=False)
    word(counter, template, most=5)
    type_in(counter, "SHUANG11", who=0)
    with pytest.raises(ClaimRefusedError):
        type_in(counter, "SHUANG11", who=1)
    with reading(house.engine) as session:
        assert session.scalar(select(ClaimCode.used)) == 1
        assert read_used(session, scope=f"template:{template.id}:stock") == 1


def test_a_code_of_another_programme_gives_nothing(house):
    counter, other = open_counter(house), open_counter(house)
    word(other, other.template())
    with pytest.raises(ClaimRefusedError):
        type_in(counter, "SHUANG11")


def test_guesses_are_counted_for_person_phone_and_address(house):
    counter = open_counter(house)
    with reading(house.engine) as session:
        person = session.get_one(Customer, counter.customers[0]).public_id
    for _ in range(PERSON_TRIES):
        may_try(house, person, device=7, address="10.0.0.1")
    with pytest.raises(TooManyError):
        may_try(house, person, device=7, address="10.0.0.1")
    for number in range(PERSON_TRIES):
        may_try(house, new_public_id(), device=7, address=f"10.0.1.{number}")
    with pytest.raises(TooManyError):
        may_try(house, new_public_id(), device=7, address="10.0.2.1")


@pytest.mark.parametrize("text", ["AB", "", "A" * 25, "¥¥¥¥", "a-b"])
def test_a_word_that_cannot_be_typed_is_refused(house, text):
    counter = open_counter(house)
    with pytest.raises(BadRequestError):
        word(counter, counter.template(), text)


def test_a_word_stands_for_one_thing(house):
    counter = open_counter(house)
    word(counter, counter.template(), "双十一大礼")
    with pytest.raises(ConflictError):
        word(counter, counter.template(name="B"), "双十一 大礼")
    with pytest.raises(NotFoundError), work(house.engine) as session:
        close_codes(session, new_public_id(), actor="Mei", now=house.clock.now())
    with pytest.raises(BadRequestError):
        word(counter, counter.template(), "PAST2026", until=house.clock.now())
    with pytest.raises(BadRequestError):
        batch(counter, counter.template(), 0)
