"""`column = ANY(ids)`: any number of ids as one parameter, so that a statement is planned and compiled once."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, any_, literal
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute


def among(column: InstrumentedAttribute[Any], ids: Collection[int]) -> ColumnElement[bool]:
    """Whether the column is one of these ids."""
    return column == any_(literal(sorted(ids), ARRAY(BigInteger)))
