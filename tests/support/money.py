"""A programme, units and wallets for tests about money."""

import itertools
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from app.core.house import House
from app.core.nouns import BusinessUnit, Customer
from app.core.unit import work
from cards.ledger.post import Cause
from cards.ledger.wallets import open_wallet
from cards.models.programme import Programme

_LEDGER = ("points_hold", "lot_move", "points_entry", "lot", "points_txn", "wallet")
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Shop:
    """One programme, two units and a few customers' wallets."""

    programme_id: int
    unit_id: int
    other_unit_id: int
    wallets: tuple[int, ...]


def open_shop(house: House, *, customers: int = 3, **wishes: object) -> Shop:
    """Set a shop up in the house's database; keywords are columns of the programme."""
    with work(house.engine) as session:
        number = next(_numbers)
        programme = Programme(name=f"海岸会员 {number}", created_at=house.clock.now(), **wishes)
        units = [BusinessUnit(name=f"海岸百货 {number}"), BusinessUnit(name=f"海岸超市 {number}")]
        people = [Customer(created_at=house.clock.now()) for _ in range(customers)]
        session.add_all([programme, *units, *people])
        session.flush()
        wallets = [open_wallet(session, customer_id=person.id, programme_id=programme.id) for person in people]
        return Shop(programme.id, units[0].id, units[1].id, tuple(wallets))


def empty_ledger(house: House) -> None:
    """Leave no wallet and no transaction behind: much quicker than emptying the database, for tests that tell many stories."""
    with work(house.engine) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        for table in _LEDGER:
            session.execute(text(f"DELETE FROM {table}"))


def cause(now: datetime, key: str | None = None, reason: str = "测试") -> Cause:
    """A cause with a business key of its own, unless one is given."""
    return Cause(business_key=key or f"test:{next(_numbers)}", reason=reason, actor="Chen", occurred_at=now, now=now)
