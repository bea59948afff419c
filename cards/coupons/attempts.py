"""Attempts: each one a row, refused ones too; guesses are counted before they are looked at, and what looks wrong waits for a person."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import FankaError
from app.core.house import House
from app.core.idempotency import Answer
from app.core.tries import TooManyError, count_tries, give_back_tries
from cards import codes
from cards.coupons.asked import RedeemIn, UndoIn
from cards.coupons.recognise import mask_code
from cards.fraud import SUSPICIOUS, suspect
from cards.models.coupons import Coupon
from cards.models.redemption import Attempt
from cards.refusals import PUBLIC_CODE, PUBLIC_EN, PUBLIC_ZH, RefusedError, for_public
from cards.till import Till

GUESSES, ADDRESS_GUESSES, PROGRAM_GUESSES = 30, 120, 600
"""Typed codes that do not exist, looked up in one window: by one device or clerk, from one address, by one program. A code has 54 bits."""
GUESS_WINDOW = timedelta(minutes=10)


def read_attempt(session: Session, attempt_id: UUID, *, client_id: str) -> Attempt | None:
    """What came of an attempt, for a device that never heard: the grey screen asks for it."""
    query = select(Attempt).where(Attempt.attempt_id == attempt_id, Attempt.client_id == client_id).order_by(Attempt.id.desc()).limit(1)
    return session.scalar(query)


def last_attempts(session: Session, *, device_id: int | None = None, staff_id: int | None = None, limit: int = 20) -> list[Attempt]:
    """The last scans of a device or a clerk, refused ones too, newest first."""
    query = select(Attempt).order_by(Attempt.at.desc(), Attempt.id.desc()).limit(min(max(limit, 1), 100))
    if device_id is not None:
        query = query.where(Attempt.device_id == device_id)
    if staff_id is not None:
        query = query.where(Attempt.staff_id == staff_id)
    return list(session.scalars(query))


@dataclass(slots=True)
class Guess:
    """One look-up of a code: whether it may be made, and whether it found nothing."""

    allowed: bool = True
    missed: bool = False


@contextmanager
def guess(house: House, code: str | None, *, till: Till) -> Iterator[Guess]:
    """Look a typed code up within the limits of device, clerk and address.

    It counts before the code is looked at, so that no crowd of calls passes together, and no longer once a coupon was found: what stays counted
    are codes that do not exist, and a good one in between wins nobody another guess. Moving codes cannot be guessed, and a mistyped one is known
    by its check sign, so neither counts.
    """
    made = Guess()
    limits = _guess_limits(till) if code is not None and codes.is_typed(codes.tidy(code)) else []
    try:
        count_tries(house.engine, limits, window=GUESS_WINDOW, now=house.clock.now())
    except TooManyError:
        made.allowed, limits = False, []
    try:
        yield made
    finally:
        if limits and not made.missed:
            give_back_tries(house.engine, [key for key, _ in limits], now=house.clock.now())


def write_refusal(
    session: Session,
    house: House,
    act: str,
    error: FankaError,
    attempt_id: UUID,
    *,
    till: Till,
    wish: RedeemIn | UndoIn | None,
    public: bool,
) -> Mapping[str, Any]:
    """Put a refused attempt on record, and on the review queue when it looks wrong; the body of its answer."""
    now = house.clock.now()
    shown = error.__cause__ if isinstance(error.__cause__, FankaError) and public else error
    assert isinstance(shown, FankaError)
    coupon_id = shown.circumstances.coupon_id if isinstance(shown, RefusedError) else None
    write_attempt(session, act, shown.code, attempt_id, till=till, now=now, wish=wish, coupon_id=coupon_id)
    if shown.code in SUSPICIOUS:
        owner = None if coupon_id is None else session.get_one(Coupon, coupon_id).customer_id
        detail = dict(shown.circumstances.told) if isinstance(shown, RefusedError) else {}
        suspect(session, shown.code, till=till, now=now, customer_id=owner, coupon_id=coupon_id, detail={"act": act, **detail})
    if public:
        return for_public()
    if isinstance(shown, RefusedError):
        return shown.for_clerk()
    return {"outcome": "refused", "code": shown.code, "why": {"zh": shown.detail, "en": shown.detail}}


def uniform(act: Callable[[Session], Answer], *, public: bool) -> Callable[[Session], Answer]:
    """For the public every refusal has one status and one code; the true one stays behind it for the record."""

    def hidden(session: Session) -> Answer:
        try:
            return act(session)
        except FankaError as error:
            if error.status >= 500:
                raise
            raise FankaError(f"{PUBLIC_ZH} / {PUBLIC_EN}", code=PUBLIC_CODE, status=409) from error

    return hidden if public else act


def _guess_limits(till: Till) -> list[tuple[str, int]]:
    if till.device_id is None:
        # A till's program speaks for many counters.
        return [(f"code:{till.client_id}", PROGRAM_GUESSES)]
    limits = [(f"code:{till.client_id}", GUESSES)]
    if till.staff_id is not None:
        limits.append((f"code:staff:{till.staff_id}", GUESSES))
    if till.address:
        limits.append((f"code:from:{till.address}", ADDRESS_GUESSES))
    return limits


def write_attempt(
    session: Session,
    act: str,
    outcome: str,
    attempt_id: UUID,
    *,
    till: Till,
    now: datetime,
    wish: RedeemIn | UndoIn | None,
    coupon_id: int | None = None,
    use_id: int | None = None,
) -> None:
    redeeming = wish if isinstance(wish, RedeemIn) else None
    row = Attempt(
        attempt_id=attempt_id,
        act=act,
        outcome=outcome[:32],
        client_id=till.client_id,
        actor=till.actor,
        store_id=till.store_id,
        staff_id=till.staff_id,
        device_id=till.device_id,
        coupon_id=coupon_id,
        use_id=use_id,
        shown="" if redeeming is None else "ticket" if redeeming.code is None else mask_code(redeeming.code),
        offline=redeeming is not None and redeeming.offline,
        device_at=None if wish is None else wish.device_at,
        at=now,
    )
    session.add(row)
    session.flush()
