"""Preview, quote, redeem, undo, and what became of an attempt: the counter's own calls."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
from flask import Blueprint, request
from pydantic import AwareDatetime, Field, model_validator
from sqlalchemy import or_, select

from app.core.errors import NotFoundError
from app.core.gate import Right, demand, devices_of, stores_of
from app.core.idempotency import Answer, IdempotencyRow
from app.core.logins import Presence
from app.core.unit import work
from app.web.clerk.door import QUEUED, Answered, Door, Form, answered, as_json, idempotency_key
from app.web.clerk.members import look_up, names_member, tell_member
from app.web.clerk.quoting import about, quote, tier_name
from app.web.clerk.till import client_of, till_of
from cards import redemption
from cards.codes import LONGEST
from cards.coupons.asked import OrderIn, RedeemIn, UndoIn
from cards.models.redemption import CouponUse
from cards.parked import park
from cards.refusals import RefusedError
from cards.till import Till


class LookForm(Form):
    code: str | None = Field(default=None, min_length=1, max_length=200)
    ticket: str | None = Field(default=None, max_length=128)
    coupon: UUID | None = None
    override: str = Field(default="", max_length=200)
    """A supervisor's reason to let it through a condition it does not meet."""

    @model_validator(mode="after")
    def _one(self) -> "LookForm":
        if (self.code is None) == (self.ticket is None):
            raise ValueError("either code or ticket")
        return self


class QuoteForm(Form):
    ticket: str = Field(max_length=128)
    coupon: UUID | None = None
    total_fen: int = Field(ge=0, le=10**9)
    override: str = Field(default="", max_length=200)


class RedeemForm(LookForm):
    total_fen: int | None = Field(default=None, ge=0, le=10**9)
    device_at: AwareDatetime = Field(ge=datetime(2020, 1, 1, tzinfo=UTC), le=datetime(2100, 1, 1, tzinfo=UTC))
    offline: bool = False
    """Redeemed while there was no connection, of a template that allows it."""


class UndoForm(Form):
    use: UUID
    reason: str = Field(default="", max_length=200)


class Counter:
    """The routes, with the door they stand behind."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def preview(self) -> Answered:
        """A member's code leads to the member; every other one is a coupon, with what it takes and what it gives."""
        form = self._door.read(LookForm)
        presence, till = self._till(Right.REDEEM)
        house = self._door.house
        if form.code is not None and names_member(form.code):
            with work(house.engine) as session:
                card = look_up(session, house, form.code, till=till)
                return {"kind": "member", **tell_member(session, house, card, presence=presence, till=till, code=form.code)}
        attempt_id = uuid4()
        wish = RedeemIn(attempt_id=attempt_id, code=_bounded(form.code), ticket=form.ticket, coupon=form.coupon, override=form.override)
        try:
            found = redemption.preview(house, wish, till=till, supervisor=Right.OVERRIDE in presence.rights)
        except RefusedError as error:
            return as_json(self._named({**error.for_clerk(), "attempt": str(attempt_id)}), error.status)
        with work(house.engine) as session:
            tier = tier_name(session, house, UUID(found["coupon"]["id"]))
        customer = {**found["customer"], "tier": tier}
        known = None if found["needs_amount"] else {"met": True, "total_fen": None, "tier_fen": 0, "discount_fen": 0, "pay_fen": None}
        return {"kind": "coupon", **found, "customer": customer, "chosen": form.coupon and str(form.coupon), "quote": known}

    def quote(self) -> Answered:
        """What the coupon takes off this total, or which condition it misses. Nothing is written: the clerk is still typing."""
        form = self._door.read(QuoteForm)
        presence, till = self._till(Right.REDEEM)
        redemption.check_override(form.override, supervisor=Right.OVERRIDE in presence.rights)
        override = bool(form.override)
        return quote(self._door.house, ticket=form.ticket, coupon=form.coupon, total_fen=form.total_fen, till=till, override=override)

    def redeem(self) -> Answered:
        form = self._door.read(RedeemForm)
        key = idempotency_key()
        presence, till = self._till(Right.REDEEM)
        wish = RedeemIn(
            attempt_id=UUID(key),
            code=_bounded(form.code),
            ticket=form.ticket,
            coupon=form.coupon,
            order=OrderIn(total_fen=form.total_fen),
            device_at=form.device_at,
            offline=form.offline,
            override=form.override,
        )
        # Whether it was sent at once or later is no part of what was asked: a queued repeat of an answered call must find its answer.
        body = orjson.dumps([form.code, form.ticket, form.coupon, form.total_fen, *([form.override] if form.override else [])], default=str)
        supervisor = Right.OVERRIDE in presence.rights
        answer = redemption.redeem(self._door.house, wish, till=till, key=key, body=body, supervisor=supervisor)
        told = self._told(answer, key)
        if answer.status != 200 and request.headers.get(QUEUED) == "1":
            self._park(till, key, told)
        return answered(answer, told)

    def undo(self) -> Answered:
        form = self._door.read(UndoForm)
        key = idempotency_key()
        presence, till = self._till(Right.REDEEM)
        self._access_use(presence, form.use)
        wish = UndoIn(attempt_id=UUID(key), use=form.use, reason=form.reason)
        supervisor = Right.UNDO_OTHERS in presence.rights
        body = orjson.dumps([form.use, form.reason], default=str)
        answer = redemption.undo(self._door.house, wish, till=till, supervisor=supervisor, key=key, body=body)
        return answered(answer, self._told(answer, key))

    def attempt(self, attempt_id: UUID) -> Answered:
        """The first answer of an attempt, for a device that never heard it. Raises NotFoundError when it never arrived."""
        with self._door.counter() as (session, presence):
            held = session.get(IdempotencyRow, (client_of(presence), str(attempt_id)))
            if held is None or held.status is None:
                raise NotFoundError("这次操作没有到达服务器 / this attempt never arrived", code="no_attempt")
            answer = Answer(held.status, held.answer or {}, hit=True)
        return answered(answer, self._told(answer, str(attempt_id)))

    def _till(self, right: Right) -> tuple[Presence, Till]:
        with self._door.counter() as (_, presence):
            demand(presence.rights, right)
            return presence, till_of(presence, address=self._door.address)

    def _access_use(self, presence: Presence, use: UUID) -> None:
        """The only way to a use by id: where he may redeem. Raises NotFoundError."""
        with work(self._door.house.engine) as session:
            whole, part = stores_of(presence.staff, right=Right.REDEEM), devices_of(presence.staff, right=Right.REDEEM)
            visible = or_(CouponUse.store_id.in_(whole), CouponUse.device_id.in_(part))
            if session.scalar(select(CouponUse.id).where(CouponUse.public_id == use, visible)) is None:
                raise NotFoundError("没有这次核销 / there is no such redemption", code="no_use")

    def _told(self, answer: Answer, key: str) -> dict[str, Any]:
        told = {**answer.body, "attempt": key}
        if answer.status != 200:
            return self._named(told)
        # A number may also be that of a card or a purchase, which are told as they were.
        return self._whole(told) if "use" in told else told

    def _whole(self, told: dict[str, Any]) -> dict[str, Any]:
        """A redemption or its reversal with what the order came to and the member's tier: what the green screen shows."""
        with work(self._door.house.engine) as session:
            use = session.scalars(select(CouponUse).where(CouponUse.public_id == UUID(told["use"]))).one()
            tier = tier_name(session, self._door.house, UUID(told["coupon"]["id"]))
        whole = {**told, "total_fen": use.total_fen, "tier_fen": use.tier_fen, "discount_fen": use.discount_fen}
        return {**whole, "customer": {**told["customer"], "tier": tier}} if "customer" in told else whole

    def _named(self, told: dict[str, Any]) -> dict[str, Any]:
        """A refusal with the name of the coupon it is about, when there is one."""
        with work(self._door.house.engine) as session:
            known = about(session, UUID(told["attempt"]))
        return {**told, "told": {**known, **(told.get("told") or {})}} if known else told

    def _park(self, till: Till, key: str, told: Mapping[str, Any]) -> None:
        now: datetime = self._door.house.clock.now()
        with work(self._door.house.engine) as session:
            what = str((told.get("told") or {}).get("coupon") or "")
            park(session, UUID(key), till=till, what=what, code=str(told.get("code", "")), why=told.get("why") or {}, now=now)


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`preview`, `quote`, `redeem`, `undo`, `attempts/<id>`."""
    counter = Counter(door)
    door.api(blueprint, "preview", counter.preview, post=True)
    door.api(blueprint, "quote", counter.quote, post=True)
    door.api(blueprint, "redeem", counter.redeem, post=True)
    door.api(blueprint, "undo", counter.undo, post=True)
    door.api(blueprint, "attempts/<uuid:attempt_id>", counter.attempt)


def _bounded(code: str | None) -> str | None:
    """A code no longer than any of ours: what is longer is none, and is refused as such."""
    return None if code is None else code[:LONGEST]
