"""A phone number makes or finds the person, and an old member is bound to the one who stands here."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from app.core import kinds
from app.core.errors import BadRequestError, ConflictError
from app.core.followers import Sighting, meet
from app.core.nouns import AuditEntry, Customer
from app.core.unit import reading, work
from cards.enrolment import enrol
from cards.ledger.verify import verify
from cards.membership import find_member
from cards.models.membership import CardPath
from cards.phones import find_by_phone, know_phone, tidy_phone
from tests.support.members import card_now, earn_points, facts_of, join_club, open_club, somebody, wallet_now

PHONE = "13800000003"


def enter(house, club, *, phone=PHONE, path=CardPath.CLERK, **more):
    with work(house.engine) as session:
        return enrol(
            session,
            house.ring,
            phone=phone,
            programme_id=club.programme_id,
            path=path,
            registry=house.registry,
            actor="Chen",
            now=house.clock.now(),
            **more,
        )


def follower(house, account, openid="o-lin"):
    with work(house.engine) as session:
        seen = Sighting(account.id, account.appid, openid)
        (found,) = meet(session, [seen], now=house.clock.now()).values()
        return found.customer_id


@pytest.mark.parametrize("written", ["+86 138-0000-0003", "8613800000003", "１３８０００００００３", " 13800000003"])
def test_a_number_has_one_form(written):
    assert tidy_phone(written) == PHONE


@pytest.mark.parametrize("written", ["", "1380000000", "23800000003", "138000000034", "1380000000x", "1" * 100_000, "+85213800000003"])
def test_what_is_no_number_is_refused(written):
    with pytest.raises(BadRequestError):
        tidy_phone(written)


def test_a_clerk_opens_a_card_with_a_phone_and_finds_it_again(house):
    club = open_club(house)
    first = enter(house, club)
    again = enter(house, club, phone="+86 138 0000 0003")
    assert (first.fresh, again.fresh) == (True, False)
    assert again.card.number == first.card.number
    with reading(house.engine) as session:
        found = find_member(session, programme_id=club.programme_id, phone=PHONE, ring=house.ring)
        assert found is not None
        assert found.id == first.card.id
        customer = session.get_one(Customer, first.card.customer_id)
        assert customer.phone_sealed is not None
        assert PHONE.encode() not in customer.phone_sealed
        assert house.ring.open(customer.phone_sealed, table="customer", column="phone_sealed", row=customer.public_id) == PHONE
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "customer.phone_set")).one()
        assert PHONE not in str(entry.detail)


def test_eight_clerks_at_once_make_one_person_of_one_phone(house):
    club = open_club(house)
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: enter(house, club), range(8)))
    assert len({each.card.number for each in opened}) == 1
    assert sum(each.fresh for each in opened) == 1
    with reading(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == 1


def test_an_old_member_becomes_the_follower_who_stands_here(house, make_account):
    club = open_club(house)
    old = enter(house, club, path=CardPath.IMPORT).card
    earn_points(house, club, old.customer_id, 700)
    lin = follower(house, make_account())
    opened = enter(house, club, path=CardPath.H5, customer_id=lin)
    assert not opened.fresh
    assert opened.card.number == old.number
    assert opened.card.customer_id == lin
    assert wallet_now(house, club, lin).active == 800
    with reading(house.engine) as session:
        gone = session.get_one(Customer, old.customer_id)
        assert gone.joined_into_id == lin
        assert gone.phone_sealed is None
        assert [each.id for each in find_by_phone(session, house.ring, PHONE)] == [lin]
        assert verify(session) == []
    (joined,) = facts_of(house, kinds.JOINED)
    assert joined.data == {"from": old.customer_id, "into": lin}
    # Once more, and nothing changes.
    assert enter(house, club, path=CardPath.H5, customer_id=lin).card.id == opened.card.id


def test_an_old_member_and_a_follower_with_cards_keep_one_and_both_numbers_lead_to_it(house, make_account):
    club = open_club(house)
    old = enter(house, club, path=CardPath.IMPORT).card
    earn_points(house, club, old.customer_id, 700)
    lin = follower(house, make_account())
    mine = join_club(house, club, lin)
    assert enter(house, club, customer_id=lin).card.id == mine.id
    assert wallet_now(house, club, lin).active == 900
    assert wallet_now(house, club, old.customer_id).active == 0
    with reading(house.engine) as session:
        for number in (old.number, mine.number):
            found = find_member(session, programme_id=club.programme_id, number=number)
            assert found is not None
            assert found.id == mine.id
        assert verify(session) == []


def test_somebody_on_wechat_is_not_taken_over_by_his_number(house, make_account):
    club = open_club(house)
    account = make_account()
    lin, zhao = follower(house, account), follower(house, account, "o-zhao")
    enter(house, club, customer_id=lin)
    with pytest.raises(ConflictError) as refused:
        enter(house, club, customer_id=zhao)
    assert refused.value.code == "phone_taken"
    assert card_now(house, club, lin).customer_id == lin
    assert len(facts_of(house, "card.opened")) == 1


def test_a_number_can_change_and_the_old_one_leads_nowhere(house):
    club = open_club(house)
    card = enter(house, club).card
    enter(house, club, phone="13900000009", customer_id=card.customer_id)
    with reading(house.engine) as session:
        assert find_member(session, programme_id=club.programme_id, phone=PHONE, ring=house.ring) is None
        found = find_member(session, programme_id=club.programme_id, phone="13900000009", ring=house.ring)
        assert found is not None
        assert found.id == card.id


def test_a_known_number_is_not_written_again(house):
    customer = somebody(house)
    with work(house.engine) as session:
        person = session.get_one(Customer, customer)
        assert know_phone(session, house.ring, customer=person, phone=PHONE, actor="Chen", now=house.clock.now())
        sealed = person.phone_sealed
        assert not know_phone(session, house.ring, customer=person, phone=PHONE, actor="Chen", now=house.clock.now())
        assert person.phone_sealed == sealed
