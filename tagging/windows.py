"""Counts in time windows: loaded in one statement, evaluated so that a late fact completes the windows of later ones."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.facts import Fact
from tagging.rule import Window
from tagging.rulebook import Rule


@dataclass(frozen=True, slots=True)
class Tally:
    """How many facts a window holds at a fact, now and before the new facts came. `before` is None for a fact that is itself new."""

    fact: Fact
    now: int
    before: int | None


@dataclass(frozen=True, slots=True)
class Question:
    """A window of one customer, perhaps on one account only."""

    window: Window
    account_id: int | None
    customer_id: int


# Facts from before the first new one matter only while the window is not full, so no more than `least` of them are read.
_AROUND = text(
    """
    SELECT asked.no, found.key, found.follower_id, found.account_id, found.occurred_at, found.data
    FROM jsonb_to_recordset(CAST(:asked AS jsonb)) AS asked(
        no integer, customer_id bigint, kind text, account_id bigint, match jsonb,
        since timestamptz, first timestamptz, until timestamptz, least integer)
    CROSS JOIN LATERAL (
        (SELECT fact.key, fact.follower_id, fact.account_id, fact.occurred_at, NULL::jsonb AS data FROM fact
         WHERE fact.customer_id = asked.customer_id AND fact.kind = asked.kind
           AND fact.occurred_at > asked.since AND fact.occurred_at < asked.first
           AND (asked.account_id IS NULL OR fact.account_id = asked.account_id) AND fact.data @> asked.match
         ORDER BY fact.occurred_at DESC LIMIT asked.least)
        UNION ALL
        (SELECT fact.key, fact.follower_id, fact.account_id, fact.occurred_at, fact.data FROM fact
         WHERE fact.customer_id = asked.customer_id AND fact.kind = asked.kind
           AND fact.occurred_at >= asked.first AND fact.occurred_at < asked.until
           AND (asked.account_id IS NULL OR fact.account_id = asked.account_id) AND fact.data @> asked.match)
    ) AS found
    """
)


def questions(facts: Iterable[Fact], rules: Iterable[Rule]) -> dict[Question, list[Fact]]:
    """Which windows new facts fall into, with those facts."""
    asked: dict[Question, list[Fact]] = defaultdict(list)
    by_kind: dict[str, list[tuple[Window, int | None]]] = defaultdict(list)
    for window, account_id in {(rule.window, rule.account_id) for rule in rules if rule.window is not None}:
        by_kind[window.kind].append((window, account_id))
    for fact in facts:
        if fact.customer_id is None:
            continue
        for window, account_id in by_kind.get(fact.kind, ()):
            if (account_id is None or account_id == fact.account_id) and window.covers(fact):
                asked[Question(window, account_id, fact.customer_id)].append(fact)
    return asked


def load_around(session: Session, asked: dict[Question, list[Fact]]) -> dict[Question, list[Fact]]:
    """The recorded facts around the new ones of every question, the new ones among them, in one statement."""
    if not asked:
        return {}
    order = sorted(asked, key=lambda each: (each.customer_id, each.window.kind, each.window.within_s, each.account_id or 0))
    rows = []
    for number, question in enumerate(order):
        moments = [fact.occurred_at for fact in asked[question]]
        span = timedelta(seconds=question.window.within_s)
        rows.append(
            {
                "no": number,
                "customer_id": question.customer_id,
                "kind": question.window.kind,
                "account_id": question.account_id,
                "match": dict(question.window.match),
                "since": min(moments) - span,
                "first": min(moments),
                "until": max(moments) + span,
                "least": question.window.least,
            }
        )
    found: dict[Question, list[Fact]] = {question: [] for question in order}
    for row in session.execute(_AROUND, {"asked": orjson.dumps(rows).decode()}):
        question = order[row.no]
        found[question].append(
            Fact(row.key, question.window.kind, row.occurred_at, row.data or {}, question.customer_id, row.follower_id, row.account_id)
        )
    return found


def tally(facts: Sequence[Fact], *, within_s: int, new_keys: Collection[str]) -> list[Tally]:
    """Count the window that ends at each fact on or after the first new one.

    A window holds what occurred after `t - within_s` up to and including `t`; facts of the same second all count for one another, since
    WeChat's time has no finer grain and their order of arrival must not matter.
    """
    moments = sorted(fact.occurred_at for fact in facts)
    old = sorted(fact.occurred_at for fact in facts if fact.key not in new_keys)
    fresh = [fact.occurred_at for fact in facts if fact.key in new_keys]
    if not fresh:
        return []
    first, span = min(fresh), timedelta(seconds=within_s)

    def held(times: Sequence[datetime], moment: datetime) -> int:
        return bisect_right(times, moment) - bisect_right(times, moment - span)

    return [
        Tally(fact, held(moments, fact.occurred_at), None if fact.key in new_keys else held(old, fact.occurred_at))
        for fact in facts
        if fact.occurred_at >= first
    ]
