"""Does Redis answer, does it fsync before it acknowledges, and does it keep what it is given?"""

from collections.abc import Iterator
from typing import Any

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from app.commands.checks.finding import Finding, bad, ok, warn
from app.commands.frame import explain


def check_inbox(redis: "Redis", name: str = "inbox Redis") -> Iterator[Finding]:
    """The inbox: accepted means fsynced, so anything less loses events in a power cut."""
    held = _config(redis, "appendonly", "appendfsync", "maxmemory-policy")
    if isinstance(held, Finding):
        yield held
        return
    faults_zh, faults_en = [], []
    if held.get("appendonly") != "yes" or held.get("appendfsync") != "always":
        now = held.get("appendfsync") if held.get("appendonly") == "yes" else "appendonly no"
        faults_zh.append(f"没有逐条 fsync (现为 {now}), 断电会丢事件: 设置 appendonly yes 与 appendfsync always")
        faults_en.append(
            f"it does not fsync every write ({now}), so a power cut loses events: set `appendonly yes` and `appendfsync always`"
        )
    if held.get("maxmemory-policy") != "noeviction":
        faults_zh.append(f"内存满时会丢弃数据 ({held.get('maxmemory-policy')}): 设置 maxmemory-policy noeviction")
        faults_en.append(f"it evicts when its memory is full ({held.get('maxmemory-policy')}): set `maxmemory-policy noeviction`")
    if faults_zh:
        yield bad("redis", f"{name}: {'; '.join(faults_zh)}", f"{name}: {'; '.join(faults_en)}")
    else:
        yield ok("redis", f"{name} 逐条 fsync, 不丢弃", f"{name} fsyncs every write and evicts nothing")


def check_queue(redis: "Redis") -> Iterator[Finding]:
    """The Redis of queues, tokens and pacing, where it is another one."""
    held = _config(redis, "maxmemory-policy")
    if isinstance(held, Finding):
        yield held
    elif held.get("maxmemory-policy") != "noeviction":
        yield bad(
            "redis",
            f"队列 Redis 内存满时会丢弃数据 ({held.get('maxmemory-policy')}): 设置 maxmemory-policy noeviction",
            f"the queue Redis evicts when its memory is full ({held.get('maxmemory-policy')}): set `maxmemory-policy noeviction`",
        )
    else:
        yield ok("redis", "队列 Redis 可用", "the queue Redis answers")


def _config(redis: "Redis", *names: str) -> dict[str, str] | Finding:
    try:
        redis.ping()
        found: dict[Any, Any] = {}
        for name in names:
            answer: Any = redis.config_get(name)
            found.update(answer)
    except ResponseError:
        return warn(
            "redis",
            "Redis 不允许 CONFIG, 无法确认 appendfsync always 与 noeviction, 请自行核对",
            "Redis refuses CONFIG: make sure by other means that it has `appendfsync always` and `noeviction`",
        )
    except RedisError as error:
        zh, _, en = explain(error)[1].partition(" / ")
        return bad("redis", zh, en)
    return {_text(name): _text(value) for name, value in found.items()}


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
