"""Claims against stock and limits, in parallel on real connections: nothing is oversold, nobody has more than his share."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from app.core.errors import ConflictError, NotFoundError
from app.core.facts import FactRow
from app.core.nouns import Customer
from app.core.unit import reading, work
from cards.coupons.claim import ClaimRefusedError, Path
from cards.coupons.templates import PoolWish, add_pool
from cards.guards import read_used
from cards.ledger.earn import earn
from cards.ledger.post import InsufficientPointsError
from cards.ledger.verify import verify
from cards.models.coupons import Coupon, CouponTemplate, TemplateState
from cards.models.ledger import Wallet
from tests.support.coupons import at_once, open_counter
from tests.support.crowds import crowded, together
from tests.support.money import cause


def count(house, **wishes):
    with reading(house.engine) as session:
        return session.scalar(select(func.count()).select_from(Coupon).filter_by(**wishes))


def claim_alone(counter, template, **wishes):
    with work(counter.house.engine) as session:
        return counter.claim(session, template, **wishes)


def codes_of(results):
    return sorted(result.code for result in results if isinstance(result, ClaimRefusedError))


def test_fifty_clients_claim_the_last_ten(house):
    counter = open_counter(house, customers=50)
    template = counter.template(stock=10)
    with crowded(house, 50) as big:
        crowd = replace(counter, house=big)
        results = together(big, 50, lambda place: claim_alone(crowd, template, who=place), table="coupon_guard")
    assert sum(not isinstance(result, Exception) for result in results) == 10
    assert codes_of(results) == ["sold_out"] * 40
    assert count(house, template_id=template.id) == 10
    with reading(house.engine) as session:
        assert read_used(session, scope=f"template:{template.id}:stock") == 10
        assert session.scalar(select(func.count()).where(FactRow.kind == "coupon.claimed")) == 10


def test_one_person_at_fifty_windows_gets_his_one(house):
    counter = open_counter(house)
    template = counter.template(per_person=1, stock=100)
    results = at_once(50, lambda _: claim_alone(counter, template))
    assert codes_of(results) == ["limit_reached"] * 49
    assert count(house) == 1
    with reading(house.engine) as session:
        assert read_used(session, scope=f"template:{template.id}:stock") == 1


def test_a_limit_shared_by_several_templates_is_guarded_where_it_is_shared(house):
    counter = open_counter(house, customers=30)
    with work(house.engine) as session:
        pool = add_pool(
            session,
            PoolWish(name="双十一", stock=7, per_person=1),
            programme_id=counter.shop.programme_id,
            now=house.clock.now(),
            actor="Mei",
        )
    templates = [counter.template(name=f"T{number}", pool=pool.public_id, stock=100) for number in range(3)]
    with crowded(house, 60) as big:
        crowd = replace(counter, house=big)
        results = together(big, 60, lambda place: claim_alone(crowd, templates[place % 3], who=place % 30), table="coupon_guard")
    assert sum(not isinstance(result, Exception) for result in results) == 7
    assert count(house) == 7
    with reading(house.engine) as session:
        assert session.scalar(select(func.max(func.count(Coupon.id)).over()).group_by(Coupon.customer_id).limit(1)) == 1
        # What a shared limit refused has not eaten any template's own stock.
        assert sum(read_used(session, scope=f"template:{each.id}:stock") for each in templates) == 7


def test_the_same_cause_twice_at_once_gives_one_coupon(house):
    counter = open_counter(house)
    template = counter.template(per_person=5, stock=10)
    results = at_once(20, lambda _: claim_alone(counter, template, key="fact:1"))
    assert len({result.coupon.id for result in results}) == 1
    assert sum(result.fresh for result in results) == 1
    with reading(house.engine) as session:
        assert read_used(session, scope=f"template:{template.id}:stock") == 1


def test_a_cause_that_gave_one_thing_gives_no_other(house):
    counter = open_counter(house)
    claim_alone(counter, counter.template(), key="fact:1")
    with pytest.raises(ConflictError) as refused:
        claim_alone(counter, counter.template(name="B"), key="fact:1")
    assert refused.value.code == "key_reused"


def test_a_second_account_with_the_same_phone_brings_no_second_coupon(house):
    counter = open_counter(house)
    template = counter.template(per_person=1)
    with work(house.engine) as session:
        for customer_id in counter.customers[:2]:
            person = session.get_one(Customer, customer_id)
            person.phone_sealed, person.phone_lookup = b"sealed", house.ring.lookup_hash("13800000003", kind="phone")
    claim_alone(counter, template, who=0)
    with pytest.raises(ClaimRefusedError):
        claim_alone(counter, template, who=1)
    claim_alone(counter, template, who=2)


def test_two_accounts_with_one_phone_at_the_same_moment_bring_one_coupon(house):
    counter = open_counter(house)
    template = counter.template(per_person=1)
    with work(house.engine) as session:
        for customer_id in counter.customers[:2]:
            person = session.get_one(Customer, customer_id)
            person.phone_sealed, person.phone_lookup = b"sealed", house.ring.lookup_hash("13800000003", kind="phone")
    with crowded(house, 20) as big:
        crowd = replace(counter, house=big)
        results = together(big, 20, lambda place: claim_alone(crowd, template, who=place % 2), table="coupon_guard")
    assert codes_of(results) == ["limit_reached"] * 19
    assert count(house) == 1


def test_the_other_way_round_it_brings_none_either(house):
    counter = open_counter(house)
    template = counter.template(per_person=1)
    claim_alone(counter, template, who=1)
    with work(house.engine) as session:
        for customer_id in counter.customers[:2]:
            person = session.get_one(Customer, customer_id)
            person.phone_sealed, person.phone_lookup = b"sealed", house.ring.lookup_hash("13800000003", kind="phone")
    with pytest.raises(ClaimRefusedError):
        claim_alone(counter, template, who=1)


def test_daily_limits_begin_anew_at_midnight_in_shanghai(house, clock):
    counter = open_counter(house, customers=3)
    template = counter.template(per_person=None, per_person_day=1, per_day=2)
    claim_alone(counter, template, who=0)
    with pytest.raises(ClaimRefusedError) as refused:
        claim_alone(counter, template, who=0)
    assert refused.value.code == "limit_reached_today"
    claim_alone(counter, template, who=1)
    with pytest.raises(ClaimRefusedError) as refused:
        claim_alone(counter, template, who=2)
    assert refused.value.code == "sold_out_today"
    clock.moment = datetime(2026, 11, 22, 15, 59, tzinfo=UTC)
    with pytest.raises(ClaimRefusedError):
        claim_alone(counter, template, who=2)
    clock.moment = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
    claim_alone(counter, template, who=2)
    claim_alone(counter, template, who=0)


def test_a_coupon_for_points_is_paid_or_not_given(house):
    counter = open_counter(house)
    template = counter.template(price_points=100, stock=5, per_person=None)
    with work(house.engine) as session:
        earn(
            session,
            wallet_id=counter.shop.wallets[0],
            amount=250,
            unit_id=counter.shop.unit_id,
            cause=cause(house.clock.now()),
            available_from=house.clock.now(),
            expires_at=None,
        )
    results = at_once(5, lambda _: claim_alone(counter, template, path=Path.POINTS))
    assert sum(isinstance(result, InsufficientPointsError) for result in results) == 3
    assert count(house) == 2
    with reading(house.engine) as session:
        assert session.get_one(Wallet, counter.shop.wallets[0]).active == 50
        assert read_used(session, scope=f"template:{template.id}:stock") == 2
        assert verify(session) == []
    given = claim_alone(counter, template, path=Path.CLERK, who=1)
    assert given.fresh


@pytest.mark.parametrize(
    ("wishes", "path", "code"),
    [
        ({"claimable": False}, Path.PAGE, "not_claimable"),
        ({"claim_from": datetime(2026, 11, 23, tzinfo=UTC)}, Path.PAGE, "not_claimable"),
        ({"claim_until": datetime(2026, 11, 22, 4, 0, tzinfo=UTC)}, Path.BATCH, "not_claimable"),
        ({"valid_until": datetime(2026, 11, 22, 3, 0, tzinfo=UTC)}, Path.PAGE, "not_claimable"),
        ({"audience": {"kind": "follows_account", "account": "wx0000000000000000"}}, Path.PAGE, "not_for_you"),
    ],
)
def test_what_is_not_open_to_him_is_not_given(house, make_account, wishes, path, code):
    make_account(appid="wx0000000000000000")
    counter = open_counter(house)
    with pytest.raises(ClaimRefusedError) as refused:
        claim_alone(counter, counter.template(**wishes), path=path)
    assert refused.value.code == code
    assert count(house) == 0


def test_a_closed_template_gives_nothing_and_what_is_out_stays_good(house):
    counter = open_counter(house)
    template = counter.template(per_person=None)
    coupon = counter.coupon(template)
    counter.change(template, state=TemplateState.CLOSED)
    with pytest.raises(ClaimRefusedError):
        claim_alone(counter, template)
    assert counter.redeem(coupon.code).body["outcome"] == "done"


def test_nobody_gets_nothing(house):
    counter = open_counter(house)
    template = counter.template()
    counter.change(session_get(house, counter.customers[0]), joined_into_id=counter.customers[1])
    with pytest.raises(NotFoundError):
        claim_alone(counter, template, who=0)


def session_get(house, customer_id):
    with reading(house.engine) as session:
        return session.get_one(Customer, customer_id)


@pytest.mark.parametrize(
    ("wishes", "starts", "ends"),
    [
        ({"days_valid": 1}, datetime(2026, 11, 22, 4, tzinfo=UTC), datetime(2026, 11, 22, 16, tzinfo=UTC)),
        ({"days_valid": 7}, datetime(2026, 11, 22, 4, tzinfo=UTC), datetime(2026, 11, 28, 16, tzinfo=UTC)),
        ({"days_valid": 2, "days_wait": 1}, datetime(2026, 11, 22, 16, tzinfo=UTC), datetime(2026, 11, 24, 16, tzinfo=UTC)),
        (
            {"days_valid": 30, "valid_until": datetime(2026, 11, 30, 16, tzinfo=UTC)},
            datetime(2026, 11, 22, 4, tzinfo=UTC),
            datetime(2026, 11, 30, 16, tzinfo=UTC),
        ),
        (
            {"days_valid": None, "valid_from": datetime(2026, 12, 1, tzinfo=UTC), "valid_until": datetime(2026, 12, 2, tzinfo=UTC)},
            datetime(2026, 12, 1, tzinfo=UTC),
            datetime(2026, 12, 2, tzinfo=UTC),
        ),
    ],
)
def test_dates_are_whole_days_in_shanghai(house, wishes, starts, ends):
    coupon = open_counter(house).coupon(**wishes)
    assert (coupon.valid_from, coupon.expires_at) == (starts, ends)


def test_a_raised_stock_gives_as_many_more(house):
    counter = open_counter(house, customers=20)
    template = counter.template(stock=3)
    at_once(10, lambda place: claim_alone(counter, template, who=place))
    with work(house.engine) as session:
        session.get_one(CouponTemplate, template.id).stock = 5
    at_once(10, lambda place: claim_alone(counter, template, who=10 + place))
    assert count(house) == 5


def test_the_fact_of_a_claim_names_template_and_person(house):
    counter = open_counter(house)
    coupon = counter.coupon()
    with reading(house.engine) as session:
        fact = session.scalars(select(FactRow).where(FactRow.kind == "coupon.claimed")).one()
    assert fact.customer_id == coupon.customer_id
    assert fact.data["coupon"] == str(coupon.public_id)
    assert fact.occurred_at - house.clock.now() == timedelta(0)
