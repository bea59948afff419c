"""Reading what another vendor exported: line by line, never more than a bound of anything, and its digest on the way."""

import csv
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from app.core.errors import BadRequestError

FILES = ("members", "points", "balances", "coupons")
MOST_BYTES = 4 << 30
MOST_ROWS = 5_000_000
MOST_LINE = 16_384
"""Bytes of one line, so that a file without line ends cannot fill the memory."""
_ENCODINGS = ("utf-8-sig", "gb18030")
_PEEK = 1 << 20


@dataclass(frozen=True, slots=True)
class Bundle:
    """One vendor's files by name; only `members` must be there."""

    vendor: str
    paths: dict[str, Path]

    def digest(self) -> str:
        """SHA-256 over the vendor and every file, hex: what was tried is what is run."""
        whole = hashlib.sha256(f"vendor:{self.vendor}\n".encode())
        for name in FILES:
            if name in self.paths:
                whole.update(f"file:{name}\n".encode())
                with self.paths[name].open("rb") as file:
                    part = hashlib.file_digest(file, "sha256")
                whole.update(part.digest())
        return whole.hexdigest()


def open_bundle(vendor: str, folder: Path) -> Bundle:
    """The bundle in a folder: `members.csv`, and whichever of `points.csv`, `balances.csv` and `coupons.csv` are there. Raises BadRequestError."""
    if not vendor.isascii() or not vendor.replace("_", "").replace("-", "").isalnum() or len(vendor) > 32:
        raise BadRequestError("来源名称为 1 到 32 位字母数字 / a vendor's name has 1 to 32 letters and digits", code="bad_vendor")
    paths = {name: folder / f"{name}.csv" for name in FILES if (folder / f"{name}.csv").is_file()}
    if "members" not in paths:
        raise BadRequestError(f"{folder.name} 里没有 members.csv / there is no members.csv in {folder.name}", code="no_members_file")
    for name, path in paths.items():
        if path.stat().st_size > MOST_BYTES:
            raise BadRequestError(f"{name}.csv 超过 4 GiB / {name}.csv is larger than 4 GiB", code="file_too_large")
    return Bundle(vendor, paths)


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Each row with its line number: a dict, or the sentence that says why the line cannot be read. Raises BadRequestError for no CSV at all."""
    with path.open("rb") as file:
        encoding = _encoding(file)
        reader = csv.reader(_lines(file, encoding), strict=True)
        heads: list[str] | None = None
        for number in range(MOST_ROWS + 2):
            try:
                row = next(reader)
            except StopIteration:
                return
            except (csv.Error, UnicodeDecodeError) as error:
                if heads is None:
                    raise BadRequestError(f"{path.name} 不是 CSV / {path.name} is no CSV", code="bad_csv") from error
                yield reader.line_num, f"无法读取: {type(error).__name__} / the line cannot be read"
                continue
            if heads is None:
                heads = [head.strip().lower() for head in row]
                if len(set(heads)) != len(heads):
                    raise BadRequestError(f"{path.name} 的表头有重复 / {path.name} names a column twice", code="bad_csv")
            elif not any(cell.strip() for cell in row):
                continue
            elif len(row) != len(heads):
                yield reader.line_num, f"应有 {len(heads)} 列, 实有 {len(row)} 列 / {len(row)} columns in place of {len(heads)}"
            elif number > MOST_ROWS:
                raise BadRequestError(
                    f"{path.name} 超过 {MOST_ROWS:,} 行 / {path.name} has more than {MOST_ROWS:,} rows", code="file_too_large"
                )
            else:
                yield reader.line_num, {head: cell.strip() for head, cell in zip(heads, row, strict=True)}


def _encoding(file: BinaryIO) -> str:
    """UTF-8 when the first megabyte is, else the GB18030 that Chinese spreadsheets write."""
    start = file.read(_PEEK)
    file.seek(0)
    try:
        start.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # A sign that the megabyte's end cut in two proves nothing.
        return _ENCODINGS[1] if error.start < len(start) - 4 else _ENCODINGS[0]
    return _ENCODINGS[0]


def _lines(file: BinaryIO, encoding: str) -> Iterator[str]:
    first = True
    while line := file.readline(MOST_LINE + 1):
        if len(line) > MOST_LINE:
            raise BadRequestError(f"一行超过 {MOST_LINE:,} 字节 / a line is longer than {MOST_LINE:,} bytes", code="line_too_long")
        yield line.decode(encoding if first or encoding != "utf-8-sig" else "utf-8")
        first = False


def write_rows(path: Path, heads: list[str], rows: list[list[str]]) -> None:
    """A CSV as this room reads it, for reports of bad lines."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(heads)
    writer.writerows(rows)
    path.write_text(out.getvalue(), encoding="utf-8-sig")
