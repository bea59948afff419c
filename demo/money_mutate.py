"""A wrong ledger on purpose: an order that was never booked, or points that were posted twice, both with books that balance."""

from random import Random
from typing import Any

from psycopg import Connection

from demo.found import connect

_WHOLE = """
    SELECT p.id AS purchase, p.order_no, t.id AS txn, l.id AS lot, l.wallet_id AS wallet, l.quantity AS points, l.state
    FROM earning_award a JOIN purchase p ON p.id = a.purchase_id JOIN points_txn t ON t.id = a.txn_id JOIN lot l ON l.txn_id = t.id
    JOIN wallet w ON w.id = l.wallet_id
    WHERE l.remaining = l.quantity AND l.state = 'pending' AND w.debt = 0
      AND NOT EXISTS (SELECT 1 FROM purchase_return r WHERE r.purchase_id = p.id)
      AND NOT EXISTS (SELECT 1 FROM lot_move m WHERE m.lot_id = l.id AND m.txn_id <> t.id)
    ORDER BY p.order_no
"""


def drop_order(database_url: str, *, seed: int) -> str:
    """Take one order and its points off the books, as if nobody had sent it; returns its number."""
    with connect(database_url) as connection, connection.transaction():
        chosen = _choose(connection, seed)
        named = {"purchase": chosen.purchase, "txn": chosen.txn, "lot": chosen.lot, "wallet": chosen.wallet, "points": chosen.points}
        for statement in (
            "DELETE FROM earning_award WHERE txn_id = %(txn)s",
            "DELETE FROM purchase_line WHERE purchase_id = %(purchase)s",
            "DELETE FROM purchase WHERE id = %(purchase)s",
            "DELETE FROM lot_move WHERE txn_id = %(txn)s",
            "DELETE FROM lot WHERE id = %(lot)s",
            "DELETE FROM points_entry WHERE txn_id = %(txn)s",
            "DELETE FROM points_txn WHERE id = %(txn)s",
            "UPDATE wallet SET pending = pending - %(points)s WHERE id = %(wallet)s",
        ):
            connection.execute(statement, named)
    return str(chosen.order_no)


def double_points(database_url: str, *, seed: int) -> str:
    """Post the points of one order a second time, as a careless retry would; returns its number."""
    with connect(database_url) as connection, connection.transaction():
        chosen = _choose(connection, seed)
        again = connection.execute(
            "INSERT INTO points_txn (public_id, kind, business_key, reason, actor, store_id, occurred_at, posted_at, data) "
            "SELECT gen_random_uuid(), kind, business_key || ':again', reason, actor, store_id, occurred_at, posted_at, data "
            "FROM points_txn WHERE id = %s RETURNING id",
            [chosen.txn],
        ).fetchone()
        assert again is not None
        named = {"txn": chosen.txn, "again": again.id, "lot": chosen.lot, "wallet": chosen.wallet, "points": chosen.points}
        for statement in (
            (
                "INSERT INTO points_entry (txn_id, book, wallet_id, business_unit_id, amount) "
                "SELECT %(again)s, book, wallet_id, business_unit_id, amount FROM points_entry WHERE txn_id = %(txn)s"
            ),
            (
                "INSERT INTO lot (wallet_id, txn_id, issuing_unit_id, quantity, remaining, state, available_from, expires_at) "
                "SELECT wallet_id, %(again)s, issuing_unit_id, quantity, remaining, state, available_from, expires_at FROM lot WHERE id = %(lot)s"
            ),
            "INSERT INTO lot_move (lot_id, txn_id, amount) SELECT id, txn_id, quantity FROM lot WHERE txn_id = %(again)s",
            "UPDATE wallet SET pending = pending + %(points)s WHERE id = %(wallet)s",
        ):
            connection.execute(statement, named)
    return str(chosen.order_no)


def _choose(connection: "Connection[Any]", seed: int) -> Any:
    """An order whose points nobody has touched yet."""
    return Random(seed).choice(connection.execute(_WHOLE).fetchall())  # noqa: S311 - a seeded mutation can be looked into again.
