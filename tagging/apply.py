"""Rules applied to facts: pure, from facts and counts to pieces of evidence."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from app.core.facts import Fact
from tagging.evidence import NOBODY, Evidence
from tagging.rule import Seen, Window
from tagging.rulebook import Rule, RuleBook
from tagging.scans import Channels, ScannedChannel
from tagging.windows import Question, tally


def apply_rules(
    book: RuleBook, facts: Iterable[Fact], *, channels: Channels, around: Mapping[Question, Sequence[Fact]], new_keys: Collection[str]
) -> list[Evidence]:
    """What new facts say about their customers.

    `around` holds, for each window that new facts fall into, the recorded facts near them with the new ones among them.
    """
    pieces: list[Evidence] = []
    plain: dict[str, list[Rule]] = defaultdict(list)
    for rule in book.rules:
        if rule.window is None:
            for kind in rule.listens:
                plain[kind].append(rule)
    pieces.extend(_apply_counting(book, around=around, new_keys=new_keys))
    for fact in facts:
        if fact.customer_id is None:
            continue
        channel = channels.get(fact.key)
        for rule in plain.get(fact.kind, ()):
            if rule.account_id is None or rule.account_id == fact.account_id:
                strength = rule.kind.decide(rule.params, Seen(fact, None if channel is None else channel.public_id))
                if strength > 0:
                    pieces.append(_piece(rule, fact, strength))
        if channel is not None:
            pieces.extend(_given_by_channel(fact, channel))
    return pieces


def _apply_counting(book: RuleBook, *, around: Mapping[Question, Sequence[Fact]], new_keys: Collection[str]) -> Iterable[Evidence]:
    """Every fact whose window says more than it did before the new facts came gives its evidence now, and never again."""
    asking: dict[tuple[Window, int | None], list[Rule]] = defaultdict(list)
    for rule in book.rules:
        if rule.window is not None:
            asking[rule.window, rule.account_id].append(rule)
    for question, found in around.items():
        rules = asking[question.window, question.account_id]
        for each in tally(found, within_s=question.window.within_s, new_keys=new_keys):
            seen = Seen(each.fact, count=each.now)
            for rule in rules:
                strength = rule.kind.decide(rule.params, seen)
                known = each.before is not None and rule.kind.decide(rule.params, replace(seen, count=each.before)) > 0
                if strength > 0 and not known:
                    yield _piece(rule, each.fact, strength)


def _piece(rule: Rule, fact: Fact, strength: float) -> Evidence:
    assert fact.customer_id is not None
    expires_at = None if rule.expires_after_s is None else fact.occurred_at + timedelta(seconds=rule.expires_after_s)
    return Evidence(
        fact.customer_id,
        rule.tag_id,
        rule.source,
        fact.follower_id or NOBODY,
        fact.key,
        fact.occurred_at,
        fact.key,
        fact.occurred_at,
        rule.weight * strength,
        rule.half_life_s,
        expires_at,
    )


def _given_by_channel(fact: Fact, channel: ScannedChannel) -> Iterable[Evidence]:
    assert fact.customer_id is not None
    for tag_id in channel.tag_ids:
        moment, follower_id = fact.occurred_at, fact.follower_id or NOBODY
        yield Evidence(fact.customer_id, tag_id, f"channel:{channel.id}", follower_id, fact.key, moment, fact.key, moment, 1.0)


def standing(pieces: Iterable[Evidence], *, book: RuleBook, bars: Mapping[tuple[int, str, int], datetime]) -> list[Evidence]:
    """Pieces that no removal by hand bars: somebody who took a tag off did so knowing everything from before."""
    if not bars:
        return list(pieces)
    kept = []
    for piece in pieces:
        bar = bars.get((piece.customer_id, *book.rival(piece.tag_id)))
        if bar is None or piece.last_at > bar:
            kept.append(piece)
    return kept
