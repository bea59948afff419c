"""Whether an error says that the database or Redis is away for the moment: the same call is right a little later."""

from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

_AWAY = (OperationalError, InterfaceError, PoolTimeoutError, RedisError)


def is_away(error: BaseException) -> bool:
    """True for lost and refused connections, time limits and locks; False for what would fail again the same way."""
    return isinstance(error, _AWAY) or (isinstance(error, DBAPIError) and error.connection_invalidated)
