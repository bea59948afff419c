"""How fast an account may send: second, minute and day buckets in Redis that all drains share, and accounts parked by WeChat.

The day is WeChat's day in Asia/Shanghai, and the time is Redis' own, so machines need not agree on it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from redis import Redis

from app.core.accounts import OpenAccount

CHUNK = 200
"""No claim takes more rows than this."""

_NOW = """
local time = redis.call('TIME')
local second, micro = tonumber(time[1]), tonumber(time[2])
local day = math.floor((second + 28800) / 86400)
local midnight_ms = ((day + 1) * 86400 - 28800 - second) * 1000 - math.floor(micro / 1000)
"""

# Answers {granted, wait in ms, which limit}. A grant is whole or nothing, so that drains do not crawl along by single tokens.
_TAKE = (
    _NOW
    + """
local parked, seconds, minutes, days = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local want, grain = tonumber(ARGV[1]), tonumber(ARGV[2])
local rate, per_minute, per_day = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local left = redis.call('PTTL', parked)
if left > 0 then return {0, left, 'parked'} end

local used = 0
if tonumber(redis.call('HGET', days, 'day') or -1) == day then used = tonumber(redis.call('HGET', days, 'used')) end
if used >= per_day then return {0, midnight_ms, 'day'} end

local slots, sent, oldest = redis.call('HGETALL', minutes), 0, second
for i = 1, #slots, 2 do
  local slot = tonumber(slots[i])
  if slot < second - 60 then redis.call('HDEL', minutes, slots[i])
  else sent = sent + tonumber(slots[i + 1]); if slot < oldest then oldest = slot end end
end
if sent >= per_minute then return {0, math.max((oldest + 61 - second) * 1000 - math.floor(micro / 1000), 1), 'minute'} end

local cap = grain * 2
local level = tonumber(redis.call('HGET', seconds, 'level') or grain)
local at_s, at_us = tonumber(redis.call('HGET', seconds, 's') or second), tonumber(redis.call('HGET', seconds, 'us') or micro)
level = math.min(cap, level + math.max(0, (second - at_s) + (micro - at_us) / 1000000) * rate)
local grant = math.min(want, grain, per_minute - sent, per_day - used)
local wait = 0
if level < grant then
  wait = math.ceil((grant - level) / rate * 1000)
  grant = 0
end
level = level - grant
redis.call('HSET', seconds, 'level', string.format('%.6f', level), 's', second, 'us', micro)
redis.call('PEXPIRE', seconds, 60000)
if grant > 0 then
  redis.call('HINCRBY', minutes, second, grant)
  redis.call('PEXPIRE', minutes, 120000)
  redis.call('HSET', days, 'day', day, 'used', used + grant)
  redis.call('PEXPIRE', days, 172800000)
end
return {grant, wait, 'second'}
"""
)

_GIVE_BACK = (
    _NOW
    + """
local seconds, minutes, days = KEYS[1], KEYS[2], KEYS[3]
local number, grain = tonumber(ARGV[1]), tonumber(ARGV[2])
local level = tonumber(redis.call('HGET', seconds, 'level') or grain)
redis.call('HSET', seconds, 'level', string.format('%.6f', math.min(grain * 2, level + number)))
if redis.call('EXISTS', minutes) == 1 then redis.call('HINCRBY', minutes, second, -number) end
if tonumber(redis.call('HGET', days, 'day') or -1) == day then redis.call('HINCRBY', days, 'used', -number) end
"""
)

_PARK = (
    _NOW
    + """
local ms = tonumber(ARGV[1])
if ms == 0 then ms = midnight_ms end
if redis.call('PTTL', KEYS[1]) >= ms then return 0 end
redis.call('HSET', KEYS[1], 'why', ARGV[2], 'code', ARGV[3], 'until', second * 1000 + math.floor(micro / 1000) + ms)
redis.call('PEXPIRE', KEYS[1], ms)
return 1
"""
)

_USED = _NOW + "if tonumber(redis.call('HGET', KEYS[1], 'day') or -1) == day then return redis.call('HGET', KEYS[1], 'used') end return '0'"


@dataclass(frozen=True, slots=True)
class Grant:
    """Tokens for `number` messages; when none, `wait_ms` until asking again makes sense and which limit holds."""

    number: int
    wait_ms: int
    limit: str
    """`second`, `minute`, `day` or `parked`."""


@dataclass(frozen=True, slots=True)
class Parked:
    """An account that sends nothing until `until`: WeChat said so, or it cannot be reached."""

    why: str
    """`daily_quota`, `minute_quota`, `account_refused` or `unreached`."""
    code: int
    until: datetime


def grain_of(account: OpenAccount) -> int:
    """How many messages one grant covers: a twentieth of a second's worth, so that the stream is even."""
    return max(1, min(CHUNK, account.per_second // 20))


def burst_of(account: OpenAccount, *, drains: int) -> int:
    """What WeChat may see beyond `per_second` in any sliding second.

    The bucket holds two grains, and each drain may still be sending one grain and have the next in hand.
    """
    return grain_of(account) * 2 * (1 + drains)


class Pace:
    """The buckets of all accounts of one house. `redis` answers in text."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix
        self._take = redis.register_script(_TAKE)
        self._give_back = redis.register_script(_GIVE_BACK)
        self._park = redis.register_script(_PARK)
        self._used = redis.register_script(_USED)

    def take(self, account: OpenAccount, wanted: int) -> Grant:
        """Tokens for up to `wanted` messages of an account, in one call. Tokens lost in a crash are not returned."""
        keys = [self._key(account.id, part) for part in ("parked", "second", "minute", "day")]
        answer = cast(
            "list[Any]",
            self._take(keys=keys, args=[wanted, grain_of(account), account.per_second, account.per_minute, account.per_day]),
        )
        return Grant(int(answer[0]), int(answer[1]), str(answer[2]))

    def give_back(self, account: OpenAccount, number: int) -> None:
        """Return tokens that were taken for rows that did not exist."""
        if number > 0:
            keys = [self._key(account.id, part) for part in ("second", "minute", "day")]
            self._give_back(keys=keys, args=[number, grain_of(account)])

    def park(self, account_id: int, *, why: str, code: int, seconds: int | None = None) -> None:
        """Stop an account for `seconds`, or until midnight in Shanghai; a longer stop that stands is kept."""
        self._park(keys=[self._key(account_id, "parked")], args=[0 if seconds is None else seconds * 1000, why, code])

    def unpark(self, account_id: int) -> None:
        """Let an account send again at once."""
        self._redis.delete(self._key(account_id, "parked"))

    def parked(self, account_ids: Collection[int]) -> dict[int, Parked]:
        """Those of the accounts that are stopped now."""
        ids = sorted(account_ids)
        pipe = self._redis.pipeline(transaction=False)
        for account_id in ids:
            pipe.hgetall(self._key(account_id, "parked"))
        found = cast("list[Mapping[str, str]]", pipe.execute())
        return {
            account_id: Parked(held["why"], int(held["code"]), datetime.fromtimestamp(int(held["until"]) / 1000, UTC))
            for account_id, held in zip(ids, found, strict=True)
            if held
        }

    def used_today(self, account_id: int) -> int:
        """How many tokens of an account were taken today (Asia/Shanghai)."""
        return int(cast("str", self._used(keys=[self._key(account_id, "day")])))

    def _key(self, account_id: int, part: str) -> str:
        return f"{self._prefix}:pace:{account_id}:{part}"
