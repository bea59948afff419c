"""Points earned: what purchases and activities brought, gifts for opening a card and spending left out."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from cards.tier_rule import Span, ask, bound

# What came back of an earlier earn is taken off it, whenever that was: bought, earned and returned is nothing.
_EARNED = ask(
    """
    SELECT asked.customer_id, sum(earned.amount - returned.amount) AS amount
    FROM asked JOIN family USING (customer_id)
    JOIN wallet ON wallet.customer_id = family.member_id AND wallet.programme_id = :programme AND wallet.kind = 'points'
    CROSS JOIN LATERAL (
        SELECT entry.txn_id, sum(entry.amount) AS amount
        FROM points_entry AS entry JOIN points_txn AS txn ON txn.id = entry.txn_id
        WHERE entry.wallet_id = wallet.id AND txn.kind = 'earn' AND NOT txn.data ? 'unqualified'
          AND txn.occurred_at >= asked.start_at AND txn.occurred_at < asked.end_at
        GROUP BY entry.txn_id
    ) AS earned
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(coalesce(issued.amount, 0) + CAST(coalesce(txn.data ->> 'forgiven', '0') AS bigint)), 0) AS amount
        FROM points_txn AS txn LEFT JOIN points_entry AS issued ON issued.txn_id = txn.id AND issued.book = 'issued'
        WHERE txn.corrects_id = earned.txn_id AND txn.kind = 'take_back'
    ) AS returned
    GROUP BY asked.customer_id
    """
)


class Points:
    name = "points"
    zh = "累计获得积分"
    en = "points earned"

    def measure(self, session: Session, *, programme_id: int, spans: Mapping[int, Span]) -> dict[int, int]:
        rows = session.execute(_EARNED, bound(programme_id, spans))
        return {row.customer_id: int(row.amount) for row in rows}

    def wish(self, missing: int) -> tuple[str, str]:
        return f"再获得 {missing:,} 积分", f"earn {missing:,} more points"


plugin = Points()
