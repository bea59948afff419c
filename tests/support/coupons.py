"""A counter with its shop, clerks and coupons, for tests about redemption."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import select, update

from app.core.house import House
from app.core.nouns import BusinessUnit, Customer, Store
from app.core.people import Device, Staff
from app.core.unit import reading, work
from cards.coupons.asked import OrderIn, RedeemIn, UndoIn
from cards.coupons.claim import Claim, Path, claim
from cards.coupons.templates import add_template, read_wish
from cards.models.coupons import Coupon, CouponTemplate, TemplateState
from cards.redemption import redeem, undo
from cards.till import Till
from tests.support.money import Shop, open_shop

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Counter:
    """A shop with one store, Chen at his device, and a colleague at another."""

    house: House
    shop: Shop
    store_id: int
    store: UUID
    chen: Till
    colleague: Till
    customers: tuple[int, ...]
    unit: UUID

    def template(self, **wishes) -> CouponTemplate:
        """An open template: ten yuan off, one week, unless wished otherwise."""
        wish = {"name": "满减", "type": "amount_off", "terms": {"amount_fen": 1000}, "unit": self.unit, "days_valid": 7, "claimable": True}
        now = self.house.clock.now()
        with work(self.house.engine) as session:
            made = add_template(session, read_wish({**wish, **wishes}), programme_id=self.shop.programme_id, now=now, actor="Mei")
            made.state = TemplateState.OPEN
            session.flush()
            return made

    def coupon(
        self, template: CouponTemplate | None = None, *, who: int = 0, key: str | None = None, path: Path = Path.CLERK, **wishes
    ) -> Coupon:
        """A coupon in a customer's hand."""
        template = template or self.template(**wishes)
        with work(self.house.engine) as session:
            return self.claim(session, template, who=who, key=key, path=path).coupon

    def claim(self, session, template, *, who=0, key=None, path=Path.PAGE):
        """One claim in the caller's transaction."""
        wish = Claim(self.customers[who], path, key or f"test:{next(_numbers)}", "Lin")
        held = session.get_one(CouponTemplate, template.id)
        return claim(session, held, wish, registry=self.house.registry, now=self.house.clock.now())

    def redeem(
        self,
        code: str | None = None,
        *,
        till: Till | None = None,
        key: str | None = None,
        body: bytes | None = None,
        public=False,
        **wishes,
    ):
        """One attempt with a key and an attempt id of its own, unless they are given; 100 yuan unless an order is given."""
        wishes.setdefault("attempt_id", uuid4())
        wishes.setdefault("order", OrderIn(total_fen=10_000))
        wish = RedeemIn(code=code, **wishes)
        sent = body if body is not None else wish.model_dump_json().encode()
        return redeem(self.house, wish, till=till or self.chen, key=key or str(uuid4()), body=sent, public=public)

    def undo(self, use: str, *, till: Till | None = None, key: str | None = None, supervisor=False, reason=""):
        """One reversal."""
        wish = UndoIn(attempt_id=uuid4(), use=UUID(use), reason=reason)
        sent = wish.model_dump_json().encode()
        return undo(self.house, wish, till=till or self.chen, supervisor=supervisor, key=key or str(uuid4()), body=sent)

    def reread(self, coupon: Coupon) -> Coupon:
        """The coupon as it stands."""
        with reading(self.house.engine) as session:
            return session.scalars(select(Coupon).where(Coupon.id == coupon.id)).one()

    def change(self, row, **values) -> None:
        """Change a row past all rules: to set a scene."""
        with work(self.house.engine) as session:
            session.execute(update(type(row)).where(type(row).id == row.id).values(values))


def open_counter(house: House, *, customers: int = 3, **wishes: object) -> Counter:
    """Set a counter up in the house's database."""
    shop = open_shop(house, customers=customers, **wishes)
    now = house.clock.now()
    number = next(_numbers)
    with work(house.engine) as session:
        unit = session.get_one(BusinessUnit, shop.unit_id)
        store = Store(business_unit_id=shop.unit_id, code=f"S{number}", name=f"海岸一店 {number}")
        session.add(store)
        session.flush()
        tills = []
        for name in ("Chen", "Wu"):
            staff = Staff(login=f"{name.lower()}{number}", name=name, password_hash="-", created_at=now)
            device = Device(store_id=store.id, name=f"{name}的手机", pair_until=now, created_at=now)
            session.add_all([staff, device])
            session.flush()
            tills.append(
                Till(f"device:{device.public_id}", name, store.id, shop.unit_id, staff.id, staff.public_id, device.id, "127.0.0.1")
            )
        people = session.scalars(select(Customer.id).order_by(Customer.id.desc()).limit(customers)).all()
        return Counter(house, shop, store.id, store.public_id, tills[0], tills[1], tuple(reversed(people)), unit.public_id)


def at_once(number: int, act, *, workers: int = 20):
    """Call `act(0)`, `act(1)`, ... from many threads; what each returned or raised, in order."""

    def one(place: int):
        try:
            return act(place)
        except Exception as error:  # noqa: BLE001 - the outcome of a loser is what the test asks for.
            return error

    with ThreadPoolExecutor(min(number, workers)) as pool:
        return list(pool.map(one, range(number)))
