"""Whether this process lives, and whether it can accept what WeChat sends."""

from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLateError
from typing import TYPE_CHECKING

from flask import Blueprint, Response, jsonify
from sqlalchemy import text

from app.core.unit import reading
from app.web.problems import problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.house import House

_WAIT_S = 2.0


def make_health(house: "House") -> Blueprint:
    """`/healthz` and `/readyz`; neither tells anything about the house but up or away."""
    blueprint = Blueprint("health", __name__)
    pool = ThreadPoolExecutor(4, thread_name_prefix="health")

    def look() -> dict[str, bool]:
        # Both are asked at once and neither is waited for long: a check that hangs is an answer too.
        asked = {"database": pool.submit(_database, house), "inbox": pool.submit(_inbox, house)}
        return {name: _answered(future) for name, future in asked.items()}

    @blueprint.get("/healthz")
    def alive() -> Response:
        return jsonify(alive=True)

    @blueprint.get("/readyz")
    def ready() -> Response:
        """Ready means that an event can be made durable somewhere: with Redis away PostgreSQL takes it, and the other way round."""
        parts = look()
        if not any(parts.values()):
            return problem(503, "not_ready", "neither the inbox nor the database answers")
        return jsonify(ready=True, parts={name: "up" if up else "away" for name, up in parts.items()})

    return blueprint


def _answered(future: "Future[bool]") -> bool:
    try:
        return future.result(timeout=_WAIT_S)
    except TooLateError:
        future.cancel()
        return False


def _tried(check: "Callable[[], object]") -> bool:
    try:
        check()
    except Exception:  # noqa: BLE001 - whatever it is, the part is not there for us.
        return False
    return True


def _database(house: "House") -> bool:
    def ask() -> None:
        with reading(house.engine, timeout_ms=1000) as session:
            session.execute(text("SELECT 1"))

    return _tried(ask)


def _inbox(house: "House") -> bool:
    return _tried(house.inbox.redis.ping)
