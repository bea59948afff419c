"""PostgreSQL away under load, and one poisoned entry among five hundred: nobody is turned away and nothing innocent is buried."""

import os
import random
import signal
import time
from pathlib import Path

import orjson
import pytest

from app.local.place import Place
from tests.faults.crowd import Crowd
from tests.faults.realm import realm, wait_for
from tests.faults.test_storm import add_rule
from tests.faults.truth import assert_nothing_lost_or_doubled

pytestmark = pytest.mark.faults

POISON = (b"\xff\xfe not JSON", b'{"k": 1}', b"")


@pytest.mark.timeout(180)
def test_postgres_away_for_ten_seconds_under_load(own_place: Place, tmp_path: Path) -> None:
    away(own_place, tmp_path, away_s=10.0, seed=int(os.environ.get("FAULTS_SEED") or random.SystemRandom().getrandbits(32)))


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_postgres_away_for_a_minute_under_load(own_place: Place, tmp_path: Path) -> None:
    away(own_place, tmp_path, away_s=60.0, seed=random.SystemRandom().getrandbits(32))


def away(place: Place, folder: Path, *, away_s: float, seed: int) -> None:
    """Kill PostgreSQL, keep it away while people go on, put a poisoned entry into the middle of what waits, and let it come back."""
    print(f"FAULTS_SEED={seed}")
    rng = random.Random(seed)
    with realm(place, folder) as house:
        # No second chance: what is not accepted at the first knock is missing below.
        house.sandbox.control("callbacks", {"retry_after_s": [], "concurrency": 16})
        account = house.add_account(trusted=True, per_second=100)
        add_rule(house)
        crowd = Crowd(house, rng)
        crowd.follow(account, 50)
        wait_for(lambda: house.one("SELECT count(*) FROM follower WHERE state = 'following'") == 50, what="everybody to follow")
        poison = rng.choice(POISON)
        with crowd.restless(per_s=50):
            wait_for(lambda: house.one("SELECT count(*) FROM fact WHERE kind = 'menu.clicked'"), what="the first clicks")
            house.here.clear()
            os.kill(house.pid("postgres"), signal.SIGKILL)
            time.sleep(away_s / 2)
            house.redis.xadd("faults:inbox", {"d": poison})
            wait_for(lambda: house.redis.xlen("faults:inbox") > 500, what="five hundred entries to wait", within_s=60)
            time.sleep(away_s / 2)
            waited = house.redis.xlen("faults:inbox")
            house.here.set()
            house.say(f"PostgreSQL comes back to {waited} entries")
            wait_for(lambda: house.one("SELECT 1"), what="PostgreSQL to be back", within_s=60)
        wait_for(lambda: house.sandbox.idle(5)["idle"], what="the platform to have told everything")
        wait_for(lambda: house.redis.xlen("faults:inbox") == 0, what="the inbox to be empty", within_s=90)
        truth = assert_nothing_lost_or_doubled(house)
        assert truth.answered == truth.happened, "somebody was turned away while only PostgreSQL was gone"
        assert truth.refused == 0
        ((letter, buried),) = house.rows("SELECT id, count(*) OVER () FROM dead_letter")
        assert buried == 1
        # The one that was buried is the poisoned one: it stays what it was.
        from jobs.dead import replay

        assert replay(house.house, letter) is False
        errors = [line for line in house.log.read_text().splitlines() if '"event_not_accepted"' in line]
        assert not errors, orjson.loads(errors[0][errors[0].index("{") :])
