"""Visits to the till: orders of the time of which something was kept."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from cards.tier_rule import UNDOUBTED, Span, ask, bound

_ORDERED = ask(
    f"""
    SELECT asked.customer_id, count(*) AS amount
    FROM asked JOIN family USING (customer_id)
    JOIN purchase ON purchase.customer_id = family.member_id AND purchase.programme_id = :programme
        AND purchase.paid_at >= asked.start_at AND purchase.paid_at < asked.end_at AND {UNDOUBTED}
    WHERE EXISTS (
        SELECT 1 FROM purchase_line AS line
        WHERE line.purchase_id = purchase.id AND line.returned_qty < line.quantity AND NOT line.is_reward
    )
    GROUP BY asked.customer_id
    """  # noqa: S608 - only the constant is put in.
)


class Orders:
    name = "orders"
    zh = "累计订单数"
    en = "orders"

    def measure(self, session: Session, *, programme_id: int, spans: Mapping[int, Span]) -> dict[int, int]:
        rows = session.execute(_ORDERED, bound(programme_id, spans))
        return {row.customer_id: int(row.amount) for row in rows}

    def wish(self, missing: int) -> tuple[str, str]:
        return f"再消费 {missing} 次", f"{missing} more {'order' if missing == 1 else 'orders'}"


plugin = Orders()
