"""What time alone changes: leases that ran out leave their rows unknown, and after 24 hours unknown rows are undecided."""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

UNDECIDED_AFTER = timedelta(hours=24)

# The drain may have died before the call, during it or after it: only the platform knows, so the row may be repeated under its own id
# where the account's ids are trusted, and waits for its receipt everywhere else.
_EXPIRE = text(
    """
    WITH lost AS (
        SELECT d.id FROM delivery d WHERE d.state = 'sending' AND d.next_at < :now
        ORDER BY d.id LIMIT 5000 FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE delivery d
    SET state = 'unknown', error_why = 'lease', error_code = NULL, rid = NULL,
        next_at = CASE WHEN a.client_msg_id_trusted THEN CAST(:now AS timestamptz) END
    FROM lost, account a WHERE d.id = lost.id AND a.id = d.account_id
    """
)
_DECIDE = text(
    """
    WITH old AS (
        SELECT d.id FROM delivery d WHERE d.state = 'unknown' AND d.first_attempt_at < :before
        ORDER BY d.id LIMIT 5000 FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE delivery d SET state = 'undecided', next_at = NULL FROM old WHERE d.id = old.id
    """
)


def expire_leases(session: Session, *, now: datetime) -> int:
    """Rows of drains that were not heard of for 90 seconds become unknown: they may have been sent. Returns how many."""
    return int(session.execute(_EXPIRE, {"now": now}).rowcount)  # type: ignore[attr-defined]


def give_up_unknown(session: Session, *, now: datetime) -> int:
    """Unknown rows without a receipt for 24 hours become undecided: listed, and never sent again by themselves. Returns how many."""
    return int(session.execute(_DECIDE, {"before": now - UNDECIDED_AFTER}).rowcount)  # type: ignore[attr-defined]
