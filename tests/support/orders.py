"""A shop with stores, a member with a phone, a spend rule, and orders for tests about purchases."""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.house import House
from app.core.nouns import Customer, Store
from app.core.unit import work
from cards.ledger.verify import verify
from cards.ledger.wallets import open_wallet
from cards.models.ledger import Wallet
from cards.order_forms import OrderIn, ReturnIn
from cards.order_returns import Returned, book_return
from cards.orders import Booked, book
from cards.phones import know_phone
from cards.rulebook import define_rule
from tests.support.cast import LIN
from tests.support.money import Shop, open_shop

_numbers = itertools.count(1)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Till:
    """A shop with one store in each unit. Lin is its first customer and has his phone."""

    house: House
    shop: Shop
    store: str
    other_store: str
    lin_id: int

    @property
    def programme_id(self) -> int:
        return self.shop.programme_id

    def book(self, order: OrderIn, **more: Any) -> Booked:
        house = self.house
        with work(house.engine) as session:
            return book(
                session,
                order,
                programme_id=self.programme_id,
                ring=house.ring,
                registry=house.registry,
                actor="Chen",
                now=house.clock.now(),
                **more,
            )

    def bring_back(self, order: OrderIn, lines: dict[int, int], *, return_no: str | None = None, **more: Any) -> Returned:
        house = self.house
        said = {"return_no": return_no or f"R{next(_numbers)}", "returned_at": more.pop("returned_at", house.clock.now())}
        back = ReturnIn.model_validate({**said, "lines": [{"line_no": line, "quantity": count} for line, count in lines.items()]})
        with work(house.engine) as session:
            return book_return(
                session,
                back,
                source=order.source,
                order_no=order.order_no,
                registry=house.registry,
                actor="Chen",
                now=house.clock.now(),
                **more,
            )

    def wallet(self, customer_id: int | None = None) -> Wallet:
        with work(self.house.engine) as session:
            wallet_id = open_wallet(session, customer_id=customer_id or self.lin_id, programme_id=self.programme_id)
            return session.get_one(Wallet, wallet_id)

    def rule(self, kind: str = "spend", params: dict[str, Any] | None = None, **more: Any) -> None:
        said = {"name": f"规则 {next(_numbers)}", "valid_from": LONG_AGO, **more}
        with work(self.house.engine) as session:
            define_rule(
                session,
                programme_id=self.programme_id,
                kind=kind,
                params=params or {"rate": {"points": 1, "per_fen": 100}},
                now=self.house.clock.now(),
                actor="Mei",
                **said,
            )

    def books_are_right(self) -> None:
        with work(self.house.engine) as session:
            assert verify(session) == []


def open_till(house: House, *, rule: bool = True, **wishes: Any) -> Till:
    """Set it up; keywords are columns of the programme."""
    shop = open_shop(house, **wishes)
    with work(house.engine) as session:
        stores = [
            Store(business_unit_id=shop.unit_id, code="S1", name="海岸城店"),
            Store(business_unit_id=shop.other_unit_id, code="M1", name="海岸超市店"),
        ]
        session.add_all(stores)
        lin_id = session.scalars(select(Wallet.customer_id).where(Wallet.id == shop.wallets[0])).one()
        give_phone(house, session, lin_id, LIN.phone)
    till = Till(house, shop, str(stores[0].public_id), str(stores[1].public_id), lin_id)
    if rule:
        till.rule()
    return till


def give_phone(house: House, session: Session, customer_id: int, phone: str) -> Customer:
    """Let a customer have a phone."""
    customer = session.get_one(Customer, customer_id)
    know_phone(session, house.ring, customer=customer, phone=phone, actor="test", now=house.clock.now())
    return customer


def order_body(till: Till, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An order of Lin's as JSON: one line of 100 yuan unless lines are given."""
    body: dict[str, Any] = {
        "source": "pos",
        "order_no": f"N{next(_numbers)}",
        "store": till.store,
        "paid_at": (till.house.clock.now() - timedelta(hours=1)).isoformat(),
        "phone": LIN.phone,
        "lines": list(lines) or [{"sku": "TEA", "category": "食品", "quantity": 1, "amount_fen": 10_000}],
    }
    return {name: value for name, value in {**body, **more}.items() if value is not None}


def order(till: Till, *lines: dict[str, Any], **more: Any) -> OrderIn:
    """An order of Lin's, ready to be booked."""
    return OrderIn.model_validate(order_body(till, *lines, **more))
