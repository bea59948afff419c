"""The rest of a coupon's life: given, recalled, voided, issued in bulk, expired by night; each step once."""

from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from app.core.clock import business_day
from app.core.errors import BadRequestError, ConflictError, ForbiddenError, NotFoundError
from app.core.facts import Fact, ReactionRow, record
from app.core.nouns import AuditEntry, Customer
from app.core.unit import reading, work
from cards import codes
from cards.blocks import Whom, add_block
from cards.coupons.batches import read_progress, run_chunk, start_batch
from cards.coupons.claim import ClaimRefusedError
from cards.coupons.gifts import lapse_gifts, offer_coupon, recall_gift, take_gift
from cards.coupons.night import expire_coupons, tidy_coupons
from cards.coupons.read import count_states, list_claimable, list_coupons, list_past, show_code, stock_left
from cards.coupons.void import recall_batch, void_coupon
from cards.fraud import judge, open_suspicions, suspect
from cards.guards import read_used
from cards.models.coupons import Coupon, CouponBatch, CouponState
from jobs.coupons import issue_batch, night, sweep_coupons
from jobs.reactions.issue_coupon import plugin as issue
from jobs.reactions_run import run_reactions
from tests.support.coupons import at_once, open_counter


def alone(house, act):
    with work(house.engine) as session:
        return act(session)


def offer(counter, coupon, who=0):
    return alone(
        counter.house,
        lambda session: offer_coupon(session, coupon.public_id, giver_id=counter.customers[who], now=counter.house.clock.now()),
    )


def take(counter, token, who):
    house = counter.house
    return alone(
        house, lambda session: take_gift(session, token, taker_id=counter.customers[who], registry=house.registry, now=house.clock.now())
    )


def test_a_given_coupon_is_the_friends_alone(house):
    counter = open_counter(house)
    coupon = counter.coupon(giveable=True)
    offered = offer(counter, coupon)
    assert counter.redeem(coupon.code).body["code"] == "given"
    friend = take(counter, offered.token, 1)
    assert (friend.customer_id, friend.expires_at) == (counter.customers[1], coupon.expires_at)
    assert friend.code != coupon.code
    assert counter.redeem(coupon.code).body["code"] == "given"
    assert counter.redeem(friend.code).body["outcome"] == "done"
    assert take(counter, offered.token, 1).id == friend.id


def test_twenty_friends_take_one_gift(house):
    counter = open_counter(house, customers=21)
    offered = offer(counter, counter.coupon(giveable=True))
    results = at_once(20, lambda place: take(counter, offered.token, place + 1))
    assert sum(isinstance(result, Coupon) for result in results) == 1
    assert {result.code for result in results if isinstance(result, ConflictError)} == {"gift_over"}
    with reading(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(Coupon)) == 2


def test_taken_or_recalled_never_both(house):
    counter = open_counter(house)
    for _ in range(4):
        coupon = counter.coupon(giveable=True)
        offered = offer(counter, coupon)

        def act(place, offered=offered):
            if place:
                return take(counter, offered.token, 1)
            return alone(
                house,
                lambda session: recall_gift(session, offered.gift.public_id, giver_id=counter.customers[0], now=house.clock.now()),
            )

        results = at_once(2, act)
        assert sum(isinstance(result, Coupon) for result in results) == 1
        back = counter.reread(coupon)
        assert back.state == (CouponState.ISSUED if isinstance(results[0], Coupon) else CouponState.GIVEN)


def test_redeemed_or_given_never_both(house):
    counter = open_counter(house)
    for number in range(5):
        coupon = counter.coupon(giveable=True, name=f"N{number}")
        results = at_once(2, lambda place, coupon=coupon: counter.redeem(coupon.code) if place else offer(counter, coupon))
        given = not isinstance(results[0], Exception)
        assert given != (results[1].body["outcome"] == "done")


def test_an_offer_nobody_takes_goes_back(house, clock):
    counter = open_counter(house)
    coupon = counter.coupon(giveable=True)
    offered = offer(counter, coupon)
    clock.advance(timedelta(days=3))
    with pytest.raises(ConflictError):
        take(counter, offered.token, 1)
    assert alone(house, lambda session: lapse_gifts(session, now=clock.now())) == 1
    assert alone(house, lambda session: lapse_gifts(session, now=clock.now())) == 0
    assert counter.reread(coupon).state == CouponState.ISSUED


def test_what_may_not_be_given(house):
    counter = open_counter(house)
    kept = counter.coupon()
    with pytest.raises(ForbiddenError):
        offer(counter, kept)
    with pytest.raises(NotFoundError):
        offer(counter, kept, who=1)
    begun = counter.coupon(giveable=True, type="times_card", terms={"goods": "咖啡", "uses": 5})
    counter.redeem(begun.code)
    with pytest.raises(ConflictError):
        offer(counter, begun)
    fresh = counter.coupon(giveable=True)
    with pytest.raises(ConflictError) as own:
        take(counter, offer(counter, fresh).token, 0)
    assert own.value.code == "own_gift"


def void(counter, coupon, **wishes):
    wish = {"reason": "发错", "actor": "Mei", "now": counter.house.clock.now(), **wishes}
    return alone(counter.house, lambda session: void_coupon(session, coupon.public_id, **wish))


def test_voided_or_redeemed_never_both(house):
    counter = open_counter(house)
    for number in range(5):
        coupon = counter.coupon(name=f"N{number}")
        results = at_once(2, lambda place, coupon=coupon: counter.redeem(coupon.code) if place else void(counter, coupon))
        assert isinstance(results[0], Coupon) != (results[1].body["outcome"] == "done")


def test_a_void_needs_a_reason_and_gives_stock_back_only_when_told(house):
    counter = open_counter(house)
    template = counter.template(stock=1)
    coupon = counter.coupon(template)
    with pytest.raises(BadRequestError):
        void(counter, coupon, reason=" ")
    void(counter, coupon, return_stock=True)
    again = counter.coupon(template)
    void(counter, again)
    with pytest.raises(ClaimRefusedError):
        counter.coupon(template)
    with reading(house.engine) as session:
        reasons = session.scalars(select(AuditEntry.detail).where(AuditEntry.action == "coupon.voided").order_by(AuditEntry.id)).all()
    assert [each["return_stock"] for each in reasons] == [True, False]


def everybody(house):
    """A segment of all customers: those who do not follow an account that nobody follows."""
    return {"not": {"kind": "follows_account", "account": "wx0000000000000000"}}


@pytest.fixture
def segment(house, make_account):
    make_account(appid="wx0000000000000000")
    return everybody(house)


def start(counter, template, tree):
    wish = {"reason": "周年庆", "actor": "Mei", "now": counter.house.clock.now()}
    return alone(counter.house, lambda session: start_batch(session, template.public_id, tree, **wish))


def test_a_batch_gives_everybody_one_even_when_runners_double(house, segment):
    counter = open_counter(house, customers=57)
    template = counter.template()
    batch = start(counter, template, segment)
    assert batch.total == 57

    def runner(_):
        while run_chunk(house, batch.id, chunk=10):
            pass

    assert [result for result in at_once(4, runner) if result is not None] == []
    with reading(house.engine) as session:
        progress = read_progress(session, batch.public_id)
        people = session.scalars(select(Coupon.customer_id)).all()
    assert (progress.state, progress.total, progress.issued, progress.skipped) == ("done", 57, 57, 0)
    assert sorted(people) == sorted(counter.customers)


def test_a_batch_stops_where_stock_ends_and_skips_who_has_his_share(house, segment):
    counter = open_counter(house, customers=12)
    template = counter.template(stock=8)
    counter.coupon(template, who=3)
    batch = start(counter, template, segment)
    while run_chunk(house, batch.id, chunk=5):
        pass
    with reading(house.engine) as session:
        progress = read_progress(session, batch.public_id)
        assert read_used(session, scope=f"template:{template.id}:stock") == 8
    assert (progress.state, progress.issued, progress.skipped) == ("out_of_stock", 7, 1)


def test_a_friends_coupon_that_is_voided_makes_room_for_who_claimed_it(house, clock):
    counter = open_counter(house)
    template = counter.template(per_person=None, per_person_day=1, per_day=2, giveable=True, days_valid=30)
    taken = {who: counter.coupon(template, who=who) for who in (0, 1)}
    day = business_day(clock.now()).isoformat()
    clock.advance(timedelta(days=1))
    friend = take(counter, offer(counter, taken[0]).token, 1)
    wish = {"reason": "发错", "actor": "Mei", "now": clock.now(), "return_stock": True}
    alone(house, lambda session: void_coupon(session, friend.public_id, **wish))
    with reading(house.engine) as session:
        used = [read_used(session, scope=f"template:{template.id}:person", subject=counter.customers[who], slot=day) for who in (0, 1)]
        assert (used, read_used(session, scope=f"template:{template.id}:day", slot=day)) == ([0, 1], 1)


def test_a_batch_passes_over_who_is_kept_out_and_goes_on(house, segment):
    counter = open_counter(house, customers=5)
    template = counter.template()
    with work(house.engine) as session:
        who = session.get_one(Customer, counter.customers[1]).public_id
        add_block(session, house.ring, Whom(who), reason="刷券", until=None, actor="Mei", now=house.clock.now())
    batch = start(counter, template, segment)
    run_chunk(house, batch.id)
    with reading(house.engine) as session:
        progress = read_progress(session, batch.public_id)
    assert (progress.state, progress.issued, progress.skipped) == ("done", 4, 1)


def test_a_batch_runs_as_a_job_and_is_found_by_the_sweep(house, segment):
    counter = open_counter(house, customers=5)
    batch = start(counter, counter.template(), segment)
    assert sweep_coupons(house) == 1
    issue_batch(batch.id)
    assert sweep_coupons(house) == 0


def test_a_recalled_batch_takes_back_what_nobody_used(house, segment):
    counter = open_counter(house, customers=6)
    template = counter.template(stock=6)
    batch = start(counter, template, segment)
    run_chunk(house, batch.id, chunk=4)
    with reading(house.engine) as session:
        first = session.scalars(select(Coupon).order_by(Coupon.id)).first()
    counter.redeem(first.code)
    wish = {"reason": "发错人群", "actor": "Mei", "now": house.clock.now()}
    assert alone(house, lambda session: recall_batch(session, batch.public_id, **wish)) == 3
    assert run_chunk(house, batch.id) is False
    with reading(house.engine) as session:
        assert dict(count_states(session, template)) == {"used": 1, "voided": 3}
        assert session.get_one(CouponBatch, batch.id).state == "recalled"
        assert stock_left(session, template) == 5


def test_a_recall_reaches_what_was_offered_and_what_friends_took(house, segment):
    counter = open_counter(house, customers=4)
    template = counter.template(stock=10, giveable=True)
    batch = start(counter, template, segment)
    run_chunk(house, batch.id)
    with reading(house.engine) as session:
        mine = session.scalars(select(Coupon).order_by(Coupon.id)).all()
    offered, taken = (offer(counter, each, counter.customers.index(each.customer_id)).token for each in mine[:2])
    friend = take(counter, taken, 3)
    wish = {"reason": "发错人群", "actor": "Mei", "now": house.clock.now()}
    assert alone(house, lambda session: recall_batch(session, batch.public_id, **wish)) == 4
    assert counter.reread(friend).state == "voided"
    with pytest.raises(ConflictError):
        take(counter, offered, 2)
    with reading(house.engine) as session:
        assert dict(count_states(session, template)) == {"voided": 4, "given": 1}
        assert stock_left(session, template) == 10
        # Each place goes back to whom it was issued.
        assert [read_used(session, scope=f"template:{template.id}:person", subject=each) for each in counter.customers] == [0] * 4


def test_the_night_expires_what_is_over_and_may_run_twice(house, clock):
    counter = open_counter(house)
    over, good, given = counter.coupon(days_valid=1), counter.coupon(name="B"), counter.coupon(name="C", days_valid=1, giveable=True)
    offer(counter, given)
    clock.advance(timedelta(days=1))
    done = night(house)
    assert (done.expired, done.lapsed) == (1, 1)
    assert night(house).expired == 0
    assert [counter.reread(each).state for each in (over, good, given)] == ["expired", "issued", "expired"]


def test_the_night_gives_every_offer_back_however_many_lapsed(house, clock, monkeypatch):
    monkeypatch.setattr("cards.coupons.night.lapse_gifts", partial(lapse_gifts, limit=2))
    counter = open_counter(house)
    template = counter.template(per_person=None, giveable=True, days_valid=30)
    for _ in range(5):
        offer(counter, counter.coupon(template))
    clock.advance(timedelta(days=3))
    assert tidy_coupons(house.engine, now=clock.now()).lapsed == 5


def test_the_night_works_in_batches_and_leaves_no_old_counts(house, clock):
    counter = open_counter(house, customers=7)
    template = counter.template(days_valid=1, per_day=10)
    for who in range(7):
        counter.coupon(template, who=who)
    clock.advance(timedelta(days=10))
    assert expire_coupons(house.engine, now=clock.now(), batch=3) == 7
    tidy_coupons(house.engine, now=clock.now())
    with reading(house.engine) as session:
        assert read_used(session, scope=f"template:{template.id}:day", slot="2026-11-22") == 0
        assert read_used(session, scope=f"template:{template.id}:person", subject=counter.customers[0]) == 1


def say(house, kind, data, customer_id, key=None):
    fact = Fact(key or str(uuid4()), kind, house.clock.now(), data, customer_id=customer_id)
    with work(house.engine) as session:
        record(session, [fact], registry=house.registry, now=house.clock.now())


def test_a_keyword_gives_the_coupon_that_asks_for_it_once(house):
    counter = open_counter(house)
    template = counter.template(claim_on=[{"kind": "keyword.matched", "match": {"keyword": "领券"}}], per_person=None)
    counter.template(name="别的", claim_on=[{"kind": "qr.scanned", "match": {}}])
    say(house, "keyword.matched", {"keyword": "你好", "rule": "r"}, counter.customers[0])
    say(house, "keyword.matched", {"keyword": "领券", "rule": "r"}, counter.customers[0], key="f1")
    with reading(house.engine) as session:
        assert session.scalars(select(ReactionRow.fact_key).where(ReactionRow.name == "issue_coupon")).all() == ["f1"]
    run_reactions(house)
    with reading(house.engine) as session:
        coupon = session.scalars(select(Coupon)).one()
    assert (coupon.template_id, coupon.path, coupon.customer_id) == (template.id, "keyword", counter.customers[0])


def test_a_reaction_that_runs_twice_gives_one_coupon_and_a_limit_is_no_fault(house):
    counter = open_counter(house)
    counter.template(claim_on=[{"kind": "card.opened", "match": {}}], stock=1)
    for who in (0, 1):
        say(house, "card.opened", {}, counter.customers[who])
    facts = [Fact("a", "card.opened", house.clock.now(), {}, customer_id=counter.customers[who], id=900 + who) for who in (0, 1)]
    at_once(4, lambda _: issue.act(house, facts))
    run_reactions(house)
    with reading(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(Coupon)) == 1
        assert set(session.scalars(select(ReactionRow.state).where(ReactionRow.name == "issue_coupon"))) == {"done"}


def test_what_a_customer_sees(house, clock):
    counter = open_counter(house)
    late, soon, gone = counter.coupon(minimum_fen=10_000), counter.coupon(name="B", days_valid=2), counter.coupon(name="C")
    counter.redeem(gone.code)
    with reading(house.engine) as session:
        listed = list_coupons(session, customer_id=counter.customers[0], now=clock.now())
        past = list_past(session, customer_id=counter.customers[0], now=clock.now())
        shown = show_code(session, house.ring, soon.public_id, customer_id=counter.customers[0], now=clock.now())
        assert show_code(session, house.ring, soon.public_id, customer_id=counter.customers[1], now=clock.now()) is None
        claimable = list_claimable(session, programme_id=counter.shop.programme_id, now=clock.now())
    assert [each["id"] for each in listed] == [str(soon.public_id), str(late.public_id)]
    assert listed[1]["conditions"][0] == {"zh": "满 100 元可用", "en": "from ¥100 on"}
    assert listed[0]["conditions"][-1]["zh"] == "2026-11-22 至 2026-11-23 有效"
    assert [each["state"] for each in past] == ["used"]
    assert late.code not in str(listed)
    assert codes.read_moving(house.ring, shown.moving, now=clock.now()).subject == soon.number
    assert shown.next_in_s == 30
    assert codes.tidy(shown.typed) == soon.code
    assert len(claimable) == 3


def test_two_customers_that_become_one_share_coupons_and_limits(house):
    counter = open_counter(house)
    template = counter.template(per_person=2)
    for who in (0, 1):
        counter.coupon(template, who=who)
    with work(house.engine) as session:
        session.get_one(Customer, counter.customers[1]).joined_into_id = counter.customers[0]
        pair = {"from": counter.customers[1], "into": counter.customers[0]}
        fact = Fact("j", "customer.joined", house.clock.now(), pair, customer_id=counter.customers[0])
        record(session, [fact], registry=house.registry, now=house.clock.now())
    with reading(house.engine) as session:
        assert set(session.scalars(select(Coupon.customer_id))) == {counter.customers[0]}
    with pytest.raises(ClaimRefusedError):
        counter.coupon(template)


def test_a_suspicion_is_judged_once_with_a_reason_and_never_by_its_subject(house):
    counter = open_counter(house)
    now = house.clock.now()
    with work(house.engine) as session:
        case = suspect(session, "too_often", till=counter.chen, now=now, customer_id=None, coupon_id=None, detail={})
        assert [each.id for each in open_suspicions(session, store_ids=[counter.store_id])] == [case.id]
        assert open_suspicions(session, store_ids=[]) == []

    def decide(verdict="cleared", reason="已核实", staff_id=counter.colleague.staff_id):
        return alone(
            house, lambda session: judge(session, case.public_id, verdict=verdict, reason=reason, actor="Wu", staff_id=staff_id, now=now)
        )

    with pytest.raises(ConflictError):
        decide(staff_id=counter.chen.staff_id)
    with pytest.raises(BadRequestError):
        decide(reason="")
    results = at_once(6, lambda _: decide())
    assert sum(not isinstance(result, Exception) for result in results) == 1
    with reading(house.engine) as session:
        assert open_suspicions(session) == []
