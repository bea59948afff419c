"""A person's erasure reaches his deliveries: nothing in them leads to him any more, and what was not sent never is."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core import kinds
from app.core.facts import Fact
from jobs.broadcasts.audience_lock import share_audience

# WeChat's moments have whole seconds, so a row frozen within the second of the un-follow belongs to the time before it.
_SECOND = timedelta(seconds=1)
_BLANK = text(
    """
    WITH gone AS (
        SELECT d.id FROM delivery d
        JOIN unnest(CAST(:followers AS bigint[]), CAST(:moments AS timestamptz[])) AS e(follower_id, moment)
            ON d.follower_id = e.follower_id AND d.frozen_at < e.moment
        ORDER BY d.id FOR NO KEY UPDATE OF d
    )
    UPDATE delivery d
    SET openid = NULL, follower_id = NULL, customer_id = NULL,
        left_out_why = CASE WHEN d.state = 'pending' THEN 'erased' ELSE d.left_out_why END,
        state = CASE WHEN d.state = 'pending' THEN 'left_out' ELSE d.state END,
        next_at = CASE WHEN d.state = 'sending' THEN d.next_at END
    FROM gone WHERE d.id = gone.id
    """
)
_UNNAME = text(
    """
    UPDATE parked_receipt p SET follower_id = NULL
    FROM unnest(CAST(:followers AS bigint[]), CAST(:moments AS timestamptz[])) AS e(follower_id, moment)
    WHERE p.follower_id = e.follower_id AND p.occurred_at < e.moment
    """
)


class ErasedDeliveries:
    name = "erased_deliveries"
    order = 41
    listens: Collection[str] = (kinds.ERASED,)

    def act(self, session: Session, facts: Sequence[Fact], *, now: datetime) -> None:
        del now
        erased = sorted((fact.follower_id, fact.occurred_at + _SECOND) for fact in facts if fact.follower_id is not None)
        share_audience(session)
        values = {"followers": [follower_id for follower_id, _ in erased], "moments": [moment for _, moment in erased]}
        session.execute(_BLANK, values)
        session.execute(_UNNAME, values)


plugin = ErasedDeliveries()
