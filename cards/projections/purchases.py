"""Two customers become one: purchases, awards, caps and check-ins follow."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core import kinds
from app.core.facts import Fact

_MOVES = (
    "UPDATE purchase SET customer_id = :into WHERE customer_id = :old",
    "UPDATE value_consent SET customer_id = :into WHERE customer_id = :old",
    "UPDATE earning_award SET customer_id = :into WHERE customer_id = :old",
    """INSERT INTO earning_use (rule_id, customer_id, span, points, times)
       SELECT rule_id, :into, span, points, times FROM earning_use WHERE customer_id = :old ORDER BY rule_id, span
       ON CONFLICT (rule_id, customer_id, span) DO UPDATE
       SET points = earning_use.points + excluded.points, times = earning_use.times + excluded.times""",
    "DELETE FROM earning_use WHERE customer_id = :old",
    """INSERT INTO check_in (customer_id, programme_id, day, streak, at)
       SELECT :into, programme_id, day, streak, at FROM check_in WHERE customer_id = :old ORDER BY programme_id, day
       ON CONFLICT (customer_id, programme_id, day) DO UPDATE SET streak = greatest(check_in.streak, excluded.streak)""",
    "DELETE FROM check_in WHERE customer_id = :old",
)


class Purchases:
    name = "purchases"
    order = 22
    listens: Collection[str] = (kinds.JOINED,)

    def act(self, session: Session, facts: Sequence[Fact], *, now: datetime) -> None:
        del now
        for fact in facts:
            for move in _MOVES:
                session.execute(text(move), {"old": int(fact.data["from"]), "into": int(fact.data["into"])})


plugin = Purchases()
