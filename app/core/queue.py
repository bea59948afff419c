"""RQ queues by name, and wake-ups that coalesce: many calls, one waiting job."""

from redis import Redis
from rq import Queue

QUEUES = ("urgent", "send", "default")


class Queues:
    """The three queues of a house. Arguments are internal ids only: they are a wire format and may be seen in Redis."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix

    def queue(self, name: str) -> Queue:
        assert name in QUEUES
        return Queue(f"{self._prefix}.{name}", connection=self._redis)

    def enqueue(self, name: str, function: str, *args: int, timeout_s: int = 120) -> None:
        """Put one job on a queue; `function` is its dotted path."""
        self.queue(name).enqueue_call(function, args=args, timeout=timeout_s, result_ttl=0, failure_ttl=86_400, ttl=3600, description="job")

    def wake(self, name: str, function: str, *args: int, within_s: int = 1) -> bool:
        """Enqueue unless the same wake-up was enqueued less than `within_s` ago and is still unclaimed; says whether it did.

        The mark is cleared by `claimed` when the job starts, so nothing that happens after the start is missed.
        """
        mark = self._mark(function, args)
        if not self._redis.set(mark, "1", nx=True, ex=max(within_s, 1)):
            return False
        self.enqueue(name, function, *args)
        return True

    def claimed(self, function: str, *args: int) -> None:
        """A woken job says that it has begun."""
        self._redis.delete(self._mark(function, args))

    def _mark(self, function: str, args: tuple[int, ...]) -> str:
        return f"{self._prefix}:wake:{function}:{':'.join(map(str, args))}"
