"""An old member is asked for at the CRM and brought once, whatever the CRM does; his card never waits for it."""

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from app.core.nouns import AuditEntry, BusinessUnit, Customer
from app.core.unit import reading, work
from cards.coupons.templates import add_template, read_wish
from cards.crm import call
from cards.crm.fetch import fetch
from cards.crm.questions import LEASE, MOST_TRIES, PAUSE, take
from cards.ledger.verify import verify
from cards.membership import find_member
from cards.models.coupons import Coupon, TemplateState
from cards.models.crm import CrmQuestion
from cards.models.ledger import Lot, PointsTxn, WalletKind
from cards.models.membership import ImportedMember
from cards.vendor_import.files import open_bundle
from cards.vendor_import.run import run_bundle
from cards.vendor_import.trial import Expected, try_bundle
from jobs.crm import ask_due, ask_questions, sweep_questions
from tests.cards.crm.conftest import PHONE
from tests.support.crm import drips, says
from tests.support.members import card_now, facts_of, wallet_now


def count(house, table):
    with reading(house.engine) as session:
        return session.scalar(select(func.count()).select_from(table))


def taken(house):
    with work(house.engine) as session:
        return take(house, session)


def sound(house):
    with reading(house.engine) as session:
        return verify(session) == []


def test_the_card_opens_at_once_and_what_he_had_follows(house, club, crm, enter, question):
    crm.know(PHONE, card_number="VIP-77 0012", tier_until="2027-06-30", birthday="1980-05-20", balance_fen=5000)
    card = enter()
    assert wallet_now(house, club, card.customer_id).active == 100
    assert crm.asked == []
    assert house.queues.queue("urgent").get_jobs()[-1].func_name == "jobs.crm.ask_due"
    ask_due()
    assert wallet_now(house, club, card.customer_id).active == 1300
    assert wallet_now(house, club, card.customer_id, WalletKind.VALUE).active == 5000
    mine = card_now(house, club, card.customer_id)
    assert (mine.tier_id, mine.tier_until) == (club.tiers[1], datetime(2027, 6, 30, 16, 0, tzinfo=UTC))
    with reading(house.engine) as session:
        lots = session.execute(select(Lot.quantity, Lot.expires_at).order_by(Lot.id)).all()
        assert lots[1:] == [(700, datetime(2027, 1, 31, 16, 0, tzinfo=UTC)), (500, None), (5000, None)]
        found = find_member(session, programme_id=club.programme_id, number="vip770012", ring=house.ring)
        assert (found.id, found.number) == (card.id, card.number)
        customer = session.get_one(Customer, card.customer_id)
        assert house.ring.open(customer.name_sealed, table="customer", column="name_sealed", row=customer.public_id) == "老林"
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "crm.brought")).one()
        assert (entry.actor, entry.object_id) == ("crm", str(card.public_id))
        assert entry.detail == {"points": 1200, "value_fen": 5000, "coupons": 0, "refused_coupons": 0}
    assert (question().state, question().points) == ("brought", 1200)
    (asked,) = crm.asked
    assert asked == {"phone": PHONE, "asked_at": "2026-11-22T04:00:00Z", "request_id": f"{question().public_id}-1"}
    assert crm.headers[0]["Fanka-Request-Id"] == asked["request_id"]
    # He is told apart from somebody new by nothing but what he has; the counter may ask again, and nothing changes.
    enter()
    assert (ask_questions(house), len(facts_of(house, "card.opened")), sound(house)) == (0, 1, True)


@pytest.mark.parametrize(
    ("instead", "reason"),
    [
        (says(503), "status_503"),
        (says(302), "status_302"),
        (says(200, b"<html>"), "bad_answer:document"),
        (says(200, b'{"members": []}'), "bad_answer:member"),
        (says(200, b" " * (call.MOST_ANSWER + 1)), "too_large"),
        (says(200, b"{", length=500), "curl_18"),
        (drips, "timeout"),
        (lambda handler: handler.connection.close(), "curl_52"),
    ],
)
def test_a_crm_that_is_down_slow_or_mad_holds_nothing_up_and_is_asked_again(
    house, club, crm, enter, question, instead, reason, monkeypatch
):
    monkeypatch.setattr(call, "WHOLE_MS", 200)
    crm.know(PHONE)
    crm.instead = instead
    card = enter()
    ask_due()
    held = question()
    assert (held.state, held.reason, held.tries) == ("waiting", reason, 1)
    assert wallet_now(house, club, card.customer_id).active == 100
    # Not before its time, and then with success.
    crm.instead = None
    assert (ask_questions(house), sweep_questions(house)) == (0, False)
    house.clock.advance(max(PAUSE, timedelta(seconds=10)) + timedelta(seconds=1))
    assert sweep_questions(house)
    assert ask_questions(house) == 1
    assert (question().state, wallet_now(house, club, card.customer_id).active) == ("brought", 1300)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"phone": "13900000009"}, "other_phone"),
        ({"points": -5, "lots": []}, "bad_answer:member.points"),
        ({"points": 0, "lots": [{"points": -700}]}, "bad_answer:member.lots.0.points"),
        ({"points": 10**15, "lots": [{"points": 10**15}]}, "bad_answer:member.points"),
        ({"points": "1200"}, "bad_answer:member.points"),
        ({"points": 1201}, "points_differ"),
        ({"points": 700, "lots": [{"points": 700, "expires_on": "2026-11-21"}]}, "over_already"),
        ({"balance_fen": 10.5}, "bad_answer:member.balance_fen"),
        ({"tier": "钻石"}, "no_tier"),
        ({"coupons": [{"id": "c1", "template": "没有"}]}, "no_template"),
        ({"joined_on": "2027-01-01"}, "joined_later"),
        ({"name": "x" * 65}, "bad_answer:member.name"),
        ({"tier": "\x00"}, "bad_answer:member.tier"),
    ],
)
def test_an_answer_that_cannot_be_changes_nothing_and_says_why(house, club, crm, enter, question, wrong, reason, caplog):
    crm.know(PHONE, **wrong)
    card = enter()
    with caplog.at_level(logging.INFO):
        ask_questions(house)
    assert (question().state, question().reason) == ("waiting", reason)
    assert wallet_now(house, club, card.customer_id).active == 100
    assert count(house, ImportedMember) == 0
    logged = json.dumps([{**record.__dict__.get("fields", {}), "event": record.getMessage()} for record in caplog.records])
    assert reason in logged
    assert not any(said in logged for said in (PHONE, "13900000009", "老林", "M-1001"))


def test_one_who_is_away_is_not_asked_for_everybody(house, crm, enter):
    for last in range(4):
        enter(f"1380000001{last}")
    crm.instead = says(503)
    assert ask_questions(house) == 1
    house.clock.advance(PAUSE)
    assert ask_questions(house) == 1
    crm.instead = None
    house.clock.advance(PAUSE)
    assert ask_questions(house) == 4


def test_after_twenty_tries_a_person_looks_and_asks_again(house, club, crm, enter, question):
    crm.know(PHONE, tier="钻石")
    card = enter()
    for _ in range(MOST_TRIES):
        house.clock.advance(timedelta(hours=6))
        assert ask_questions(house) == 1
    house.clock.advance(timedelta(days=9))
    assert ask_questions(house) == 0
    assert (question().state, question().reason) == ("parked", "no_tier")
    # The counter opens the question again, too.
    crm.know(PHONE)
    enter()
    ask_questions(house)
    assert (question().state, wallet_now(house, club, card.customer_id).active) == ("brought", 1300)


def test_nobody_there_is_an_answer(house, crm, enter, question):
    enter()
    crm.instead = says(200, b'{"member": null}')
    ask_questions(house)
    assert (question().state, question().reason) == ("nobody", None)


def test_killed_between_the_answer_and_the_commit_he_is_brought_once(house, club, crm, enter, question):
    crm.know(PHONE)
    card = enter()
    # The first one took the question and had its answer; it died, and nobody knows of it.
    assert taken(house) is not None
    assert ask_questions(house) == 0
    house.clock.advance(LEASE)
    assert ask_questions(house) == 1
    assert (question().state, question().turn) == ("brought", 2)
    assert (wallet_now(house, club, card.customer_id).active, count(house, ImportedMember)) == (1300, 1)


def test_two_askers_with_one_answer_bring_him_once(house, club, crm, enter):
    crm.know(PHONE)
    crm.at_once = threading.Barrier(2)
    card = enter()
    first = taken(house)
    house.clock.advance(LEASE)
    second = taken(house)
    with ThreadPoolExecutor(2) as pool:
        states = list(pool.map(lambda asked: fetch(house, asked), (first, second)))
    # Whoever's turn is over undoes what he did, or finds it done.
    assert states == [None, "brought"]
    assert (wallet_now(house, club, card.customer_id).active, count(house, ImportedMember), sound(house)) == (1300, 1, True)


def test_doors_at_once_ask_one_question(house, club, crm, enter):
    crm.know(PHONE)
    with ThreadPoolExecutor(4) as pool:
        cards = list(pool.map(lambda _: enter(), range(4)))
        list(pool.map(lambda _: ask_questions(house), range(4)))
    assert len({card.id for card in cards}) == 1
    assert (count(house, CrmQuestion), count(house, ImportedMember), len(crm.asked)) == (1, 1, 1)
    assert wallet_now(house, club, cards[0].customer_id).active == 1300


def test_one_member_by_two_numbers_at_once_is_brought_to_one(house, club, crm, enter):
    crm.know(PHONE)
    crm.know("13800000004")
    crm.at_once = threading.Barrier(2)
    cards = [enter(), enter("13800000004")]
    both = [taken(house), taken(house)]
    with ThreadPoolExecutor(2) as pool:
        states = sorted(pool.map(lambda asked: fetch(house, asked), both))
    crm.at_once = None
    assert states[0] == "brought"
    house.clock.advance(timedelta(minutes=1))
    ask_questions(house)
    with reading(house.engine) as session:
        reasons = session.execute(select(CrmQuestion.state, CrmQuestion.reason).order_by(CrmQuestion.state)).all()
    assert reasons == [("brought", None), ("parked", "brought_to_another")]
    assert sum(wallet_now(house, club, card.customer_id).active for card in cards) == 1400


def put(folder, member_id="M-1001"):
    (folder / "members.csv").write_text(f"member_id,phone,points\n{member_id},{PHONE},900\n")
    (folder / "points.csv").write_text(f"member_id,points,expires_on\n{member_id},900,2027-03-31\n")


def test_a_file_that_comes_later_doubles_nothing(house, club, crm, enter, tmp_path):
    crm.know(PHONE)
    card = enter()
    ask_questions(house)
    put(tmp_path)
    bundle = open_bundle("oldcrm", tmp_path)
    assert try_bundle(house, bundle, programme_id=club.programme_id, expected=Expected()).passed
    done = run_bundle(house, bundle, programme_id=club.programme_id, unit_id=club.shop.unit_id, actor="Mei")
    assert (done.members, done.fresh) == (1, 0)
    assert (wallet_now(house, club, card.customer_id).active, sound(house)) == (1300, True)


def test_whom_a_file_brought_the_crm_does_not_bring_again(house, club, crm, enter, question, tmp_path):
    crm.know(PHONE)
    put(tmp_path)
    bundle = open_bundle("oldcrm", tmp_path)
    try_bundle(house, bundle, programme_id=club.programme_id, expected=Expected())
    run_bundle(house, bundle, programme_id=club.programme_id, unit_id=club.shop.unit_id, actor="Mei")
    card = enter()
    ask_questions(house)
    assert (question().state, wallet_now(house, club, card.customer_id).active) == ("known", 900)


def test_his_coupons_come_with_him(house, club, crm, enter, question):
    with work(house.engine) as session:
        unit = str(session.get_one(BusinessUnit, club.shop.unit_id).public_id)
        wish = read_wish({"name": "满减", "type": "amount_off", "terms": {"amount_fen": 1000}, "unit": unit, "days_valid": 30})
        made = add_template(session, wish, programme_id=club.programme_id, actor="Mei", now=house.clock.now())
        made.state = TemplateState.OPEN
    crm.know(PHONE, coupons=[{"id": "c-1", "template": "满减", "expires_on": "2026-11-30"}])
    enter()
    ask_questions(house)
    with reading(house.engine) as session:
        coupon = session.scalars(select(Coupon)).one()
    assert (coupon.expires_at, coupon.path) == (datetime(2026, 11, 30, 16, 0, tzinfo=UTC), "import")


def test_a_number_that_was_only_typed_takes_nothing_until_it_is_proved(house, club, crm, enter, question):
    crm.know(PHONE, card_number="VIP770012")
    card = enter(proved=False, number="VIP770013")
    ask_questions(house)
    assert (question().state, question().number_sealed) == ("unproved", None)
    # There is one guess: typing again asks nothing.
    enter(proved=False, number="VIP770012")
    assert ask_questions(house) == 0
    assert (count(house, ImportedMember), wallet_now(house, club, card.customer_id).active) == (0, 100)
    # The clerk has seen him.
    enter()
    ask_questions(house)
    assert (question().state, wallet_now(house, club, card.customer_id).active) == ("brought", 1300)


def test_the_old_card_in_his_hand_proves_him(house, club, crm, enter, question):
    crm.know(PHONE, card_number="VIP770012")
    card = enter(proved=False, number="vip 77-0012")
    assert b"770012" not in question().number_sealed
    ask_questions(house)
    assert (question().state, wallet_now(house, club, card.customer_id).active) == ("brought", 1300)


def test_an_own_looking_number_of_theirs_finds_him_too(house, club, crm, enter):
    crm.know(PHONE, card_number="8000000000000003")
    card = enter()
    ask_questions(house)
    with reading(house.engine) as session:
        found = find_member(session, programme_id=club.programme_id, number="8000 0000 0000 0003", ring=house.ring)
    assert (found.id, found.number) == (card.id, card.number)


def test_without_a_crm_nothing_is_kept(house, club, enter, question):
    enter()
    assert (question(), ask_questions(house), sweep_questions(house), count(house, PointsTxn)) == (None, 0, False, 1)
