"""What became of the money, read with SQL alone."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import psycopg

BOOKS = ("active", "pending", "held", "debt")


@dataclass(slots=True)
class MoneyFound:
    """What the database holds."""

    points: dict[str, Counter[str]] = field(default_factory=dict)
    """Points by card number (or wallet, where there is no card), by book."""
    unbalanced: int = 0
    """Transactions that do not sum to zero, and wallets that are not the sum of their entries."""
    orders: Counter[tuple[str, str]] = field(default_factory=Counter)
    returns: Counter[tuple[str, str]] = field(default_factory=Counter)
    coupons: dict[str, str] = field(default_factory=dict)
    """State by coupon."""
    uses: Counter[str] = field(default_factory=Counter)
    """Uses that nobody reversed."""
    tiers: dict[str, str] = field(default_factory=dict)
    """Tier by card number."""
    climbs: Counter[str] = field(default_factory=Counter)
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)


def read_money(connection: "psycopg.Connection[Any]") -> MoneyFound:
    """Everything that can be compared."""
    found = MoneyFound(points={book: Counter() for book in BOOKS})
    for row in connection.execute(_WALLETS):
        for book in BOOKS:
            found.points[book][row.holder] += getattr(row, book)
    found.unbalanced = sum(row.wrong for row in connection.execute(_UNBALANCED))
    found.orders = Counter((row.source, row.order_no) for row in connection.execute("SELECT source, order_no FROM purchase"))
    found.returns = Counter((row.source, row.return_no) for row in connection.execute("SELECT source, return_no FROM purchase_return"))
    found.coupons = {row.id: row.state for row in connection.execute("SELECT public_id::text AS id, state FROM coupon")}
    found.uses = Counter(row.id for row in connection.execute(_USES))
    for row in connection.execute(_TIERS):
        found.tiers[row.number] = row.name
    found.climbs = Counter({row.number: row.times for row in connection.execute(_CLIMBS)})
    found.cells = Counter({(row.issuing, row.redeeming): int(row.points) for row in connection.execute(_CELLS)})
    return found


_WALLETS = """
    SELECT coalesce(c.number, 'wallet ' || w.id) AS holder, w.active, w.pending, w.held, -w.debt AS debt
    FROM wallet w LEFT JOIN member_card c ON c.customer_id = w.customer_id AND c.programme_id = w.programme_id AND c.state = 'active'
    WHERE w.kind = 'points'
"""
_UNBALANCED = """
    SELECT count(*) AS wrong FROM (SELECT txn_id FROM points_entry GROUP BY txn_id HAVING sum(amount) <> 0) t
    UNION ALL
    SELECT count(*) FROM (
        SELECT w.id FROM wallet w LEFT JOIN points_entry e ON e.wallet_id = w.id GROUP BY w.id
        HAVING w.active <> coalesce(sum(e.amount) FILTER (WHERE e.book = 'active'), 0)
            OR w.pending <> coalesce(sum(e.amount) FILTER (WHERE e.book = 'pending'), 0)
            OR w.held <> coalesce(sum(e.amount) FILTER (WHERE e.book = 'held'), 0)
            OR w.debt <> coalesce(sum(e.amount) FILTER (WHERE e.book = 'debt'), 0)
    ) w
"""
_USES = """
    SELECT u.public_id::text AS id FROM coupon_use u
    WHERE u.kind = 'use' AND NOT EXISTS (SELECT 1 FROM coupon_use r WHERE r.reverses_id = u.id)
"""
_TIERS = "SELECT c.number, coalesce(t.name, '') AS name FROM member_card c LEFT JOIN tier t ON t.id = c.tier_id WHERE c.state = 'active'"
_CLIMBS = """
    SELECT c.number, count(*)::int AS times FROM tier_change x JOIN member_card c ON c.id = x.card_id
    WHERE x.from_tier_id IS NOT NULL GROUP BY c.number
"""
_CELLS = """
    SELECT i.name AS issuing, r.name AS redeeming, -sum(m.amount) AS points
    FROM lot_move m JOIN lot l ON l.id = m.lot_id JOIN business_unit i ON i.id = l.issuing_unit_id
    JOIN business_unit r ON r.id = m.redeeming_unit_id GROUP BY 1, 2
"""
