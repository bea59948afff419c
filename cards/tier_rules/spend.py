"""Money spent: what orders of the time were paid, refunds taken off."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from cards.tier_rule import UNDOUBTED, Span, ask, bound

_SPENT = ask(
    f"""
    SELECT asked.customer_id, sum(purchase.total_fen - refunded.amount) AS amount
    FROM asked JOIN family USING (customer_id)
    JOIN purchase ON purchase.customer_id = family.member_id AND purchase.programme_id = :programme
        AND purchase.paid_at >= asked.start_at AND purchase.paid_at < asked.end_at AND {UNDOUBTED}
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(refund_fen), 0) AS amount FROM purchase_return WHERE purchase_return.purchase_id = purchase.id
    ) AS refunded
    GROUP BY asked.customer_id
    """  # noqa: S608 - only the constant is put in.
)


class Spend:
    name = "spend"
    zh = "累计消费金额（分）"
    en = "money spent, in fen"

    def measure(self, session: Session, *, programme_id: int, spans: Mapping[int, Span]) -> dict[int, int]:
        rows = session.execute(_SPENT, bound(programme_id, spans))
        return {row.customer_id: int(row.amount) for row in rows}

    def wish(self, missing: int) -> tuple[str, str]:
        yuan = f"¥{missing // 100:,}.{missing % 100:02d}"
        return f"再消费 {yuan}", f"spend {yuan} more"


plugin = Spend()
