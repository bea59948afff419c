"""Photos of receipts, and the two who meet over one: the customer who sends it and whoever looks at it."""

import io
import itertools
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

from PIL import Image, ImageDraw
from sqlalchemy import select

from app.core.clock import business_day
from app.core.nouns import Customer, Store
from app.core.unit import reading, work
from cards.models.programme import Programme
from cards.models.receipts import Receipt
from cards.receipts.deciding import Judge, Verdict, decide
from cards.receipts.pictures import draw_anew
from cards.receipts.sending import Told, send
from tests.support.orders import Till

_numbers = itertools.count(1)
CLERK = Judge("陈晨", "staff:chen")


def photo(number: str = "88201", total: str = "88.50", *, size: tuple[int, int] = (600, 900), kind: str = "JPEG", **more: Any) -> bytes:
    """A picture of a till's slip on a table, as a phone takes it."""
    scene = Image.new("RGB", size, (120, 96, 78))
    pen, (width, height) = ImageDraw.Draw(scene), size
    pen.rectangle((width // 8, height // 16, width * 7 // 8, height * 15 // 16), fill=(250, 249, 244))
    lines = (
        "COAST STORE",
        "NANJING WEST RD",
        "-" * 22,
        f"NO. {number}",
        "TEA        2    48.00",
        "CAKE       1    40.50",
        "-" * 22,
        f"TOTAL      {total}",
    )
    for place, line in enumerate(lines):
        pen.text((width // 5, height // 8 + place * height // 11), line, fill=(30, 30, 30), font_size=max(width // 22, 8))
    out = io.BytesIO()
    scene.save(out, kind, **more)
    return out.getvalue()


SMALL = draw_anew(photo(size=(60, 90)))
"""A picture for tests that look at none."""


@dataclass
class Desk:
    """A till's shop where receipts are sent in and decided on."""

    till: Till

    @property
    def today(self) -> date:
        return business_day(self.till.house.clock.now())

    def snap(self, number: str | None = None, *, fen: int = 10_000, days_ago: int = 0, who: int | None = None, **more: Any) -> UUID:
        """A customer, Lin unless said otherwise, sends a receipt; its public id."""
        house = self.till.house
        with work(house.engine) as session:
            wish = {"store_id": UUID(self.till.store), "form_key": uuid4(), "picture": SMALL, "device": None, **more}
            sent = send(
                session,
                house.ring,
                Told(number or f"R{next(_numbers)}", fen, self.today - timedelta(days=days_ago)),
                customer=session.get_one(Customer, who or self.till.lin_id),
                programme=session.get_one(Programme, self.till.programme_id),
                now=house.clock.now(),
                **wish,
            )
            return sent.public_id

    def judge(self, receipt: UUID, decision: Any = "approve", reason: str = "已核对", *, judge: Judge = CLERK, **read: Any) -> Receipt:
        house = self.till.house
        with work(house.engine) as session:
            verdict = Verdict(decision, reason, **read)
            return decide(session, receipt, verdict, judge=judge, ring=house.ring, registry=house.registry, now=house.clock.now())

    def row(self, receipt: UUID) -> Receipt:
        with reading(self.till.house.engine) as session:
            return session.scalars(select(Receipt).where(Receipt.public_id == receipt)).one()

    def points(self, who: int | None = None) -> int:
        held = self.till.wallet(who)
        return held.active + held.pending

    def other(self) -> int:
        """Zhao, who is a customer of the same shop."""
        with reading(self.till.house.engine) as session:
            query = select(Customer.id).where(Customer.id != self.till.lin_id).order_by(Customer.id)
            return session.scalars(query.limit(1)).one()

    def store_id(self) -> int:
        with reading(self.till.house.engine) as session:
            return session.scalars(select(Store.id).where(Store.public_id == UUID(self.till.store))).one()
