"""A coupon and its card in WeChat's wallet: used on one side, consumed on the other, once, in whatever order we hear of it."""

import itertools

import pytest
from sqlalchemy import func, select

from app.core.errors import BadRequestError, ConflictError
from app.core.facts import Fact, FactRow, record
from app.core.followers import Sighting, meet
from app.core.nouns import Customer
from app.core.unit import reading, work
from app.wechat.gateway import gateway_for
from cards.blocks import Whom, add_block
from cards.coupon_mirror import listen, set_up_coupon_mirror
from cards.models.coupon_mirror import MirroredCoupon
from cards.models.coupons import Coupon, CouponState, CouponTemplate
from cards.models.redemption import CouponUse, Suspicion
from jobs.reactions_run import run_reactions
from tests.support.coupons import at_once, open_counter

CODE, OTHER = "200000000001", "200000000002"
CARD = {
    "card_type": "CASH",
    "cash": {
        "base_info": {
            "logo_url": "http://mmbiz.qpic.cn/logo",
            "brand_name": "海岸百货",
            "code_type": "CODE_TYPE_QRCODE",
            "title": "十元代金券",
            "color": "Color010",
            "notice": "结账时出示",
            "description": "满减",
            "date_info": {"type": "DATE_TYPE_PERMANENT"},
            "sku": {"quantity": 100},
            "get_limit": 10,
        },
        "reduce_cost": 1000,
    },
}
_numbers = itertools.count(1)


class Shop:
    """An account that still has a card of its own for our template, and Lin and Zhao who follow it."""

    def __init__(self, house, sandbox, account):
        self.house, self.sandbox, self.account = house, sandbox, account
        sandbox.add_account(account)
        sandbox.control("settings", {"legacy_coupons": True})
        self.gateway = gateway_for(house, account)
        self.card_id = str(self.gateway.call("/card/create", {"card": CARD})["card_id"])
        self.people = {person["name"]: person["id"] for person in sandbox.add_people("Lin", "Zhao")}
        for person in self.people.values():
            sandbox.act(person, account, "follow")
        self.counter = open_counter(house)
        self.template = self.counter.template(per_person=5)
        now = house.clock.now()
        openids = sorted(self.gateway.list_followers().openids)
        with work(house.engine) as session:
            met = meet(session, [Sighting(account.id, account.appid, each) for each in openids], now=now)
            self.customers = [each.customer_id for each in met.values()]
            template = session.get_one(CouponTemplate, self.template.id)
            where = {"account_id": account.id, "store_id": self.counter.store_id, "card_id": self.card_id}
            set_up_coupon_mirror(session, template, adapter="legacy", actor="Mei", now=now, **where)

    def tell(self, kind, code=CODE, who=0, **more):
        fact = Fact(
            f"wx:{next(_numbers)}",
            kind,
            self.house.clock.now(),
            {"card_id": self.card_id, "code": code, **more},
            customer_id=self.customers[who],
            account_id=self.account.id,
        )
        with work(self.house.engine) as session:
            record(session, [fact], registry=self.house.registry, now=self.house.clock.now())
        return fact

    def took(self, code=CODE, who="Lin"):
        self.sandbox.act(self.people[who], self.account, "take_card", card_id=self.card_id, code=code)
        self.tell("card.claimed", code)
        run_reactions(self.house)
        return self.coupon()

    def coupon(self, code=CODE):
        with reading(self.house.engine) as session:
            query = select(Coupon).join(MirroredCoupon, MirroredCoupon.coupon_id == Coupon.id).where(MirroredCoupon.code == code)
            return session.scalars(query).one()

    def status(self, code=CODE):
        asked = {"code": code, "card_id": self.card_id, "check_consume": False}
        return self.gateway.call("/card/code/get", asked)["user_card_status"]

    def uses(self):
        with reading(self.house.engine) as session:
            return session.scalar(select(func.count()).select_from(CouponUse))


@pytest.fixture
def shop(house, sandbox, make_account):
    return Shop(house, sandbox, make_account(name="海岸百货"))


def test_what_is_used_here_is_consumed_there_and_its_echo_changes_nothing(house, shop):
    coupon = shop.took()
    assert (coupon.path, coupon.customer_id, shop.status()) == ("wechat", shop.customers[0], "NORMAL")
    assert shop.counter.redeem(coupon.code).body["outcome"] == "done"
    run_reactions(house)
    assert shop.status() == "CONSUMED"
    echo = shop.tell("coupon.redeemed", source="FROM_API")
    run_reactions(house)
    listen(house, echo)
    assert shop.uses() == 1
    assert shop.coupon().state == CouponState.USED
    with reading(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(Suspicion)) == 0


def test_what_is_consumed_there_is_used_here_once(house, shop):
    coupon = shop.took()
    facts = [shop.tell("coupon.redeemed", source="FROM_MOBILE_HELPER") for _ in range(3)]
    run_reactions(house)
    at_once(6, lambda place: listen(house, facts[place % 3]))
    assert (shop.coupon().state, shop.uses()) == (CouponState.USED, 1)
    told = shop.counter.redeem(coupon.code).body
    assert (told["code"], told["told"]["by"]) == ("already_used", "微信卡包")
    with reading(house.engine) as session:
        ours = session.scalars(select(FactRow).where(FactRow.kind == "coupon.redeemed", FactRow.data["source"].astext == "wechat")).all()
    assert len(ours) == 1
    # Our own fact of it asks WeChat for nothing: there it is consumed already.
    assert shop.status() == "NORMAL"


def test_consumed_before_we_hear_that_it_was_taken(house, shop):
    shop.tell("coupon.redeemed", source="FROM_MP")
    run_reactions(house)
    coupon = shop.took()
    assert (coupon.state, shop.uses()) == (CouponState.USED, 1)


def test_taken_twice_is_taken_once(house, shop):
    shop.took()
    facts = [shop.tell("card.claimed") for _ in range(4)]
    at_once(4, lambda place: listen(house, facts[place]))
    with reading(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(Coupon)) == 1


def test_an_echo_that_comes_after_an_undo_uses_nothing(house, shop):
    coupon = shop.took()
    done = shop.counter.redeem(coupon.code)
    run_reactions(house)
    shop.counter.undo(done.body["use"])
    listen(house, shop.tell("coupon.redeemed", source="FROM_API"))
    assert shop.coupon().state == CouponState.ISSUED
    # It goes again here; over there it is gone, which is no fault.
    assert shop.counter.redeem(coupon.code).body["outcome"] == "done"
    run_reactions(house)


def test_undone_before_wechat_was_asked_it_stays_good_there(house, shop):
    coupon = shop.took()
    done = shop.counter.redeem(coupon.code)
    shop.counter.undo(done.body["use"])
    run_reactions(house)
    assert shop.status() == "NORMAL"


def test_used_on_both_sides_is_for_a_person_to_see(house, shop):
    coupon = shop.took()
    shop.counter.redeem(coupon.code)
    listen(house, shop.tell("coupon.redeemed", source="FROM_MP"))
    with reading(house.engine) as session:
        assert [each.kind for each in session.scalars(select(Suspicion))] == ["used_twice"]
    assert shop.uses() == 1


def test_a_friend_who_is_given_the_card_holds_the_coupon(house, shop):
    mine = shop.took()
    listen(house, shop.tell("card.claimed", OTHER, 1, given_by="oLin", old_code=CODE))
    friends = shop.coupon(OTHER)
    assert (friends.customer_id, friends.given_from_id) == (shop.customers[1], mine.id)
    assert shop.counter.redeem(mine.code).body["code"] == "given"
    assert shop.counter.redeem(friends.code).body["outcome"] == "done"


def test_a_card_given_by_who_is_kept_out_gives_nothing(house, shop):
    coupon = shop.took()
    with work(house.engine) as session:
        who = session.get_one(Customer, shop.customers[0]).public_id
        add_block(session, house.ring, Whom(who), reason="刷券", until=None, actor="Mei", now=house.clock.now())
    listen(house, shop.tell("card.claimed", OTHER, 1, given_by="oLin", old_code=CODE))
    with reading(house.engine) as session:
        assert [(each.id, each.state) for each in session.scalars(select(Coupon))] == [(coupon.id, CouponState.ISSUED)]


def test_cards_of_others_are_not_ours(house, shop):
    fact = shop.tell("coupon.redeemed", source="FROM_MP")
    foreign = Fact("wx:foreign", fact.kind, fact.occurred_at, {**fact.data, "card_id": "pOther"}, account_id=shop.account.id)
    listen(house, foreign)
    assert shop.uses() == 0


def test_what_cannot_lie_in_wechats_wallet(house, shop):
    now, where = house.clock.now(), {"account_id": shop.account.id, "store_id": shop.counter.store_id, "adapter": "legacy", "actor": "Mei"}
    card = shop.counter.template(type="times_card", terms={"goods": "咖啡", "uses": 5})
    with pytest.raises(BadRequestError), work(house.engine) as session:
        set_up_coupon_mirror(session, card, card_id="pX", now=now, **where)
    with pytest.raises(ConflictError), work(house.engine) as session:
        set_up_coupon_mirror(session, shop.template, card_id=shop.card_id, now=now, **where)
