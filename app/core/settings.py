"""Settings from the environment, read once, checked at once, never guessed."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
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
    trusted_proxies: int = 0
    """`FANKA_TRUSTED_PROXIES`: how many proxies of yours stand in front; so many addresses of `X-Forwarded-For` are believed, from the right."""
    smtp_url: str | None = None
    """`FANKA_SMTP_URL`: where letters are handed in: smtps://user:password@host:465 or smtp+starttls://...:587; plain smtp:// on this machine only.
    Without it no e-mail is sent."""
    smtp_from: str = "no-reply@localhost"
    """`FANKA_SMTP_FROM`: the address letters come from."""
    reminder_mass: int = 0
    """`FANKA_REMINDER_MASS`: how many of a person's four mass messages a month reminders may use where his window is closed; 0 to 4."""
    login_appid: str = ""
    """`FANKA_LOGIN_APPID`: the website application (网站应用) with which staff log in by WeChat scan; empty: they cannot."""
    scan_whole_for: tuple[str, ...] = ("clerk",)
    """`FANKA_SCAN_WHOLE_FOR`: roles for whom a scan is the whole log-in, comma separated; everybody else adds a code or his password."""
    login_secret: str = field(default="", repr=False)
    """`FANKA_LOGIN_SECRET`: its AppSecret."""
    crm_url: str | None = None
    """`FANKA_CRM_URL`: where the group's CRM answers who has a phone number; https://, plain http:// on this machine only. Without it nobody is asked."""
    crm_secret: str = field(default="", repr=False)
    """`FANKA_CRM_SECRET`: what questions to the CRM are signed with, 16 signs or more."""
    crm_name: str = "crm"
    """`FANKA_CRM_NAME`: the vendor's name under which its members are known; the same as in `fanka migrate-vendor --vendor`."""
    crm_unit: str = ""
    """`FANKA_CRM_UNIT`: the business unit that owes the points and value brought from there."""


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
    "FANKA_TRUSTED_PROXIES": "0",
    "FANKA_LOG_LEVEL": "INFO",
    "FANKA_SENDER_CONNECTIONS": "100",
    "FANKA_SMTP_FROM": "no-reply@localhost",
    "FANKA_LOGIN_APPID": "",
    "FANKA_LOGIN_SECRET": "",
    "FANKA_SCAN_WHOLE_FOR": "clerk",
    "FANKA_CRM_NAME": "crm",
    "FANKA_REMINDER_MASS": "0",
}
# `app.core.people.Role`, which needs a database; a test holds the two together.
_ROLES = frozenset({"clerk", "supervisor", "manager", "marketer", "finance", "admin"})
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
        trusted_proxies=_whole(env, "FANKA_TRUSTED_PROXIES", 0, 5),
        log_level=_one_of(env, "FANKA_LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR")),
        sender_connections=_whole(env, "FANKA_SENDER_CONNECTIONS", 1, 1000),
        smtp_url=_post_office(env),
        smtp_from=_sender(env),
        reminder_mass=_whole(env, "FANKA_REMINDER_MASS", 0, 4),
        **_scanning(env),
        **_crm(env),
    )


def _scanning(env: Mapping[str, str]) -> Any:
    """The three settings of staff who log in by scan: appid and secret together or not at all."""
    appid, secret = (env.get(name, "").strip() for name in ("FANKA_LOGIN_APPID", "FANKA_LOGIN_SECRET"))
    if bool(appid) != bool(secret) or not (appid + secret).isascii() or len(appid) > 32 or len(secret) > 128:
        raise SettingError("FANKA_LOGIN_APPID and FANKA_LOGIN_SECRET belong together")
    given = env.get("FANKA_SCAN_WHOLE_FOR", _DEFAULTS["FANKA_SCAN_WHOLE_FOR"])
    roles = tuple(role.strip().lower() for role in given.split(",") if role.strip())
    if strange := sorted(set(roles) - _ROLES):
        raise SettingError(f"FANKA_SCAN_WHOLE_FOR names {strange[0]}, which is no role")
    return {"login_appid": appid, "login_secret": secret, "scan_whole_for": roles}


def _crm(env: Mapping[str, str]) -> Any:
    """The four settings of the group's CRM: address, secret and unit together or not at all. Phone numbers leave this machine under TLS only."""
    url, secret, unit = (env.get(name, "").strip() for name in ("FANKA_CRM_URL", "FANKA_CRM_SECRET", "FANKA_CRM_UNIT"))
    if not url and not secret and not unit:
        return {}
    if not url or not secret or not unit:
        raise SettingError("FANKA_CRM_URL, FANKA_CRM_SECRET and FANKA_CRM_UNIT belong together")
    if len(secret) < 16 or not secret.isascii() or not secret.isprintable():
        raise SettingError("FANKA_CRM_SECRET must have 16 printable signs or more")
    name = _word(env, "FANKA_CRM_NAME")
    if not name.isascii() or not name.replace("_", "").replace("-", "").isalnum() or len(name) > 32:
        raise SettingError("FANKA_CRM_NAME must have 1 to 32 letters and digits")
    place = urlsplit(_address(env, "FANKA_CRM_URL", ("http", "https")))
    try:
        host = place.hostname if place.port != 0 else None
    except ValueError:
        host = None
    if not host or not url.isascii() or not url.isprintable() or place.username or place.fragment:
        raise SettingError("FANKA_CRM_URL must be an address without a password: https://host/path")
    if place.scheme == "http" and host not in {"localhost", "127.0.0.1", "::1"}:
        raise SettingError("FANKA_CRM_URL must be https:// unless the host is this machine")
    return {"crm_url": url, "crm_secret": secret, "crm_name": name, "crm_unit": unit}


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


def _post_office(env: Mapping[str, str]) -> str | None:
    """Letters and passwords leave this machine under TLS only."""
    if not env.get("FANKA_SMTP_URL"):
        return None
    url = _address(env, "FANKA_SMTP_URL", ("smtp", "smtps", "smtp+starttls"))
    try:
        place = urlsplit(url)
        host, port = place.hostname, place.port
    except ValueError:
        host, port = None, None
    if not host or not port:
        raise SettingError("FANKA_SMTP_URL must name a host and a port")
    if place.scheme == "smtp" and host not in {"localhost", "127.0.0.1", "::1"}:
        raise SettingError("FANKA_SMTP_URL must be smtps:// or smtp+starttls:// unless the host is this machine")
    return url


def _sender(env: Mapping[str, str]) -> str:
    value = _word(env, "FANKA_SMTP_FROM")
    if value.count("@") != 1 or not value.isascii() or value[0] == "@" or value[-1] == "@":
        raise SettingError("FANKA_SMTP_FROM must be an e-mail address")
    return value


def _database(url: str) -> str:
    """The same address with the one driver we use."""
    return "postgresql+psycopg://" + url.split("://", 1)[1]
