"""What finance takes away from a settlement: the lot moves behind a cell, and both as CSV."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.clock import SHANGHAI
from cards.models.ledger import SETTLES
from cards.settlement import Settlement, month_span

_MOVES = text(
    """
    SELECT move.id, txn.public_id AS txn, txn.kind, txn.reason, txn.posted_at, store.code AS store, earned.public_id AS earned,
           issuing.name AS issuing, redeeming.name AS redeeming, -move.amount AS points
    FROM lot_move AS move JOIN points_txn AS txn ON txn.id = move.txn_id JOIN lot ON lot.id = move.lot_id JOIN wallet ON wallet.id = lot.wallet_id
    JOIN points_txn AS earned ON earned.id = lot.txn_id
    JOIN business_unit AS issuing ON issuing.id = lot.issuing_unit_id JOIN business_unit AS redeeming ON redeeming.id = move.redeeming_unit_id
    LEFT JOIN store ON store.id = txn.store_id
    WHERE wallet.programme_id = :programme AND wallet.kind = 'points' AND txn.posted_at >= :start AND txn.posted_at < :end AND txn.kind = ANY(:settles)
      AND (CAST(:issuing AS text) IS NULL OR issuing.name = :issuing) AND (CAST(:redeeming AS text) IS NULL OR redeeming.name = :redeeming)
      AND move.id > :after
    ORDER BY move.id LIMIT :most
    """
)
_PAGE = 5000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Move:
    """One lot move behind a cell: the use, the earn whose points it used, and how many. `cursor` reads on."""

    txn: UUID
    kind: str
    reason: str
    posted_at: datetime
    store: str | None
    earned: UUID
    issuing: str
    redeeming: str
    points: int
    cursor: int


def read_moves(
    session: Session,
    *,
    programme_id: int,
    month: str,
    issuing: str | None = None,
    redeeming: str | None = None,
    after: int = 0,
    limit: int = 200,
) -> list[Move]:
    """The lot moves of a month that settle, of one cell when its units are named; they sum to the matrix."""
    start, end = month_span(month)
    bound = {
        "programme": programme_id,
        "start": start,
        "end": end,
        "settles": [kind.value for kind in SETTLES],
        "issuing": issuing,
        "redeeming": redeeming,
        "after": after,
        "most": min(max(limit, 1), _PAGE),
    }
    return [
        Move(row.txn, row.kind, row.reason, row.posted_at, row.store, row.earned, row.issuing, row.redeeming, int(row.points), row.id)
        for row in session.execute(_MOVES, bound)
    ]


def write_matrix(found: Settlement) -> str:
    """The matrix as CSV: a line per cell, then the remainder."""
    head = (
        "发行方 issuing",
        "使用方 redeeming",
        "积分 points",
        "单价 microfen",
        "规则 rule",
        "金额 fen",
        "发行方付 issuer fen",
        "集团付 group fen",
    )
    cells = [
        (cell.issuing, cell.redeeming, cell.points, cell.price_microfen, cell.rule, cell.fen, cell.issuer_fen, cell.group_fen)
        for cell in found.cells
    ]
    rest = [("不结算 remainder", kind, -points, None, None, None, None, None) for kind, points in found.remainder.items()]
    return _csv([head, *cells, *rest])


def write_moves(session: Session, *, programme_id: int, month: str) -> Iterator[str]:
    """Every lot move that settles as CSV, page by page."""
    yield _csv(
        [
            (
                "时间 posted",
                "类型 kind",
                "门店 store",
                "发行方 issuing",
                "使用方 redeeming",
                "积分 points",
                "使用 use",
                "来源 earned",
                "说明 reason",
            )
        ]
    )
    after = 0
    while page := read_moves(session, programme_id=programme_id, month=month, after=after, limit=_PAGE):
        yield _csv(
            (
                move.posted_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S"),
                move.kind,
                move.store,
                move.issuing,
                move.redeeming,
                move.points,
                move.txn,
                move.earned,
                move.reason,
            )
            for move in page
        )
        after = page[-1].cursor


def _csv(rows: Iterable[Sequence[object]]) -> str:
    page = io.StringIO()
    csv.writer(page, lineterminator="\n").writerows([_plain(cell) for cell in row] for row in rows)
    return page.getvalue()


def _plain(cell: object) -> object:
    """A text that a spreadsheet would run as a formula is shown instead."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
