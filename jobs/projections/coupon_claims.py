"""Facts that give a coupon by themselves leave a row for the reaction that issues it: only where a template's rule wants exactly this fact."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.core.facts import Fact, ReactionRow, ReactionState
from cards.coupons.claim_rules import CLAIM_KINDS, read_rules

REACTION = "issue_coupon"


class CouponClaims:
    name = "coupon_claims"
    order = 85
    listens: Collection[str] = CLAIM_KINDS

    def act(self, session: Session, facts: Sequence[Fact], *, now: datetime) -> None:
        about_somebody = [fact for fact in facts if fact.customer_id is not None and not fact.withheld]
        rules = read_rules(session) if about_somebody else []
        wanted = [fact for fact in about_somebody if any(rule.wants(fact) for rule in rules)]
        rows = [
            {"fact_key": fact.key, "name": REACTION, "state": ReactionState.PENDING, "run_after": now, "deadline_at": None, "attempts": 0}
            for fact in wanted
        ]
        if rows:
            session.execute(insert(ReactionRow), rows)


plugin = CouponClaims()
