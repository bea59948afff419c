"""Whose fault an error is: the data's, so that the batch is bisected, or a part's that is away, so that the loop pauses."""

import redis.exceptions
from sqlalchemy import exc
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

# The database refuses these values; it will refuse them again.
_DATA = (
    exc.DataError,
    exc.IntegrityError,
    exc.StatementError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
)
# Connections, locks, time limits, a missing table: nothing an entry can be blamed for.
_AWAY = (
    exc.OperationalError,
    exc.InterfaceError,
    exc.InternalError,
    exc.ProgrammingError,
    exc.NotSupportedError,
    PoolTimeoutError,
    redis.exceptions.RedisError,
    OSError,
    MemoryError,
)


def blames_data(error: BaseException) -> bool:
    """Whether trying the same entries again would fail the same way."""
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return False
    if isinstance(error, _AWAY):
        return False
    return isinstance(error, _DATA)
