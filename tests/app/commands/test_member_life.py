"""What expires and who would hear, stages of life, bought and invited tiers, and old cards, at a terminal."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.unit import reading, work
from cards.ledger.earn import earn
from cards.ledger.wallets import open_wallet
from cards.membership import card_of
from cards.models.membership import MemberCard
from cards.models.programme import Programme
from cards.old_numbers import keep_old_number
from tests.support.members import earn_points, join_club, open_club, wallet_now
from tests.support.money import cause


@pytest.fixture
def club(house):
    return open_club(house, gift=0)


def earn_until(house, club, customer_id, points, ends, unit_id):
    with work(house.engine) as session:
        wallet_id = open_wallet(session, customer_id=customer_id, programme_id=club.programme_id)
        now = house.clock.now()
        earn(session, wallet_id=wallet_id, amount=points, unit_id=unit_id, cause=cause(now), available_from=now, expires_at=ends)


def test_a_dry_run_says_what_expires_by_day_and_unit_and_changes_nothing(house, doc, fanka, club, tmp_path):
    cards = [join_club(house, club) for _ in range(2)]
    lin, zhao = (card.customer_id for card in cards)
    year_end = house.clock.now().replace(month=12, day=31, hour=16, minute=0)
    earn_until(house, club, lin, 100, year_end, club.shop.unit_id)
    earn_until(house, club, lin, 20, year_end, club.shop.unit_id)
    earn_until(house, club, zhao, 7, year_end, club.shop.other_unit_id)
    earn_until(house, club, zhao, 3, year_end - timedelta(days=20), club.shop.unit_id)
    earn_points(house, club, lin, 1000)
    told = doc("points", "expiry", "--dry-run")
    assert (told["through"], told["points"]) == ("2026-12-31", 130)
    assert [(each["day"], each["points"], each["lots"], each["members"]) for each in told["days"]] == [
        ("2026-12-11", 3, 1, 1),
        ("2026-12-31", 120, 2, 1),
        ("2026-12-31", 7, 1, 1),
    ]
    assert told["told"] == {"members": 2, "service": 0, "mass": 0, "email": 0, "badge": 2}
    assert doc("points", "expiry", "--dry-run", "--through", "2026-12-11", "--who", str(tmp_path / "who.csv"))["points"] == 3
    assert (tmp_path / "who.csv").read_text(encoding="utf-8-sig").split() == [
        "card,points,first_last_day,told_on",
        f"{cards[1].number},3,2026-12-11,badge",
    ]
    assert wallet_now(house, club, lin).active == 1120
    assert "卡页提示: 2" in fanka("points", "expiry", "--dry-run").out
    house.clock.advance(timedelta(days=60))
    assert doc("points", "expiry")["wallets"] == 2
    assert doc("points", "expiry")["wallets"] == 0
    assert wallet_now(house, club, lin).active == 1000


def test_a_programmes_expiry_is_changed_for_what_is_earned_from_now_on(house, doc, fanka, club):
    assert doc("programme", "expiry", "fixed_day", "--day", "6-30", "--months", "12")["day"] == "6-30"
    with reading(house.engine) as session:
        held = session.get_one(Programme, club.programme_id)
        assert (held.expiry, held.expiry_day, held.expiry_months) == ("fixed_day", "06-30", 12)
    for wrong in (["fixed_day"], ["rolling", "--day", "06-30"], ["fixed_day", "--day", "02-30"]):
        assert fanka("programme", "expiry", *wrong).code == 1
    doc("programme", "expiry", "year_end")
    doc("programme", "add", "第二个", "--expiry", "fixed_day", "--day", "12-31")


def test_stages_at_a_terminal(house, doc, fanka, club):
    join_club(house, club)
    assert doc("lifecycle", "start")["written"] == 7
    doc("lifecycle", "set", "贵宾", "--rank", "50", "--when", '{"spent_at_least_fen": 100}', "--english", "VIP")
    assert doc("lifecycle", "review")["moved"] == 0
    held = {each["name"]: each["customers"] for each in doc("lifecycle", "list")["stages"]}
    assert (held["新会员"], held["贵宾"]) == (1, 0)
    doc("lifecycle", "drop", "贵宾")
    assert fanka("lifecycle", "drop", "贵宾").code == 1
    assert fanka("lifecycle", "set", "x", "--rank", "60", "--when", "[]").code == 1
    assert doc("lifecycle", "festival", "2026-12-25", "圣诞快乐", "--english", "Merry Christmas")["words"] == "圣诞快乐"


def test_a_tier_by_invitation_at_a_terminal(house, doc, fanka, club):
    number = join_club(house, club).number
    doc("tier", "add", "黑卡", "--rank", "7")
    doc("tier", "add", "PLUS", "--rank", "8", "--sku", "PLUS-1", "--days", "365")
    assert fanka("tier", "add", "半个", "--rank", "9", "--sku", "X").code == 1
    doc("tier", "invite", number, "黑卡", "--until", "2026-12-31", "--reason", "创始会员")
    assert doc("member", "find", number)["tier"] == "黑卡"
    listed = {each["name"]: (each["threshold"], each["sku"], each["term_days"]) for each in doc("tier", "list")["tiers"]}
    assert (listed["黑卡"], listed["PLUS"]) == ((None, None, None), (None, "PLUS-1", 365))
    assert fanka("tier", "invite", number, "没有", "--until", "2026-12-31", "--reason", "x").code == 1


def test_an_old_card_finds_its_member_at_a_terminal(house, doc, fanka, club):
    lin = join_club(house, club)
    with work(house.engine) as session:
        card = card_of(session, customer_id=lin.customer_id, programme_id=club.programme_id)
        keep_old_number(session, house.ring, card, "VIP00123")
        assert session.scalar(select(MemberCard.number)) == lin.number
    assert doc("member", "find", "VIP-00123")["number"] == lin.number
    assert fanka("member", "find", "VIP-00124").code == 1
