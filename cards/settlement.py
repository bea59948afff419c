"""Settlement between business units: a month's matrix by lot moves, priced once per cell, and closed for good."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.bulk import table_of
from app.core.clock import SHANGHAI
from app.core.errors import BadRequestError, ConflictError
from app.core.ids import new_public_id
from app.core.nouns import BusinessUnit
from cards.models.ledger import SETTLES
from cards.models.settlement import SettlementPair, SettlementPeriod

RULES = ("group_bears", "issuer_pays", "share")
_PERIOD = table_of(SettlementPeriod)
_MICRO = 1_000_000
_MONTH = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")
_REST = timedelta(hours=1)
"""A month is closed no sooner than this after its end: every transaction that began in it has ended by then."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Points that one unit issued and another took in, what they are worth, and who pays the unit that took them. Fen; `fen` is None unpriced."""

    issuing: str
    redeeming: str
    points: int
    price_microfen: int | None
    rule: str | None
    fen: int | None
    issuer_fen: int
    group_fen: int


@dataclass(frozen=True, slots=True)
class Side:
    """One unit's month: own use, what others used of ours and we pay for, what we took of others' and are paid for, and the net in fen."""

    unit: str
    own_points: int
    given_points: int
    taken_points: int
    pays_fen: int
    gets_fen: int
    net_fen: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """A month. `remainder` has the lot moves of kinds that do not settle, in points by kind; `moved` is the sum of all lot moves."""

    month: str
    closed_at: datetime | None
    cells: tuple[Cell, ...]
    sides: tuple[Side, ...]
    group_pays_fen: int
    remainder: dict[str, int]
    moved: int


_CELLS = text(
    """
    SELECT lot.issuing_unit_id AS issuing, move.redeeming_unit_id AS redeeming, -sum(move.amount) AS points
    FROM lot_move AS move JOIN points_txn AS txn ON txn.id = move.txn_id JOIN lot ON lot.id = move.lot_id JOIN wallet ON wallet.id = lot.wallet_id
    WHERE wallet.programme_id = :programme AND wallet.kind = 'points' AND txn.posted_at >= :start AND txn.posted_at < :end
      AND txn.kind = ANY(:settles) AND move.redeeming_unit_id IS NOT NULL
    GROUP BY lot.issuing_unit_id, move.redeeming_unit_id HAVING sum(move.amount) <> 0
    """
)
_REMAINDER = text(
    """
    SELECT txn.kind, sum(move.amount) AS points
    FROM lot_move AS move JOIN points_txn AS txn ON txn.id = move.txn_id JOIN lot ON lot.id = move.lot_id JOIN wallet ON wallet.id = lot.wallet_id
    WHERE wallet.programme_id = :programme AND wallet.kind = 'points' AND txn.posted_at >= :start AND txn.posted_at < :end
      AND NOT (txn.kind = ANY(:settles) AND move.redeeming_unit_id IS NOT NULL)
    GROUP BY txn.kind HAVING sum(move.amount) <> 0 ORDER BY txn.kind
    """
)
_MOVED = text(
    """
    SELECT coalesce(sum(move.amount), 0)
    FROM lot_move AS move JOIN points_txn AS txn ON txn.id = move.txn_id JOIN lot ON lot.id = move.lot_id JOIN wallet ON wallet.id = lot.wallet_id
    WHERE wallet.programme_id = :programme AND wallet.kind = 'points' AND txn.posted_at >= :start AND txn.posted_at < :end
    """
)


def month_span(month: str) -> tuple[datetime, datetime]:
    """The first moment of a month `YYYY-MM` in Asia/Shanghai, and of the next one, in UTC. Raises BadRequestError."""
    # Written in one way only: a month is closed under its name.
    if _MONTH.fullmatch(month) is None:
        raise BadRequestError("月份写作 2026-11 / a month is written 2026-11", code="bad_month")
    start = datetime(int(month[:4]), int(month[5:]), 1, tzinfo=SHANGHAI)
    end = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    return start.astimezone(UTC), end.astimezone(UTC)


def half_even(numerator: int, denominator: int) -> int:
    """The nearest whole number; of two equally near ones the even one."""
    whole, rest = divmod(numerator, denominator)
    if rest * 2 > denominator or (rest * 2 == denominator and whole % 2):
        return whole + 1
    return whole


def set_price(
    session: Session,
    *,
    programme_id: int,
    issuing_id: int,
    redeeming_id: int,
    price_microfen: int,
    rule: str,
    valid_from: str,
    actor: str,
    now: datetime,
    issuer_percent: int = 100,
) -> None:
    """What a point issued by one unit and used at another costs from a month on. Raises BadRequestError, ConflictError for a closed month."""
    month_span(valid_from)
    if rule not in RULES:
        raise BadRequestError(f"规则须为 {'、'.join(RULES)} / the rule is one of {', '.join(RULES)}", code="bad_rule")
    if not 0 <= price_microfen <= 10**12 or not 0 <= issuer_percent <= 100:
        raise BadRequestError("价格或比例超出范围 / the price or the percentage is out of range", code="bad_price")
    later = select(SettlementPeriod.month).where(SettlementPeriod.programme_id == programme_id, SettlementPeriod.month >= valid_from)
    closed = session.scalar(later.order_by(SettlementPeriod.month.desc()).limit(1))
    if closed is not None:
        raise ConflictError(f"{closed} 已结账 / {closed} is closed", code="period_closed")
    key = {"programme_id": programme_id, "issuing_unit_id": issuing_id, "redeeming_unit_id": redeeming_id, "valid_from": valid_from}
    said = {"price_microfen": price_microfen, "rule": rule, "issuer_percent": issuer_percent}
    insert = pg_insert(table_of(SettlementPair)).values({**key, **said})
    session.execute(insert.on_conflict_do_update(index_elements=list(key), set_=said))
    detail = {**said, "issuing": issuing_id, "redeeming": redeeming_id, "from": valid_from}
    note(session, at=now, actor=actor, action="settlement.priced", object_type="programme", object_id=programme_id, detail=detail)


def read_settlement(session: Session, *, programme_id: int, month: str) -> Settlement:
    """A month's settlement: as it was frozen when it is closed, else as the ledger stands now."""
    month_span(month)
    period = session.scalar(select(SettlementPeriod).where(SettlementPeriod.programme_id == programme_id, SettlementPeriod.month == month))
    return count_settlement(session, programme_id=programme_id, month=month) if period is None else _thawed(period)


def count_settlement(session: Session, *, programme_id: int, month: str) -> Settlement:
    """A month's settlement out of the lot moves, whether or not it is closed."""
    start, end = month_span(month)
    bound = {"programme": programme_id, "start": start, "end": end, "settles": [kind.value for kind in SETTLES]}
    names = {unit.id: unit.name for unit in session.scalars(select(BusinessUnit))}
    pairs = _pairs(session, programme_id, month)
    cells = [
        _price(names[row.issuing], names[row.redeeming], int(row.points), pairs.get((row.issuing, row.redeeming)))
        for row in session.execute(_CELLS, bound)
    ]
    cells.sort(key=lambda cell: (cell.issuing, cell.redeeming))
    remainder = {row.kind: int(row.points) for row in session.execute(_REMAINDER, bound)}
    moved = int(session.execute(_MOVED, bound).scalar_one())
    group_pays = sum(cell.group_fen for cell in cells)
    return Settlement(month, None, tuple(cells), tuple(_sides(cells)), group_pays, remainder, moved)


def close_month(session: Session, *, programme_id: int, month: str, actor: str, now: datetime) -> Settlement:
    """Freeze a month. Raises ConflictError when it is closed, not over, or holds a cell without a price."""
    _, end = month_span(month)
    if now < end + _REST:
        raise ConflictError(f"{month} 还没有结束 / {month} is not over yet", code="period_not_over")
    found = count_settlement(session, programme_id=programme_id, month=month)
    bare = [cell for cell in found.cells if cell.fen is None]
    if bare:
        raise ConflictError(
            f"{bare[0].issuing} → {bare[0].redeeming} 没有价格 / there is no price for {bare[0].issuing} → {bare[0].redeeming}",
            code="no_price",
        )
    row = {
        "public_id": new_public_id(),
        "programme_id": programme_id,
        "month": month,
        "closed_at": now,
        "closed_by": actor[:64],
        "matrix": _frozen(found),
    }
    made = session.scalar(pg_insert(_PERIOD).values(row).on_conflict_do_nothing().returning(_PERIOD.c.id))
    if made is None:
        raise ConflictError(f"{month} 已结账 / {month} is closed", code="period_closed")
    note(
        session,
        at=now,
        actor=actor,
        action="settlement.closed",
        object_type="settlement_period",
        object_id=row["public_id"],
        detail={"month": month},
    )
    return _thawed(session.get_one(SettlementPeriod, made))


def _pairs(session: Session, programme_id: int, month: str) -> dict[tuple[int, int], SettlementPair]:
    """The price of each pair in a month: the latest that began by then."""
    query = (
        select(SettlementPair)
        .where(SettlementPair.programme_id == programme_id, SettlementPair.valid_from <= month)
        .order_by(SettlementPair.valid_from)
    )
    return {(pair.issuing_unit_id, pair.redeeming_unit_id): pair for pair in session.scalars(query)}


def _price(issuing: str, redeeming: str, points: int, pair: SettlementPair | None) -> Cell:
    if issuing == redeeming:
        # Own use: nobody owes anybody anything.
        return Cell(issuing, redeeming, points, None, None, 0, 0, 0)
    if pair is None:
        return Cell(issuing, redeeming, points, None, None, None, 0, 0)
    fen = half_even(points * pair.price_microfen, _MICRO)
    percent = {"group_bears": 0, "issuer_pays": 100, "share": pair.issuer_percent}[pair.rule]
    issuer = fen * percent // 100
    return Cell(issuing, redeeming, points, pair.price_microfen, pair.rule, fen, issuer, fen - issuer)


def _sides(cells: Sequence[Cell]) -> list[Side]:
    units = sorted({name for cell in cells for name in (cell.issuing, cell.redeeming)})
    sides = []
    for unit in units:
        given = [cell for cell in cells if cell.issuing == unit != cell.redeeming]
        taken = [cell for cell in cells if cell.redeeming == unit != cell.issuing]
        own = sum(cell.points for cell in cells if cell.issuing == unit == cell.redeeming)
        pays, gets = sum(cell.issuer_fen for cell in given), sum(cell.fen or 0 for cell in taken)
        sides.append(Side(unit, own, sum(cell.points for cell in given), sum(cell.points for cell in taken), pays, gets, gets - pays))
    return sides


def _frozen(found: Settlement) -> dict[str, Any]:
    said = asdict(found)
    return {name: said[name] for name in ("cells", "sides", "group_pays_fen", "remainder", "moved")}


def _thawed(period: SettlementPeriod) -> Settlement:
    held = period.matrix
    return Settlement(
        period.month,
        period.closed_at,
        tuple(Cell(**cell) for cell in held.get("cells", ())),
        tuple(Side(**side) for side in held.get("sides", ())),
        int(held.get("group_pays_fen", 0)),
        dict(held.get("remainder", {})),
        int(held.get("moved", 0)),
    )
