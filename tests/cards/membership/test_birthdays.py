"""Birthdays: sealed, told once, put on record on the day, and felt at the till."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.core.errors import BadRequestError, ConflictError
from app.core.nouns import Customer
from app.core.rotation import lookup_columns, rehash, sealed_columns
from app.core.unit import reading, work
from cards.birthdays import greet_birthdays, know_birthday, tidy_birthday
from cards.custody import forget_birthday
from cards.models.membership import MemberCard
from cards.models.tiers import Tier
from cards.tiers import tier_multiplier_percent
from tests.support.members import facts_of, join_club, open_club


def keep(house, card, day, **more):
    with work(house.engine) as session:
        know_birthday(session, house.ring, session.get_one(MemberCard, card.id), written=day, **more)


@pytest.mark.parametrize(("written", "kept"), [("11-22", "11-22"), ("1990-11-22", "11-22"), (" 1990/02/29 ", "02-29")])
def test_the_year_is_not_kept(written, kept):
    assert tidy_birthday(written) == kept


@pytest.mark.parametrize("written", ["", "22.11.", "02-30", "13-01", "1990-1-1", "x" * 1000, "１１-２２x"])
def test_what_is_no_day_is_refused(written):
    with pytest.raises(BadRequestError):
        tidy_birthday(written)


def test_the_day_is_sealed_and_told_once(house):
    card = join_club(house, open_club(house))
    keep(house, card, "1990-11-22")
    keep(house, card, "11-22")
    with pytest.raises(ConflictError):
        keep(house, card, "11-23")
    keep(house, card, "11-23", by_hand=True)
    with reading(house.engine) as session:
        held = session.get_one(MemberCard, card.id)
        assert b"11-23" not in held.birthday_sealed
        assert house.ring.open(held.birthday_sealed, table="member_card", column="birthday_sealed", row=held.public_id) == "11-23"
    assert {"member_card.birthday_sealed"} <= {each.label for each in sealed_columns()}
    assert {"member_card.birthday_lookup"} <= {each.label for each in lookup_columns()}
    assert rehash(house.engine, house.ring) == 0


def test_the_day_is_put_on_record_once_a_year(house, clock):
    club = open_club(house)
    born = [join_club(house, club) for _ in range(3)]
    for card in born:
        keep(house, card, "11-22")
    keep(house, join_club(house, club), "11-23")
    assert greet_birthdays(house, batch=2) == 3
    assert greet_birthdays(house) == 0
    facts = facts_of(house, "member.birthday")
    assert {fact.customer_id for fact in facts} == {card.customer_id for card in born}
    assert all("11-22" not in str(fact.data) for fact in facts)
    clock.advance(timedelta(days=365))
    assert greet_birthdays(house) == 3


@pytest.mark.parametrize(("now", "told"), [("2027-02-28", 1), ("2028-02-28", 0), ("2028-02-29", 1), ("2027-03-01", 0)])
def test_the_twenty_ninth_of_february_is_never_left_out(house, clock, now, told):
    keep(house, join_club(house, open_club(house)), "02-29")
    clock.moment = datetime.fromisoformat(f"{now}T04:00:00").replace(tzinfo=UTC)
    assert greet_birthdays(house) == told


def test_the_till_knows_the_day_by_itself(house, clock):
    club = open_club(house)
    card = join_club(house, club)
    keep(house, card, "11-22")
    with work(house.engine) as session:
        session.get_one(MemberCard, card.id).tier_id = session.scalars(select(Tier.id).where(Tier.id == club.tiers[2])).one()
    at = {"customer_id": card.customer_id, "programme_id": club.programme_id}
    greet_birthdays(house)
    with reading(house.engine) as session:
        assert tier_multiplier_percent(session, at=clock.now(), **at) == 200
        assert tier_multiplier_percent(session, at=clock.now() + timedelta(days=1), **at) == 150


def test_who_is_forgotten_has_no_birthday_here(house):
    card = join_club(house, open_club(house))
    keep(house, card, "11-22")
    with work(house.engine) as session:
        forget_birthday(session, customer_id=card.customer_id)
        assert session.get_one(MemberCard, card.id).birthday_sealed is not None
        session.get_one(Customer, card.customer_id).erased_at = house.clock.now()
        session.flush()
        forget_birthday(session, customer_id=card.customer_id)
    assert greet_birthdays(house) == 0
