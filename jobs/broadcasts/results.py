"""Recording what became of a chunk: one UPDATE, fenced by lane owner and attempt, and the receipts that were faster."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from jobs.broadcasts.claim import RETRY_WITHIN
from jobs.broadcasts.lanes import Run
from jobs.broadcasts.outcomes import Result
from jobs.broadcasts.receipts import take_parked

RETRY_AFTER = timedelta(seconds=5)

# A row of which an earlier attempt went unanswered (`doubtful`) stays unknown whatever a later one is refused for: the first may have arrived.
# The row is found by owner and attempt, so a drain that was given up for dead cannot overwrite what came after it; if nothing did,
# its answer is still the truth about that attempt, although the end of its lease made the row unknown meanwhile.
# A row that lost its person while it was on the wire (erased, or joined with one who has a row of his own) does not go back to pending.
_NOBODYS = "r.state = 'pending' AND NOT d.doubtful AND d.customer_id IS NULL"
_RECORD = text(
    f"""
    UPDATE delivery d
    SET state = CASE WHEN r.state = 'sent' THEN 'sent' WHEN d.doubtful THEN 'unknown' WHEN {_NOBODYS} THEN 'left_out' ELSE r.state END,
        left_out_why = CASE WHEN {_NOBODYS} THEN CASE WHEN d.openid IS NULL THEN 'erased' ELSE 'joined' END END,
        openid = CASE WHEN {_NOBODYS} THEN NULL ELSE d.openid END,
        msgid = r.msgid, error_code = r.code, error_why = r.why, rid = r.rid, lease_owner = NULL,
        first_attempt_at = CASE WHEN r.state <> 'pending' OR d.doubtful THEN d.first_attempt_at END,
        next_at = CASE WHEN (r.state = 'unknown' OR (d.doubtful AND r.state <> 'sent')) AND :trusted AND d.first_attempt_at > :not_before
                       THEN CAST(:retry_at AS timestamptz) END,
        sent_at = CASE WHEN r.state = 'sent' THEN CAST(:now AS timestamptz) END
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
        AS r(id bigint, attempt integer, state text, msgid text, code integer, why text, rid text)
    WHERE d.id = r.id AND d.lease_owner = :owner AND d.attempts = r.attempt AND d.state IN ('sending', 'unknown')
    """  # noqa: S608 - a constant of this file.
)


def record_results(session: Session, run: Run, results: Sequence[Result], *, trusted: bool, now: datetime) -> int:
    """Write the outcomes of a chunk and settle those whose receipts were here first. Returns how many rows were still ours."""
    if not results:
        return 0
    ordered = sorted(results, key=lambda each: each.id)
    written = session.execute(
        _RECORD,
        {
            "rows": orjson.dumps(ordered).decode(),
            "owner": run.owner,
            "trusted": trusted,
            "now": now,
            "retry_at": now + RETRY_AFTER,
            "not_before": now + RETRY_AFTER - RETRY_WITHIN,
        },
    )
    take_parked(session, account_id=run.account_id, msgids=[each.msgid for each in ordered if each.msgid is not None])
    return int(written.rowcount)  # type: ignore[attr-defined]  # The result of an UPDATE is a cursor result.
