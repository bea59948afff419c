"""Which channel a scan came through: by account, scene and the time of the scan, since a scene may have had several channels."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.facts import Fact

SCANNED = "qr.scanned"


@dataclass(frozen=True, slots=True)
class ScannedChannel:
    """The channel behind a scan."""

    id: int
    public_id: str
    created_at: datetime
    tag_ids: tuple[int, ...]


Channels = Mapping[str, ScannedChannel]
"""By fact key."""

_FIND = text(
    """
    SELECT channel.id, channel.public_id::text, channel.created_at, channel.account_id, channel.scene,
        ARRAY(SELECT tag_id FROM channel_tag WHERE channel_tag.channel_id = channel.id ORDER BY tag_id) AS tag_ids
    FROM jsonb_to_recordset(CAST(:asked AS jsonb)) AS asked(account_id bigint, scene text)
    JOIN channel ON channel.account_id = asked.account_id AND channel.scene = asked.scene
    ORDER BY channel.account_id, channel.scene, channel.created_at, channel.id
    """
)


def find_channels(session: Session, facts: Iterable[Fact]) -> dict[str, ScannedChannel]:
    """The channel of every scan that came through one, by fact key.

    A scene that was given to a later channel belongs to each from its creation on; what is older than the first belongs to the first.
    """
    scans = [fact for fact in facts if fact.kind == SCANNED and fact.account_id is not None and fact.data.get("scene")]
    if not scans:
        return {}
    asked = sorted({(fact.account_id or 0, str(fact.data["scene"])) for fact in scans})
    held: dict[tuple[int, str], list[ScannedChannel]] = defaultdict(list)
    for row in session.execute(_FIND, {"asked": orjson.dumps([{"account_id": one, "scene": scene} for one, scene in asked]).decode()}):
        held[row.account_id, row.scene].append(ScannedChannel(row.id, row.public_id, row.created_at, tuple(row.tag_ids)))
    found = {}
    for fact in scans:
        candidates = held.get((fact.account_id or 0, str(fact.data["scene"])))
        if candidates:
            place = bisect_right(candidates, fact.occurred_at, key=lambda each: each.created_at)
            found[fact.key] = candidates[max(place - 1, 0)]
    return found
