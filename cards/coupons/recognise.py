"""From what was scanned or typed to a coupon: typed codes, moving codes that are accepted once, and the ticket of a preview."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from app.core.bulk import table_of
from app.core.house import House
from app.core.secrets import KeyRing
from cards import codes
from cards.models.coupons import Coupon
from cards.models.redemption import AcceptedCode
from cards.refusals import RefusedError

TICKET_LIFE = timedelta(minutes=5)
ACCEPTED_KEPT = timedelta(minutes=10)
_ACCEPTED = table_of(AcceptedCode)
# Whoever saw it first may go on with it (a preview, then the redemption) until it is spent; everybody else comes too late.
_ACCEPT = text(
    """
    INSERT INTO accepted_code (digest, bearer, spent, at) VALUES (:digest, :bearer, :spent, :now)
    ON CONFLICT (digest) DO UPDATE SET spent = excluded.spent
    WHERE accepted_code.bearer = excluded.bearer AND NOT accepted_code.spent
    RETURNING digest
    """
)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a preview found, good for five minutes on the client that saw it: `C` and a coupon, or `M` and a customer."""

    kind: str
    subject: UUID


def find_coupon(session: Session, house: House, code: str, *, client_id: str, now: datetime, spend: bool) -> Coupon:
    """The coupon behind a code as it was scanned or typed. With `spend`, a moving code is used up.

    Raises RefusedError: bad_code (no look-up was made), unknown_code, stale_code, code_seen, member_code.
    """
    tidy = codes.tidy(code)
    if codes.is_moving(tidy):
        moving = accept_moving(session, house.ring, tidy, client_id=client_id, now=now, spend=spend)
        if moving.kind == codes.MEMBER:
            raise RefusedError("member_code")
        found = session.scalar(select(Coupon).where(Coupon.number == moving.subject))
    elif codes.is_typed(tidy):
        found = session.scalar(select(Coupon).where(Coupon.code == tidy))
    else:
        raise RefusedError("bad_code")
    if found is None:
        raise RefusedError("unknown_code")
    return found


def accept_moving(session: Session, ring: KeyRing, code: str, *, client_id: str, now: datetime, spend: bool) -> codes.Moving:
    """Check a tidy moving code and accept it for one client. Raises RefusedError: stale_code, code_seen."""
    moving = codes.read_moving(ring, code, now=now)
    if moving is None:
        raise RefusedError("stale_code")
    row = {"digest": moving.digest, "bearer": client_id[:64], "spent": spend, "now": now}
    if session.scalar(_ACCEPT, row) is None:
        raise RefusedError("code_seen")
    return moving


def write_ticket(ring: KeyRing, kind: str, subject: UUID, *, client_id: str, now: datetime) -> str:
    """A word by which the same client may go on with what a preview found."""
    until = int((now + TICKET_LIFE).timestamp())
    told = f"{kind}.{subject.hex}.{until}"
    return f"{told}.{codes.sign_text(ring, 'ticket', f'{told}:{client_id}')[: codes.SHORTEST_SIGNATURE]}"


def read_ticket(ring: KeyRing, ticket: str, *, client_id: str, now: datetime) -> Ticket:
    """What a ticket stands for. Raises RefusedError (ticket_stale) when it is forged, another client's, or over."""
    parts = ticket[:128].split(".")
    if len(parts) == 4 and parts[0] in (codes.COUPON, codes.MEMBER) and ticket.isascii() and parts[2].isdigit() and len(parts[2]) <= 12:
        told = ".".join(parts[:3])
        if codes.is_signed(ring, "ticket", f"{told}:{client_id}", parts[3]) and int(parts[2]) >= now.timestamp():
            return Ticket(parts[0], UUID(hex=parts[1]))
    raise RefusedError("ticket_stale")


def mask_code(code: str) -> str:
    """What the list of attempts shows of a code: its kind and its last two signs."""
    tidy = codes.tidy(code)
    kind = "moving" if codes.is_moving(tidy) else "typed" if codes.is_typed(tidy) else "other"
    return f"{kind} ***{tidy[-2:]}" if kind != "other" else f"other ({len(tidy)})"


def forget_accepted(session: Session, *, now: datetime) -> int:
    """Drop accepted codes that time itself refuses by now; says how many."""
    gone = session.execute(delete(_ACCEPTED).where(_ACCEPTED.c.at < now - ACCEPTED_KEPT))
    return int(gone.rowcount)  # type: ignore[attr-defined]  # a DELETE answers with a cursor result.
