"""Payments by WeChat become purchases by themselves, and refunds take their points back; what does not add up waits for a person."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.bulk import table_of
from app.core.errors import BadRequestError, ConflictError, FankaError, NotFoundError, UnavailableError
from app.core.followers import find_follower
from app.core.inbound import openid_digest
from app.core.log import get_logger
from app.core.nouns import Account, Customer, Store
from app.core.registry import Registry
from app.core.secrets import KeyRing
from app.wechat.pay_notices import KEY_BYTES, Notice, PayKeys, Payment, Refund, check_public_key
from cards.models.orders import Purchase, PurchaseLine, Sku
from cards.models.payments import PayMerchant, PayNotice
from cards.models.programme import Programme
from cards.order_forms import OrderIn, OrderLineIn, ReturnIn, ReturnLineIn
from cards.order_reads import lines_of
from cards.order_returns import book_return
from cards.orders import book, credit
from cards.pay_matching import lock_payment, order_told
from cards.phones import living_customer

log = get_logger(__name__)
SOURCE, SKU = "wechat_pay", "wechat_pay"
ACTOR = "wechat_pay"
CLAIMABLE = timedelta(days=30)
"""How long a payment waits for its payer to open a card."""
_PIECES = 100_000
_MOST_LINES = 200
_NOTICE = table_of(PayNotice)


def open_merchant(
    session: Session,
    ring: KeyRing,
    *,
    mchid: str,
    account: Account,
    programme_id: int,
    store: Store,
    api_v3_key: str,
    serial: str,
    public_key: str,
    actor: str,
    now: datetime,
) -> PayMerchant:
    """Keep a merchant, or give a known one a new key; an older public key stays good beside it. The APIv3 key is sealed.

    Raises BadRequestError for a number or a key that is none.
    """
    if not mchid.isascii() or not mchid.isdigit() or not 8 <= len(mchid) <= 10:
        raise BadRequestError("商户号为 8 到 10 位数字 / a merchant number has 8 to 10 digits", code="bad_mchid")
    if len(api_v3_key.encode()) != KEY_BYTES:
        raise BadRequestError("APIv3 密钥为 32 个字符 / an APIv3 key has 32 signs", code="bad_api_v3_key")
    check_public_key(public_key)
    merchant = session.scalar(select(PayMerchant).where(PayMerchant.mchid == mchid).with_for_update())
    if merchant is None:
        merchant = PayMerchant(mchid=mchid, public_keys={}, api_v3_key_sealed=b"", created_at=now)
        session.add(merchant)
    merchant.account_id, merchant.programme_id, merchant.store_id = account.id, programme_id, store.id
    merchant.active = True
    merchant.public_keys = dict([*merchant.public_keys.items(), (serial[:64], public_key)][-2:])
    session.flush()
    merchant.api_v3_key_sealed = ring.seal(api_v3_key, table="pay_merchant", column="api_v3_key_sealed", row=merchant.public_id)
    session.flush()
    note(
        session,
        at=now,
        actor=actor,
        action="pay_merchant.set",
        object_type="pay_merchant",
        object_id=merchant.public_id,
        detail={"mchid": mchid, "serial": serial[:64], "store": str(store.public_id)},
    )
    return merchant


def find_keys(session: Session, ring: KeyRing, public_id: UUID) -> tuple[PayMerchant, PayKeys]:
    """An active merchant with what opens his notices. Raises NotFoundError."""
    merchant = session.scalar(select(PayMerchant).where(PayMerchant.public_id == public_id, PayMerchant.active))
    if merchant is None:
        raise NotFoundError("there is no such merchant", code="no_merchant")
    key = ring.open(merchant.api_v3_key_sealed, table="pay_merchant", column="api_v3_key_sealed", row=merchant.public_id)
    appid = session.get_one(Account, merchant.account_id).appid
    return merchant, PayKeys(merchant.mchid, appid, key, merchant.public_keys)


def take_notice(session: Session, merchant: PayMerchant, notice: Notice, *, ring: KeyRing, registry: Registry, now: datetime) -> PayNotice:
    """Let a checked notice take effect, once; the same notice again answers as before.

    What this house refuses (amounts that differ, a closed month, an unknown store) is parked with its code, because repeating it would not
    help. Raises UnavailableError for a refund whose payment has not come yet: WeChat repeats it.
    """
    row = {"merchant_id": merchant.id, "notice_id": notice.id, "event_type": notice.event_type, "state": "ignored", "received_at": now}
    made = session.scalar(pg_insert(_NOTICE).values(row).on_conflict_do_nothing().returning(_NOTICE.c.id))
    if made is None:
        known = select(PayNotice).where(PayNotice.merchant_id == merchant.id, PayNotice.notice_id == notice.id)
        return session.scalars(known).one()
    kept = session.get_one(PayNotice, made)
    if notice.said is None:
        return kept
    kept.transaction_id, kept.out_trade_no = notice.said.transaction_id, notice.said.out_trade_no
    if isinstance(notice.said, Payment):
        numbers = [notice.said.transaction_id, notice.said.out_trade_no]
        lock_payment(session, store_id=merchant.store_id, amount_fen=notice.said.amount.total, numbers=numbers)
    try:
        with session.begin_nested():
            if isinstance(notice.said, Payment):
                _take_payment(session, merchant, kept, notice.said, ring=ring, registry=registry, now=now)
            else:
                _take_refund(session, merchant, kept, notice.said, registry=registry, now=now)
    except FankaError as error:
        if error.status >= 500:
            raise
        _park(session, kept, notice.said, code=str(error.code), now=now)
    session.flush()
    return kept


def claim_payments(
    session: Session, *, account_id: int, openid: str, appid: str, customer_id: int, registry: Registry, now: datetime
) -> int:
    """Give a new member what he paid before anybody knew him; says how many payments. Those older than 30 days stay as they are."""
    digest = openid_digest(appid, openid)
    query = (
        select(PayNotice, Purchase)
        .join(PayMerchant, PayMerchant.id == PayNotice.merchant_id)
        .join(Purchase, Purchase.id == PayNotice.purchase_id)
        .where(PayMerchant.account_id == account_id, PayNotice.payer_digest == digest, Purchase.customer_id.is_(None))
        .where(Purchase.paid_at > now - CLAIMABLE)
        .order_by(Purchase.id)
        .with_for_update(of=Purchase)
    )
    claimed = 0
    for kept, purchase in session.execute(query).all():
        programme = session.get_one(Programme, purchase.programme_id)
        credit(session, purchase, customer_id=customer_id, programme=programme, registry=registry, actor=ACTOR, now=now)
        kept.payer_digest = None
        claimed += 1
    session.execute(update(PayNotice).where(PayNotice.payer_digest == digest).values(payer_digest=None))
    return claimed


def _take_payment(
    session: Session, merchant: PayMerchant, kept: PayNotice, paid: Payment, *, ring: KeyRing, registry: Registry, now: datetime
) -> None:
    kept.amount_fen = paid.amount.total
    if paid.trade_state != "SUCCESS":
        raise ConflictError("the payment did not succeed", code="not_paid")
    if paid.payer_fen > paid.amount.total:
        raise ConflictError("the person paid more than the order came to", code="amount_differs")
    if _told_before(session, merchant, kept, paid):
        return
    account = session.get_one(Account, merchant.account_id)
    store = session.get_one(Store, merchant.store_id)
    customer = _payer(session, account, paid.payer.openid)
    if customer is None and paid.payer.openid:
        kept.payer_digest = openid_digest(account.appid, paid.payer.openid)
    told = order_told(
        session,
        store_id=store.id,
        unit_id=store.business_unit_id,
        out_trade_no=paid.out_trade_no,
        transaction_id=paid.transaction_id,
        amount_fen=paid.amount.total,
        customer_id=None if customer is None else customer.id,
        paid_at=paid.success_time,
    )
    if told is not None:
        _match(session, kept, told, paid, customer=customer, registry=registry, now=now)
        return
    _know_sku(session, store.business_unit_id)
    order = OrderIn(
        source=SOURCE,
        order_no=paid.transaction_id,
        store=str(store.public_id),
        paid_at=paid.success_time,
        customer=None if customer is None else customer.public_id,
        lines=_lines(paid),
    )
    booked = book(
        session,
        order,
        programme_id=merchant.programme_id,
        ring=ring,
        registry=registry,
        actor=ACTOR,
        now=now,
        also=[paid.out_trade_no],
    )
    kept.purchase_id, kept.state = booked.purchase.id, "booked"


def _told_before(session: Session, merchant: PayMerchant, kept: PayNotice, paid: Payment) -> bool:
    """Whether another notice of this payment took effect: then this one says the same. The payment is locked. Raises ConflictError."""
    query = select(PayNotice).where(
        PayNotice.merchant_id == merchant.id,
        PayNotice.transaction_id == paid.transaction_id,
        PayNotice.refund_id.is_(None),
        PayNotice.id != kept.id,
        PayNotice.state.in_(("booked", "matched")),
    )
    before = session.scalar(query.order_by(PayNotice.id).limit(1))
    if before is None:
        return False
    if before.amount_fen != paid.amount.total:
        raise ConflictError("the payment was told with another amount before", code="amount_differs")
    kept.purchase_id, kept.state = before.purchase_id, before.state
    return True


def _payer(session: Session, account: Account, openid: str) -> Customer | None:
    """Who paid, as far as he is known and has not asked to be forgotten."""
    follower = find_follower(session, account_id=account.id, appid=account.appid, openid=openid) if openid else None
    if follower is None or follower.openid is None:
        return None
    customer = living_customer(session, follower.customer_id)
    return customer if customer.erased_at is None else None


def _match(
    session: Session,
    kept: PayNotice,
    told: Purchase,
    paid: Payment,
    *,
    customer: Customer | None,
    registry: Registry,
    now: datetime,
) -> None:
    """The till told this order itself: it is not booked again, but its amount must be the one that was paid."""
    if told.total_fen != paid.amount.total:
        raise ConflictError("the order came to another amount than was paid", code="amount_differs")
    kept.purchase_id, kept.state = told.id, "matched"
    if customer is not None and told.customer_id is None and told.phone_lookup is None:
        programme = session.get_one(Programme, told.programme_id)
        credit(session, told, customer_id=customer.id, programme=programme, registry=registry, actor=ACTOR, now=now)


def _take_refund(session: Session, merchant: PayMerchant, kept: PayNotice, back: Refund, *, registry: Registry, now: datetime) -> None:
    kept.refund_id, kept.amount_fen = back.refund_id, back.amount.refund
    if back.refund_status != "SUCCESS":
        raise ConflictError("the refund did not succeed", code="not_refunded")
    query = select(PayNotice).where(
        PayNotice.merchant_id == merchant.id, PayNotice.transaction_id == back.transaction_id, PayNotice.refund_id.is_(None)
    )
    original = session.scalars(query.where(PayNotice.state != "ignored").order_by(PayNotice.id).limit(1)).first()
    if original is None:
        raise UnavailableError("the payment of this refund is not known yet", code="payment_not_known")
    if original.amount_fen is not None and original.amount_fen != back.amount.total:
        raise ConflictError("the refund names another total than was paid", code="amount_differs")
    if original.purchase_id is None:
        raise ConflictError("the payment itself is parked", code="payment_parked")
    if original.state == "matched":
        # The till that told the order tells its returns, too, line by line.
        kept.purchase_id, kept.state = original.purchase_id, "matched"
        return
    purchase = session.get_one(Purchase, original.purchase_id, with_for_update=True, populate_existing=True)
    lines = lines_of(session, purchase.id)
    wish = ReturnIn(
        return_no=back.refund_id, returned_at=max(back.success_time, purchase.paid_at), lines=_pieces(lines, back.amount.refund)
    )
    returned = book_return(session, wish, source=SOURCE, order_no=purchase.order_no, registry=registry, actor=ACTOR, now=now)
    kept.purchase_id, kept.state = returned.purchase.id, "booked"


def _lines(paid: Payment) -> list[OrderLineIn]:
    """The payment as lines in which one piece is one fen, so that a refund of any amount is a return of so many pieces."""
    total = paid.amount.total
    if total > _PIECES * _MOST_LINES:
        # Beyond two hundred thousand yuan it is one piece, and only the whole can come back by itself.
        return [OrderLineIn(line_no=1, sku=SKU, amount_fen=total, discount_fen=total - paid.payer_fen)]
    made: list[OrderLineIn] = []
    left, off = total, total - paid.payer_fen
    while left:
        part = min(left, _PIECES)
        cut = min(off, part)
        made.append(OrderLineIn(line_no=len(made) + 1, sku=SKU, quantity=part, amount_fen=part, discount_fen=cut))
        left, off = left - part, off - cut
    return made


def _pieces(lines: Sequence[PurchaseLine], fen: int) -> list[ReturnLineIn]:
    """So many fen of an order's lines, the first ones first. Raises ConflictError when they are not there."""
    wished: list[ReturnLineIn] = []
    left = fen
    for line in lines:
        open_pieces = line.quantity - line.returned_qty
        piece_fen = line.amount_fen // line.quantity
        taken = min(open_pieces, left // piece_fen)
        if taken:
            wished.append(ReturnLineIn(line_no=line.line_no, quantity=taken))
            left -= taken * piece_fen
    if left:
        raise ConflictError("more was refunded than was paid, or a part of one piece", code="refund_differs")
    return wished


def _know_sku(session: Session, unit_id: int) -> None:
    """A unit that keeps a list of goods sells payments, too."""
    if session.scalar(select(Sku.id).where(Sku.business_unit_id == unit_id).limit(1)) is not None:
        row = {"business_unit_id": unit_id, "code": SKU, "name": "微信支付", "category": "", "active": True}
        session.execute(pg_insert(table_of(Sku)).values(row).on_conflict_do_nothing())


def _park(session: Session, kept: PayNotice, said: Payment | Refund, *, code: str, now: datetime) -> None:
    session.refresh(kept)
    kept.transaction_id, kept.out_trade_no = said.transaction_id, said.out_trade_no
    kept.refund_id = said.refund_id if isinstance(said, Refund) else None
    kept.amount_fen = said.amount.refund if isinstance(said, Refund) else said.amount.total
    kept.state, kept.code = "parked", code[:32]
    log.error("payment_parked", transaction=said.transaction_id, reason=code)
    note(
        session,
        at=now,
        actor=ACTOR,
        action="payment.parked",
        object_type="pay_notice",
        object_id=kept.notice_id,
        detail={"transaction": said.transaction_id, "code": code},
    )
