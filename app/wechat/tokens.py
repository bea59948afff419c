"""Access tokens and tickets, shared by all processes through Redis: sealed at rest, renewed by one at a time."""

import base64
import binascii
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from redis import Redis
from redis.exceptions import RedisError

from app.core.accounts import OpenAccount
from app.core.log import get_logger
from app.core.secrets import KeyRing, UnsealError
from app.wechat.errors import TOKEN_CODES, AccountRefused, Unanswered, Unreached, WeChatError, account_error, error_of
from app.wechat.transport import ApiClient, Tokens

log = get_logger(__name__)

Kind = Literal["token", "jsapi", "wx_card"]

# Longer than any one fetch may take, so that only a process that died loses its lock.
LOCK_MS = 30_000
WAIT_S = 25.0
POLL_S = 0.03
# After a refusal nobody asks again for this long: a wrong secret must not become a flood.
REFUSED_MS = 2_000
# The platform gives a new token in the last five minutes of the old one; asking earlier would bring the same one back.
EARLY_MS = 240_000
# An early renewal that failed or brought nothing new is not repeated sooner than this.
PAUSE_MS = 10_000

# Stores what was fetched only while the lock is still ours.
_KEEP = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], KEYS[3])
redis.call('HSET', KEYS[1], 'digest', ARGV[2], 'sealed', ARGV[3], 'early_ms', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
if ARGV[6] == '0' then redis.call('DEL', KEYS[2]) else redis.call('PEXPIRE', KEYS[2], ARGV[6]) end
return 1
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_DROP = "if redis.call('HGET', KEYS[1], 'digest') == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


@dataclass(frozen=True, slots=True)
class Grant:
    """What WeChat gave: a token or ticket and its life in seconds."""

    value: str
    life_s: int


class Source(Protocol):
    """Who asks WeChat for a token or ticket. Raises WeChatError."""

    def grant(self, account: OpenAccount, kind: Kind, tokens: Tokens) -> Grant: ...


class WeChatSource:
    """Asks WeChat itself: `stable_token`, which does not rotate within its life, and the two tickets."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    def grant(self, account: OpenAccount, kind: Kind, tokens: Tokens) -> Grant:
        if kind != "token":
            client = ApiClient(account, self._base_url, tokens)
            try:
                return _granted(client.raw("get", "/cgi-bin/ticket/getticket", params={"type": kind}), "ticket", account.appid)
            finally:
                client.close()
        client = ApiClient(account, self._base_url)
        wanted = {"grant_type": "client_credential", "appid": account.appid, "secret": account.secret}
        try:
            return _granted(client.open_post("cgi-bin/stable_token", wanted), "access_token", account.appid)
        except WeChatError as error:
            raise (account_error(error.code, error.message, account.appid) if error.code in TOKEN_CODES else error) from None
        finally:
            client.close()


@dataclass(frozen=True, slots=True)
class _Keys:
    held: str
    lock: str
    refused: str


@dataclass(frozen=True, slots=True)
class _Held:
    value: str
    left_ms: int
    early_ms: int


class TokenKeeper:
    """Tokens and tickets of all accounts. `redis` decodes its answers; nothing in it is readable without the key ring.

    Every method raises only WeChatError; without Redis that is Unreached, because nothing was asked of WeChat.
    """

    def __init__(self, redis: Redis, prefix: str, *, ring: KeyRing, source: Source, sleep: Callable[[float], None] = time.sleep) -> None:
        self._redis = redis
        self._prefix = prefix
        self._ring = ring
        self._source = source
        self._sleep = sleep
        self._keep = redis.register_script(_KEEP)
        self._release = redis.register_script(_RELEASE)
        self._drop = redis.register_script(_DROP)

    def token(self, account: OpenAccount) -> str:
        """The access token of an account."""
        return self.obtain(account, "token")

    def obtain(self, account: OpenAccount, kind: Kind) -> str:
        """The token or ticket in use, renewed when it is gone or nearly so: by one process, while the others wait for it."""
        try:
            return self._obtain(account, kind)
        except RedisError as error:
            raise Unreached(f"the token store is away ({type(error).__name__})", account.appid) from None

    def check(self, account: OpenAccount) -> None:
        """Ask WeChat for a token now, whatever is kept: says whether AppID, secret and whitelist are right."""
        self._source.grant(account, "token", self)

    def drop(self, account: OpenAccount, token: str, kind: Kind = "token") -> None:
        """Forget a token that WeChat refused, only if it is still the one in use."""
        try:
            self._drop(keys=[self._keys(account, kind).held], args=[_digest(token)])
        except RedisError as error:
            raise Unreached(f"the token store is away ({type(error).__name__})", account.appid) from None

    def _obtain(self, account: OpenAccount, kind: Kind) -> str:
        keys = self._keys(account, kind)
        held = self._read(account, kind, keys)
        if held is not None and held.left_ms > held.early_ms:
            return held.value
        if held is not None:
            return self._renew_early(account, kind, keys, held)
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            self._raise_known_refusal(account, keys)
            owner = self._lock(keys)
            if owner is not None:
                # Somebody may have finished between our look and our lock.
                held = self._read(account, kind, keys)
                if held is not None:
                    self._release(keys=[keys.lock], args=[owner, 0])
                    return held.value
                return self._fetch(account, kind, keys, owner)
            self._sleep(POLL_S)
            held = self._read(account, kind, keys)
            if held is not None:
                return held.value
        raise Unreached("another process holds the token's lock and does not finish", account.appid)

    def _renew_early(self, account: OpenAccount, kind: Kind, keys: _Keys, held: _Held) -> str:
        """One process renews, the rest go on with what still works; so does that one when it fails."""
        owner = self._lock(keys)
        if owner is None:
            return held.value
        try:
            return self._fetch(account, kind, keys, owner, pause_ms=PAUSE_MS)
        except WeChatError as error:
            log.warning("early_renewal_failed", appid=account.appid, kind=kind, errcode=error.code, reason=error.reason)
            return held.value

    def _fetch(self, account: OpenAccount, kind: Kind, keys: _Keys, owner: str, *, pause_ms: int = 0) -> str:
        try:
            grant = self._source.grant(account, kind, self)
        except WeChatError as error:
            if not pause_ms:
                self._redis.set(keys.refused, json.dumps([error.reason, error.code, error.message]), px=REFUSED_MS)
            self._release(keys=[keys.lock], args=[owner, pause_ms])
            raise
        except BaseException:
            self._release(keys=[keys.lock], args=[owner, 0])
            raise
        sealed = self._ring.seal(grant.value, table="redis", column=kind, row=account.public_id)
        life_ms = max(grant.life_s, 1) * 1000
        early_ms = min(EARLY_MS, life_ms // 10)
        # Gone a little before its end, so that no call leaves with a token that dies on the way.
        stays_ms = max(life_ms - min(10_000, life_ms // 20), 500)
        args: list[Any] = [owner, _digest(grant.value), base64.b64encode(sealed).decode(), early_ms, stays_ms, pause_ms]
        # When the lock was lost to another process, its token is stored and ours is as good: it does not rotate.
        self._keep(keys=[keys.held, keys.lock, keys.refused], args=args)
        log.info("credential_renewed", appid=account.appid, kind=kind, life_s=grant.life_s)
        return grant.value

    def _read(self, account: OpenAccount, kind: Kind, keys: _Keys) -> _Held | None:
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hmget(keys.held, "sealed", "early_ms")
            pipe.pttl(keys.held)
            (sealed, early_ms), left_ms = pipe.execute()
        if not sealed or left_ms <= 0:
            return None
        try:
            value = self._ring.open(base64.b64decode(sealed), table="redis", column=kind, row=account.public_id)
            return _Held(value, left_ms, int(early_ms))
        except (UnsealError, binascii.Error, ValueError, TypeError):
            # Sealed with a key that is gone: as good as not there.
            return None

    def _lock(self, keys: _Keys) -> str | None:
        owner = secrets.token_hex(16)
        return owner if self._redis.set(keys.lock, owner, nx=True, px=LOCK_MS) else None

    def _raise_known_refusal(self, account: OpenAccount, keys: _Keys) -> None:
        told = self._redis.get(keys.refused)
        if not told:
            return
        reason, code, message = json.loads(str(told))
        if reason == AccountRefused.reason:
            raise AccountRefused(code, message, error_of(code, message, account.appid).rid, account.appid)
        if reason == Unanswered.reason:
            raise Unanswered(message, account.appid)
        if reason == Unreached.reason:
            raise Unreached(message, account.appid)
        raise error_of(code, message, account.appid)

    def _keys(self, account: OpenAccount, kind: Kind) -> _Keys:
        base = f"{self._prefix}:wechat:{account.appid}:{kind}"
        return _Keys(base, f"{base}:lock", f"{base}:refused")


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def _granted(answer: dict[str, Any], name: str, appid: str) -> Grant:
    value, life_s = answer.get(name), answer.get("expires_in")
    if not isinstance(value, str) or not 0 < len(value) <= 4096 or not isinstance(life_s, int) or not 0 < life_s <= 1_000_000:
        raise Unanswered(f"WeChat's answer holds no {name}", appid)
    return Grant(value, life_s)
