"""Awarding points: the rules of the day, the first, best or all of a group, the caps, then one transaction per occasion and rule."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from cards.blocks import is_blocked
from cards.caps import take_room
from cards.ledger.earn import earn
from cards.ledger.post import Cause, find_txn
from cards.ledger.wallets import lock_wallets, open_wallet
from cards.lifetimes import points_life
from cards.models.earning import EarningAward
from cards.models.ledger import TxnKind
from cards.models.programme import Programme
from cards.occasion import Occasion, Prize
from cards.rulebook import LiveRule, rules_at
from cards.split import split

ORDER_KIND = "order.placed"


@dataclass(frozen=True, slots=True)
class Place:
    """Where points are issued: the unit that owes them, and the store when there is one."""

    unit_id: int
    store_id: int | None = None


@dataclass(frozen=True, slots=True)
class Awarded:
    """What one rule gave: points that are usable from `available_from` until `expires_at` (UTC)."""

    rule: str
    rule_id: UUID
    customer_id: int
    points: int
    available_from: datetime
    expires_at: datetime | None


def award(
    session: Session,
    occasion: Occasion,
    *,
    programme: Programme,
    actor: str,
    now: datetime,
    place: Place | None = None,
    purchase_id: int | None = None,
) -> list[Awarded]:
    """Post what the rules of the occasion's day give for it. Called again for the same occasion it gives nothing more.

    `place` issues the points of an order; without one each rule's own unit does.
    """
    if occasion.kind != ORDER_KIND and is_blocked(session, occasion.customer_id, now=now):
        # An order of somebody on the blacklist waits for a verdict instead (`cards.held_credit`).
        return []
    rules = rules_at(session, programme_id=programme.id, at=occasion.occurred_at, hears=occasion.kind)
    chosen = choose([(rule, rule.kind.award(rule.params, occasion)) for rule in rules])
    if not chosen:
        return []
    people = {occasion.customer_id} | ({occasion.other_id} if occasion.other_id is not None else set())
    wallets = {person: open_wallet(session, customer_id=person, programme_id=programme.id) for person in sorted(people)}
    lock_wallets(session, list(wallets.values()))
    usable, ends = points_life(programme, earned_at=occasion.occurred_at, now=now, pending=occasion.kind == ORDER_KIND)
    given = []
    for rule, prizes in sorted(chosen, key=lambda each: each[0].rule_id):
        for prize in prizes:
            person = occasion.customer_id if prize.side == "self" else occasion.other_id
            assert person is not None
            key = f"{occasion.key}:rule:{rule.public_id}" + ("" if prize.side == "self" else ":other")
            kept_out = prize.side == "other" and is_blocked(session, person, now=now)
            if kept_out or find_txn(session, kind=TxnKind.EARN, business_key=key) is not None:
                continue
            points, spans = take_room(
                session, rule_id=rule.rule_id, customer_id=person, caps=rule.caps, day=occasion.day, points=prize.points
            )
            if points <= 0:
                continue
            cause = Cause(key, occasion.reason or rule.name, actor, occasion.occurred_at, now, None if place is None else place.store_id)
            unit_id = rule.unit_id if place is None else place.unit_id
            assert unit_id is not None, "a rule that is not about orders names its unit"
            posted = earn(
                session, wallet_id=wallets[person], amount=points, unit_id=unit_id, cause=cause, available_from=usable, expires_at=ends
            )
            session.add(
                EarningAward(
                    version_id=rule.version_id,
                    customer_id=person,
                    purchase_id=purchase_id,
                    txn_id=posted.txn_id,
                    points=points,
                    taken_back=0,
                    shares=_shares(points, prize),
                    spans=spans,
                )
            )
            given.append(Awarded(rule.name, rule.public_id, person, points, usable, ends))
    session.flush()
    return given


def choose(offers: Sequence[tuple[LiveRule, list[Prize]]]) -> list[tuple[LiveRule, list[Prize]]]:
    """Of the rules that would give something: those without a group, and of each group the first, the best or all. Pure.

    Offers come lowest priority number first; of two equally good ones the first wins.
    """
    offers = [(rule, prizes) for rule, prizes in offers if prizes]
    chosen = [(rule, prizes) for rule, prizes in offers if rule.group is None]
    for group in sorted({rule.group for rule, _ in offers if rule.group is not None}):
        rivals = [(rule, prizes) for rule, prizes in offers if rule.group == group]
        if group[1] == "first":
            rivals = rivals[:1]
        elif group[1] == "best":
            rivals = [max(rivals, key=lambda each: sum(prize.points for prize in each[1]))]
        chosen += rivals
    return chosen


def _shares(points: int, prize: Prize) -> dict[str, int]:
    """Points by line: whole numbers that sum to the points."""
    lines = sorted(line for line, weight in prize.weights.items() if weight > 0)
    parts = split(points, [prize.weights[line] for line in lines])
    return {str(line): part for line, part in zip(lines, parts, strict=True)}
