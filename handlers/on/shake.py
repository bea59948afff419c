"""Somebody shakes his phone near one of our beacons."""

from collections.abc import Mapping
from typing import Any

from app.core.inbound import Inbound
from handlers.fields import decimal, inner, items, said, whole
from handlers.outcome import On, Outcome, Reads, Stage, fact, hears


def act(inbound: Inbound, reads: Reads) -> Outcome:
    """Distances are metres."""
    del reads
    around = [_beacon(each) for each in items(inner(inbound, "AroundBeacons"), "AroundBeacon")]
    return Outcome(drafts=(fact("beacon.shaken", **_beacon(inner(inbound, "ChosenBeacon")), around=around),))


def _beacon(beacon: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "uuid": said(beacon, "Uuid"),
        "major": whole(beacon, "Major"),
        "minor": whole(beacon, "Minor"),
        "distance_m": decimal(beacon, "Distance", within=1e6),
    }


plugin = On("shake", Stage.RECORD, hears("event:shakearoundusershake"), act)
