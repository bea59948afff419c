"""A hint to the planner for statements over the few open rows of a large table."""

from sqlalchemy import text
from sqlalchemy.orm import Session

_ONLY = text("SET LOCAL enable_seqscan = off")


def by_index(session: Session) -> None:
    """Keep the rest of this transaction to indexes.

    In minutes a broadcast turns from all rows pending to none, faster than statistics follow; a plan made from the old ones reads the table.
    """
    session.execute(_ONLY)
