"""One refresh for all processes, on a real Redis: locks with an owner, nothing readable at rest, no flood and no loop."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from app.core.accounts import OpenAccount
from app.core.kv import open_redis
from app.core.secrets import KeyRing
from app.wechat.errors import AccountRefused, Throttled, Transient, Unanswered, Unreached, WeChatError
from app.wechat.tokens import Grant, Kind, TokenKeeper
from app.wechat.transport import Tokens
from tests.support.wechat import opened

ACCOUNT = opened()
HELD = f"t:wechat:{ACCOUNT.appid}:token"


class CountingSource:
    """Gives a token with a new number at each call; `before` runs while the fetch is under way."""

    def __init__(self, *, life_s: int = 7200) -> None:
        self.calls = 0
        self.life_s = life_s
        self.error: WeChatError | None = None
        self.entered = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def grant(self, account: OpenAccount, kind: Kind, tokens: Tokens) -> Grant:
        self.calls += 1
        number = self.calls
        self.entered.set()
        assert self.go_on.wait(20)
        if self.error is not None:
            raise self.error
        return Grant(f"{kind}-{account.appid}-{number}", self.life_s)


@pytest.fixture
def source() -> CountingSource:
    return CountingSource()


@pytest.fixture
def keeper(redis: Redis, ring: KeyRing, source: CountingSource) -> TokenKeeper:
    return TokenKeeper(redis, "t", ring=ring, source=source)


@pytest.fixture
def others(redis_url: str, redis: Redis, ring: KeyRing, source: CountingSource) -> Iterator[list[TokenKeeper]]:
    """Keepers with connections of their own, as other processes have."""
    clients = [open_redis(redis_url) for _ in range(6)]
    yield [TokenKeeper(client, "t", ring=ring, source=source) for client in clients]
    for client in clients:
        client.close()


def test_a_token_is_fetched_once_and_kept(keeper: TokenKeeper, others: list[TokenKeeper], source: CountingSource) -> None:
    first = keeper.token(ACCOUNT)
    assert {other.token(ACCOUNT) for other in others} == {first}
    assert source.calls == 1


def test_accounts_and_kinds_do_not_share(keeper: TokenKeeper, source: CountingSource) -> None:
    other = opened(appid="wxffffffffffffffff")
    values = {keeper.token(ACCOUNT), keeper.token(other), keeper.obtain(ACCOUNT, "jsapi"), keeper.obtain(ACCOUNT, "wx_card")}
    assert len(values) == source.calls == 4


def test_those_who_come_during_a_refresh_wait_for_it(others: list[TokenKeeper], source: CountingSource) -> None:
    source.go_on.clear()
    with ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(other.token, ACCOUNT) for other in others]
        assert source.entered.wait(10)
        source.go_on.set()
        tokens = {each.result(20) for each in waiting}
    assert len(tokens) == source.calls == 1


def test_nothing_at_rest_is_readable_or_fits_another_row(redis: Redis, keeper: TokenKeeper, source: CountingSource) -> None:
    token = keeper.token(ACCOUNT)
    stored = redis.hgetall(HELD)
    assert token not in str(stored)
    assert 0 < redis.pttl(HELD) <= 7_200_000
    stranger = opened()
    assert keeper.token(stranger) != token
    assert source.calls == 2


def test_a_token_sealed_with_a_lost_key_is_fetched_again(redis: Redis, keeper: TokenKeeper, source: CountingSource) -> None:
    keeper.token(ACCOUNT)
    other_ring = KeyRing((("k9", bytes(32)),), (("l9", bytes(32)),))
    assert TokenKeeper(redis, "t", ring=other_ring, source=source).token(ACCOUNT).endswith("-2")


def test_only_the_failing_token_is_dropped(keeper: TokenKeeper, source: CountingSource) -> None:
    failing = keeper.token(ACCOUNT)
    keeper.drop(ACCOUNT, failing)
    fresh = keeper.token(ACCOUNT)
    assert fresh != failing
    keeper.drop(ACCOUNT, failing)
    assert keeper.token(ACCOUNT) == fresh
    assert source.calls == 2


def test_a_lock_whose_owner_died_runs_out(redis: Redis, keeper: TokenKeeper, source: CountingSource) -> None:
    redis.set(f"{HELD}:lock", "a process that was killed", px=150)
    assert keeper.token(ACCOUNT)
    assert source.calls == 1


def test_a_lock_that_passed_to_another_is_neither_released_nor_overwritten(
    redis: Redis, keeper: TokenKeeper, source: CountingSource
) -> None:
    source.go_on.clear()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(keeper.token, ACCOUNT)
        assert source.entered.wait(10)
        redis.set(f"{HELD}:lock", "another")
        source.go_on.set()
        assert slow.result(20)
    assert redis.get(f"{HELD}:lock") == "another"
    assert not redis.exists(HELD)


@pytest.mark.parametrize(
    "error",
    [
        AccountRefused(40125, "invalid appsecret rid: 12345678-1234", "12345678-1234", ACCOUNT.appid),
        Throttled(45009, "quota", "", ACCOUNT.appid, scope="day"),
        Transient(-1, "busy", "", ACCOUNT.appid),
        Unanswered("no answer", ACCOUNT.appid),
        Unreached("no way", ACCOUNT.appid),
    ],
)
def test_a_refusal_reaches_everyone_and_does_not_flood(others: list[TokenKeeper], source: CountingSource, error: WeChatError) -> None:
    source.error = error
    for keeper in others:
        with pytest.raises(type(error)) as caught:
            keeper.token(ACCOUNT)
        assert (caught.value.code, caught.value.rid, caught.value.appid) == (error.code, error.rid, error.appid)
    assert source.calls == 1


def test_after_a_refusal_the_next_refresh_is_free_again(redis: Redis, keeper: TokenKeeper, source: CountingSource) -> None:
    source.error = Transient(-1, "busy", "", ACCOUNT.appid)
    with pytest.raises(Transient):
        keeper.token(ACCOUNT)
    assert 0 < redis.pttl(f"{HELD}:refused") <= 2000
    assert not redis.exists(f"{HELD}:lock")
    redis.delete(f"{HELD}:refused")
    source.error = None
    assert keeper.token(ACCOUNT)


def test_near_its_end_one_renews_while_the_others_go_on(redis: Redis, others: list[TokenKeeper], source: CountingSource) -> None:
    old = others[0].token(ACCOUNT)
    redis.pexpire(HELD, 200_000)
    source.go_on.clear()
    source.entered.clear()
    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(others[0].token, ACCOUNT)
        assert source.entered.wait(10)
        assert {other.token(ACCOUNT) for other in others[1:]} == {old}
        source.go_on.set()
        assert renewing.result(20) != old
    assert {other.token(ACCOUNT) for other in others} == {renewing.result()}
    assert source.calls == 2


def test_an_early_renewal_that_fails_costs_nobody_anything(redis: Redis, keeper: TokenKeeper, source: CountingSource) -> None:
    old = keeper.token(ACCOUNT)
    redis.pexpire(HELD, 200_000)
    source.error = Transient(-1, "busy", "", ACCOUNT.appid)
    assert {keeper.token(ACCOUNT) for _ in range(5)} == {old}
    assert source.calls == 2


def test_an_early_renewal_that_brings_the_same_token_pauses(redis: Redis, keeper: TokenKeeper, source: CountingSource) -> None:
    keeper.token(ACCOUNT)
    redis.pexpire(HELD, 200_000)
    keeper.token(ACCOUNT)
    redis.pexpire(HELD, 200_000)
    for _ in range(5):
        keeper.token(ACCOUNT)
    assert source.calls == 2


def test_without_redis_nothing_is_asked(ring: KeyRing, source: CountingSource) -> None:
    away = TokenKeeper(open_redis("redis://127.0.0.1:9"), "t", ring=ring, source=source)
    for act in (lambda: away.token(ACCOUNT), lambda: away.drop(ACCOUNT, "x")):
        with pytest.raises(Unreached):
            act()
    assert source.calls == 0
