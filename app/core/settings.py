"""Settings from the environment, read once, checked at once, never guessed."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

from app.core.errors import SettingError


@dataclass(frozen=True, slots=True)
class Settings:
    """What a process needs to know before it opens anything. Every field is one variable of the environment."""

    database_url: str
    """`DATABASE_URL`: postgresql://... (PostgreSQL 15 or newer)."""
    redis_url: str
    """`REDIS_URL`: the inbox; redis:// or unix://, with `appendfsync always`."""
    queue_redis_url: str
    """`QUEUE_REDIS_URL`: RQ, pacing and tokens; the inbox Redis when not set."""
    replica_url: str | None
    """`REPLICA_URL`: a read replica for segments and reports."""
    keys: str | None
    """`FANKA_KEYS`: `id:base64 of 32 bytes`, comma separated, the first one seals."""
    lookup_keys: str | None
    """`FANKA_LOOKUP_KEYS`: the same shape, for keyed look-up hashes."""
    keys_file: Path | None
    """`FANKA_KEYS_FILE`: a file of mode 0600 that holds both rings, when they are not in the environment."""
    wechat_api_url: str
    """`FANKA_WECHAT_API_URL`: where WeChat answers; the sandbox in tests and the demo."""
    public_url: str
    """`FANKA_PUBLIC_URL`: the address customers and WeChat reach us at."""
    redis_prefix: str
    """`FANKA_REDIS_PREFIX`: first part of every Redis key, so that houses can share a server."""
    timestamp_tolerance_s: int
    """`FANKA_TIMESTAMP_TOLERANCE_S`: how far a webhook's timestamp may be from our clock."""
    inbox_max_bytes: int
    """`INBOX_MAX_BYTES`: how much the stream may hold before the webhook writes to PostgreSQL itself."""
    web_host: str
    """`FANKA_WEB_HOST`: the address the web server listens on."""
    web_port: int
    """`FANKA_WEB_PORT`: the port the web server listens on."""
    web_workers: int
    """`FANKA_WEB_WORKERS`: processes of the web server."""
    web_threads: int
    """`FANKA_WEB_THREADS`: threads of each web process, and the size of its connection pool."""
    log_level: str
    """`FANKA_LOG_LEVEL`: DEBUG, INFO, WARNING or ERROR."""
    sender_connections: int
    """`FANKA_SENDER_CONNECTIONS`: parallel connections of the bulk sender."""


_DEFAULTS = {
    "FANKA_WECHAT_API_URL": "https://api.weixin.qq.com",
    "FANKA_PUBLIC_URL": "http://127.0.0.1:8000",
    "FANKA_REDIS_PREFIX": "fanka",
    "FANKA_TIMESTAMP_TOLERANCE_S": "300",
    "INBOX_MAX_BYTES": str(256 * 1024 * 1024),
    "FANKA_WEB_HOST": "127.0.0.1",
    "FANKA_WEB_PORT": "8000",
    "FANKA_WEB_WORKERS": "2",
    "FANKA_WEB_THREADS": "8",
    "FANKA_LOG_LEVEL": "INFO",
    "FANKA_SENDER_CONNECTIONS": "100",
}
# These belong to the process around the settings, not to the settings.
_KNOWN_OUTSIDE = {"FANKA_HOME", "FANKA_LANG", "FANKA_STATE_DIR"}


def variable_of(field: str) -> str:
    """The environment variable that feeds a field of `Settings`."""
    plain = {"database_url", "redis_url", "queue_redis_url", "replica_url", "inbox_max_bytes"}
    return field.upper() if field in plain else f"FANKA_{field.upper()}"


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read every setting from `environment` (the process's own by default).

    Raises SettingError that names the variable when one is missing, malformed or unknown.
    """
    env = os.environ if environment is None else environment
    known = {variable_of(field.name) for field in fields(Settings)} | _KNOWN_OUTSIDE
    strange = sorted(name for name in env if name.startswith("FANKA_") and name not in known)
    if strange:
        raise SettingError(f"{strange[0]} is not a setting of Fanka; see docs/settings.md for the list")
    redis_url = _address(env, "REDIS_URL", ("redis", "rediss", "unix"))
    keys_file = env.get("FANKA_KEYS_FILE")
    if not keys_file and not (env.get("FANKA_KEYS") and env.get("FANKA_LOOKUP_KEYS")):
        raise SettingError("set FANKA_KEYS and FANKA_LOOKUP_KEYS, or FANKA_KEYS_FILE; `fanka keys new` makes them")
    return Settings(
        database_url=_database(_address(env, "DATABASE_URL", ("postgresql", "postgres", "postgresql+psycopg"))),
        redis_url=redis_url,
        queue_redis_url=_address(env, "QUEUE_REDIS_URL", ("redis", "rediss", "unix")) if env.get("QUEUE_REDIS_URL") else redis_url,
        replica_url=_database(_address(env, "REPLICA_URL", ("postgresql", "postgres", "postgresql+psycopg")))
        if env.get("REPLICA_URL")
        else None,
        keys=env.get("FANKA_KEYS"),
        lookup_keys=env.get("FANKA_LOOKUP_KEYS"),
        keys_file=Path(keys_file) if keys_file else None,
        wechat_api_url=_address(env, "FANKA_WECHAT_API_URL", ("http", "https")).rstrip("/"),
        public_url=_address(env, "FANKA_PUBLIC_URL", ("http", "https")).rstrip("/"),
        redis_prefix=_word(env, "FANKA_REDIS_PREFIX"),
        timestamp_tolerance_s=_whole(env, "FANKA_TIMESTAMP_TOLERANCE_S", 1, 86_400),
        inbox_max_bytes=_whole(env, "INBOX_MAX_BYTES", 1024, 1 << 40),
        web_host=_word(env, "FANKA_WEB_HOST"),
        web_port=_whole(env, "FANKA_WEB_PORT", 0, 65_535),
        web_workers=_whole(env, "FANKA_WEB_WORKERS", 1, 256),
        web_threads=_whole(env, "FANKA_WEB_THREADS", 1, 256),
        log_level=_one_of(env, "FANKA_LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR")),
        sender_connections=_whole(env, "FANKA_SENDER_CONNECTIONS", 1, 1000),
    )


def _text(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, _DEFAULTS.get(name, "")).strip()
    if not value:
        raise SettingError(f"{name} is not set")
    return value


def _word(env: Mapping[str, str], name: str) -> str:
    value = _text(env, name)
    if not value.isprintable() or any(sign.isspace() for sign in value):
        raise SettingError(f"{name} must be one word")
    return value


def _whole(env: Mapping[str, str], name: str, least: int, most: int) -> int:
    value = _text(env, name)
    if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
        raise SettingError(f"{name} must be a whole number from {least} to {most}")
    return int(value)


def _one_of(env: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = _text(env, name).upper()
    if value not in allowed:
        raise SettingError(f"{name} must be one of {', '.join(allowed)}")
    return value


def _address(env: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> str:
    value = _text(env, name)
    if urlsplit(value).scheme not in schemes or "://" not in value:
        raise SettingError(f"{name} must begin with one of {', '.join(scheme + '://' for scheme in schemes)}")
    return value


def _database(url: str) -> str:
    """The same address with the one driver we use."""
    return "postgresql+psycopg://" + url.split("://", 1)[1]
