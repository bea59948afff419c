"""Many rows in one statement: rows travel as one JSON parameter, so that a batch of 500 compiles once and flies once."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import FromClause, Table, Text, bindparam, cast, column, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from app.core.db import Base


def rows_of(types: Mapping[str, TypeEngine[Any]], name: str = "rows") -> FromClause:
    """A FROM clause over the JSON array bound as `name`: `rows_of({"id": BigInteger()})` reads like a table of those columns."""
    return (
        func.jsonb_to_recordset(cast(bindparam(name, type_=Text()), JSONB))
        .table_valued(*(column(key, kind) for key, kind in types.items()), name=name)
        .render_derived(name=name, with_types=True)
    )


def table_of(model: type[Base]) -> Table:
    """The table behind a model: bulk statements speak to it directly, past the ORM."""
    table = model.__table__
    assert isinstance(table, Table)
    return table


def columns_of(table: Table, *names: str) -> dict[str, TypeEngine[Any]]:
    """The column types of a table by name, for `rows_of`."""
    return {name: table.c[name].type for name in names}


def as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as the text of one JSON array (moments as ISO text), ready to be bound."""
    return orjson.dumps(list(rows), default=str).decode()
