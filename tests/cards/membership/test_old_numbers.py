"""Old cards of another vendor: their numbers lead to the member, are sealed, and survive a change of keys."""

import pytest
from sqlalchemy import select

from app.core.rotation import lookup_columns, sealed_columns
from app.core.unit import reading, work
from cards.coupons.member import look_up
from cards.membership import find_member
from cards.models.membership import OldCardNumber
from cards.old_numbers import keep_old_number, tidy_old_number
from tests.support.members import join_club, open_club


@pytest.fixture
def club(house):
    return open_club(house)


def keep(house, card, number):
    with work(house.engine) as session:
        return keep_old_number(session, house.ring, session.merge(card), number)


def find(house, club, written):
    with reading(house.engine) as session:
        found = find_member(session, programme_id=club.programme_id, number=written, ring=house.ring)
        return None if found is None else found.id


def test_an_old_number_finds_its_member_however_it_is_written(house, club):
    lin, zhao = join_club(house, club), join_club(house, club)
    assert keep(house, lin, "VIP00123")
    for written in ("VIP00123", "vip-00123", " VIP 001 23 ", "ＶＩＰ００１２３"):
        assert find(house, club, written) == lin.id
    assert find(house, club, "VIP00124") is None
    assert find(house, club, zhao.number) == zhao.id
    with reading(house.engine) as session:
        assert look_up(session, house, "VIP-00123", programme_id=club.programme_id, client_id="t").id == lin.id
        assert find_member(session, programme_id=open_club(house).programme_id, number="VIP00123", ring=house.ring) is None


def test_a_number_leads_to_the_first_who_had_it(house, club):
    lin, zhao = join_club(house, club), join_club(house, club)
    assert keep(house, lin, "VIP00123")
    assert keep(house, lin, "VIP00123")
    assert not keep(house, zhao, "VIP00123")
    assert find(house, club, "VIP00123") == lin.id


def test_it_is_sealed_and_turns_with_the_keys(house, club):
    keep(house, join_club(house, club), "VIP00123")
    with reading(house.engine) as session:
        row = session.scalars(select(OldCardNumber)).one()
    assert b"VIP00123" not in row.number_sealed + row.number_lookup
    assert "old_card_number.number_sealed" in {each.label for each in sealed_columns()}
    assert "old_card_number.number_lookup" in {each.label for each in lookup_columns()}
    assert house.ring.open(row.number_sealed, table="old_card_number", column="number_sealed", row=row.public_id) == "VIP00123"


@pytest.mark.parametrize("wrong", ["", "123", "卡号一二三四", "A" * 41, "<script>", "a b"])
def test_what_is_no_number_finds_nobody(house, club, wrong):
    assert tidy_old_number(wrong) is None
    assert find(house, club, wrong) is None
