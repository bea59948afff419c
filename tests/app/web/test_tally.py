"""Counters: exact while Redis is there, patient while it is away, and never in the way."""

import threading
import time

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from app.core.house import House
from app.web.tally import Tally, last_key


def test_every_count_arrives(house: House) -> None:
    tally = Tally(house.redis, "t:counts")
    threads = [threading.Thread(target=lambda: [tally.count("bad_signature") for _ in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tally.count("bad_body")
    tally.settle()
    assert house.redis.hgetall("t:counts") == {"bad_signature": "800", "bad_body": "1"}
    assert 0 <= time.time() - int(house.redis.hget(last_key("t:counts"), "bad_body")) < 3600


def test_counts_wait_while_redis_is_away(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    tally = Tally(house.redis, "t:counts")

    def away(**_: object) -> None:
        raise RedisConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(house.redis, "pipeline", away)
        tally.count("bad_body")
        tally.settle()
    tally.count("bad_body")
    tally.settle()
    assert house.redis.hgetall("t:counts") == {"bad_body": "2"}


def test_names_are_bounded(house: House) -> None:
    tally = Tally(house.redis, "t:counts")
    with tally._lock:
        tally._carrier = threading.current_thread()
        tally._waiting.update({f"name{number}": 1 for number in range(200)})
    tally.count("one too many")
    assert "one too many" not in tally._waiting
