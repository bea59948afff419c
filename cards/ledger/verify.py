"""Proof of the books: every invariant of the ledger as one query that must find nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant, how many rows break it, and the ids of the first few."""

    invariant: str
    broken: int
    examples: tuple[int, ...]


_INVARIANTS = {
    "entries_sum_to_zero": "SELECT txn_id AS id FROM points_entry GROUP BY txn_id HAVING sum(amount) <> 0",
    "one_kind_of_wallet_per_transaction": """
        SELECT entry.txn_id AS id FROM points_entry AS entry JOIN wallet ON wallet.id = entry.wallet_id
        GROUP BY entry.txn_id HAVING min(wallet.kind) <> max(wallet.kind)""",
    "every_balance_equals_its_entries": """
        SELECT wallet.id FROM wallet LEFT JOIN (
            SELECT wallet_id, sum(amount) FILTER (WHERE book = 'active') AS active, sum(amount) FILTER (WHERE book = 'pending') AS pending,
                   sum(amount) FILTER (WHERE book = 'held') AS held, sum(amount) FILTER (WHERE book = 'debt') AS debt
            FROM points_entry WHERE wallet_id IS NOT NULL GROUP BY wallet_id) AS told ON told.wallet_id = wallet.id
        WHERE (wallet.active, wallet.pending, wallet.held, wallet.debt)
           IS DISTINCT FROM (coalesce(told.active, 0), coalesce(told.pending, 0), coalesce(told.held, 0), coalesce(told.debt, 0))""",
    "active_and_pending_equal_the_lots": """
        SELECT wallet.id FROM wallet LEFT JOIN (
            SELECT wallet_id, sum(remaining) FILTER (WHERE state = 'active') AS active, sum(remaining) FILTER (WHERE state = 'pending') AS pending
            FROM lot GROUP BY wallet_id) AS kept ON kept.wallet_id = wallet.id
        WHERE (wallet.active, wallet.pending) IS DISTINCT FROM (coalesce(kept.active, 0), coalesce(kept.pending, 0))""",
    "held_equals_the_open_holds": """
        SELECT wallet.id FROM wallet LEFT JOIN (
            SELECT wallet_id, sum(amount) AS amount FROM points_hold WHERE state = 'open' GROUP BY wallet_id) AS open ON open.wallet_id = wallet.id
        WHERE wallet.held <> coalesce(open.amount, 0)""",
    "open_holds_equal_their_lot_moves": """
        SELECT points_hold.id FROM points_hold
        WHERE state = 'open' AND amount <> (SELECT -coalesce(sum(lot_move.amount), 0) FROM lot_move WHERE lot_move.txn_id = points_hold.txn_id)""",
    "remaining_equals_the_moves": """
        SELECT lot.id FROM lot LEFT JOIN (SELECT lot_id, sum(amount) AS amount FROM lot_move GROUP BY lot_id) AS moved ON moved.lot_id = lot.id
        WHERE lot.remaining <> coalesce(moved.amount, 0)""",
    "no_lot_below_zero_or_over_its_quantity": "SELECT id FROM lot WHERE remaining < 0 OR remaining > quantity",
    "closed_lots_are_empty": "SELECT id FROM lot WHERE state IN ('expired', 'cancelled') AND remaining <> 0",
    "a_reversal_names_one_original": """
        SELECT txn.id FROM points_txn AS txn LEFT JOIN points_txn AS original ON original.id = txn.reverses_id
        WHERE txn.reverses_id IS NOT NULL AND (original.id IS NULL OR txn.corrects_id IS DISTINCT FROM txn.reverses_id
            OR EXISTS (SELECT FROM points_txn AS twin WHERE twin.reverses_id = txn.reverses_id AND twin.id <> txn.id))""",
    "no_correction_exceeds_its_original": """
        SELECT corrected.id FROM (
            SELECT txn.corrects_id AS id, sum(coalesce((txn.data ->> 'forgiven')::bigint, 0) + coalesce((
                SELECT sum(abs(amount)) FROM points_entry WHERE txn_id = txn.id AND book IN ('issued', 'redeemed')), 0)) AS amount
            FROM points_txn AS txn WHERE txn.kind IN ('take_back', 'give_back') AND txn.corrects_id IS NOT NULL GROUP BY txn.corrects_id
        ) AS corrected
        WHERE corrected.amount > (
            SELECT coalesce(sum(abs(amount)), 0) FROM points_entry WHERE txn_id = corrected.id AND book IN ('issued', 'redeemed'))""",
    "uses_equal_their_lot_moves": """
        SELECT coalesce(used.txn_id, moved.txn_id) AS id FROM (
            SELECT txn_id, sum(amount) AS amount FROM points_entry WHERE book = 'redeemed' GROUP BY txn_id) AS used
        FULL JOIN (SELECT txn_id, sum(amount) AS amount FROM lot_move WHERE redeeming_unit_id IS NOT NULL GROUP BY txn_id) AS moved
            ON moved.txn_id = used.txn_id
        WHERE coalesce(used.amount, 0) <> -coalesce(moved.amount, 0)""",
}
# A reward that comes back after its lot has expired waits for the next night: it was not passed over by the last one.
_SINCE_THE_NIGHT = {
    "nothing_is_overdue_since_the_night": """
        SELECT lot.id FROM lot
        WHERE remaining > 0 AND ((state = 'active' AND expires_at <= :night) OR (state = 'pending' AND available_from <= :night))
          AND NOT EXISTS (
              SELECT FROM lot_move JOIN points_txn AS txn ON txn.id = lot_move.txn_id
              WHERE lot_move.lot_id = lot.id AND lot_move.amount > 0 AND txn.posted_at > :night)""",
}
INVARIANTS = (*_INVARIANTS, *_SINCE_THE_NIGHT)


def _count(queries: Mapping[str, str]) -> TextClause:
    return text(
        " UNION ALL ".join(
            f"SELECT '{name}' AS invariant, count(*) AS broken, (array_agg(id ORDER BY id))[1:5] AS examples FROM ({query}) AS found"  # noqa: S608 - names and queries are the constants above.
            for name, query in queries.items()
        )
    )


_ALWAYS = _count(_INVARIANTS)
_AFTER_A_NIGHT = _count({**_INVARIANTS, **_SINCE_THE_NIGHT})


def verify(session: Session, *, night: datetime | None = None) -> list[Finding]:
    """Check every invariant in one statement, hence one snapshot, and name those that do not hold.

    `night` (UTC) is when the last night run began, to find lots it passed over.
    """
    rows = session.execute(_ALWAYS) if night is None else session.execute(_AFTER_A_NIGHT, {"night": night})
    return [Finding(row.invariant, int(row.broken), tuple(row.examples)) for row in rows if row.broken]
