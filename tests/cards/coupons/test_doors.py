"""Every door by which a coupon comes, over the real chain: WeChat's sandbox, the webhook, the inbox, facts and reactions."""

import time
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from app.core.clock import WallClock, business_day
from app.core.nouns import BusinessUnit, Follower, Store
from app.core.unit import reading, work
from app.factory import create_app
from app.wechat.gateway import gateway_for
from cards.birthdays import greet_birthdays, know_birthday
from cards.coupons import batches
from cards.coupons.batches import run_chunk, start_batch
from cards.coupons.claim import claim
from cards.membership import card_of
from cards.models.coupons import Coupon, CouponBatch
from cards.models.membership import MemberCard
from cards.models.tiers import Tier
from cards.order_forms import OrderIn
from cards.orders import book
from handlers.rules import add_rule
from jobs.coupons import issue_batch
from jobs.ingest_loop import IngestLoop
from jobs.reactions_run import run_reactions
from tagging.dictionary import define_tag
from tagging.hand import tag_customers
from tests.support.h5 import open_counter


class Street:
    """A shop on WeChat: what Lin does there reaches us as WeChat would bring it."""

    def __init__(self, house, sandbox, account, address):
        self.house, self.sandbox, self.account = house, sandbox, account
        sandbox.add_account(account, callback_url=f"{address}/wechat/{account.appid}")
        self.counter = open_counter(house, account, gift=0)
        self.people = {each["name"]: each["id"] for each in sandbox.add_people("Lin", "Zhao")}
        self.loop = IngestLoop(house, "doors-1")

    def act(self, do, who="Lin", **more):
        self.sandbox.act(self.people[who], self.account, do, **more)
        self.work_off()

    def work_off(self):
        self.sandbox.idle(30)
        until = time.monotonic() + 30
        while self.house.inbox.waiting() or run_reactions(self.house):
            self.loop.step(block_ms=20)
            assert time.monotonic() < until

    def follow(self, who="Lin"):
        """Somebody follows and becomes a member; his customer."""
        self.act("follow", who)
        with reading(self.house.engine) as session:
            follower = session.scalars(select(Follower).order_by(Follower.id.desc()).limit(1)).one()
        assert self.counter.member(follower.openid) == follower.customer_id
        run_reactions(self.house)
        return follower.customer_id

    def paths(self, customer_id=None):
        with reading(self.house.engine) as session:
            query = select(Coupon.path) if customer_id is None else select(Coupon.path).where(Coupon.customer_id == customer_id)
            return list(session.scalars(query.order_by(Coupon.id)))

    def rule(self, kind, **match):
        return self.counter.template(f"{kind} 礼券", claimable=False, claim_on=[{"kind": kind, "match": match}])


@pytest.fixture
def street(house, sandbox, make_account, serve):
    house.clock = WallClock()
    address = serve(create_app(house))
    house.settings = replace(house.settings, public_url=address)
    return Street(house, sandbox, make_account(name="海岸百货"), address)


def test_a_keyword_gives_it_once_a_person(house, street):
    with work(house.engine) as session:
        wish = {"name": "领券", "trigger": "keyword", "pattern": "领券", "reply": {"type": "text", "content": "券已放入会员卡"}}
        add_rule(session, wish, house=house, actor="Mei")
    street.rule("keyword.matched", keyword="领券")
    lin = street.follow()
    for text in ("领券", "你好", "领券"):
        street.act("write", text=text)
    assert street.paths(lin) == ["keyword"]


def test_a_menu_click_gives_it(street):
    street.rule("menu.clicked", key="COUPON")
    lin = street.follow()
    street.act("click", key="OTHER")
    assert street.paths(lin) == []
    street.act("click", key="COUPON")
    assert street.paths(lin) == ["menu"]


def test_a_channels_code_gives_it_to_who_scans_and_to_who_follows_by_it(house, street):
    gateway_for(house, street.account).create_qr("poster-1", permanent=True)
    street.rule("qr.scanned", scene="poster-1")
    lin = street.follow()
    street.act("scan", scene="poster-1")
    street.act("scan", scene="elsewhere")
    street.act("scan", "Zhao", scene="poster-1")
    assert street.paths(lin) == ["channel"]
    assert street.paths() == ["channel", "channel"]


def test_following_gives_it(street):
    street.rule("follower.followed")
    assert street.paths(street.follow()) == ["channel"]


def test_a_new_tier_gives_it(house, street):
    street.rule("tier.upgraded", to="银卡")
    lin = street.follow()
    _buy(house, street, lin, 120_000)
    assert street.paths(lin) == ["tier"]


def test_a_birthday_gives_it_once_a_year(house, street):
    street.rule("member.birthday")
    lin = street.follow()
    with work(house.engine) as session:
        card = session.get_one(MemberCard, card_of(session, customer_id=lin, programme_id=street.counter.programme_id).id)
        know_birthday(session, house.ring, card, written=business_day(house.clock.now()).strftime("%m-%d"))
    for _ in range(2):
        greet_birthdays(house)
        street.work_off()
    assert street.paths(lin) == ["birthday"]


def test_a_rule_over_a_fact_gives_it(house, street):
    street.rule("order.placed", source="pos")
    lin = street.follow()
    _buy(house, street, lin, 1_000)
    assert street.paths(lin) == ["fact"]


def test_a_claim_list_by_tier_and_tag(house, street):
    silver, lin, zhao = _tier(house, "银卡"), street.follow(), street.follow("Zhao")
    with work(house.engine) as session:
        tag = define_tag(session, "茶友", actor="Mei", now=house.clock.now())
        tag_customers(session, tag, customer_ids=[lin], actor="Mei", now=house.clock.now())
        wanted = {"all": [{"kind": "tier", "tier": str(silver)}, {"kind": "tag", "tag": str(tag.public_id)}]}
    template = street.counter.template(audience=wanted, claimable=True, per_person=None)
    with pytest.raises(Exception, match="不对您开放"):
        street.counter.give(lin, template, "too early")
    for person in (lin, zhao):
        _buy(house, street, person, 120_000)
    street.counter.give(lin, template, "both")
    with pytest.raises(Exception, match="不对您开放"):
        street.counter.give(zhao, template, "no tag")


def test_a_bulk_issue_goes_on_after_it_was_killed(house, street, monkeypatch):
    people = [street.counter.member(f"o{number}") for number in range(25)]
    template = street.counter.template()
    everybody = {"not": {"kind": "tier", "tier": str(_tier(house, "银卡"))}}
    with work(house.engine) as session:
        batch = start_batch(session, template, everybody, reason="周年庆", actor="Mei", now=house.clock.now())
    assert run_chunk(house, batch.id, chunk=10)
    given = iter(range(5))

    def dying(*arguments, **more):
        if next(given, None) is None:
            raise KeyboardInterrupt
        return claim(*arguments, **more)

    monkeypatch.setattr(batches, "claim", dying)
    with pytest.raises(KeyboardInterrupt):
        run_chunk(house, batch.id, chunk=10)
    monkeypatch.undo()
    with reading(house.engine) as session:
        # Of the chunk in which it died nothing is left: neither coupons nor its place.
        assert session.scalar(select(func.count()).select_from(Coupon)) == 10
        assert session.get_one(CouponBatch, batch.id).issued == 10
    issue_batch(batch.id)
    issue_batch(batch.id)
    with reading(house.engine) as session:
        done = session.get_one(CouponBatch, batch.id)
        holders = session.scalars(select(Coupon.customer_id)).all()
    assert (done.state, done.issued, done.total) == ("done", 25, 25)
    assert sorted(holders) == sorted(people)


def _tier(house, name):
    with reading(house.engine) as session:
        return session.scalars(select(Tier.public_id).where(Tier.name == name)).one()


def _buy(house, street, customer_id, amount_fen):
    with work(house.engine) as session:
        store = session.get_one(Store, street.counter.store_ids[0])
        assert session.get_one(BusinessUnit, store.business_unit_id)
        said = {
            "source": "pos",
            "order_no": f"A{customer_id}-{amount_fen}",
            "store": str(store.public_id),
            "paid_at": house.clock.now(),
            "customer": street.counter.customer(customer_id).public_id,
            "lines": [{"sku": "COUNTER", "amount_fen": amount_fen}],
        }
        common = {"ring": house.ring, "registry": house.registry, "actor": "Chen", "now": house.clock.now()}
        book(session, OrderIn.model_validate(said), programme_id=street.counter.programme_id, **common)
    street.work_off()
