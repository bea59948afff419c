"""Lots: what is due is activated and expired, what is taken leaves the lots that expire first."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.bulk import table_of
from app.core.errors import FankaError
from cards.models.ledger import Lot, LotMove

_MOVE = table_of(LotMove)
# UUIDv7 made by the database: the milliseconds of now over the first 48 bits of a random UUID, then version and variant.
_UUID7 = """
encode(set_byte(overlay(uuid_send(gen_random_uuid()) PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
FROM 1 FOR 6), 6, 112 | (get_byte(uuid_send(gen_random_uuid()), 6) & 15)), 'hex')::uuid
"""


class LotsDisagreeError(FankaError):
    """The lots of a wallet do not hold what its balance says: the transaction is rolled back and somebody must look."""

    code = "lots_disagree"


@dataclass(frozen=True, slots=True)
class Taken:
    """What one transaction took from one lot."""

    lot_id: int
    amount: int
    issuing_unit_id: int
    expires_at: datetime | None


# One transaction per lot and turn: the number of the lot's moves so far tells one expiry of a lot from the next. Each draws the number of its
# transaction first, so that nothing has to be joined to what was just inserted: a night's batch would then cost the square of its size.
_ACTIVATE = text(
    f"""
    WITH due AS MATERIALIZED (
        SELECT id, wallet_id, remaining, available_from, nextval('points_txn_id_seq') AS txn_id FROM lot
        WHERE wallet_id = ANY(:wallets) AND state = 'pending' AND available_from <= :now AND remaining > 0
    ), txn AS (
        INSERT INTO points_txn (id, public_id, kind, business_key, reason, actor, occurred_at, posted_at, data)
        SELECT txn_id, {_UUID7}, 'activate', 'lot:' || id, '退货期已过', 'system', available_from, :now, '{{}}' FROM due
    ), moved AS (
        UPDATE lot SET state = 'active' FROM due WHERE lot.id = due.id
    ), entries AS (
        INSERT INTO points_entry (txn_id, book, wallet_id, amount)
        SELECT txn_id, leg.book, wallet_id, leg.sign * remaining FROM due CROSS JOIN (VALUES ('pending', -1), ('active', 1)) AS leg (book, sign)
    )
    UPDATE wallet SET pending = pending - total.amount, active = active + total.amount
    FROM (SELECT wallet_id, sum(remaining) AS amount FROM due GROUP BY wallet_id) AS total WHERE wallet.id = total.wallet_id
    """  # noqa: S608 - only the constant above is put in.
)
_EXPIRE = text(
    f"""
    WITH due AS MATERIALIZED (
        SELECT lot.id, wallet_id, remaining, expires_at, issuing_unit_id, nextval('points_txn_id_seq') AS txn_id,
               'lot:' || lot.id || ':' || (SELECT count(*) FROM lot_move WHERE lot_id = lot.id) AS key
        FROM lot WHERE wallet_id = ANY(:wallets) AND state = 'active' AND expires_at <= :now AND remaining > 0
    ), txn AS (
        INSERT INTO points_txn (id, public_id, kind, business_key, reason, actor, occurred_at, posted_at, data)
        SELECT txn_id, {_UUID7}, 'expire', key, '积分到期', 'system', expires_at, :now, '{{}}' FROM due
    ), moved AS (
        UPDATE lot SET state = 'expired', remaining = 0 FROM due WHERE lot.id = due.id
    ), moves AS (
        INSERT INTO lot_move (lot_id, txn_id, amount) SELECT id, txn_id, -remaining FROM due
    ), entries AS (
        INSERT INTO points_entry (txn_id, book, wallet_id, business_unit_id, amount)
        SELECT txn_id, leg.book, CASE WHEN leg.own THEN wallet_id END, CASE WHEN NOT leg.own THEN issuing_unit_id END, leg.sign * remaining
        FROM due CROSS JOIN (VALUES ('active', -1, true), ('expired', 1, false)) AS leg (book, sign, own)
    )
    UPDATE wallet SET active = active - total.amount
    FROM (SELECT wallet_id, sum(remaining) AS amount FROM due GROUP BY wallet_id) AS total WHERE wallet.id = total.wallet_id
    """  # noqa: S608 - only the constant above is put in.
)
_IS_DUE = text(
    """
    SELECT EXISTS (
        SELECT 1 FROM lot WHERE wallet_id = ANY(:wallets) AND remaining > 0
        AND ((state = 'pending' AND available_from <= :now) OR (state = 'active' AND expires_at <= :now))
    )
    """
)
_TAKE = text(
    """
    WITH queue AS (
        SELECT id, remaining, sum(remaining) OVER (ORDER BY expires_at NULLS LAST, id) AS upto
        FROM lot WHERE wallet_id = :wallet AND state = 'active' AND remaining > 0
    ), take AS (
        SELECT id, least(remaining, :amount - (upto - remaining)) AS amount FROM queue WHERE upto - remaining < :amount
    ), moved AS (
        UPDATE lot SET remaining = remaining - take.amount FROM take WHERE lot.id = take.id
        RETURNING lot.id, take.amount, lot.issuing_unit_id, lot.expires_at
    ), moves AS (
        INSERT INTO lot_move (lot_id, txn_id, amount, redeeming_unit_id) SELECT id, :txn, -amount, :unit FROM moved
    )
    SELECT id, amount, issuing_unit_id, expires_at FROM moved ORDER BY expires_at NULLS LAST, id
    """
)
_ADD_LOT = text(
    """
    WITH made AS (
        INSERT INTO lot (wallet_id, txn_id, issuing_unit_id, quantity, remaining, state, available_from, expires_at)
        VALUES (:wallet, :txn, :unit, :amount, :amount, CASE WHEN :available_from <= CAST(:now AS timestamptz) THEN 'active' ELSE 'pending' END,
                :available_from, :expires_at)
        RETURNING id
    )
    INSERT INTO lot_move (lot_id, txn_id, amount) SELECT id, :txn, :amount FROM made RETURNING lot_id
    """
)


def settle_due(session: Session, wallet_ids: Collection[int], *, now: datetime) -> None:
    """Activate and expire what is due in wallets that this transaction has locked, so that midnight has no gap."""
    wallets = sorted(wallet_ids)
    if not session.scalar(_IS_DUE, {"wallets": wallets, "now": now}):
        return
    session.execute(_ACTIVATE, {"wallets": wallets, "now": now})
    session.execute(_EXPIRE, {"wallets": wallets, "now": now})


def take_lots(session: Session, *, wallet_id: int, amount: int, txn_id: int, unit_id: int | None = None) -> list[Taken]:
    """Take from the active lots of a locked wallet, first expiring first. `unit_id` is where the points are used.

    Raises LotsDisagreeError when the lots do not sum to the amount.
    """
    bound = {"wallet": wallet_id, "amount": amount, "txn": txn_id, "unit": unit_id}
    taken = [Taken(row.id, int(row.amount), row.issuing_unit_id, row.expires_at) for row in session.execute(_TAKE, bound)]
    if sum(each.amount for each in taken) != amount:
        raise LotsDisagreeError(f"the lots of wallet {wallet_id} do not hold {amount}")
    return taken


def add_lot(
    session: Session,
    *,
    wallet_id: int,
    txn_id: int,
    unit_id: int,
    amount: int,
    available_from: datetime,
    expires_at: datetime | None,
    now: datetime,
) -> int:
    """Put a new lot into a wallet and say its id. A moment of availability that has come makes it active at once."""
    bound = {
        "wallet": wallet_id,
        "txn": txn_id,
        "unit": unit_id,
        "amount": amount,
        "available_from": available_from,
        "expires_at": expires_at,
        "now": now,
    }
    return int(session.execute(_ADD_LOT, bound).scalar_one())


def move_lot(session: Session, lot: Lot, amount: int, *, txn_id: int, unit_id: int | None = None) -> None:
    """Put into (positive) or take from (negative) one lot of a locked wallet."""
    lot.remaining += amount
    session.flush()
    session.execute(_MOVE.insert(), [{"lot_id": lot.id, "txn_id": txn_id, "amount": amount, "redeeming_unit_id": unit_id}])


def write_moves(session: Session, moves: Sequence[tuple[int, int, int | None]], *, txn_id: int) -> None:
    """Write lot moves (lot, amount, redeeming unit) that change no remaining together."""
    rows = [{"lot_id": lot, "txn_id": txn_id, "amount": amount, "redeeming_unit_id": unit} for lot, amount, unit in moves]
    session.execute(_MOVE.insert(), rows)
