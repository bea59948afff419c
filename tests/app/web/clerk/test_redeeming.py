"""The counter's calls: preview, quote, redeem once whatever is retried, undo, and what became of an attempt."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from app.core.unit import work
from app.factory import create_app
from cards import codes
from cards.models.coupons import Coupon, CouponState
from cards.models.membership import MemberCard
from cards.models.redemption import Attempt, CouponUse
from tests.support.clerk import PASSWORD, Page


def state_of(counter, coupon):
    with work(counter.house.engine) as session:
        return session.scalars(select(Coupon.state).where(Coupon.id == coupon.id)).one()


def ticket_of(page, code):
    return page.post("preview", {"code": code}).json["ticket"]


def moving(counter, coupon):
    return codes.make_moving(counter.house.ring, kind=codes.COUPON, subject=coupon.number, now=counter.house.clock.now())


def test_a_preview_says_who_what_and_which_conditions_and_changes_nothing(page, counter):
    coupon = counter.coupon()
    seen = page.post("preview", {"code": coupon.code}).json
    assert (seen["kind"], seen["coupon"]["name"], seen["needs_amount"]) == ("coupon", "满199减100", True)
    assert seen["customer"] == {"id": seen["customer"]["id"], "name": "林*", "phone": "138****0003", "tier": "普通"}
    assert seen["coupon"]["conditions"][0]["zh"] == "满 199 元可用"
    assert state_of(counter, coupon) == CouponState.ISSUED


def test_a_quote_follows_the_amount_and_writes_nothing(page, counter):
    coupon = counter.coupon()
    ticket = ticket_of(page, coupon.code)
    short = page.post("quote", {"ticket": ticket, "total_fen": 19_800}).json
    assert (short["met"], short["code"], short["missing_fen"]) == (False, "below_minimum", 100)
    assert page.post("quote", {"ticket": ticket, "total_fen": 19_900}).json == {
        "met": True,
        "total_fen": 19_900,
        "tier": "普通",
        "tier_fen": 0,
        "discount_fen": 10_000,
        "pay_fen": 9_900,
        "waived": None,
    }
    with work(counter.house.engine) as session:
        assert session.scalars(select(Attempt)).all() == []


def test_done_then_already_used_with_when_where_and_by_whom(page, counter):
    coupon = counter.coupon()
    done = page.redeem(ticket_of(page, coupon.code))
    assert done.status_code == 200
    told = done.json
    assert (told["outcome"], told["total_fen"], told["discount_fen"]) == ("done", 19_900, 10_000)
    assert (told["customer"]["name"], told["customer"]["tier"]) == ("林*", "普通")
    again = page.post("preview", {"code": coupon.code})
    assert (again.status_code, again.json["outcome"]) == (409, "already_used")
    about = again.json["told"]
    assert (about["store"], about["by"], about["coupon"], about["discount_fen"]) == ("南京西路店", "陈晨", "满199减100", 10_000)
    assert about["at"] == told["at"]


@pytest.mark.parametrize("times", [1, 4])
def test_a_retry_under_the_same_number_is_answered_as_before(page, counter, times):
    coupon = counter.coupon()
    ticket, key = ticket_of(page, coupon.code), str(uuid4())
    first = page.redeem(ticket, key=key)
    for _ in range(times):
        again = page.redeem(ticket, key=key)
        assert (again.status_code, again.json) == (200, first.json)
        assert again.headers["Idempotency-Hit"] == "true"
    assert "Idempotency-Hit" not in first.headers
    other = page.redeem(ticket, key=key, total_fen=20_000)
    assert (other.status_code, other.json["code"]) == (422, "key_reused")
    with work(counter.house.engine) as session:
        assert len(session.scalars(select(CouponUse)).all()) == 1


def test_what_became_of_an_attempt_is_told_to_the_device_that_made_it(house, page, web, counter):
    coupon = counter.coupon()
    key = str(uuid4())
    missing = page.get(f"attempts/{key}")
    assert (missing.status_code, missing.json["code"]) == (404, "no_attempt")
    done = page.redeem(ticket_of(page, coupon.code), key=key)
    assert page.get(f"attempts/{key}").json == done.json
    other = Page(create_app(house).test_client(), counter, device_token=counter.pair())
    assert other.get(f"attempts/{key}").status_code == 404
    refused_key = str(uuid4())
    refused = page.redeem(code=coupon.code, key=refused_key)
    asked = page.get(f"attempts/{refused_key}")
    assert (asked.status_code, asked.json) == (409, refused.json)


def test_parallel_devices_with_one_coupon_make_one_use(house, counter):
    coupon = counter.coupon()
    tokens = [counter.pair() for _ in range(4)]
    pages = [Page(create_app(house).test_client(), counter, device_token=token) for token in tokens]
    tickets = [ticket_of(page, coupon.code) for page in pages]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda pair: pair[0].redeem(pair[1]), zip(pages, tickets, strict=True)))
    assert sorted(answer.json["outcome"] for answer in answers) == ["already_used"] * 3 + ["done"]


def test_each_refusal_says_why_and_what_to_do(page, counter, clock):
    foreign = counter.coupon(name="浦东专享", stores=[str(counter.other.public_id)])
    gone = counter.coupon(name="当天有效", days_valid=1)
    forged = moving(counter, counter.coupon(name="别人的"))[:-1]
    clock.advance(timedelta(days=2))
    page = Page(page.web, counter)
    for code, refusal in (
        ("2345-6789-ABCD", "bad_code"),
        (codes.new_code(), "unknown_code"),
        (forged + ("2" if forged[-1] != "2" else "3"), "stale_code"),
        (foreign.code, "wrong_store"),
        (gone.code, "expired"),
    ):
        answer = page.post("preview", {"code": code})
        assert (answer.status_code, answer.json["outcome"], answer.json["code"]) == (409, "refused", refusal)
        assert all(answer.json[part][language] for part in ("why", "next") for language in ("zh", "en"))


def test_a_screenshot_of_a_moving_code_dies_and_each_is_taken_once(house, page, counter, clock):
    coupon = counter.coupon()
    shown = moving(counter, coupon)
    assert page.post("preview", {"code": shown}).json["kind"] == "coupon"
    other = Page(create_app(house).test_client(), counter, device_token=counter.pair())
    assert other.post("preview", {"code": shown}).json["code"] == "code_seen"
    clock.advance(timedelta(seconds=61))
    assert page.post("preview", {"code": shown}).json["code"] == "stale_code"


def test_a_members_moving_code_leads_to_him_and_lets_his_coupons_be_chosen(page, counter):
    coupon = counter.coupon()
    with work(counter.house.engine) as session:
        number = session.scalars(select(MemberCard.number)).one()
    shown = codes.make_moving(counter.house.ring, kind=codes.MEMBER, subject=int(number), now=counter.house.clock.now())
    found = page.post("preview", {"code": shown}).json
    assert (found["kind"], found["name"], found["points"]) == ("member", "林*", 100)
    chosen = {"ticket": found["ticket"], "coupon": found["coupons"][0]["id"]}
    seen = page.post("preview", chosen).json
    assert seen["chosen"] == str(coupon.public_id)
    done = page.redeem(seen["ticket"], coupon=seen["chosen"])
    assert done.json["outcome"] == "done"


def test_undo_within_fifteen_minutes_once_and_then_by_the_supervisor_with_a_reason(house, page, counter, clock):
    coupon = counter.coupon()
    use = page.redeem(ticket_of(page, coupon.code)).json["use"]
    undone = page.post("undo", {"use": use})
    assert (undone.status_code, undone.json["outcome"], undone.json["discount_fen"]) == (200, "done", 10_000)
    assert state_of(counter, coupon) == CouponState.ISSUED
    assert page.post("undo", {"use": use}).json["code"] == "already_reversed"
    late = page.redeem(ticket_of(page, coupon.code)).json["use"]
    clock.advance(timedelta(minutes=16))
    assert page.post("undo", {"use": late}).json["code"] == "undo_too_late"
    wang = Page(create_app(house).test_client(), counter, staff=counter.wang)
    assert wang.post("undo", {"use": late}).json["code"] == "reason_needed"
    assert wang.post("undo", {"use": late, "reason": "顾客退货"}).status_code == 200


def test_a_use_at_a_store_one_does_not_work_in_does_not_exist(house, page, counter):
    from app.core import staffing
    from app.core.people import Role

    use = page.redeem(ticket_of(page, counter.coupon().code)).json["use"]
    with work(house.engine) as session:
        zhao = staffing.add_staff(session, house.ring, login="zhao", name="赵", password=PASSWORD, actor="t", now=house.clock.now())
        staffing.give_position(session, zhao, role=Role.SUPERVISOR, store=counter.other, actor="t", now=house.clock.now())
    stranger = Page(create_app(house).test_client(), counter, staff=zhao, device_token=counter.pair(counter.other))
    for unseen in (use, str(uuid4())):
        answer = stranger.post("undo", {"use": unseen, "reason": "x"})
        assert (answer.status_code, answer.json["code"]) == (404, "no_use")


def test_a_clerk_does_not_redeem_for_himself(page, counter):
    with work(counter.house.engine) as session:
        chen = session.merge(counter.chen)
        chen.phone_sealed = counter.house.ring.seal("13800000003", table="staff", column="phone_sealed", row=chen.public_id)
        chen.phone_lookup = counter.house.ring.lookup_hash("13800000003", kind="phone")
    assert page.post("preview", {"code": counter.coupon().code}).json["code"] == "own_coupon"


def test_an_offline_redemption_is_good_where_its_template_says_so(page, counter, clock):
    never, always = counter.coupon(name="不可离线"), counter.coupon(name="可离线", offline="always")
    at = clock.now().isoformat()
    tickets = [ticket_of(page, coupon.code) for coupon in (never, always)]
    clock.advance(timedelta(minutes=40))
    for ticket, wanted in zip(tickets, ("offline_refused", None), strict=True):
        answer = page.redeem(ticket, device_at=at, offline=True, queued=True)
        assert answer.json.get("code") == wanted
    assert page.redeem(tickets[1], device_at=at, key=str(uuid4())).json["code"] == "ticket_stale"


def test_a_queued_scan_that_is_refused_is_parked_for_the_supervisor(house, page, counter):
    coupon = counter.coupon()
    page.redeem(ticket_of(page, coupon.code))
    key = str(uuid4())
    assert page.redeem(code=coupon.code, key=key, queued=True).json["code"] == "already_used"
    assert page.redeem(code=coupon.code, key=key, queued=True).json["code"] == "already_used"
    waiting = page.get("parked").json["parked"]
    assert [(each["what"], each["by"]) for each in waiting] == [("满199减100", "陈晨")]
    body = {"verdict": "settled", "note": "已补收差价"}
    assert page.post(f"parked/{waiting[0]['id']}", body).json["code"] == "no_right"
    wang = Page(create_app(house).test_client(), counter, staff=counter.wang)
    assert wang.post(f"parked/{waiting[0]['id']}", {**body, "note": " "}).json["code"] == "bad_verdict"
    assert wang.post(f"parked/{waiting[0]['id']}", body).status_code == 200
    assert wang.post(f"parked/{waiting[0]['id']}", body).json["code"] == "already_settled"
    assert page.get("parked").json["parked"] == []


def test_the_last_twenty_scans_hold_refused_ones_and_who_may_undo(page, counter, clock):
    coupon = counter.coupon()
    done = page.redeem(ticket_of(page, coupon.code)).json
    page.post("preview", {"code": coupon.code})
    page.post("preview", {"code": codes.new_code()})
    scans = page.get("recent").json["scans"]
    assert [each["outcome"] for each in scans] == ["refused", "already_used", "done"]
    assert (scans[2]["what"], scans[2]["who"], scans[2]["use"], scans[2]["discount_fen"]) == ("满199减100", "林*", done["use"], 10_000)
    assert scans[2]["undo_until"]
    assert page.get("recent").json["tally"] == {"number": 1, "pay_fen": 9_900}
    clock.advance(timedelta(minutes=15))
    assert page.get("recent").json["scans"][2]["undo_until"] is None
    for _ in range(25):
        page.post("preview", {"code": "bad"})
    assert len(page.get("recent").json["scans"]) == 20


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"code": "x", "ticket": "y", "device_at": "2026-11-22T04:00:00Z"},
        {"code": "x", "device_at": "yesterday"},
        {"code": "x", "device_at": "2026-11-22T04:00:00"},
        {"code": "x", "device_at": "2026-11-22T04:00:00Z", "total_fen": -1},
        {"code": "x", "device_at": "2026-11-22T04:00:00Z", "total_fen": 1.5},
        {"code": "x\x00", "device_at": "2026-11-22T04:00:00Z"},
        {"code": "x", "device_at": "0001-01-01T00:00:00+14:00"},
        {"code": "x", "device_at": "9999-12-31T23:59:59-12:00"},
    ],
)
def test_a_malformed_attempt_is_told_which_field(page, body):
    answer = page.post("redeem", body)
    assert (answer.status_code, answer.json["code"]) == (422, "bad_field")
    assert page.post("redeem", {"code": "x", "device_at": "2026-11-22T04:00:00Z"}, key="not-a-number").json["code"] == "bad_idempotency_key"


def test_a_code_of_something_else_entirely_is_refused_and_breaks_nothing(page):
    for code in ("https://elsewhere.example/" + "x" * 150, "🎫" * 40, "M" + "0" * 24, "' OR 1=1 --"):
        answer = page.post("preview", {"code": code})
        assert (answer.status_code, answer.json["outcome"]) == (409, "refused"), code


def test_the_number_of_a_card_or_a_purchase_is_told_as_it_was(page):
    key = str(uuid4())
    opened = page.post("cards", {"phone": "13700001111"}, key=key)
    assert opened.status_code == 200
    assert page.get(f"attempts/{key}").json["card"] == opened.json["card"]
