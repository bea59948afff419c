"""Redis clients: made per process, with limits on waiting, and the house's key prefix."""

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry


def open_redis(url: str, *, timeout_s: float = 2.0, text: bool = True) -> Redis:
    """A client that gives up after `timeout_s` instead of hanging a webhook; `text` decodes answers as UTF-8."""
    return Redis.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        decode_responses=text,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
    )
