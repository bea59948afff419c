"""The settlement over the API: a month's matrix, the lot moves behind each cell, both as CSV, and the closing of a month."""

import base64
import binascii
from dataclasses import asdict, replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from apiflask import APIFlask
from flask import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.core.errors import BadRequestError, ForbiddenError
from app.core.house import House
from app.core.idempotency import Answer
from app.core.nouns import BusinessUnit
from app.core.secrets import UnsealError
from app.core.unit import reading
from app.web.openapi.door import Client, Door, client, reply
from cards.order_forms import Form
from cards.settlement import Settlement, close_month, read_settlement
from cards.settlement_papers import Move, read_moves, write_matrix, write_moves

READ, CLOSE = "settlement:read", "settlement:close"
TIMEOUT_MS = 20_000
_NOWHERE = UUID(int=0)
Name = Annotated[str, Field(min_length=1, max_length=64)]


class CellOut(BaseModel):
    """Points that one unit issued and another took in, what they are worth, and who pays. `fen` is null for a pair without a price."""

    issuing: str
    redeeming: str
    points: int
    price_microfen: int | None
    rule: str | None
    fen: int | None
    issuer_fen: int
    group_fen: int


class SideOut(BaseModel):
    """One unit's month: own use, they used ours, we used theirs, and the net."""

    unit: str
    own_points: int
    given_points: int
    taken_points: int
    pays_fen: int
    gets_fen: int
    net_fen: int


class SettlementOut(BaseModel):
    """A month. `remainder` is what moved and does not settle, by kind; for a key of one unit only its own cells are told."""

    month: str
    closed_at: datetime | None
    cells: list[CellOut]
    sides: list[SideOut]
    group_pays_fen: int
    remainder: dict[str, int]
    moved: int


class MovesIn(BaseModel):
    """A page of the moves behind the matrix, of one cell when its units are named."""

    model_config = ConfigDict(extra="forbid")

    issuing: Name | None = None
    redeeming: Name | None = None
    after: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class MoveOut(BaseModel):
    """One lot move: the use, the earn whose points it used, and how many. A negative number came back."""

    use: UUID
    kind: str
    reason: str
    posted_at: datetime
    store: str | None
    earned: UUID
    issuing: str
    redeeming: str
    points: int


class MovesOut(BaseModel):
    """`next` is the cursor of the page after, null at the end."""

    moves: list[MoveOut]
    next: str | None


class CloseIn(Form):
    """Nothing is asked: what is frozen is what the lot moves say."""


def add_routes(api: APIFlask, door: Door) -> None:
    """Put the calls about the settlement on the API."""
    _add_reading(api, door)
    _add_papers(api, door)
    _add_closing(api, door)


def _add_reading(api: APIFlask, door: Door) -> None:
    house = door.house

    @api.get("/settlement/<month>")
    @api.doc(summary="Read a month's settlement", tags=["settlement"], security="key")
    @door.needs(READ)
    @api.output(SettlementOut)
    def get_settlement(month: str) -> Response:
        """The matrix of a month (`2026-11`, Asia/Shanghai): as it was frozen when it is closed, else as the ledger stands now."""
        with reading(house.replica, timeout_ms=TIMEOUT_MS) as session:
            return reply(tell(_of_caller(session, read_settlement(session, programme_id=client().programme_id, month=month))))

    @api.get("/settlement/<month>/moves")
    @api.doc(summary="Read the moves behind the matrix", tags=["settlement"], security="key")
    @door.needs(READ)
    @api.input(MovesIn, location="query", arg_name="page")
    @api.output(MovesOut)
    def get_moves(month: str, page: MovesIn) -> Response:
        """Every lot move that settles, oldest first; those of a cell sum to it."""
        after = 0 if page.after is None else _place(house, page.after)
        with reading(house.replica, timeout_ms=TIMEOUT_MS) as session:
            mine = _own_unit(session, client())
            if mine is not None and mine not in (page.issuing, page.redeeming):
                raise ForbiddenError(
                    "请以 issuing 或 redeeming 指明本事业部 / name your own unit as issuing or redeeming", code="foreign_unit"
                )
            found = read_moves(
                session,
                programme_id=client().programme_id,
                month=month,
                issuing=page.issuing,
                redeeming=page.redeeming,
                after=after,
                limit=page.limit + 1,
            )
        shown = found[: page.limit]
        following = _cursor(house, shown[-1].cursor) if len(found) > page.limit else None
        return reply({"moves": [_move(each) for each in shown], "next": following})


def _add_papers(api: APIFlask, door: Door) -> None:
    house = door.house
    told: Any = {200: {"description": "CSV in UTF-8 with a byte order mark.", "content": {"text/csv": {"schema": {"type": "string"}}}}}

    @api.get("/settlement/<month>/matrix.csv")
    @api.doc(summary="The matrix as CSV", tags=["settlement"], security="key", responses=told)
    @door.needs(READ)
    def get_matrix_csv(month: str) -> Response:
        """A line per cell, then the remainder: what `fanka settlement csv` writes."""
        with reading(house.replica, timeout_ms=TIMEOUT_MS) as session:
            found = _of_caller(session, read_settlement(session, programme_id=client().programme_id, month=month))
        return _paper(write_matrix(found), name=f"settlement-{found.month}.csv")

    @api.get("/settlement/<month>/moves.csv")
    @api.doc(summary="The moves as CSV", tags=["settlement"], security="key", responses=told)
    @door.needs(READ)
    def get_moves_csv(month: str) -> Response:
        """Every lot move of the month: what `fanka settlement csv --moves` writes. For keys of the whole group."""
        _for_the_group(client())
        with reading(house.replica, timeout_ms=TIMEOUT_MS) as session:
            text = "".join(write_moves(session, programme_id=client().programme_id, month=month))
        return _paper(text, name=f"settlement-{month}-moves.csv")


def _add_closing(api: APIFlask, door: Door) -> None:
    house = door.house

    @api.post("/settlement/<month>/close")
    @api.doc(summary="Close a month", tags=["settlement"], security="key")
    @door.needs(CLOSE)
    @api.input(CloseIn, arg_name="wish")
    @api.output(SettlementOut)
    def post_close(month: str, wish: CloseIn) -> Response:
        """Freeze a month for good: once it is over and every pair in it has a price. For keys of the whole group."""
        del wish
        caller = client()
        _for_the_group(caller)

        def act(session: Session) -> Answer:
            now = house.clock.now()
            return Answer(200, tell(close_month(session, programme_id=caller.programme_id, month=month, actor=caller.actor, now=now)))

        return door.once(act)


def tell(found: Settlement) -> dict[str, Any]:
    """A settlement as JSON: the same words as `fanka settlement show --json`."""
    return {**asdict(found), "closed_at": found.closed_at and found.closed_at.isoformat()}


def _of_caller(session: Session, found: Settlement) -> Settlement:
    """All of it for a key of the group; for a key of one unit what concerns that unit."""
    mine = _own_unit(session, client())
    if mine is None:
        return found
    cells = tuple(cell for cell in found.cells if mine in (cell.issuing, cell.redeeming))
    sides = tuple(side for side in found.sides if side.unit == mine)
    return replace(found, cells=cells, sides=sides, group_pays_fen=sum(cell.group_fen for cell in cells), remainder={}, moved=0)


def _own_unit(session: Session, caller: Client) -> str | None:
    return None if caller.unit_id is None else session.get_one(BusinessUnit, caller.unit_id).name


def _for_the_group(caller: Client) -> None:
    if caller.unit_id is not None:
        raise ForbiddenError("这把密钥只属于一个事业部 / this key belongs to one unit alone", code="group_only")


def _move(each: Move) -> dict[str, Any]:
    return {
        "use": str(each.txn),
        "kind": each.kind,
        "reason": each.reason,
        "posted_at": each.posted_at.isoformat(),
        "store": each.store,
        "earned": str(each.earned),
        "issuing": each.issuing,
        "redeeming": each.redeeming,
        "points": each.points,
    }


def _cursor(house: House, place: int) -> str:
    """A place in the list that says nothing about it."""
    sealed = house.ring.seal(str(place), table="settlement", column="cursor", row=_NOWHERE)
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def _place(house: House, cursor: str) -> int:
    try:
        sealed = base64.urlsafe_b64decode((cursor + "=" * (-len(cursor) % 4)).encode("ascii"))
        return int(house.ring.open(sealed, table="settlement", column="cursor", row=_NOWHERE))
    except (binascii.Error, UnsealError, ValueError) as error:
        raise BadRequestError("没有这个游标 / there is no such cursor", code="bad_cursor", status=422) from error


def _paper(text: str, *, name: str) -> Response:
    made = Response(("\ufeff" + text).encode(), content_type="text/csv; charset=utf-8")
    made.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    made.headers["Cache-Control"] = "no-store"
    return made
