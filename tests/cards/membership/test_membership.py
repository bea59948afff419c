"""A card is opened once by any path, with its gift at once, and found again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.core.errors import BadRequestError, NotFoundError
from app.core.unit import reading, work
from cards.expiry import lot_expiry
from cards.ledger.spend import spend
from cards.ledger.verify import verify
from cards.membership import card_of, count_members, find_member, open_card
from cards.models.ledger import Lot, PointsTxn, WalletKind
from cards.models.membership import CardPath, MemberCard
from cards.models.programme import Expiry, Programme
from cards.models.tiers import TierChange
from tests.support.members import card_now, facts_of, join_club, open_club, somebody, wallet_now
from tests.support.money import cause


def test_a_card_has_its_number_its_tier_its_wallets_and_its_gift_at_once(house):
    club = open_club(house, gift=100)
    card = join_club(house, club)
    wallet = wallet_now(house, club, card.customer_id)
    assert (wallet.active, wallet.pending) == (100, 0)
    assert wallet_now(house, club, card.customer_id, WalletKind.VALUE).active == 0
    assert card.tier_id == club.tiers[0]
    with work(house.engine) as session:
        spend(session, wallet_id=wallet.id, amount=100, unit_id=club.shop.unit_id, cause=cause(house.clock.now()))
    with reading(house.engine) as session:
        txn = session.scalars(select(PointsTxn).where(PointsTxn.business_key == f"opening:{card.number}")).one()
        assert txn.reason == "开卡礼"
        lot = session.scalars(select(Lot).where(Lot.txn_id == txn.id)).one()
        assert lot.expires_at == lot_expiry(session.get_one(Programme, club.programme_id), earned_at=house.clock.now())
        assert lot.issuing_unit_id == club.shop.unit_id
        assert verify(session) == []
    (fact,) = facts_of(house, "card.opened")
    assert fact.customer_id == card.customer_id
    assert fact.data["path"] == "h5"
    assert fact.data["gift_points"] == 100
    assert card.number not in str(fact.data)


@pytest.mark.parametrize("path", list(CardPath))
def test_every_path_is_idempotent_and_the_first_one_stays(house, path):
    club = open_club(house)
    first = join_club(house, club, path=path)
    for again in CardPath:
        assert join_club(house, club, first.customer_id, path=again).number == first.number
    card = card_now(house, club, first.customer_id)
    assert card.opened_by == path
    assert wallet_now(house, club, first.customer_id).active == 100
    assert len(facts_of(house, "card.imported" if path is CardPath.IMPORT else "card.opened")) == 1


def test_ten_doors_at_once_open_one_card_and_give_one_gift(house):
    club = open_club(house)
    customer = somebody(house)
    with ThreadPoolExecutor(10) as pool:
        cards = list(pool.map(lambda path: join_club(house, club, customer, path=path), [*CardPath, *CardPath][:10]))
    assert len({card.id for card in cards}) == 1
    assert wallet_now(house, club, customer).active == 100
    with reading(house.engine) as session:
        assert count_members(session, club.programme_id) == 1
        assert session.scalar(select(func.count()).select_from(TierChange)) == 1
    assert len(facts_of(house, "card.opened")) == 1


def test_two_programmes_are_two_cards(house):
    customer = somebody(house)
    clubs = [open_club(house), open_club(house, gift=0)]
    cards = [join_club(house, club, customer) for club in clubs]
    assert cards[0].number != cards[1].number
    assert wallet_now(house, clubs[1], customer).active == 0


def test_a_taken_number_is_drawn_again(house, monkeypatch):
    club = open_club(house)
    first = join_club(house, club)
    drawn = iter([first.number, first.number, "8000000000000009"])
    monkeypatch.setattr("cards.membership.new_number", lambda: next(drawn))
    assert join_club(house, club).number == "8000000000000009"


def test_a_member_is_found_by_number_and_public_id_and_only_in_his_programme(house):
    club, other = open_club(house), open_club(house)
    card = join_club(house, club)
    with reading(house.engine) as session:
        wanted = [{"number": card.number}, {"number": f"{card.number[:8]} {card.number[8:]}"}, {"public_id": card.public_id}]
        for how in wanted:
            found = find_member(session, programme_id=club.programme_id, **how)
            assert found is not None
            assert found.id == card.id
            assert find_member(session, programme_id=other.programme_id, **how) is None
        assert find_member(session, programme_id=club.programme_id, number="8000000000000000") is None


def test_nobody_and_no_programme_are_refused_and_leave_nothing(house):
    club = open_club(house)
    customer = somebody(house)
    for wrong, error in (({"customer_id": 10**9}, BadRequestError), ({"programme_id": 10**9}, NotFoundError)):
        asked = {"customer_id": customer, "programme_id": club.programme_id, **wrong}
        with pytest.raises(error), work(house.engine) as session:
            open_card(session, path=CardPath.H5, registry=house.registry, actor="Chen", now=house.clock.now(), **asked)
    with reading(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(MemberCard)) == 0


def test_the_gift_goes_with_the_card_when_its_transaction_fails(house):
    club = open_club(house)
    customer = somebody(house)
    with pytest.raises(RuntimeError), work(house.engine) as session:
        open_card(
            session,
            customer_id=customer,
            programme_id=club.programme_id,
            path=CardPath.CLERK,
            registry=house.registry,
            actor="Chen",
            now=house.clock.now(),
        )
        raise RuntimeError
    with reading(house.engine) as session:
        assert card_of(session, customer_id=customer, programme_id=club.programme_id) is None
        assert session.scalar(select(func.count()).select_from(PointsTxn)) == 0


@pytest.mark.parametrize(
    ("expiry", "months", "ends"),
    [
        (Expiry.NEVER, 12, None),
        (Expiry.ROLLING, 0, None),
        (Expiry.ROLLING, 12, "2027-11-22T16:00:00+00:00"),
        (Expiry.ROLLING, 3, "2027-02-22T16:00:00+00:00"),
        (Expiry.YEAR_END, 12, "2027-12-31T16:00:00+00:00"),
        (Expiry.YEAR_END, 0, "2026-12-31T16:00:00+00:00"),
    ],
)
def test_points_expire_at_the_end_of_a_day_in_shanghai(clock, expiry, months, ends):
    found = lot_expiry(Programme(expiry=expiry, expiry_months=months), earned_at=clock.now())
    assert (None if found is None else found.isoformat()) == ends


@pytest.mark.parametrize(
    ("day", "months", "ends"),
    [
        ("12-31", 0, "2026-12-31T16:00:00+00:00"),
        ("11-22", 0, "2026-11-22T16:00:00+00:00"),
        ("11-21", 0, "2027-11-21T16:00:00+00:00"),
        ("06-30", 12, "2028-06-30T16:00:00+00:00"),
        ("02-29", 0, "2027-02-28T16:00:00+00:00"),
        ("02-29", 12, "2028-02-29T16:00:00+00:00"),
    ],
)
def test_a_fixed_day_is_the_next_of_its_name_and_years_later(clock, day, months, ends):
    found = lot_expiry(Programme(expiry=Expiry.FIXED_DAY, expiry_months=months, expiry_day=day), earned_at=clock.now())
    assert found is not None
    assert found.isoformat() == ends


def test_the_last_of_a_month_is_the_last_of_a_shorter_one(clock):
    born = clock.now().replace(month=8, day=31) + timedelta(hours=1)
    found = lot_expiry(Programme(expiry=Expiry.ROLLING, expiry_months=6), earned_at=born)
    assert found is not None
    assert found.isoformat() == "2027-02-28T16:00:00+00:00"
