"""The member's card at WeChat says what the ledger says: after money moved, at one tap, and no longer when it is gone."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.errors import ConflictError
from app.core.facts import Fact, ReactionRow, record
from app.core.followers import Sighting, meet
from app.core.nouns import Customer
from app.core.unit import reading, work
from app.wechat.card_product import CardCode, CardFace, card_product
from app.wechat.gateway import gateway_for
from cards.enrolment import enrol
from cards.mirror import push_standing, set_up_mirror
from cards.models.crm import CrmQuestion
from cards.models.membership import CardPath
from jobs import schedule
from jobs.mirrors import sweep_mirrors
from jobs.reactions.join_by_card import plugin as join_by_card
from jobs.reactions.mirror_card import plugin as mirror_card
from jobs.reactions_run import run_reactions
from tests.support.members import card_now, earn_points, join_club, open_club, wallet_now

CODE = "100000000001"
FACE = CardFace("海岸会员卡", "海岸百货", "http://mmbiz.qpic.cn/logo", "结账时出示", "积分可抵现", "消费得积分")


class Shop:
    """An account with our card, and Lin who follows it."""

    def __init__(self, house, sandbox, account, *, face=FACE):
        self.house, self.sandbox, self.account = house, sandbox, account
        sandbox.add_account(account)
        self.club = open_club(house)
        self.mirror = set_up_mirror(
            house, programme_id=self.club.programme_id, account_id=account.id, adapter="legacy", face=face, actor="Mei"
        )
        (self.person,) = sandbox.add_people("Lin")
        sandbox.act(self.person["id"], account, "follow")
        with work(house.engine) as session:
            (openid,) = gateway_for(house, account).list_followers().openids
            (found,) = meet(session, [Sighting(account.id, account.appid, openid)], now=house.clock.now()).values()
            self.follower, self.lin = found.id, found.customer_id

    def act(self, do, **more):
        self.sandbox.act(self.person["id"], self.account, do, card_id=self.mirror.card_id, **more)

    def tell(self, kind, key, code=CODE, **more):
        fact = Fact(
            key,
            kind,
            self.house.clock.now(),
            {"card_id": self.mirror.card_id, "code": code, **more},
            customer_id=self.lin,
            follower_id=self.follower,
            account_id=self.account.id,
        )
        with work(self.house.engine) as session:
            record(session, [fact], registry=self.house.registry, now=self.house.clock.now())
        return fact

    def shown(self):
        place = CardCode(self.mirror.card_id, CODE)
        return card_product("legacy").read_member(gateway_for(self.house, self.account), place)


@pytest.fixture
def shop(house, sandbox, make_account):
    return Shop(house, sandbox, make_account(name="海岸百货"))


def test_one_tap_makes_a_member_with_phone_number_and_gift(house, shop):
    house.settings = replace(house.settings, crm_url="http://127.0.0.1:9/")
    shop.act("take_card", code=CODE)
    shop.act("submit_card_form")
    shop.tell("card.claimed", "e1")
    shop.tell("card.activated", "e2")
    run_reactions(house)
    card = card_now(house, shop.club, shop.lin)
    assert (card.opened_by, card.mirror_code) == (CardPath.ONE_TAP, CODE)
    shown = shop.shown()
    assert (shown.number, shown.points, shown.active) == (card.number, 100, True)
    with reading(house.engine) as session:
        assert session.get_one(Customer, shop.lin).phone_sealed is not None
        states = {row.name: row.state for row in session.scalars(select(ReactionRow))}
        asked = session.scalars(select(CrmQuestion)).one()
    assert (asked.card_id, asked.proved) == (card.id, True)
    assert states["join_by_card"] == "done"


def test_the_same_activation_twice_opens_one_card_and_gives_one_gift(house, shop):
    shop.act("take_card", code=CODE)
    shop.act("submit_card_form")
    fact = shop.tell("card.activated", "e2")
    for _ in range(3):
        join_by_card.act(house, [fact])
    assert wallet_now(house, shop.club, shop.lin).active == 100
    assert shop.shown().points == 100


def test_one_tap_binds_an_old_member_of_that_phone(house, shop):
    with work(house.engine) as session:
        old = enrol(
            session,
            house.ring,
            phone=shop.person["phone"],
            programme_id=shop.club.programme_id,
            path=CardPath.IMPORT,
            registry=house.registry,
            actor="Mei",
            now=house.clock.now(),
        ).card
    earn_points(house, shop.club, old.customer_id, 900)
    shop.act("take_card", code=CODE)
    shop.act("submit_card_form")
    join_by_card.act(house, [shop.tell("card.activated", "e2")])
    assert card_now(house, shop.club, shop.lin).number == old.number
    assert (shop.shown().number, shop.shown().points) == (old.number, 1000)


def test_a_phone_of_somebody_else_on_wechat_is_left_to_the_clerk(house, shop):
    with work(house.engine) as session:
        seen = meet(session, [Sighting(shop.account.id, shop.account.appid, "o-zhao")], now=house.clock.now())
        zhao = next(iter(seen.values())).customer_id
        enrol(
            session,
            house.ring,
            phone=shop.person["phone"],
            programme_id=shop.club.programme_id,
            path=CardPath.H5,
            registry=house.registry,
            actor="Mei",
            now=house.clock.now(),
            customer_id=zhao,
        )
    shop.act("take_card", code=CODE)
    shop.act("submit_card_form")
    join_by_card.act(house, [shop.tell("card.activated", "e2")])
    mine = card_now(house, shop.club, shop.lin)
    assert mine.number != card_now(house, shop.club, zhao).number
    with reading(house.engine) as session:
        assert session.get_one(Customer, shop.lin).phone_sealed is None


def test_a_member_who_takes_the_card_sees_his_own_at_once(house, shop):
    card = join_club(house, shop.club, shop.lin)
    shop.act("take_card", code=CODE)
    join_by_card.act(house, [shop.tell("card.claimed", "e1")])
    assert (shop.shown().number, shop.shown().points) == (card.number, 100)


def test_after_an_order_the_card_shows_the_new_balance_and_repeats_change_nothing(house, shop):
    join_club(house, shop.club, shop.lin)
    shop.act("take_card", code=CODE)
    join_by_card.act(house, [shop.tell("card.claimed", "e1")])
    earn_points(house, shop.club, shop.lin, 250)
    fact = shop.tell("order.placed", "o1")
    run_reactions(house)
    assert shop.shown().points == 350
    for _ in range(2):
        mirror_card.act(house, [fact])
    assert shop.shown().points == 350


def test_many_facts_of_one_customer_are_one_call(house, shop):
    join_club(house, shop.club, shop.lin)
    shop.act("take_card", code=CODE)
    join_by_card.act(house, [shop.tell("card.claimed", "e1")])
    earn_points(house, shop.club, shop.lin, 250)
    facts = [shop.tell("order.placed", f"o{number}") for number in range(5)]
    before = shop.sandbox.log.read_text().count('"path":"/card/membercard/updateuser"')
    mirror_card.act(house, facts)
    shop.sandbox.control("settings", {})
    assert shop.sandbox.log.read_text().count('"path":"/card/membercard/updateuser"') == before + 1


def test_a_balance_that_moves_during_the_call_is_shown_right_after(house, shop, monkeypatch):
    join_club(house, shop.club, shop.lin)
    shop.act("take_card", code=CODE)
    join_by_card.act(house, [shop.tell("card.claimed", "e1")])
    product = card_product("legacy")
    real, moved = product.update, []
    earn_points(house, shop.club, shop.lin, 23)

    def update(gateway, place, *, standing, note):
        if not moved:
            moved.append(earn_points(house, shop.club, shop.lin, 77))
        real(gateway, place, standing=standing, note=note)

    monkeypatch.setattr(product, "update", update)
    assert push_standing(house, customer_id=shop.lin, words="消费积分") == 2
    assert shop.shown().points == 200


def test_a_deleted_card_is_cut_and_the_membership_stays(house, shop):
    join_club(house, shop.club, shop.lin)
    shop.act("take_card", code=CODE)
    join_by_card.act(house, [shop.tell("card.claimed", "e1")])
    shop.act("delete_card")
    earn_points(house, shop.club, shop.lin, 50)
    assert push_standing(house, customer_id=shop.lin, words="消费积分") == 1
    assert card_now(house, shop.club, shop.lin).mirror_code is None
    assert push_standing(house, customer_id=shop.lin, words="消费积分") == 0
    shop.tell("card.deleted", "e9")
    run_reactions(house)
    assert wallet_now(house, shop.club, shop.lin).active == 150


def test_what_moved_without_a_fact_is_swept_up_once(house, shop):
    join_club(house, shop.club, shop.lin)
    shop.act("take_card", code=CODE)
    join_by_card.act(house, [shop.tell("card.claimed", "e1")])
    assert sweep_mirrors(house) == 0
    earn_points(house, shop.club, shop.lin, 11)
    assert sweep_mirrors(house) == 1
    assert shop.shown().points == 111
    assert sweep_mirrors(house) == 0
    assert "jobs.schedule.mirrors" in {entry.function for entry in schedule.TIMETABLE}


def test_one_process_at_a_time_speaks_and_the_sweep_finds_the_rest(house, shop):
    join_club(house, shop.club, shop.lin)
    shop.act("take_card", code=CODE)
    join_by_card.act(house, [shop.tell("card.claimed", "e1")])
    earn_points(house, shop.club, shop.lin, 11)
    with house.redis.lock(f"{house.settings.redis_prefix}:mirror:{shop.lin}", timeout=60):
        assert push_standing(house, customer_id=shop.lin, words="消费积分") == 0
    assert shop.shown().points == 100
    assert sweep_mirrors(house) == 1
    assert shop.shown().points == 111


def test_a_card_taken_anew_is_told_everything(house, shop):
    join_club(house, shop.club, shop.lin)
    shop.act("take_card", code=CODE)
    join_by_card.act(house, [shop.tell("card.claimed", "e1")])
    shop.act("delete_card")
    join_by_card.act(house, [shop.tell("card.deleted", "e2")])
    shop.act("take_card", code="100000000002")
    join_by_card.act(house, [shop.tell("card.claimed", "e3", code="100000000002")])
    earn_points(house, shop.club, shop.lin, 5)
    assert sweep_mirrors(house) == 1
    place = CardCode(shop.mirror.card_id, "100000000002")
    assert card_product("legacy").read_member(gateway_for(house, shop.account), place).points == 105


def test_a_card_of_somebody_elses_making_opens_nothing(house, shop):
    fact = Fact("e7", "card.activated", house.clock.now(), {"card_id": "pOther", "code": "1"}, shop.lin, shop.follower, shop.account.id)
    join_by_card.act(house, [fact])
    with pytest.raises(AssertionError):
        card_now(house, shop.club, shop.lin)


def test_who_was_forgotten_meanwhile_is_not_made_a_member_again(house, shop):
    shop.act("take_card", code=CODE)
    shop.act("submit_card_form")
    fact = shop.tell("card.activated", "e2")
    with work(house.engine) as session:
        session.get_one(Customer, shop.lin).erased_at = house.clock.now() + timedelta(seconds=1)
    join_by_card.act(house, [fact])
    with pytest.raises(AssertionError):
        card_now(house, shop.club, shop.lin)


def test_one_account_shows_a_programme_once(house, shop):
    with pytest.raises(ConflictError):
        set_up_mirror(house, programme_id=shop.club.programme_id, account_id=shop.account.id, adapter="legacy", face=FACE, actor="Mei")
