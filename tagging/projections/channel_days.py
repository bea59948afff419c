"""Scans and follows of each channel, counted by day in Asia/Shanghai."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.clock import business_day
from app.core.facts import Fact
from tagging.scans import SCANNED, find_channels

_COUNT = text(
    """
    INSERT INTO channel_day AS held (channel_id, day, scans, follows)
    SELECT channel_id, day, scans, follows
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS counted(channel_id bigint, day date, scans integer, follows integer)
    ORDER BY channel_id, day
    ON CONFLICT (channel_id, day) DO UPDATE SET scans = held.scans + EXCLUDED.scans, follows = held.follows + EXCLUDED.follows
    """
)


class ChannelDays:
    name = "channel_days"
    order = 90
    """Counters last: many batches meet on these rows, so they are held for the shortest time, in one order."""
    listens: Collection[str] = (SCANNED,)

    def act(self, session: Session, facts: Sequence[Fact], *, now: datetime) -> None:
        """Count scans, those by people who were erased since among them: a count names nobody."""
        del now
        channels = find_channels(session, facts)
        counts: dict[tuple[int, date], list[int]] = defaultdict(lambda: [0, 0])
        for fact in facts:
            channel = channels.get(fact.key)
            if channel is not None:
                count = counts[channel.id, business_day(fact.occurred_at)]
                count[0] += 1
                # A scan by somebody who did not follow yet is the scan he followed through.
                count[1] += fact.data.get("following") is False
        if counts:
            rows = [
                {"channel_id": channel_id, "day": day, "scans": scans, "follows": follows}
                for (channel_id, day), (scans, follows) in sorted(counts.items())
            ]
            session.execute(_COUNT, {"rows": orjson.dumps(rows).decode()})


plugin = ChannelDays()
