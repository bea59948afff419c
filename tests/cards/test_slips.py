"""One number, however it is written; the migration made the same of what was on record before."""

import importlib.util

import pytest
from sqlalchemy import select, text, update

from app.core.unit import reading, work
from app.local.place import CHECKOUT
from cards.models.orders import Purchase
from cards.slips import slip_key
from tests.support.orders import open_till, order


@pytest.mark.parametrize("written", ["88201", " 88201 ", "0088201", "S1-88201", "s1-88201", "８８２０１", "88-201", "#88201"])
def test_what_people_write_differently_is_one_number(written):
    assert slip_key(written, store_code="S1") == "88201"


@pytest.mark.parametrize(
    ("written", "key"), [("A0012", "A0012"), ("S188201", "S188201"), ("S2-88201", "S288201"), ("---", None), ("000", None)]
)
def test_what_makes_a_number_another_one_stays(written, key):
    assert slip_key(written, store_code="S1") == key


def test_the_migration_knows_the_slips_of_old(house):
    path = CHECKOUT / "migrations" / "versions" / "20261122_1510_receipts.py"
    spec = importlib.util.spec_from_file_location("receipts_migration", path)
    migration = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(migration)
    till = open_till(house)
    for number in ("S1-0088201", "s1-9", "X-12/a", "---"):
        till.book(order(till, order_no=number))
    with reading(house.engine) as session:
        known = session.execute(select(Purchase.order_no, Purchase.slip_key).order_by(Purchase.id)).all()
    assert [key for _, key in known] == ["88201", "9", "X12A", None]
    with work(house.engine) as session:
        session.execute(update(Purchase).values(slip_key=None))
        session.execute(text(migration.KNOW_SLIPS))
    with reading(house.engine) as session:
        assert session.execute(select(Purchase.order_no, Purchase.slip_key).order_by(Purchase.id)).all() == known
