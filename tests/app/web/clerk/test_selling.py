"""A whole sale at the counter: the one quote, booked as it was told, its slip, its way back, and what a supervisor lets through."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from app.core.audit import AuditEntry
from app.core.unit import reading, work
from app.factory import create_app
from app.web.clerk.door import STAFF_COOKIE
from app.web.openapi import mount_api
from cards import codes
from cards.coupons.checkout import spendable
from cards.ledger.earn import earn
from cards.ledger.verify import verify
from cards.ledger.wallets import open_wallet
from cards.models.coupons import Coupon, CouponState
from cards.models.ledger import WalletKind
from cards.models.membership import MemberCard
from cards.models.orders import Purchase
from cards.models.redemption import CouponUse, UseKind
from cards.points_at_till import Terms, write_terms
from cards.rulebook import define_rule
from cards.slip import width
from tests.support.api import make_caller
from tests.support.clerk import Page
from tests.support.coupons import at_once
from tests.support.money import cause

GOLD = 2


@pytest.fixture
def gold(house, counter):
    """Lin is 金卡 (5 % off, one and a half times the points) with 2 000 points of which a hundred pay a yuan, and 50 yuan of stored value."""
    now = house.clock.now()
    with work(house.engine) as session:
        card = session.get_one(MemberCard, counter.lin.id)
        card.tier_id, card.tier_until = counter.club.tiers[GOLD], now + timedelta(days=90)
        write_terms(session, counter.club.programme_id, Terms(fen_per_100_points=100, cap_percent=50), now=now)
        define_rule(
            session,
            programme_id=counter.club.programme_id,
            name="消费积分",
            kind="spend",
            params={"rate": {"points": 1, "per_fen": 100}},
            valid_from=now - timedelta(days=1),
            now=now,
            actor="Mei",
        )
        for kind, amount in ((WalletKind.POINTS, 1900), (WalletKind.VALUE, 5000)):
            wallet_id = open_wallet(session, customer_id=card.customer_id, programme_id=counter.club.programme_id, kind=kind)
            unit = {"unit_id": counter.club.shop.unit_id, "available_from": now, "expires_at": None}
            earn(session, wallet_id=wallet_id, amount=amount, cause=cause(now), **unit)
    return counter


def shown(page, counter):
    """What the counter sees of Lin after he showed his code."""
    code = codes.make_moving(counter.house.ring, kind=codes.MEMBER, subject=int(counter.lin.number), now=counter.house.clock.now())
    return page.post("preview", {"code": code}).json


def has(counter):
    with reading(counter.house.engine) as session:
        assert verify(session) == []
        found = spendable(
            session, customer_id=counter.lin.customer_id, programme_id=counter.club.programme_id, now=counter.house.clock.now()
        )
        return found["points"], found.get("value", 0)


def state_of(counter, coupon):
    with reading(counter.house.engine) as session:
        return session.scalars(select(Coupon.state).where(Coupon.id == coupon.id)).one()


def sale(page, ticket, quote, **more):
    body = {
        "ticket": ticket,
        "total_fen": quote["total_fen"],
        "coupons": [each["coupon"] for each in quote["coupons"]],
        "points": quote["points"],
        "value_fen": quote["value_fen"],
        "to_pay_fen": quote["to_pay_fen"],
    }
    key = more.pop("key", None)
    return page.post("sale", {**body, **more}, key=key)


def audited(counter, action):
    with reading(counter.house.engine) as session:
        return session.scalars(select(AuditEntry).where(AuditEntry.action == action)).all()


def test_the_tier_is_in_what_a_coupon_comes_to_and_in_what_is_booked(page, gold):
    coupon = gold.coupon(minimum_fen=0)
    ticket = page.post("preview", {"code": coupon.code}).json["ticket"]
    told = page.post("quote", {"ticket": ticket, "total_fen": 30_000}).json
    assert (told["tier"], told["tier_fen"], told["discount_fen"], told["pay_fen"]) == ("金卡", 1_500, 10_000, 18_500)
    done = page.redeem(ticket, total_fen=30_000).json
    assert (done["tier_fen"], done["discount_fen"]) == (1_500, 10_000)
    with reading(gold.house.engine) as session:
        use = session.scalars(select(CouponUse)).one()
        assert (use.total_fen, use.tier_fen, use.discount_fen) == (30_000, 1_500, 10_000)
    assert page.get("recent").json["tally"] == {"number": 1, "pay_fen": 18_500}


def test_the_clerk_and_the_api_quote_the_same(house, page, gold):
    gold.coupon(minimum_fen=0)
    found = shown(page, gold)
    told = page.post("sale/quote", {"ticket": found["ticket"], "total_fen": 30_000, "points": True, "value": True}).json
    application = create_app(house)
    mount_api(application, house)
    caller = make_caller(house, application.test_client(), programme_id=gold.club.programme_id)
    order = {"total_fen": 30_000}
    body = {"store": str(gold.store.public_id), "customer": found["customer"], "order": order}
    assert caller.post("/till/quotes", body).json == told
    # 5 % off, the coupon, 2 000 points for 20 yuan, 50 yuan of the balance; one point a yuan, half as many again for 金卡.
    parts = [told[name] for name in ("tier_fen", "coupon_fen", "points_fen", "value_fen", "to_pay_fen")]
    assert parts == [1_500, 10_000, 2_000, 5_000, 11_500]
    assert (told["multiplier_percent"], told["earns_points"]) == (150, 247)


def test_a_sale_uses_all_of_it_books_the_purchase_and_prints_the_slip(page, gold):
    coupon = gold.coupon(minimum_fen=0)
    ticket = shown(page, gold)["ticket"]
    quote = page.post("sale/quote", {"ticket": ticket, "total_fen": 30_000, "points": True, "value": True}).json
    key = str(uuid4())
    done = sale(page, ticket, quote, key=key, order_no="88201").json
    assert (done["outcome"], done["points"], done["customer"]["tier"]) == ("done", 247, "金卡")
    again = sale(page, ticket, quote, key=key, order_no="88201")
    assert (again.json, again.headers["Idempotency-Hit"]) == (done, "true")
    assert page.get(f"attempts/{key}").json == done
    assert state_of(gold, coupon) == CouponState.USED
    assert has(gold) == (0, 0)
    paid = {"金卡优惠": "-15.00", "满199减100": "-100.00", "积分 2000": "-20.00", "储值 Balance": "-50.00", "应付 To pay": "115.00"}
    told = [line for line in done["slip"].splitlines() if line.split("  ")[0] in paid]
    assert {line.split("  ")[0]: line.split()[-1] for line in told} == paid
    assert {width(line) for line in told} == {32}
    assert max(width(line) for line in done["slip"].splitlines()) <= 32
    with reading(gold.house.engine) as session:
        purchase = session.scalars(select(Purchase)).one()
        assert (purchase.total_fen, purchase.order_no) == (16_500, "NJX-88201")
    recent = page.get("recent").json
    assert (recent["tally"], [each["outcome"] for each in recent["scans"]]) == ({"number": 1, "pay_fen": 11_500}, ["done"])
    other = sale(
        page, shown(page, gold)["ticket"], {**quote, "coupons": [], "points": 0, "value_fen": 0, "to_pay_fen": 28_500}, order_no="88201"
    )
    assert (other.status_code, other.json["code"]) == (409, "slip_known")


def test_a_quote_that_is_no_longer_true_changes_nothing(page, gold):
    coupon = gold.coupon(minimum_fen=0)
    ticket = shown(page, gold)["ticket"]
    quote = page.post("sale/quote", {"ticket": ticket, "total_fen": 30_000}).json
    wrong = sale(page, ticket, {**quote, "to_pay_fen": quote["to_pay_fen"] - 1})
    assert (wrong.status_code, wrong.json["code"]) == (409, "quote_changed")
    assert (state_of(gold, coupon), has(gold)) == (CouponState.ISSUED, (2_000, 5_000))
    with reading(gold.house.engine) as session:
        assert session.scalar(select(func.count()).select_from(Purchase)) == 0


def test_a_sale_needs_the_member_himself(page, gold, clock):
    by_phone = page.post("member", {"key": "13800000003"}).json
    assert by_phone["ticket"] is None
    coupon_ticket = page.post("preview", {"code": gold.coupon().code}).json["ticket"]
    assert page.post("sale/quote", {"ticket": coupon_ticket, "total_fen": 100}).json["code"] == "ticket_stale"
    ticket = shown(page, gold)["ticket"]
    clock.advance(timedelta(minutes=6))
    assert page.post("sale/quote", {"ticket": ticket, "total_fen": 100}).json["code"] == "ticket_stale"


def test_a_sale_is_taken_back_whole_and_once(house, page, gold, clock):
    coupon = gold.coupon(minimum_fen=0)
    ticket = shown(page, gold)["ticket"]
    quote = page.post("sale/quote", {"ticket": ticket, "total_fen": 30_000, "points": True, "value": True}).json
    done = sale(page, ticket, quote).json
    back = page.post("sale/undo", {"sale": done["sale"]})
    assert (back.status_code, back.json["outcome"]) == (200, "done")
    assert (state_of(gold, coupon), has(gold)) == (CouponState.ISSUED, (2_000, 5_000))
    assert page.post("sale/undo", {"sale": done["sale"]}).json["code"] == "already_reversed"
    assert page.get("recent").json["tally"]["pay_fen"] == 0
    late = sale(page, shown(page, gold)["ticket"], quote).json
    clock.advance(timedelta(minutes=16))
    assert page.post("sale/undo", {"sale": late["sale"]}).json["code"] == "undo_too_late"
    wang = Page(create_app(house).test_client(), gold, staff=gold.wang, device_token=gold.pair())
    assert wang.post("sale/undo", {"sale": late["sale"]}).json["code"] == "reason_needed"
    assert wang.post("sale/undo", {"sale": late["sale"], "reason": "顾客退货"}).status_code == 200
    assert has(gold) == (2_000, 5_000)
    assert len(audited(gold, "sale.reversed")) == 1


def test_a_supervisor_lets_a_coupon_through_its_minimum_with_a_reason(house, page, gold):
    coupon = gold.coupon()
    ticket = page.post("preview", {"code": coupon.code}).json["ticket"]
    short = page.post("quote", {"ticket": ticket, "total_fen": 15_000}).json
    assert (short["code"], short["may_override"]) == ("below_minimum", True)
    refused = page.redeem(ticket, total_fen=15_000, override="老顾客")
    assert (refused.status_code, refused.json["code"]) == (409, "no_override")
    assert page.post("quote", {"ticket": ticket, "total_fen": 15_000, "override": "老顾客"}).json["code"] == "no_override"
    wang = Page(create_app(house).test_client(), gold, staff=gold.wang)
    mine = wang.post("preview", {"code": coupon.code}).json["ticket"]
    assert wang.redeem(mine, total_fen=15_000).json["code"] == "below_minimum"
    done = wang.redeem(mine, total_fen=15_000, override="老顾客").json
    assert (done["waived"], done["tier_fen"], done["discount_fen"]) == ("below_minimum", 750, 10_000)
    (entry,) = audited(gold, "coupon.overridden")
    assert (entry.actor, entry.detail["reason"], entry.detail["waived"]) == ("王敏", "老顾客", "below_minimum")
    with reading(house.engine) as session:
        assert session.scalars(select(CouponUse.waived).where(CouponUse.kind == UseKind.USE)).one() == "below_minimum"


def test_no_supervisor_lets_through_what_is_used_expired_or_worth_more_than_the_order(house, gold, clock):
    wang = Page(create_app(house).test_client(), gold, staff=gold.wang)
    small = gold.coupon(name="小单")
    ticket = wang.post("preview", {"code": small.code}).json["ticket"]
    done = wang.redeem(ticket, total_fen=4_000, override="特批").json
    assert (done["tier_fen"], done["discount_fen"]) == (200, 3_800)
    assert wang.redeem(code=small.code, override="特批").json["code"] == "already_used"
    foreign = gold.coupon(name="浦东专享", minimum_fen=0, stores=[str(gold.other.public_id)])
    assert wang.post("preview", {"code": foreign.code}).json["code"] == "wrong_store"
    let = wang.post("preview", {"code": foreign.code, "override": "店长同意"}).json
    assert let["waived"] is None or let["waived"] == "wrong_store"
    assert wang.redeem(let["ticket"], override="店长同意").json["waived"] == "wrong_store"
    over = gold.coupon(name="当天有效", minimum_fen=0, days_valid=1)
    clock.advance(timedelta(days=2))
    wang = Page(create_app(house).test_client(), gold, staff=gold.wang)
    assert wang.post("preview", {"code": over.code, "override": "特批"}).json["code"] == "expired"


def test_in_a_sale_too_only_the_supervisor_waives(house, page, gold):
    coupon = gold.coupon()
    ticket = shown(page, gold)["ticket"]
    wish = {"total_fen": 15_000, "coupons": [str(coupon.public_id)]}
    told = page.post("sale/quote", {"ticket": ticket, **wish}).json
    assert [(each["code"], each["may_override"]) for each in told["refused"]] == [("below_minimum", True)]
    wang = Page(create_app(house).test_client(), gold, staff=gold.wang, device_token=gold.pair())
    gold.house.clock.advance(timedelta(seconds=30))
    mine = shown(wang, gold)["ticket"]
    quote = wang.post("sale/quote", {"ticket": mine, **wish, "override": "补偿"}).json
    assert (quote["waived"][0]["code"], quote["coupon_fen"], quote["to_pay_fen"]) == ("below_minimum", 10_000, 4_250)
    assert sale(page, ticket, quote, override="补偿").json["code"] == "no_override"
    assert sale(wang, mine, quote, override="补偿").json["outcome"] == "done"
    (entry,) = audited(gold, "coupon.overridden")
    assert (entry.actor, entry.detail["reason"]) == ("王敏", "补偿")


@pytest.mark.parametrize("slip", ["", "88201"])
def test_of_many_touches_at_once_one_is_a_sale(house, gold, slip):
    """Six devices' worth of touches with keys of their own: the coupon, the points, the balance and the slip are each used once."""
    coupon = gold.coupon(minimum_fen=0)
    token = gold.log_in()
    pages = [Page(create_app(house).test_client(), gold) for _ in range(6)]
    for each in pages:
        each.web.set_cookie(STAFF_COOKIE, token, path="/clerk", domain="localhost")
    ticket = shown(pages[0], gold)["ticket"]
    quote = pages[0].post("sale/quote", {"ticket": ticket, "total_fen": 30_000, "points": True, "value": True}).json
    answers = at_once(6, lambda place: sale(pages[place], ticket, quote, order_no=slip), workers=6)
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409, 409]
    assert {answer.json["code"] for answer in answers if answer.status_code == 409} <= {"already_used", "quote_changed", "slip_known"}
    assert (state_of(gold, coupon), has(gold)) == (CouponState.USED, (0, 0))
    with reading(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(Purchase)) == 1
