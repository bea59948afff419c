"""Orders: booked once per source and number, with points by the rules of their day; an unknown buyer's order waits for him."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.bulk import table_of
from app.core.clock import business_day
from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.facts import Fact, record
from app.core.ids import new_public_id
from app.core.nouns import Store
from app.core.registry import Registry
from app.core.secrets import KeyRing
from cards.award import ORDER_KIND, Place, award
from cards.buyers import find_buyer, find_store, known_goods
from cards.held_credit import hold_credit
from cards.ledger.wallets import lock_wallets, open_wallet
from cards.models.earning import EarningAward, EarningRule, EarningVersion
from cards.models.ledger import Lot
from cards.models.orders import RECEIPT, Purchase, PurchaseLine
from cards.models.programme import Programme
from cards.models.settlement import SettlementPeriod
from cards.moments import AHEAD
from cards.occasion import LineSeen, Occasion
from cards.order_forms import AnyOrder
from cards.order_reads import lines_of
from cards.phones import KIND
from cards.receipt_doubles import find_stand_in, lock_slip, make_way
from cards.slips import slip_key
from cards.tiers import requalify, tier_multiplier_percent

_PURCHASE = table_of(Purchase)
_LINE = table_of(PurchaseLine)


@dataclass(frozen=True, slots=True)
class Earned:
    """What one rule gave for an order: points usable from `available_from` until `expires_at` (UTC, None for never)."""

    rule: str
    rule_id: UUID
    points: int
    taken_back: int
    available_from: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Booked:
    """An order on record. `fresh` is False when it was there already and nothing was posted again."""

    purchase: Purchase
    earned: Sequence[Earned]
    fresh: bool

    @property
    def points(self) -> int:
        return sum(each.points - each.taken_back for each in self.earned)


def book(
    session: Session,
    order: AnyOrder,
    *,
    programme_id: int,
    ring: KeyRing,
    registry: Registry,
    actor: str,
    now: datetime,
    unit_id: int | None = None,
    also: Sequence[str] = (),
    aside: Callable[[Purchase, int | None], bool] | None = None,
) -> Booked:
    """Put an order on record and post the points it earns. The same order again answers as before.

    `unit_id` is the only unit the sender may book for; `also` are other numbers the same purchase goes by. A customer's receipt that was
    credited for this purchase makes way: it earns once. `aside` is asked, with the customer, before anything is earned, whether this order
    stands aside for another that has earned already. Raises BadRequestError (422) for an unknown store, SKU or member and an order from the
    future, ForbiddenError for a foreign store, ConflictError for a known number with other content and for a month that is not open.
    """
    programme = session.get(Programme, programme_id)
    if programme is None:
        raise NotFoundError("没有这个会员计划 / there is no such programme", code="no_programme")
    _check_dates(session, order, programme_id=programme_id, now=now)
    store = find_store(session, order.store, unit_id=unit_id)
    lines = order.numbered()
    categories = known_goods(session, lines, unit_id=store.business_unit_id)
    lock_slip(session, store, (order.order_no, *also), source=order.source)
    buyer = find_buyer(session, order, programme_id=programme_id, ring=ring)
    purchase = _insert(session, order, store=store, programme_id=programme_id, ring=ring, phone=buyer.phone, actor=actor, now=now)
    if purchase is None:
        return _known(session, order, ring=ring, phone=buyer.phone)
    rows = [
        {
            "purchase_id": purchase.id,
            "line_no": line.line_no,
            "sku": line.sku,
            "category": category,
            "quantity": line.quantity,
            "amount_fen": line.amount_fen,
            "discount_fen": line.discount_fen,
            "is_reward": line.is_reward,
            "returned_qty": 0,
        }
        for line, category in zip(lines, categories, strict=True)
    ]
    session.execute(_LINE.insert(), rows)
    if aside is not None and aside(purchase, buyer.customer_id):
        return Booked(purchase, [], fresh=True)
    customer_id = buyer.customer_id
    stand_in = find_stand_in(session, purchase, store, also=also)
    if stand_in is not None:
        customer_id = make_way(session, stand_in, purchase, buyer=buyer, programme=programme, registry=registry, actor=actor, now=now)
    if customer_id is not None:
        credit(session, purchase, customer_id=customer_id, programme=programme, registry=registry, actor=actor, now=now)
    return Booked(purchase, earned_of(session, purchase.id), fresh=True)


def credit(
    session: Session, purchase: Purchase, *, customer_id: int, programme: Programme, registry: Registry, actor: str, now: datetime
) -> None:
    """Give an order of this transaction, or one that is locked, to its customer: points, the fact, and perhaps a better tier."""
    wallet_id = open_wallet(session, customer_id=customer_id, programme_id=programme.id)
    lock_wallets(session, [wallet_id])
    # Counted under the wallet's lock: of two first orders at once one is second.
    earlier = select(Purchase.id).where(
        Purchase.customer_id == customer_id,
        Purchase.programme_id == programme.id,
        Purchase.id != purchase.id,
        Purchase.replaced_by_id.is_(None),
    )
    first = session.scalar(earlier.limit(1)) is None
    purchase.customer_id = customer_id
    session.flush()
    store = session.get_one(Store, purchase.store_id)
    lines = lines_of(session, purchase.id)
    if not hold_credit(session, purchase, customer_id=customer_id, actor=actor, now=now):
        _award(session, purchase, store, lines, programme=programme, first=first, actor=actor, now=now)
    record(session, [_placed(purchase, store, lines)], registry=registry, now=now)
    requalify(
        session, customer_id=customer_id, programme_id=programme.id, registry=registry, now=now, occurred_at=purchase.paid_at, actor=actor
    )


def release_credit(session: Session, purchase_id: int, *, registry: Registry, actor: str, now: datetime) -> None:
    """Post the points of an order that waited for a verdict. Raises ConflictError when goods of it came back meanwhile."""
    query = select(Purchase).where(Purchase.id == purchase_id).with_for_update(key_share=True).execution_options(populate_existing=True)
    purchase = session.scalars(query).one()
    assert purchase.customer_id is not None, "only a credited order was held"
    lines = lines_of(session, purchase.id)
    if any(line.returned_qty for line in lines):
        raise ConflictError(
            "订单已有退货，请核对后手工调整积分 / goods of it came back: refuse it and adjust the points by hand", code="partly_returned"
        )
    programme = session.get_one(Programme, purchase.programme_id)
    wallet_id = open_wallet(session, customer_id=purchase.customer_id, programme_id=programme.id)
    lock_wallets(session, [wallet_id])
    earlier = select(Purchase.id).where(
        Purchase.customer_id == purchase.customer_id, Purchase.programme_id == programme.id, Purchase.id < purchase.id
    )
    first = session.scalar(earlier.limit(1)) is None
    _award(session, purchase, session.get_one(Store, purchase.store_id), lines, programme=programme, first=first, actor=actor, now=now)
    requalify(
        session,
        customer_id=purchase.customer_id,
        programme_id=programme.id,
        registry=registry,
        now=now,
        occurred_at=purchase.paid_at,
        actor=actor,
    )


def _award(
    session: Session,
    purchase: Purchase,
    store: Store,
    lines: Sequence[PurchaseLine],
    *,
    programme: Programme,
    first: bool,
    actor: str,
    now: datetime,
) -> None:
    """Points for an order by the rules of its day."""
    customer_id = purchase.customer_id
    assert customer_id is not None, "points go to somebody"
    occasion = Occasion(
        key=f"order:{purchase.source}:{purchase.order_no}",
        kind=ORDER_KIND,
        occurred_at=purchase.paid_at,
        day=business_day(purchase.paid_at),
        customer_id=customer_id,
        reason=f"消费 {purchase.order_no}",
        store=store.public_id,
        lines=tuple(LineSeen(line.line_no, line.sku, line.category, line.quantity, paid_fen(line)) for line in lines),
        tier_percent=tier_multiplier_percent(session, customer_id=customer_id, programme_id=programme.id, at=purchase.paid_at),
        first_purchase=first,
    )
    award(
        session,
        occasion,
        programme=programme,
        place=Place(purchase.business_unit_id, purchase.store_id),
        actor=actor,
        now=now,
        purchase_id=purchase.id,
    )


def paid_fen(line: PurchaseLine) -> int:
    """What of a line earns points: not what coupons and points paid, and nothing of a reward."""
    return 0 if line.is_reward else line.amount_fen - line.discount_fen


def earned_of(session: Session, purchase_id: int) -> list[Earned]:
    """What an order has earned so far, rule by rule."""
    query = (
        select(EarningAward, EarningRule, Lot)
        .join(EarningVersion, EarningVersion.id == EarningAward.version_id)
        .join(EarningRule, EarningRule.id == EarningVersion.rule_id)
        .join(Lot, Lot.txn_id == EarningAward.txn_id)
        .where(EarningAward.purchase_id == purchase_id)
        .order_by(EarningAward.id)
    )
    return [
        Earned(rule.name, rule.public_id, given.points, given.taken_back, lot.available_from, lot.expires_at)
        for given, rule, lot in session.execute(query)
    ]


def _check_dates(session: Session, order: AnyOrder, *, programme_id: int, now: datetime) -> None:
    if order.paid_at > now + AHEAD:
        raise BadRequestError("支付时间在未来 / paid_at lies in the future", code="paid_in_future", status=422)
    if order.period is None:
        return
    closed = select(SettlementPeriod.id).where(SettlementPeriod.programme_id == programme_id, SettlementPeriod.month == order.period)
    if session.scalar(closed) is not None:
        raise ConflictError(
            f"{order.period} 已结账；去掉 period 即记入当月 / {order.period} is closed; without period the order posts to the open month",
            code="period_closed",
        )
    if order.period != business_day(now).isoformat()[:7]:
        raise ConflictError(f"{order.period} 不是当前记账月 / {order.period} is not the open month", code="period_not_open")


def _insert(
    session: Session, order: AnyOrder, *, store: Store, programme_id: int, ring: KeyRing, phone: str | None, actor: str, now: datetime
) -> Purchase | None:
    """The order's row, or None when its number is known. A parallel twin waits here until the first one commits or rolls back."""
    public_id = new_public_id()
    row = {
        "public_id": public_id,
        "programme_id": programme_id,
        "source": order.source,
        "order_no": order.order_no,
        "phone_sealed": None if phone is None else ring.seal(phone, table="purchase", column="phone_sealed", row=public_id),
        "phone_lookup": None if phone is None else ring.lookup_hash(phone, kind=KIND),
        "store_id": store.id,
        "business_unit_id": store.business_unit_id,
        "terminal": order.terminal,
        "actor": actor[:64],
        "paid_at": order.paid_at,
        "booked_at": now,
        "total_fen": order.paid_fen,
        "content_hash": order.content_hash(),
        "pay_method": None if order.payment is None else order.payment.method,
        "pay_transaction_id": None if order.payment is None else order.payment.transaction_id,
        "pay_trade_no": None if order.payment is None else order.payment.out_trade_no,
        "slip_key": None if order.source == RECEIPT else slip_key(order.order_no, store_code=store.code),
    }
    insert = pg_insert(_PURCHASE).values(row).on_conflict_do_nothing(index_elements=["source", "order_no"]).returning(_PURCHASE.c.id)
    made = session.scalar(insert)
    return None if made is None else session.get_one(Purchase, made)


def _known(session: Session, order: AnyOrder, *, ring: KeyRing, phone: str | None) -> Booked:
    """The order that carries this number already. Raises ConflictError when it says something else."""
    purchase = session.scalars(select(Purchase).where(Purchase.source == order.source, Purchase.order_no == order.order_no)).one()
    hashes = [] if phone is None else ring.lookup_hashes(phone, kind=KIND)
    same_phone = purchase.phone_lookup in hashes or purchase.phone_lookup_next in hashes if hashes else purchase.phone_lookup is None
    if purchase.content_hash != order.content_hash() or not same_phone:
        raise ConflictError(
            f"订单 {order.order_no} 已登记，内容不同 / the order {order.order_no} is on record with other content", code="order_differs"
        )
    return Booked(purchase, earned_of(session, purchase.id), fresh=False)


def _placed(purchase: Purchase, store: Store, lines: Sequence[PurchaseLine]) -> Fact:
    data = {
        "order": str(purchase.public_id),
        "source": purchase.source,
        "order_no": purchase.order_no,
        "store": str(store.public_id),
        "total_fen": purchase.total_fen,
        "skus": sorted({line.sku for line in lines})[:50],
        "categories": sorted({line.category for line in lines if line.category})[:50],
    }
    key = f"order:{purchase.source}:{purchase.order_no}"
    return Fact(key=key, kind=ORDER_KIND, occurred_at=purchase.paid_at, data=data, customer_id=purchase.customer_id)
