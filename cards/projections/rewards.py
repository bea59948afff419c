"""A fact that an earning rule hears: its reward is written down beside it, and given by a reaction."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.bulk import table_of
from app.core.facts import Fact, ReactionRow, ReactionState
from cards.rulebook import heard_kinds

REACTION = "award_points"
_REACTION = table_of(ReactionRow)
_ANY = text("SELECT EXISTS (SELECT 1 FROM earning_version)")


class Rewards:
    name = "rewards"
    order = 95

    @property
    def listens(self) -> Collection[str]:
        return REWARDED

    def act(self, session: Session, facts: Sequence[Fact], *, now: datetime) -> None:
        """Most houses reward few kinds of facts: the rules are asked once for a batch, and only facts they hear get a row."""
        if not session.scalar(_ANY):
            return
        kinds = heard_kinds(session)
        rows = [
            {"fact_key": fact.key, "name": REACTION, "state": ReactionState.PENDING, "run_after": now, "attempts": 0}
            for fact in facts
            if fact.kind in kinds and fact.customer_id is not None and not fact.withheld
        ]
        if rows:
            session.execute(pg_insert(_REACTION).on_conflict_do_nothing(), rows)


REWARDED = (
    "card.opened",
    "content.shared",
    "coupon.redeemed",
    "event.attended",
    "follower.followed",
    "form.completed",
    "keyword.matched",
    "lifecycle.changed",
    "member.birthday",
    "menu.clicked",
    "mini.entered",
    "qr.scanned",
    "tier.upgraded",
)
"""What may be rewarded. Orders, check-ins and referrals are rewarded on the spot."""
plugin = Rewards()
