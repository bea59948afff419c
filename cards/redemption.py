"""Redemption at a counter: the idempotency row first, then the act; every attempt is a row, refusals too."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import FankaError
from app.core.house import House
from app.core.idempotency import Answer, answer_once
from app.core.nouns import Customer
from app.core.unit import work
from cards import codes
from cards.coupons.asked import RedeemIn, UndoIn
from cards.coupons.attempts import Guess, guess, uniform, write_attempt, write_refusal
from cards.coupons.conditions import OFFLINE_TRUST, Worth, check_coupon
from cards.coupons.recognise import Ticket, find_coupon, read_ticket, write_ticket
from cards.coupons.told import tell_coupon, tell_customer, tell_use
from cards.coupons.undo import Undoing, undo_use
from cards.coupons.use import Using, use_coupon
from cards.fraud import check_own
from cards.models.coupons import Coupon, CouponTemplate
from cards.refusals import RefusedError
from cards.till import Till


def redeem(house: House, wish: RedeemIn, *, till: Till, key: str, body: bytes, public: bool = False, supervisor: bool = False) -> Answer:
    """Redeem one coupon, once, whatever is retried. `public` hides why it was refused; `supervisor` says that the gate allows an override.

    The same key gets the first answer again; a retry under a new key is caught by the order or the attempt it names.
    """

    def act(session: Session) -> Answer:
        now = house.clock.now()
        check_override(wish.override, supervisor=supervisor)
        coupon = _which(session, house, wish, look, till=till, now=_shown_at(wish, now))
        purpose = (
            f"order:{till.client_id}:{wish.order.source}:{wish.order.order_no}" if wish.order.order_no else f"attempt:{wish.attempt_id}"
        )
        using = Using(purpose, wish.order.read(), wish.times, wish.device_at, wish.offline, override=wish.override)
        used = use_coupon(session, coupon.id, using, till=till, registry=house.registry, now=now)
        write_attempt(session, "redeem", "done", wish.attempt_id, till=till, now=now, wish=wish, coupon_id=coupon.id, use_id=used.use.id)
        return Answer(200, tell_use(session, house, used, till=till))

    def refuse(session: Session, error: FankaError) -> Mapping[str, Any]:
        return write_refusal(session, house, "redeem", error, wish.attempt_id, till=till, wish=wish, public=public)

    with guess(house, wish.code, till=till) as look:
        return answer_once(house, client_id=till.client_id, key=key, body=body, act=uniform(act, public=public), refuse=refuse)


def undo(house: House, wish: UndoIn, *, till: Till, supervisor: bool, key: str, body: bytes, public: bool = False) -> Answer:
    """Reverse one use, once. `supervisor` says that the gate allows reversing what others did."""

    def act(session: Session) -> Answer:
        now = house.clock.now()
        undoing = Undoing(wish.use, wish.reason, supervisor, wish.device_at)
        undone = undo_use(session, undoing, till=till, registry=house.registry, now=now)
        write_attempt(
            session, "undo", "done", wish.attempt_id, till=till, now=now, wish=wish, coupon_id=undone.coupon.id, use_id=undone.use.id
        )
        told = {"outcome": "done", "undo": str(undone.use.public_id), "use": str(wish.use)}
        return Answer(200, {**told, "coupon": tell_coupon(session, undone.coupon, undone.template)})

    def refuse(session: Session, error: FankaError) -> Mapping[str, Any]:
        return write_refusal(session, house, "undo", error, wish.attempt_id, till=till, wish=wish, public=public)

    return answer_once(house, client_id=till.client_id, key=key, body=body, act=uniform(act, public=public), refuse=refuse)


def preview(house: House, wish: RedeemIn, *, till: Till, supervisor: bool = False) -> dict[str, Any]:
    """What would happen: customer (masked), coupon, conditions and discount, with a ticket to go on with for five minutes.

    Raises RefusedError, which is then an attempt on record too.
    """
    try:
        with guess(house, wish.code, till=till) as look, work(house.engine) as session:
            check_override(wish.override, supervisor=supervisor)
            return _look(session, house, wish, look, till=till)
    except RefusedError as error:
        with work(house.engine) as session:
            write_refusal(session, house, "preview", error, wish.attempt_id, till=till, wish=wish, public=False)
        raise


def check_override(reason: str, *, supervisor: bool) -> None:
    """Only who has the right lets anything through. Raises RefusedError (no_override)."""
    if reason and not supervisor:
        raise RefusedError("no_override")


def _look(session: Session, house: House, wish: RedeemIn, look: Guess, *, till: Till) -> dict[str, Any]:
    now = house.clock.now()
    coupon = _which(session, house, wish, look, till=till, now=now, spend=False)
    template = session.get_one(CouponTemplate, coupon.template_id)
    check_own(session, till, customer_id=coupon.customer_id, coupon_id=coupon.id)
    worth, needs_amount = Worth(), False
    try:
        worth = check_coupon(
            session, coupon, template, till=till, now=now, order=wish.order.read(), times=wish.times, override=bool(wish.override)
        )
    except RefusedError as error:
        needs_amount = error.code == "amount_needed"
        if not needs_amount:
            raise
    return {
        "outcome": "preview",
        "ticket": write_ticket(house.ring, codes.COUPON, coupon.public_id, client_id=till.client_id, now=now),
        "coupon": tell_coupon(session, coupon, template),
        "customer": tell_customer(session, house, coupon),
        "tier_fen": worth.tier_fen,
        "discount_fen": worth.discount_fen,
        "waived": worth.waived,
        "needs_amount": needs_amount,
    }


def _which(session: Session, house: House, wish: RedeemIn, look: Guess, *, till: Till, now: datetime, spend: bool = True) -> Coupon:
    if not look.allowed:
        raise RefusedError("too_many_tries")
    if wish.code is not None:
        try:
            return find_coupon(session, house, wish.code, client_id=till.client_id, now=now, spend=spend)
        except RefusedError as error:
            look.missed = error.code == "unknown_code"
            raise
    ticket = read_ticket(house.ring, wish.ticket or "", client_id=till.client_id, now=now)
    return _of_ticket(session, ticket, wish.coupon)


def _shown_at(wish: RedeemIn, now: datetime) -> datetime:
    """When the code was shown. Without a connection that is the device's word, and the conditions ask the template whether it is good."""
    if wish.offline and wish.device_at is not None and now - OFFLINE_TRUST <= wish.device_at <= now:
        return wish.device_at
    return now


def _of_ticket(session: Session, ticket: Ticket, chosen: UUID | None) -> Coupon:
    if ticket.kind == codes.COUPON:
        return session.scalars(select(Coupon).where(Coupon.public_id == ticket.subject)).one()
    found = session.scalar(select(Coupon).where(Coupon.public_id == chosen)) if chosen is not None else None
    if found is None:
        raise RefusedError("unknown_code")
    if session.scalar(select(Customer.public_id).where(Customer.id == found.customer_id)) != ticket.subject:
        raise RefusedError("other_customer")
    return found
