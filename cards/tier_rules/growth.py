"""Growth: a point for every yuan spent, and every point that check-ins, forms, friends and events brought; refunds taken off."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from cards.tier_rule import UNDOUBTED, Span, ask, bound

_GROWN = ask(
    f"""
    SELECT asked.customer_id, coalesce(bought.fen, 0) / 100 + coalesce(did.points, 0) AS amount
    FROM asked
    LEFT JOIN LATERAL (
        SELECT sum(purchase.total_fen - refunded.amount)::bigint AS fen
        FROM family JOIN purchase ON purchase.customer_id = family.member_id AND purchase.programme_id = :programme
            AND purchase.paid_at >= asked.start_at AND purchase.paid_at < asked.end_at AND {UNDOUBTED}
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(refund_fen), 0) AS amount FROM purchase_return WHERE purchase_return.purchase_id = purchase.id
        ) AS refunded
        WHERE family.customer_id = asked.customer_id
    ) AS bought ON true
    LEFT JOIN LATERAL (
        SELECT sum(given.points - given.taken_back)::bigint AS points
        FROM family JOIN earning_award AS given ON given.customer_id = family.member_id AND given.purchase_id IS NULL
        JOIN points_txn AS txn ON txn.id = given.txn_id AND txn.occurred_at >= asked.start_at AND txn.occurred_at < asked.end_at
        JOIN earning_version AS version ON version.id = given.version_id
        JOIN earning_rule AS rule ON rule.id = version.rule_id AND rule.programme_id = :programme
        WHERE family.customer_id = asked.customer_id
    ) AS did ON true
    """  # noqa: S608 - only the constant is put in.
)


class Growth:
    name = "growth"
    zh = "成长值（每元 1 点，加上签到、填表、邀请等所得积分）"
    en = "growth: a point a yuan, and the points of what they did"

    def measure(self, session: Session, *, programme_id: int, spans: Mapping[int, Span]) -> dict[int, int]:
        rows = session.execute(_GROWN, bound(programme_id, spans))
        return {row.customer_id: int(row.amount) for row in rows}

    def wish(self, missing: int) -> tuple[str, str]:
        return f"再获得 {missing:,} 成长值", f"grow by {missing:,} more"


plugin = Growth()
