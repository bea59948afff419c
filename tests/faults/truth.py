"""What the platform's log says happened, and what the house made of it: recomputed from the log and from SQL alone."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from tests.faults.realm import Realm

FIELD_OF = {"message.received": "msg_id", "menu.clicked": "key", "template.receipted": "msgid"}
"""What tells two facts of one kind apart in these stories: every key and every message is used once."""


@dataclass
class Truth:
    """Events by (kind, mark): which were answered 200 at least once, and all that happened; messages by appid and openid, with the msgid of the last."""

    answered: set[tuple[str, str]] = field(default_factory=set)
    happened: set[tuple[str, str]] = field(default_factory=set)
    tries: int = 0
    refused: int = 0
    messages: Counter[tuple[str, str]] = field(default_factory=Counter)
    msgids: dict[tuple[str, str], str] = field(default_factory=dict)


def read_truth(log: Path) -> Truth:
    """Everything of interest in a log."""
    truth = Truth()
    events: dict[int, tuple[str, str]] = {}
    with log.open("rb") as lines:
        for line in lines:
            entry = orjson.loads(line)
            if entry["type"] in {"act", "receipt"}:
                mark = _mark(entry["fields"])
                if mark is not None:
                    events[entry["event"]] = mark
                    truth.happened.add(mark)
            elif entry["type"] == "answer":
                truth.tries += 1
                truth.refused += entry["status"] != 200
                if entry["status"] == 200 and entry["event"] in events:
                    truth.answered.add(events[entry["event"]])
            elif entry["type"] == "message" and entry["via"] == "template":
                truth.messages[entry["appid"], entry["openid"]] += 1
                truth.msgids[entry["appid"], entry["openid"]] = str(entry["msgid"])
    return truth


def _mark(fields: dict[str, Any]) -> tuple[str, str] | None:
    if fields["MsgType"] == "text":
        return "message.received", str(fields["MsgId"])
    event = fields.get("Event")
    if event == "CLICK":
        return "menu.clicked", fields["EventKey"]
    if event == "subscribe":
        return "follower.followed", fields["FromUserName"]
    if event == "TEMPLATESENDJOBFINISH":
        return "template.receipted", str(fields["MsgID"])
    return None


def recorded(realm: Realm) -> Counter[tuple[str, str]]:
    """How many facts the house holds of each event."""
    found: Counter[tuple[str, str]] = Counter()
    for kind, name in FIELD_OF.items():
        for mark, number in realm.rows("SELECT data->>%s, count(*) FROM fact WHERE kind = %s GROUP BY 1", name, kind):
            found[kind, mark] = number
    followed = realm.rows(
        "SELECT f.openid, count(*) FROM fact JOIN follower f ON f.id = fact.follower_id WHERE kind = 'follower.followed' GROUP BY 1"
    )
    found.update({("follower.followed", openid): number for openid, number in followed})
    return found


def assert_nothing_lost_or_doubled(realm: Realm) -> Truth:
    """Every event that was answered 200 is a fact, once; no event is two; nothing is there that did not happen."""
    truth, facts = read_truth(realm.sandbox.log), recorded(realm)
    lost = sorted(truth.answered - facts.keys())
    doubled = sorted(mark for mark, number in facts.items() if number != 1)
    invented = sorted(facts.keys() - truth.happened)
    assert (lost[:5], len(lost)) == ([], 0)
    assert (doubled[:5], len(doubled)) == ([], 0)
    assert (invented[:5], len(invented)) == ([], 0)
    # Projections ran as often as facts were recorded.
    hits = realm.one("SELECT coalesce(sum(hits), 0) FROM tag_evidence")
    assert hits == sum(kind == "menu.clicked" for kind, _ in facts)
    return truth
