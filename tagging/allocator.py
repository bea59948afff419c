"""The permanent codes of an account: at most 100 000 are ever made, none is deleted, a retired one may serve a later channel."""

from datetime import datetime

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from app.core.errors import BadRequestError, ConflictError
from tagging.channel_kinds import PLAIN, of_kinds
from tagging.models import QR_CODES_PER_ACCOUNT, Channel, QrAllowance

# One guarded row per account: two allocations at once wait for each other here, and neither goes past the limit.
_TAKE = text(
    """
    INSERT INTO qr_allowance AS held (account_id, used) VALUES (:account_id, 1)
    ON CONFLICT (account_id) DO UPDATE SET used = held.used + 1 WHERE held.used < :limit
    RETURNING used
    """
)


def take_code(session: Session, account_id: int, *, scene: str | None, kind: str = PLAIN) -> Channel | None:
    """Obtain one permanent code for a new channel: None when a new one may be made, or the retired channel whose code is taken over.

    A retired code is taken over when its scene is asked for, and, the oldest of the same kind first, when the account has none left to make:
    posters that still show it then lead to the new channel. Raises ConflictError (`qr_codes_used_up`) when there is neither.
    """
    if scene is not None:
        retired = _retired(session, account_id, scene=scene)
        if retired is not None:
            return retired
    if session.scalar(_TAKE, {"account_id": account_id, "limit": QR_CODES_PER_ACCOUNT}) is not None:
        return None
    oldest = _retired(session, account_id, kind=kind) if scene is None else None
    if oldest is None:
        raise ConflictError(
            f"this account has used its {QR_CODES_PER_ACCOUNT} permanent codes; retire a channel and leave the scene out, or make a temporary one",
            code="qr_codes_used_up",
        )
    return oldest


def hand_over(session: Session, retired: Channel, *, to: Channel) -> None:
    """Record which channel took a retired code over."""
    assert retired.retired_at is not None
    session.execute(update(Channel).where(Channel.id == retired.id).values(reassigned_to_id=to.id))


def codes_left(session: Session, account_id: int) -> int:
    """How many permanent codes the account may still make."""
    used = session.scalar(select(QrAllowance.used).where(QrAllowance.account_id == account_id)) or 0
    return QR_CODES_PER_ACCOUNT - used


def declare_used(session: Session, account_id: int, *, used: int) -> None:
    """Tell the allocator of codes that were made elsewhere; the count never falls. Raises BadRequestError out of bounds."""
    if not 0 <= used <= QR_CODES_PER_ACCOUNT:
        raise BadRequestError(f"between 0 and {QR_CODES_PER_ACCOUNT} codes", code="bad_used")
    declare = text(
        "INSERT INTO qr_allowance AS held (account_id, used) VALUES (:account_id, :used) "
        "ON CONFLICT (account_id) DO UPDATE SET used = GREATEST(held.used, EXCLUDED.used)"
    )
    session.execute(declare, {"account_id": account_id, "used": used})


def _retired(session: Session, account_id: int, *, scene: str | None = None, kind: str | None = None) -> Channel | None:
    query = select(Channel).where(
        Channel.account_id == account_id, Channel.permanent, Channel.retired_at.is_not(None), Channel.reassigned_to_id.is_(None)
    )
    if scene is not None:
        query = query.where(Channel.scene == scene)
    if kind is not None:
        query = query.where(of_kinds([kind]))
    # Skipping what another allocation holds keeps two from taking the same code.
    return session.scalar(query.order_by(Channel.retired_at, Channel.id).limit(1).with_for_update(skip_locked=True))


def retire(session: Session, channel: Channel, *, now: datetime) -> None:
    """End a channel. Its scans from before keep counting for it; its permanent code waits for another."""
    if channel.retired_at is None:
        channel.retired_at = now
        session.flush()
