"""Tills over the API: look a member up, quote, set aside, confirm, release, redeem, reverse; one refusal for whoever may not know why."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from apiflask import APIFlask
from flask import Response, request
from sqlalchemy import select

from app.core.errors import BadRequestError, FankaError, NotFoundError
from app.core.gate import Right, rights_at
from app.core.house import House
from app.core.idempotency import Answer
from app.core.people import Staff
from app.core.tries import count_try
from app.core.unit import reading, work
from app.web.openapi.door import Client, Door, as_problem, client, reply
from app.web.openapi.till_shapes import (
    AttemptOut,
    AtTill,
    HoldAsked,
    HoldOut,
    MemberIn,
    MemberOut,
    QuoteAsked,
    QuoteOut,
    RedeemAsked,
    RedeemedOut,
    ReversedOut,
    StepAsked,
)
from cards import checkout, redemption
from cards.buyers import find_store
from cards.checkout import StepIn
from cards.coupons.asked import RedeemIn, UndoIn
from cards.coupons.attempts import read_attempt
from cards.coupons.member import look_up, tell_member
from cards.refusals import PUBLIC_CODE, PUBLIC_EN, PUBLIC_ZH, RefusedError
from cards.till import Till

SCOPE, WHY, REVERSE, OVERRIDE = "tills", "tills:why", "tills:reverse", "tills:override"
LOOKS = 600
LOOK_WINDOW = timedelta(minutes=10)
Step = Callable[..., Answer]


def add_routes(api: APIFlask, door: Door) -> None:
    """Put the tills' calls on the API."""
    _add_reading(api, door)
    _add_holds(api, door)
    _add_redemptions(api, door)


def _add_reading(api: APIFlask, door: Door) -> None:
    house = door.house

    @api.post("/till/members")
    @api.doc(summary="Look a member up", tags=["tills"], security="key", responses={429: "Too many look-ups in ten minutes."})
    @door.needs(SCOPE)
    @api.input(MemberIn, arg_name="asked")
    @api.output(MemberOut)
    def post_member(asked: MemberIn) -> Response:
        """A member by his moving code, phone or card number: masked, with his tier, points, balance and coupons."""
        caller = client()
        count_try(house.engine, f"look:{caller.public_id}", most=LOOKS, window=LOOK_WINDOW, now=house.clock.now())
        till = _till(house, asked)
        try:
            with work(house.engine) as session:
                card = look_up(session, house, asked.key, programme_id=caller.programme_id, client_id=till.client_id)
                if card is not None:
                    return reply(tell_member(session, house, card))
        except RefusedError as error:
            if _may_know(caller):
                return _answered(Answer(error.status, error.for_clerk()))
        raise NotFoundError("没有这位会员 / there is no such member", code="unknown_member")

    @api.post("/till/quotes")
    @api.doc(summary="Quote an order", tags=["tills"], security="key")
    @door.needs(SCOPE)
    @api.input(QuoteAsked, arg_name="asked")
    @api.output(QuoteOut)
    def post_quote(asked: QuoteAsked) -> Response:
        """One quote over coupons, tier, points and balance. It changes nothing and holds nothing."""
        try:
            return reply(checkout.quote_order(house, asked.wish(), till=_till(house, asked), programme_id=client().programme_id))
        except RefusedError as error:
            return _answered(Answer(error.status, error.for_clerk() if _may_know(client()) else {"code": PUBLIC_CODE}))

    @api.get("/till/attempts/<uuid:attempt_id>")
    @api.doc(summary="Ask what came of an attempt", tags=["tills"], security="key")
    @door.needs(SCOPE)
    @api.output(AttemptOut)
    def get_attempt(attempt_id: UUID) -> Response:
        """For a till that lost the answer. An attempt that never arrived is not found, and may be made again under its id."""
        caller = client()
        with reading(house.engine, timeout_ms=5000) as session:
            row = read_attempt(session, attempt_id, client_id=_client_id(caller))
            if row is None:
                raise NotFoundError("没有这次尝试 / there is no such attempt", code="unknown_attempt")
            outcome = row.outcome if row.outcome == "done" or _may_know(caller) else "refused"
            return reply({"attempt_id": str(attempt_id), "act": row.act, "outcome": outcome, "at": row.at.isoformat()})


def _add_holds(api: APIFlask, door: Door) -> None:
    house = door.house

    @api.post("/till/holds")
    @api.doc(summary="Set aside", tags=["tills"], security="key")
    @door.needs(SCOPE)
    @api.input(HoldAsked, arg_name="asked")
    @api.output(HoldOut, status_code=201)
    def post_hold(asked: HoldAsked) -> Response:
        """Set coupons, points and stored value aside for one order, for ten minutes at most. The same order again replaces its hold."""
        return _answered(
            checkout.hold(
                house, asked.wish(), programme_id=client().programme_id, supervisor=_may_override(house, asked), **_call(house, asked)
            )
        )

    @api.post("/till/holds/<uuid:hold>/confirm")
    @api.doc(summary="Confirm a hold", tags=["tills"], security="key")
    @door.needs(SCOPE)
    @api.input(StepAsked, arg_name="asked")
    @api.output(HoldOut)
    def post_confirm(hold: UUID, asked: StepAsked) -> Response:
        """Use what was set aside; the answer carries the slip."""
        return _answered(checkout.confirm(house, hold, _step(asked), **_call(house, asked)))

    @api.post("/till/holds/<uuid:hold>/release")
    @api.doc(summary="Release a hold", tags=["tills"], security="key")
    @door.needs(SCOPE)
    @api.input(StepAsked, arg_name="asked")
    @api.output(HoldOut)
    def post_release(hold: UUID, asked: StepAsked) -> Response:
        """Give back what was set aside."""
        return _answered(checkout.release(house, hold, _step(asked), **_call(house, asked)))

    @api.post("/till/holds/<uuid:hold>/reverse")
    @api.doc(summary="Take a confirmed order back", tags=["tills"], security="key")
    @door.needs(SCOPE)
    @api.input(StepAsked, arg_name="asked")
    @api.output(HoldOut)
    def post_reverse(hold: UUID, asked: StepAsked) -> Response:
        """Give back coupons, points and stored value of a confirmed order, once."""
        supervisor = REVERSE in client().scopes
        return _answered(checkout.reverse(house, hold, _step(asked), supervisor=supervisor, **_call(house, asked)))


def _add_redemptions(api: APIFlask, door: Door) -> None:
    house = door.house

    @api.post("/till/redemptions")
    @api.doc(summary="Redeem a coupon", tags=["tills"], security="key")
    @door.needs(SCOPE)
    @api.input(RedeemAsked, arg_name="asked")
    @api.output(RedeemedOut)
    def post_redemption(asked: RedeemAsked) -> Response:
        """Redeem one coupon in one step. A retry of the order or the attempt, even under a new key, redeems nothing more."""
        wish = RedeemIn(
            attempt_id=asked.attempt_id,
            code=asked.code,
            order=asked.order,
            times=asked.times,
            device_at=asked.device_at,
            override=asked.override,
        )
        return _answered(redemption.redeem(house, wish, supervisor=_may_override(house, asked), **_call(house, asked)))

    @api.post("/till/redemptions/<uuid:use>/reverse")
    @api.doc(summary="Reverse a redemption", tags=["tills"], security="key")
    @door.needs(SCOPE)
    @api.input(StepAsked, arg_name="asked")
    @api.output(ReversedOut)
    def post_undo(use: UUID, asked: StepAsked) -> Response:
        """Reverse one use: at once by the same clerk within 15 minutes, later with a reason and the scope `tills:reverse`."""
        wish = UndoIn(attempt_id=asked.attempt_id, use=use, reason=asked.reason)
        return _answered(redemption.undo(house, wish, supervisor=REVERSE in client().scopes, **_call(house, asked)))


def _call(house: House, asked: AtTill) -> dict[str, Any]:
    """What every writing call carries: the till, its idempotency key, what was asked, and whether the reason of a refusal is told."""
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        raise BadRequestError("every writing call needs an Idempotency-Key", code="idempotency_key_missing")
    body = f"{request.method} {request.script_root}{request.path}\n".encode() + request.get_data()
    return {"till": _till(house, asked), "key": key, "body": body, "public": not _may_know(client())}


def _till(house: House, asked: AtTill) -> Till:
    caller = client()
    with reading(house.engine, timeout_ms=5000) as session:
        store = find_store(session, asked.store, unit_id=caller.unit_id)
        staff = None
        if asked.clerk is not None:
            staff = session.scalar(select(Staff).where(Staff.login == asked.clerk.lower(), Staff.active))
            if staff is None:
                raise BadRequestError("没有这位员工 / there is no such clerk", code="unknown_clerk", status=422)
        return Till(
            client_id=_client_id(caller),
            actor=caller.actor if staff is None else f"{staff.name}·{caller.actor}"[:64],
            store_id=store.id,
            unit_id=store.business_unit_id,
            staff_id=None if staff is None else staff.id,
            staff=None if staff is None else staff.public_id,
        )


def _may_override(house: House, asked: AtTill) -> bool:
    """A key with the scope, and a clerk named who has the right at this store: both, since a program has no judgement."""
    caller = client()
    if OVERRIDE not in caller.scopes or asked.clerk is None:
        return False
    with reading(house.engine, timeout_ms=5000) as session:
        staff = session.scalar(select(Staff).where(Staff.login == asked.clerk.lower(), Staff.active))
        store = find_store(session, asked.store, unit_id=caller.unit_id)
        return staff is not None and Right.OVERRIDE in rights_at(session, staff, store)


def _client_id(caller: Client) -> str:
    return f"api:{caller.public_id}"


def _may_know(caller: Client) -> bool:
    return WHY in caller.scopes


def _step(asked: StepAsked) -> StepIn:
    return StepIn(attempt_id=asked.attempt_id, reason=asked.reason)


def _answered(answer: Answer) -> Response:
    """A success as it is, a refusal as a problem document."""
    said = reply(answer.body if answer.status < 400 else _problem(answer.status, answer.body), answer.status)
    if answer.hit:
        said.headers["Idempotency-Hit"] = "true"
    return said


def _problem(status: int, body: Mapping[str, Any]) -> dict[str, Any]:
    code = str(body["code"])
    if code == PUBLIC_CODE:
        return as_problem(FankaError(f"{PUBLIC_ZH} / {PUBLIC_EN}", code=code, status=status))
    why, then = body["why"], body.get("next", {"zh": "", "en": ""})
    zh, en = (f"{why[tongue]}{stop}{then[tongue]}".strip() for tongue, stop in (("zh", "。"), ("en", ". ")))
    told = {"outcome": body["outcome"], "told": body.get("told", {})}
    return {**as_problem(FankaError(f"{zh} / {en}", code=code, status=status)), **told}
