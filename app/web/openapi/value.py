"""Stored value over the API: topped up by the programme's ladder, paid with, refunded by the way it came, confirmed by the customer."""

from datetime import datetime
from uuid import UUID

from apiflask import APIFlask
from flask import Response
from sqlalchemy.orm import Session

from app.core.idempotency import Answer
from app.core.unit import reading
from app.web.openapi.door import Call, Client, Door, client, reply
from app.web.openapi.points import PageIn, StatementOut, member_of, tell_statement
from app.web.openapi.value_shapes import (
    BalanceOut,
    ConsentIn,
    ConsentOut,
    LadderOut,
    PaidOut,
    PayIn,
    PayRefundIn,
    TopUpIn,
    TopUpOut,
    TopUpRefundIn,
    TopUpRefundOut,
)
from cards.buyers import find_store
from cards.coupons.checkout import spendable
from cards.ledger.post import Cause
from cards.models.ledger import PointsTxn, WalletKind
from cards.models.membership import MemberCard
from cards.stored_value import find_payment, pay_confirmed, read_ladder, refund_of_payment, refund_top_up, top_up
from cards.value_consent import Proof, ask_consent, limit_of, read_consent

READ, WRITE = "value:read", "value:write"


def add_routes(api: APIFlask, door: Door) -> None:
    """Put the calls about stored value on the API."""
    _add_reading(api, door)
    _add_top_ups(api, door)
    _add_top_up_refunds(api, door)
    _add_payments(api, door)
    _add_payment_refunds(api, door)
    _add_consents(api, door)


def _add_reading(api: APIFlask, door: Door) -> None:
    house = door.house

    @api.get("/value/ladder")
    @api.doc(summary="Read the bonus ladder", tags=["stored value"], security="key")
    @door.needs(READ)
    @api.output(LadderOut)
    def get_ladder() -> Response:
        """What top-ups add, so that a till can say it before the customer pays."""
        caller = client()
        with reading(house.engine, timeout_ms=5000) as session:
            rungs = [rung.model_dump() for rung in read_ladder(session, caller.programme_id)]
            return reply({"rungs": rungs, "confirm_over_fen": limit_of(session, caller.programme_id)})

    @api.get("/members/<member>/value")
    @api.doc(summary="Read a member's stored value", tags=["stored value"], security="key")
    @door.needs(READ)
    @api.output(BalanceOut)
    def get_value(member: str) -> Response:
        """What a member can pay with now."""
        with reading(house.engine, timeout_ms=5000) as session:
            card = member_of(session, member, client())
            return reply(
                {"card": str(card.public_id), "number": card.number, "balance_fen": _balance(session, card, now=house.clock.now())}
            )

    @api.get("/members/<member>/value/statement")
    @api.doc(summary="Read the statement of stored value", tags=["stored value"], security="key")
    @door.needs(READ)
    @api.input(PageIn, location="query", arg_name="page")
    @api.output(StatementOut)
    def get_value_statement(member: str, page: PageIn) -> Response:
        """The latest movements of a member's balance in fen, each with the balance after it."""
        with reading(house.engine, timeout_ms=5000) as session:
            return reply(tell_statement(session, member_of(session, member, client()), page, kind=WalletKind.VALUE))


def _add_top_ups(api: APIFlask, door: Door) -> None:
    house = door.house

    @door.writes(api, Call("/members/<member>/value/top-ups", WRITE, "stored value", "Top up", TopUpIn, TopUpOut))
    def post_top_up(session: Session, caller: Client, wish: TopUpIn, member: str) -> Answer:
        """Put money on a member's balance, with the bonus of the programme's ladder."""
        card, now = member_of(session, member, caller), house.clock.now()
        store = find_store(session, wish.store, unit_id=caller.unit_id)
        done = top_up(
            session,
            customer_id=card.customer_id,
            programme_id=caller.programme_id,
            paid_fen=wish.paid_fen,
            route=wish.route,
            route_ref=wish.route_ref,
            unit_id=store.business_unit_id,
            store_id=store.id,
            ref=_ref(caller, wish.ref),
            actor=caller.actor,
            now=now,
        )
        said = {"id": str(done.txn.public_id), "paid_fen": done.paid_fen, "bonus_fen": done.bonus_fen}
        return Answer(201 if done.fresh else 200, {**said, "balance_fen": _balance(session, card, now=now)})


def _add_top_up_refunds(api: APIFlask, door: Door) -> None:
    house = door.house

    @door.writes(
        api, Call("/members/<member>/value/top-ups/refunds", WRITE, "stored value", "Refund a top-up", TopUpRefundIn, TopUpRefundOut)
    )
    def post_top_up_refund(session: Session, caller: Client, wish: TopUpRefundIn, member: str) -> Answer:
        """Take what is left of a top-up off the balance; the answer says by which way the money goes back."""
        card, now = member_of(session, member, caller), house.clock.now()
        done = refund_top_up(
            session,
            top_up_ref=_ref(caller, wish.top_up),
            ref=_ref(caller, wish.ref),
            reason=wish.reason,
            actor=caller.actor,
            now=now,
            customer_id=card.customer_id,
        )
        said = {
            "id": str(done.txn.public_id),
            "refund_fen": done.refund_fen,
            "bonus_taken_fen": done.bonus_taken_fen,
            "route": done.route,
            "route_ref": done.route_ref,
        }
        return Answer(201 if done.fresh else 200, {**said, "balance_fen": _balance(session, card, now=now)})


def _add_payments(api: APIFlask, door: Door) -> None:
    house = door.house

    @door.writes(api, Call("/members/<member>/value/payments", WRITE, "stored value", "Pay with stored value", PayIn, PaidOut))
    def post_payment(session: Session, caller: Client, wish: PayIn, member: str) -> Answer:
        """Take an amount off a member's balance. Over the programme's amount the customer confirms it: by his code, or on his phone."""
        card, now = member_of(session, member, caller), house.clock.now()
        store = find_store(session, wish.store, unit_id=caller.unit_id)
        said = {"amount_fen": wish.amount_fen}
        cause = Cause(f"pay:{_ref(caller, wish.ref)}", f"储值付款 {wish.ref}", caller.actor, now, now, store.id, said)
        posted = pay_confirmed(
            session,
            house.ring,
            Proof(code=wish.code, consent=wish.consent),
            customer_id=card.customer_id,
            programme_id=caller.programme_id,
            amount_fen=wish.amount_fen,
            unit_id=store.business_unit_id,
            client_id=_client_id(caller),
            cause=cause,
        )
        return _moved(session, card, posted.txn_id, fresh=posted.fresh, amount_fen=wish.amount_fen, now=now)


def _add_payment_refunds(api: APIFlask, door: Door) -> None:
    house = door.house

    @door.writes(api, Call("/members/<member>/value/payments/refunds", WRITE, "stored value", "Give a payment back", PayRefundIn, PaidOut))
    def post_payment_refund(session: Session, caller: Client, wish: PayRefundIn, member: str) -> Answer:
        """Give a payment back to the balance it came from, all or a part; never more than was paid."""
        card, now = member_of(session, member, caller), house.clock.now()
        paid = find_payment(session, f"pay:{_ref(caller, wish.payment)}", customer_id=card.customer_id)
        said = {"amount_fen": wish.amount_fen, "payment": paid.business_key}
        cause = Cause(f"payback:{_ref(caller, wish.ref)}", wish.reason, caller.actor, now, now, paid.store_id, said)
        posted = refund_of_payment(session, paid, amount_fen=wish.amount_fen, cause=cause)
        return _moved(session, card, posted.txn_id, fresh=posted.fresh, amount_fen=wish.amount_fen, now=now)


def _add_consents(api: APIFlask, door: Door) -> None:
    house = door.house

    @door.writes(api, Call("/members/<member>/value/consents", WRITE, "stored value", "Ask the customer", ConsentIn, ConsentOut, ""))
    def post_consent(session: Session, caller: Client, wish: ConsentIn, member: str) -> Answer:
        """Ask the customer on his phone page whether this till may take an amount from his balance; the question lives five minutes."""
        card = member_of(session, member, caller)
        made = ask_consent(
            session,
            programme_id=caller.programme_id,
            customer_id=card.customer_id,
            store=find_store(session, wish.store, unit_id=caller.unit_id),
            client_id=_client_id(caller),
            amount_fen=wish.amount_fen,
            now=house.clock.now(),
        )
        said = {"id": str(made.public_id), "state": made.state, "amount_fen": made.amount_fen}
        return Answer(201, {**said, "expires_at": made.expires_at.isoformat()})

    @api.get("/value/consents/<uuid:consent>")
    @api.doc(summary="Ask what the customer said", tags=["stored value"], security="key")
    @door.needs(WRITE)
    @api.output(ConsentOut)
    def get_consent(consent: UUID) -> Response:
        """What the customer answered; only the till that asked reads it."""
        with reading(house.engine, timeout_ms=5000) as session:
            row, state = read_consent(session, consent, client_id=_client_id(client()), now=house.clock.now())
            said = {"id": str(row.public_id), "state": state, "amount_fen": row.amount_fen}
            return reply({**said, "expires_at": row.expires_at.isoformat()})


def _balance(session: Session, card: MemberCard, *, now: datetime) -> int:
    has = spendable(session, customer_id=card.customer_id, programme_id=card.programme_id, now=now)
    return has.get(WalletKind.VALUE, 0)


def _moved(session: Session, card: MemberCard, txn_id: int, *, fresh: bool, amount_fen: int, now: datetime) -> Answer:
    txn = session.get_one(PointsTxn, txn_id)
    said = {"id": str(txn.public_id), "amount_fen": amount_fen, "balance_fen": _balance(session, card, now=now)}
    return Answer(201 if fresh else 200, said)


def _ref(caller: Client, ref: str) -> str:
    return f"{caller.public_id}:{ref}"


def _client_id(caller: Client) -> str:
    return f"api:{caller.public_id}"
