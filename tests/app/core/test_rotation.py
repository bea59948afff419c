"""Rotation: everything sealed is sealed anew, a killed run goes on, look-ups are found at every step."""

from uuid import uuid4

import pytest
from sqlalchemy import insert, or_, select
from sqlalchemy.orm import Session

from app.core.accounts import open_account
from app.core.dead import DeadLetterRow
from app.core.ids import new_public_id
from app.core.nouns import Account, Customer
from app.core.rotation import count_by_key, lookup_columns, rehash, reseal, sealed_columns, settle_lookups
from app.core.secrets import KeyRing, UnsealError
from app.core.unit import reading, work
from tests.support.cast import LIN

OLD = KeyRing((("k1", b"1" * 32),), (("l1", b"a" * 32),))
BOTH = KeyRing((("k2", b"2" * 32), *OLD.sealing), (("l2", b"b" * 32), *OLD.lookup))
NEW = KeyRing(BOTH.sealing[:1], BOTH.lookup[:1])


@pytest.fixture
def old_house(house, make_account):
    """A house that has sealed with the old ring: an account, twelve customers with phones, a dead letter."""
    house.ring = OLD
    account = make_account()
    now = house.clock.now()
    with work(house.engine) as session:
        for number in range(12):
            row = new_public_id()
            phone = LIN.phone[:-2] + f"{number:02}"
            session.add(
                Customer(
                    public_id=row,
                    created_at=now,
                    phone_sealed=OLD.seal(phone, table="customer", column="phone_sealed", row=row),
                    phone_lookup=OLD.lookup_hash(phone, kind="phone"),
                )
            )
        session.add(Customer(created_at=now))
        letter = uuid4()
        sealed = OLD.seal("an entry", table="dead_letter", column="entry", row=letter)
        session.execute(
            insert(DeadLetterRow).values(stream_id="1-0", entry=sealed, entry_id=str(letter), reason="x", buried_at=now, replays=0)
        )
    return house, account


def phones_found(house, ring):
    """How many of the twelve phones a process with this ring finds."""
    found = 0
    with reading(house.engine) as session:
        for number in range(12):
            hashes = ring.lookup_hashes(LIN.phone[:-2] + f"{number:02}", kind="phone")
            either = or_(Customer.phone_lookup.in_(hashes), Customer.phone_lookup_next.in_(hashes))
            found += len(session.scalars(select(Customer.id).where(either)).all())
    return found


def test_every_sealed_column_is_known():
    assert {sealed.label for sealed in sealed_columns()} >= {
        "account.secret_sealed",
        "account.token_sealed",
        "account.aes_key_sealed",
        "customer.name_sealed",
        "customer.phone_sealed",
        "customer.email_sealed",
        "customer.address_sealed",
        "dead_letter.entry",
    }
    assert {lookup.label for lookup in lookup_columns()} >= {"customer.phone_lookup", "customer.email_lookup"}


def test_after_a_rotation_the_old_key_opens_nothing_and_the_new_one_everything(old_house):
    house, account = old_house
    assert count_by_key(house.engine, BOTH) == {"k2": 0, "k1": 16}
    assert reseal(house.engine, BOTH, batch=5) == 16
    assert count_by_key(house.engine, NEW) == {"k2": 16}
    with Session(house.engine) as session:
        row = session.scalars(select(Account)).one()
        assert open_account(row, ring=NEW).secret == account.secret
        with pytest.raises(UnsealError):
            open_account(row, ring=OLD)
        letter = session.scalars(select(DeadLetterRow)).one()
        assert NEW.open(letter.entry, table="dead_letter", column="entry", row=uuid4().__class__(letter.entry_id)) == "an entry"


def test_a_run_that_is_killed_goes_on_where_it_stopped(old_house):
    house, _ = old_house
    told = []

    def kill(label, done):
        told.append((label, done))
        if label == "customer.phone_sealed" and done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reseal(house.engine, BOTH, tell=kill, batch=5)
    done = count_by_key(house.engine, BOTH)["k2"]
    assert 0 < done < 16
    assert reseal(house.engine, BOTH, batch=5) == 16 - done
    assert reseal(house.engine, BOTH) == 0


def test_a_phone_is_found_before_during_and_after_by_old_and_new_processes(old_house):
    house, _ = old_house
    reseal(house.engine, BOTH)
    assert phones_found(house, OLD) == phones_found(house, BOTH) == 12
    assert rehash(house.engine, BOTH, batch=5) == 12
    assert rehash(house.engine, BOTH) == 0
    assert phones_found(house, OLD) == phones_found(house, BOTH) == phones_found(house, NEW) == 12
    assert settle_lookups(house.engine, BOTH, batch=5) == 12
    assert phones_found(house, NEW) == 12
    assert phones_found(house, OLD) == 0
    with reading(house.engine) as session:
        assert session.scalars(select(Customer.phone_lookup_next).where(Customer.phone_lookup_next.is_not(None))).all() == []


def test_a_value_whose_key_is_missing_stops_the_run_and_is_counted(old_house):
    house, _ = old_house
    assert count_by_key(house.engine, NEW) == {"k2": 0, "?": 16}
    with pytest.raises(UnsealError):
        reseal(house.engine, NEW)
