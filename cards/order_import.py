"""Orders from a CSV file: read within bounds, rehearsed without a trace, then booked one by one with a report of every bad line."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from app.core.errors import BadRequestError, FankaError
from app.core.house import House
from app.core.unit import persistently, work
from cards.order_forms import OrderIn
from cards.pay_matching import book_paid

MOST_BYTES = 16 * 1024 * 1024
MOST_LINES = 100_000
MOST_BAD = 1000
"""So many bad lines are told one by one; after that they are only counted."""
_OF_ORDER = ("source", "order_no", "store", "terminal", "paid_at", "phone", "card")
_OF_LINE = ("line_no", "sku", "category", "quantity", "amount_fen", "discount_fen", "is_reward")
_NUMBERS = ("line_no", "quantity", "amount_fen", "discount_fen")
_NEEDED = ("source", "order_no", "store", "paid_at", "sku", "amount_fen")
_TRUE = {"1": True, "true": True, "是": True, "0": False, "false": False, "否": False}
TELL_EVERY = 100


@dataclass(frozen=True, slots=True)
class BadLine:
    """One line that cannot be booked: its number in the file, a stable code, and what is wrong."""

    line: int
    code: str
    detail: str


@dataclass(slots=True)
class Report:
    """What became of a file. `known` orders were on record already; `points` is what the new ones earned."""

    lines: int = 0
    orders: int = 0
    booked: int = 0
    known: int = 0
    points: int = 0
    waiting: int = 0
    bad_count: int = 0
    bad: list[BadLine] = field(default_factory=list)

    def refuse(self, line: int, code: str, detail: str) -> None:
        """Put a bad line on the report."""
        self.bad_count += 1
        if len(self.bad) < MOST_BAD:
            self.bad.append(BadLine(line, code, detail))


class _Rehearsed(Exception):  # noqa: N818 - no error: the way a rehearsal leaves its transaction.
    """The order would have been booked."""


def import_orders(
    house: House,
    data: bytes,
    *,
    programme_id: int,
    actor: str,
    unit_id: int | None = None,
    rehearse: bool = False,
    tell: Callable[[Report], object] = lambda _: None,
) -> Report:
    """Book every order of a file, each in a transaction of its own; with `rehearse` none of them stays.

    A file that was cut off is simply given again: known orders are only counted. `tell` hears the report every hundred orders.
    Raises BadRequestError for a file that is too big or has no such columns.
    """
    report = Report()
    for found in _orders(data, report):
        report.orders += 1
        if not found.spoilt:
            _try(house, found, report, programme_id=programme_id, actor=actor, unit_id=unit_id, rehearse=rehearse)
        if report.orders % TELL_EVERY == 0:
            tell(report)
    tell(report)
    return report


def _try(house: House, found: "_Found", report: Report, *, programme_id: int, actor: str, unit_id: int | None, rehearse: bool) -> None:
    try:
        order = OrderIn.model_validate({**found.said, "lines": [line for _, line in found.lines]})
    except ValidationError as error:
        _refuse_form(report, [number for number, _ in found.lines], error)
        return
    try:
        _book(house, order, report, programme_id=programme_id, actor=actor, unit_id=unit_id, rehearse=rehearse)
    except FankaError as error:
        report.refuse(found.lines[0][0], str(error.code), error.detail)


def _book(house: House, order: OrderIn, report: Report, *, programme_id: int, actor: str, unit_id: int | None, rehearse: bool) -> None:
    def once() -> tuple[bool, int, bool]:
        try:
            with work(house.engine) as session:
                booked = book_paid(
                    session,
                    order,
                    programme_id=programme_id,
                    ring=house.ring,
                    registry=house.registry,
                    actor=actor,
                    now=house.clock.now(),
                    unit_id=unit_id,
                )
                found = (booked.fresh, booked.points, booked.purchase.customer_id is None)
                if rehearse:
                    raise _Rehearsed  # noqa: TRY301 - the transaction is to be left by an exception, so that it is rolled back.
        except _Rehearsed:
            pass
        return found

    fresh, points, waits = persistently(once)
    if fresh:
        report.booked += 1
        report.points += points
        report.waiting += waits
    else:
        report.known += 1


def _refuse_form(report: Report, numbers: list[int], error: ValidationError) -> None:
    for wrong in error.errors(include_url=False, include_context=False, include_input=False)[:5]:
        place = wrong["loc"]
        at = place[1] if len(place) > 1 and place[0] == "lines" and isinstance(place[1], int) else 0
        name = str(place[-1]) if place else "order"
        report.refuse(numbers[at] if at < len(numbers) else numbers[0], "invalid", f"{name}: {wrong['msg']}")


@dataclass(slots=True)
class _Found:
    """An order as a file tells it. One that is spoilt by a bad line is not booked without it."""

    said: dict[str, Any]
    lines: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    spoilt: bool = False


def _orders(data: bytes, report: Report) -> list[_Found]:
    """The orders of a file, their lines gathered from wherever they stand."""
    found: dict[tuple[str, str], _Found] = {}
    for number, row, whole in _rows(data, report):
        key = (row.get("source", ""), row.get("order_no", ""))
        said = {name: row[name] for name in _OF_ORDER if row.get(name, "")}
        held = found.setdefault(key, _Found({"source": "", "order_no": "", **said}))
        other = [name for name, value in said.items() if held.said.get(name) != value]
        if not whole:
            held.spoilt = True
        elif other:
            held.spoilt = True
            report.refuse(number, "order_differs", f"{other[0]} 与本单其他行不同 / {other[0]} differs from the order's other lines")
        held.lines.append((number, _line(row)))
    return list(found.values())


def _line(row: dict[str, str]) -> dict[str, Any]:
    said: dict[str, Any] = {name: row[name] for name in _OF_LINE if row.get(name, "")}
    for name in _NUMBERS:
        text = said.get(name, "")
        # What is no whole number stays as it is written, for the form to refuse by name.
        if isinstance(text, str) and len(text) <= 20 and text.lstrip("-").isdigit() and text.isascii():
            said[name] = int(text)
    if "is_reward" in said:
        said["is_reward"] = _TRUE.get(str(said["is_reward"]).lower(), said["is_reward"])
    return said


def _rows(data: bytes, report: Report) -> Iterator[tuple[int, dict[str, str], bool]]:
    """Every line with its number, and whether it has all its columns."""
    if len(data) > MOST_BYTES:
        raise BadRequestError(f"文件超过 {MOST_BYTES >> 20} MiB / the file is over {MOST_BYTES >> 20} MiB", code="file_too_big", status=413)
    rows = csv.reader(io.StringIO(_decoded(data)))
    try:
        heads = [name.strip().lower() for name in next(rows, [])]
        missing = [name for name in _NEEDED if name not in heads]
        strange = [name for name in heads if name not in (*_OF_ORDER, *_OF_LINE)]
        if missing or strange or len(set(heads)) != len(heads):
            known = ", ".join((*_OF_ORDER, *_OF_LINE))
            raise BadRequestError(f"表头须为 {known} / the columns are {known}", code="bad_columns")
        for number, cells in enumerate(rows, 2):
            if not any(cell.strip() for cell in cells):
                continue
            report.lines += 1
            if report.lines > MOST_LINES:
                raise BadRequestError(f"文件超过 {MOST_LINES} 行 / the file has over {MOST_LINES} lines", code="file_too_big", status=413)
            whole = len(cells) == len(heads)
            if not whole:
                report.refuse(
                    number, "bad_line", f"应有 {len(heads)} 列，实有 {len(cells)} 列 / {len(cells)} columns instead of {len(heads)}"
                )
            yield number, dict(zip(heads, (cell.strip() for cell in cells), strict=False)), whole
    except csv.Error as error:
        raise BadRequestError(f"不是 CSV 文件: {error} / not a CSV file: {error}", code="bad_csv") from error


def _decoded(data: bytes) -> str:
    """UTF-8, or GB18030 as spreadsheets in China write it."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadRequestError("文件须为 UTF-8 或 GB18030 编码 / the file is neither UTF-8 nor GB18030", code="bad_encoding")
