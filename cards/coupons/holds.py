"""Holds: a till sets coupons, points and stored value aside for one order, for ten minutes at most, then confirms or releases all of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.errors import NotFoundError
from app.core.registry import Registry
from app.core.unit import work
from cards.blocks import is_blocked
from cards.coupons.checkout import Basket, Priced, price, tell_quote
from cards.coupons.conditions import Order
from cards.coupons.undo import OWN_UNDO, Undoing, undo_use
from cards.coupons.use import Held, Using, is_settled, lock_order, use_coupon, used_on
from cards.fraud import check_own
from cards.ledger import spend
from cards.ledger.post import Cause
from cards.ledger.returns import give_back, still_used
from cards.ledger.wallets import lock_wallets, open_wallet
from cards.models.coupons import Coupon
from cards.models.ledger import PointsHold, PointsTxn, TxnKind, Wallet, WalletKind
from cards.models.redemption import CouponHold, CouponUse, UseKind
from cards.points_at_till import till_key
from cards.refusals import RefusedError
from cards.till import Till

LONGEST_HOLD = spend.LONGEST_HOLD
SHORTEST_HOLD = timedelta(seconds=30)
_LOCK_COUPONS = text("SELECT id FROM coupon WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE")
_HOLD = text(
    """
    UPDATE coupon SET state = 'held', hold_id = :hold, held_until = :until, changed_at = :now
    WHERE id = ANY(:ids) AND (state = 'issued' OR (state = 'held' AND held_until <= :now)) AND valid_from <= :now AND expires_at > :now
    """
)
_FREE = text(
    """
    UPDATE coupon
    SET state = CASE WHEN EXISTS (SELECT FROM coupon_batch WHERE coupon_batch.id = coupon.batch_id AND coupon_batch.state = 'recalled') THEN 'voided'
                     WHEN expires_at > :now THEN 'issued' ELSE 'expired' END,
        hold_id = NULL, held_until = NULL, changed_at = :now
    WHERE hold_id = :hold AND state = 'held'
    """
)
_SETTLE = text("UPDATE coupon_hold SET state = :into, settled_at = :now WHERE id = :id AND state = :out_of")


@dataclass(frozen=True, slots=True)
class Settled:
    """A hold after one of its steps; `again` when that step had been taken before and nothing happened now."""

    hold: CouponHold
    uses: Sequence[CouponUse] = ()
    again: bool = False


def hold_order(session: Session, basket: Basket, *, till: Till, minutes: int, to_pay_fen: int | None, now: datetime) -> CouponHold:
    """Set aside what the quote says. A hold that this till has open for the same order is replaced: no order is blocked by its own hold.

    Raises RefusedError: what the conditions say, held_elsewhere, order_settled when something was used on the order before, and quote_changed
    when the till had been told another amount to pay.
    """
    assert basket.order.key is not None, "a hold is for one order"
    assert basket.coupons is not None, "a hold names its coupons"
    lock_order(session, basket.order.key)
    if is_settled(session, basket.order.key) or used_on(session, basket.order.key):
        raise RefusedError("order_settled")
    _replace_own(session, basket.order.key, till=till, now=now)
    ids = session.scalars(select(Coupon.id).where(Coupon.public_id.in_(basket.coupons))).all()
    session.execute(_LOCK_COUPONS, {"ids": sorted(ids)})
    session.expire_all()
    priced = price(session, basket, till=till, now=now)
    for key, code in priced.quote.refused:
        raise RefusedError(code, coupon_id=priced.coupons[key][0].id)
    for coupon, _ in priced.coupons.values():
        check_own(session, till, customer_id=coupon.customer_id, coupon_id=coupon.id)
    check_own(session, till, customer_id=basket.customer_id, coupon_id=None)
    if basket.points and is_blocked(session, basket.customer_id, now=now):
        raise RefusedError("blocked")
    wished = (basket.points or 0, basket.value_fen or 0)
    if (to_pay_fen is not None and to_pay_fen != priced.quote.to_pay_fen) or wished != (priced.quote.points, priced.quote.value_fen):
        raise RefusedError("quote_changed", told=tell_quote(session, priced))
    made = _insert(session, basket, priced, till=till, until=now + timedelta(minutes=minutes), now=now)
    if ids:
        bound = {"hold": made.id, "until": made.expires_at, "ids": sorted(ids), "now": now}
        moved = session.execute(_HOLD, bound)
        if moved.rowcount != len(ids):  # type: ignore[attr-defined]  # a text UPDATE answers with a cursor result.
            raise RefusedError("held_elsewhere")
    _hold_points(session, made, basket, priced, till=till, now=now)
    return made


def confirm_hold(session: Session, public_id: UUID, *, till: Till, registry: Registry, now: datetime) -> Settled:
    """Use everything a hold set aside. Confirming twice is confirming once.

    Raises RefusedError (hold_over, and quote_changed when another coupon was used on the order meanwhile), NotFoundError.
    """
    held = _locked(session, public_id, till=till)
    if held.state == "confirmed":
        return Settled(held, uses_of(session, held), again=True)
    if held.state != "open" or held.expires_at <= now:
        raise RefusedError("hold_over")
    told = {UUID(each["coupon"]): int(each["discount_fen"]) for each in held.quote["coupons"]}
    waived = {UUID(each["coupon"]): each for each in held.quote.get("waived", ())}
    ids = {row.public_id: row.id for row in session.execute(select(Coupon.public_id, Coupon.id).where(Coupon.public_id.in_(told)))}
    if not set(used_on(session, held.order_key)) <= set(ids.values()):
        raise RefusedError("quote_changed")
    _lock_first(session, ids.values(), held.customer_id)
    uses: list[CouponUse] = []
    for key in sorted(told, key=lambda each: ids[each]):
        # The tier's part stands with the first coupon of the order, so that the sum over its uses is what went off.
        tier_fen = 0 if uses else int(held.quote["tier_fen"])
        promised = Held(held.id, told[key], held.created_at, tier_fen, waived[key]["code"] if key in waived else None)
        using = Using(
            purpose_of(held),
            Order(held.order_key, int(held.quote["total_fen"])),
            held=promised,
            override=str(waived.get(key, {}).get("reason", "")),
        )
        uses.append(use_coupon(session, ids[key], using, till=till, registry=registry, now=now).use)
    for txn_id, prefix in ((held.points_txn_id, ""), (held.value_txn_id, "value:")):
        if txn_id is not None:
            cause = Cause(_use_key(session, held, prefix), "订单使用", till.actor, now, now, till.store_id)
            spend.confirm(session, hold_txn_id=txn_id, cause=cause)
    _settle(session, held, "confirmed", now=now)
    return Settled(held, uses)


def release_hold(session: Session, public_id: UUID, *, till: Till, now: datetime) -> Settled:
    """Give back everything a hold set aside. Releasing twice is releasing once. Raises RefusedError (hold_over) when it was confirmed."""
    held = _locked(session, public_id, till=till)
    if held.state == "released":
        return Settled(held, again=True)
    if held.state != "open":
        raise RefusedError("hold_over")
    _release(session, held, actor=till.actor, now=now)
    return Settled(held)


def reverse_hold(
    session: Session, public_id: UUID, *, reason: str, supervisor: bool, till: Till, registry: Registry, now: datetime
) -> Settled:
    """Take a confirmed order back: its uses that still stand, and what has not come back yet of its points and its stored value. Once.

    Raises RefusedError: hold_over when it was never confirmed, already_reversed, and what reversing a use refuses.
    """
    held = _locked(session, public_id, till=till)
    if held.state == "reversed":
        raise RefusedError("already_reversed")
    if held.state != "confirmed":
        raise RefusedError("hold_over")
    own = _check_right(held, reason, supervisor=supervisor, till=till, now=now)
    uses = uses_of(session, held)
    _lock_first(session, [use.coupon_id for use in uses], held.customer_id)
    for use in uses:
        undo_use(session, Undoing(use.public_id, reason, supervisor), till=till, registry=registry, now=now)
    for txn_id in sorted(_txns(held)):
        _give_rest_back(session, held, txn_id, till=till, reason=reason, now=now)
    _settle(session, held, "reversed", out_of="confirmed", now=now)
    if not own:
        detail = {"order": held.order_key, "reason": reason.strip()[:200]}
        note(session, at=now, actor=till.actor, action="order.reversed", object_type="coupon_hold", object_id=held.public_id, detail=detail)
    return Settled(held, uses)


def release_overdue(engine: Engine, *, now: datetime, limit: int = 200) -> int:
    """Release every hold whose time is over; says how many. May run twice and beside the tills."""
    with work(engine) as session:
        query = select(CouponHold.id).where(CouponHold.state == "open", CouponHold.expires_at <= now).order_by(CouponHold.id).limit(limit)
        overdue = session.scalars(query).all()
    released = 0
    for hold_id in overdue:
        with work(engine) as session:
            query_one = select(CouponHold).where(CouponHold.id == hold_id, CouponHold.state == "open").with_for_update(skip_locked=True)
            held = session.scalar(query_one)
            if held is not None:
                _release(session, held, actor="system", now=now)
                released += 1
    return released


def uses_of(session: Session, held: CouponHold) -> list[CouponUse]:
    """The uses a confirmed hold made that nobody has reversed."""
    undone = select(CouponUse.reverses_id).where(CouponUse.reverses_id.is_not(None))
    # By what it names and not by when: a clock may have been set back between the hold and its confirmation.
    named = [UUID(each["coupon"]) for each in held.quote["coupons"]]
    query = (
        select(CouponUse)
        .join(Coupon, Coupon.id == CouponUse.coupon_id)
        .where(
            CouponUse.purpose == purpose_of(held), CouponUse.kind == UseKind.USE, CouponUse.id.not_in(undone), Coupon.public_id.in_(named)
        )
    )
    return list(session.scalars(query.order_by(CouponUse.coupon_id)))


def purpose_of(held: CouponHold) -> str:
    """The business key of a hold's uses: the same as of a one-step redemption for that order."""
    return f"order:{held.client_id}:{held.order_key}"


def _replace_own(session: Session, order_key: str, *, till: Till, now: datetime) -> None:
    query = select(CouponHold).where(CouponHold.order_key == order_key, CouponHold.state == "open").with_for_update()
    held = session.scalars(query).one_or_none()
    if held is None:
        return
    if held.client_id != till.client_id and held.expires_at > now:
        raise RefusedError("held_elsewhere", told={"until": held.expires_at.isoformat()})
    _release(session, held, actor=till.actor, now=now)


def _lock_first(session: Session, coupon_ids: Collection[int], customer_id: int) -> None:
    """All coupons, then all wallets, before the first fact locks the customer: the house's order, also where there are several."""
    session.execute(_LOCK_COUPONS, {"ids": sorted(coupon_ids)})
    lock_wallets(session, session.scalars(select(Wallet.id).where(Wallet.customer_id == customer_id)).all())


def _insert(session: Session, basket: Basket, priced: Priced, *, till: Till, until: datetime, now: datetime) -> CouponHold:
    made = CouponHold(
        order_key=basket.order.key,
        client_id=till.client_id,
        store_id=till.store_id,
        staff_id=till.staff_id,
        device_id=till.device_id,
        customer_id=basket.customer_id,
        state="open",
        quote=tell_quote(session, priced),
        expires_at=until,
        created_at=now,
    )
    session.add(made)
    session.flush()
    return made


def _hold_points(session: Session, held: CouponHold, basket: Basket, priced: Priced, *, till: Till, now: datetime) -> None:
    """Points and stored value, both wallets locked in id order first."""
    wanted = [(WalletKind.POINTS, priced.quote.points), (WalletKind.VALUE, priced.quote.value_fen)]
    wallets = {
        kind: open_wallet(session, customer_id=basket.customer_id, programme_id=basket.programme_id, kind=kind)
        for kind, amount in wanted
        if amount
    }
    lock_wallets(session, wallets.values())
    for kind, amount in wanted:
        if amount:
            cause = Cause(f"hold:{held.public_id}:{kind}", "收银占用", till.actor, now, now, till.store_id)
            posted = spend.hold(session, wallet_id=wallets[kind], amount=amount, unit_id=till.unit_id, cause=cause, until=held.expires_at)
            if kind == WalletKind.POINTS:
                held.points_txn_id = posted.txn_id
            else:
                held.value_txn_id = posted.txn_id
    session.flush()


def _release(session: Session, held: CouponHold, *, actor: str, now: datetime) -> None:
    session.execute(_FREE, {"hold": held.id, "now": now})
    open_ones = select(PointsHold).where(PointsHold.txn_id.in_(_txns(held)), PointsHold.state == "open").order_by(PointsHold.wallet_id)
    lock_wallets(session, [each.wallet_id for each in session.scalars(open_ones)])
    # Read again under the lock: the ledger's own sweep may have released them while this one waited.
    for each in session.scalars(open_ones.execution_options(populate_existing=True)).all():
        cause = Cause(f"hold:{each.txn_id}", "占用释放", actor, now, now, held.store_id)
        spend.release(session, hold_txn_id=each.txn_id, cause=cause)
    _settle(session, held, "released", now=now)


def _check_right(held: CouponHold, reason: str, *, supervisor: bool, till: Till, now: datetime) -> bool:
    """Whether an order may be taken back here: as a single use may, also when points and balance alone paid it. True for one's own slip."""
    same = held.staff_id == till.staff_id and held.device_id == till.device_id
    if same and held.settled_at is not None and now - held.settled_at <= OWN_UNDO:
        return True
    if not supervisor:
        raise RefusedError("undo_too_late")
    if not reason.strip():
        raise RefusedError("reason_needed")
    return False


def _use_key(session: Session, held: CouponHold, prefix: str) -> str:
    """The business key of what an order uses. An order that was taken back and is sold anew has another one, or nothing would be posted."""
    key = prefix + till_key(*held.order_key.split(":", 1))
    taken_back = select(func.count()).where(CouponHold.order_key == held.order_key, CouponHold.state == "reversed")
    again = session.scalar(taken_back) or 0
    return f"again:{again}:{key}" if again else key


def _give_rest_back(session: Session, held: CouponHold, txn_id: int, *, till: Till, reason: str, now: datetime) -> None:
    """What a return by line gave back before is back already."""
    used = select(PointsTxn.id).where(PointsTxn.corrects_id == txn_id, PointsTxn.kind == TxnKind.CONFIRM)
    spend_txn_id = session.scalars(used).one()
    left = still_used(session, spend_txn_id)
    if left:
        cause = Cause(f"hold:{held.public_id}:{txn_id}:reversed", reason or "撤单", till.actor, now, now, till.store_id)
        give_back(session, spend_txn_id=spend_txn_id, amount=left, cause=cause)


def _locked(session: Session, public_id: UUID, *, till: Till) -> CouponHold:
    """The order first, then the hold: as everybody locks them. Another client's hold does not exist. Raises NotFoundError."""
    mine = CouponHold.public_id == public_id, CouponHold.client_id == till.client_id
    key = session.scalar(select(CouponHold.order_key).where(*mine))
    if key is None:
        raise NotFoundError("没有这笔占用 / there is no such hold", code="no_hold")
    lock_order(session, key)
    return session.scalars(select(CouponHold).where(*mine).with_for_update().execution_options(populate_existing=True)).one()


def _settle(session: Session, held: CouponHold, into: str, *, now: datetime, out_of: str = "open") -> None:
    moved = session.execute(_SETTLE, {"id": held.id, "into": into, "out_of": out_of, "now": now})
    assert moved.rowcount == 1, "a locked hold moves once"  # type: ignore[attr-defined]  # a text UPDATE answers with a cursor result.
    session.refresh(held)


def _txns(held: CouponHold) -> Collection[int]:
    return [txn_id for txn_id in (held.points_txn_id, held.value_txn_id) if txn_id is not None]


def tell_hold(settled: Settled) -> dict[str, Any]:
    """A hold as a till reads it."""
    held = settled.hold
    return {
        "hold": str(held.public_id),
        "state": held.state,
        "again": settled.again,
        "expires_at": held.expires_at.isoformat(),
        "quote": held.quote,
        "uses": [{"use": str(use.public_id), "discount_fen": use.discount_fen} for use in settled.uses],
    }
