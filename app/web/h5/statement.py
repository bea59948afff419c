"""The statement: every movement of points or stored value, newest first, with the balance after it."""

from dataclasses import dataclass

from flask import Blueprint, Response, request
from sqlalchemy import select

from app.web.h5.door import Door
from app.web.h5.home import purse_of
from app.web.h5.shown import moment
from app.web.h5.words import Words
from cards.ledger.statement import Line, read_statement
from cards.models.ledger import Wallet, WalletKind

PAGE = 20


@dataclass(frozen=True, slots=True)
class Row:
    """One movement in words. `amount` is what it did to what can be used now; `waiting` to what cannot be used yet."""

    title: str
    at: str
    amount: int
    waiting: int
    balance: int
    month: str


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`/me/points` and `/me/value`."""

    @blueprint.get("/me/points")
    def points() -> Response:
        return _statement(door, WalletKind.POINTS)

    @blueprint.get("/me/value")
    def value() -> Response:
        return _statement(door, WalletKind.VALUE)


def _statement(door: Door, kind: WalletKind) -> Response:
    before = request.args.get("before", "")
    since = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
    with door.reading() as session:
        member, now = door.member(session), door.now
        query = select(Wallet.id).where(Wallet.customer_id == member.customer.id, Wallet.programme_id == member.programme.id)
        wallet_id = session.scalar(query.where(Wallet.kind == kind))
        lines = [] if wallet_id is None else read_statement(session, wallet_id=wallet_id, before=since, limit=PAGE + 1)
        return door.page(
            "statement",
            kind=str(kind),
            rows=[_row(line, door.words) for line in lines[:PAGE]],
            older=lines[PAGE - 1].cursor if len(lines) > PAGE else None,
            first=since is None,
            purse=purse_of(session, member, kind, now=now),
            now=now,
        )


def _row(line: Line, words: Words) -> Row:
    # Reasons are written where the movement is made, in Chinese; the English page names the kind of movement instead.
    title = line.reason if words.lang == "zh" and line.reason else words.kind(line.kind)
    at = moment(line.occurred_at)
    return Row(title, at, line.active + line.debt, line.pending, line.balance, at[:7])
