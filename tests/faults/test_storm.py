"""Every process killed again and again during traffic and a broadcast: nothing lost, nothing doubled, nobody had to help."""

import os
import random
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.core.accounts import OpenAccount
from app.core.unit import work
from app.local.place import Place
from app.wechat.gateway import Template
from jobs.broadcasts.orders import send
from jobs.broadcasts.plan import plan_broadcast, read_plan
from tagging.models import Tag, TagRule
from tests.faults.crowd import Crowd
from tests.faults.killer import KINDS, Killer
from tests.faults.realm import LEASE_S, TEMPLATE, TEMPLATE_ID, Realm, realm, wait_for
from tests.faults.truth import Truth, assert_nothing_lost_or_doubled

pytestmark = pytest.mark.faults

EACH = 5
"""How often each kind of process is killed."""


@pytest.mark.timeout(420)
def test_every_process_killed_during_traffic_and_a_broadcast(own_place: Place, tmp_path: Path) -> None:
    seed = int(os.environ.get("FAULTS_SEED") or random.SystemRandom().getrandbits(32))
    storm(own_place, tmp_path, seed=seed, each=EACH, people=(600, 120), lease_s=LEASE_S)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_storms_until_the_time_is_up(own_place: Place, tmp_path: Path) -> None:
    """Every fourth storm keeps the leases of 90 seconds, and so takes a quarter of an hour; the others come and go in two minutes."""
    until = time.monotonic() + 60 * float(os.environ.get("SOAK_MINUTES", "10"))
    number = 0
    while number == 0 or time.monotonic() < until:
        number += 1
        storm(
            own_place.inner(f"storm-{number}"),
            tmp_path / str(number),
            seed=random.SystemRandom().getrandbits(32),
            each=EACH + number % 4,
            people=(1500, 300) if number % 4 == 0 else (900, 200),
            lease_s=90.0 if number % 4 == 0 else LEASE_S,
        )


def storm(place: Place, folder: Path, *, seed: int, each: int, people: tuple[int, int], lease_s: float) -> None:
    """One run: two accounts, of which only the first one's message ids are trusted, all callbacks twice, answers lost, tokens ended."""
    print(f"FAULTS_SEED={seed}")
    rng = random.Random(seed)
    with realm(place, folder, lease_s=lease_s) as house:
        house.sandbox.control("callbacks", {"duplicate": 1.0, "retry_after_s": [0.5, 1, 2, 4, 8], "concurrency": 32})
        house.sandbox.control("settings", {"latency_ms": 80, "receipts": {"delay_s": [0, 1.5]}})
        trusted = house.add_account(trusted=True, per_second=80)
        doubted = house.add_account(trusted=False, per_second=40)
        add_rule(house)
        crowd = Crowd(house, rng)
        for account, number in zip((trusted, doubted), people, strict=True):
            crowd.follow(account, number)
        wait_for(lambda: house.one("SELECT count(*) FROM follower WHERE state = 'following'") == sum(people), what="everybody to follow")
        house.say("everybody follows")
        house.sandbox.control("faults", {"path": "/cgi-bin/message/template/send", "percent": 4, "drop_after_accept": True})
        house.sandbox.control("faults", {"path": "/cgi-bin/message/template/send", "percent": 2, "drop_before": True})
        broadcast_id = order(house, trusted, doubted)
        killer = Killer(house, crowd, rng, patience_s=60 + 2 * lease_s)
        with crowd.restless(per_s=40):
            wait_for(lambda: house.one("SELECT count(*) FROM delivery WHERE state = 'sending'"), what="the broadcast to begin")
            for kind in _order(rng, each):
                killer.kill(kind)
                if rng.random() < 0.3:
                    house.sandbox.control("tokens/expire", {"appid": rng.choice((trusted, doubted)).appid})
                time.sleep(rng.uniform(0.1, 0.8))
        house.say("the storm is over")
        house.sandbox.control("faults", method="DELETE")
        settle(house, broadcast_id, lease_s=lease_s)
        house.say("at rest")
        truth = assert_nothing_lost_or_doubled(house)
        judge_broadcast(house, broadcast_id, trusted=trusted, people=people, truth=truth)
        assert set(killer.kills) == set(KINDS)
        assert min(killer.kills.values()) >= EACH
        assert all(killer.in_flight[kind] >= killer.kills[kind] for kind in KINDS)
        # The fire was real: calls failed, and the platform had to repeat itself.
        assert truth.refused > 0
        house.say(f"{dict(killer.kills)} with {dict(killer.in_flight)} in flight; {len(truth.happened)} events, {truth.tries} tries")


def _order(rng: random.Random, each: int) -> list[str]:
    """Any order, but workers in the first two thirds: what they send comes to an end, traffic does not."""
    others = [kind for kind in KINDS if kind != "worker" for _ in range(each)]
    rng.shuffle(others)
    early = len(others) * 2 // 3
    first = others[:early] + ["worker"] * each
    rng.shuffle(first)
    return first + others[early:]


def add_rule(house: Realm) -> None:
    """One tag for every click, so that a fact recorded twice would count twice."""
    now = datetime.now(UTC)
    with work(house.house.engine) as session:
        tag = Tag(name="clicked", created_at=now)
        session.add(tag)
        session.flush()
        session.add(TagRule(name="clicked", kind="event", params={"kind": "menu.clicked"}, tag_id=tag.id, created_at=now))


def order(house: Realm, *accounts: OpenAccount) -> int:
    """A broadcast to everybody who follows one of the accounts, ordered for now; cron starts it."""
    now = datetime.now(UTC)
    body = {
        "key": "storm",
        "name": "会员日",
        "purpose": "service",
        "segment": {"any": [{"kind": "follows_account", "account": account.appid} for account in accounts]},
        "content": {"what": "您的积分即将到期"},
        "accounts": [{"appid": account.appid, "template_id": TEMPLATE_ID, "fields": {"thing1": "what"}} for account in accounts],
    }
    with work(house.house.engine) as session:
        made = plan_broadcast(
            session,
            read_plan(body),
            accounts={account.appid: account for account in accounts},
            catalogue={account.id: [Template(TEMPLATE_ID, "积分", TEMPLATE)] for account in accounts},
            actor="mei",
            now=now,
        )
        send(session, made.id, actor="mei", now=now)
        return made.id


def settle(house: Realm, broadcast_id: int, *, lease_s: float) -> None:
    """Wait until the house has come to rest by itself."""
    patience_s = 120 + 2 * lease_s
    wait_for(lambda: house.sandbox.idle(5)["idle"], what="the platform to have told everything", within_s=patience_s)
    house.say("the platform is idle")
    wait_for(lambda: house.redis.xlen("faults:inbox") == 0, what="the inbox to be empty", within_s=patience_s)
    house.say("the inbox is empty")
    open_rows = (
        "SELECT count(*) FROM delivery JOIN account ON account.id = account_id WHERE broadcast_id = %s"
        " AND (delivery.state IN ('pending', 'sending') OR (delivery.state = 'unknown' AND client_msg_id_trusted))"
    )
    wait_for(lambda: house.one(open_rows, broadcast_id) == 0, what="the broadcast to end", within_s=patience_s, every_s=0.5)
    house.say("the broadcast has ended")
    # The last receipts of messages sent a moment ago.
    wait_for(lambda: house.sandbox.idle(5)["idle"], what="the last receipts", within_s=patience_s)
    wait_for(lambda: house.redis.xlen("faults:inbox") == 0, what="the inbox to be empty again", within_s=patience_s)
    wait_for(lambda: house.one("SELECT count(*) FROM parked_receipt") == 0, what="parked receipts to be joined", within_s=patience_s)
    assert house.one("SELECT count(*) FROM dead_letter") == 0


def judge_broadcast(house: Realm, broadcast_id: int, *, trusted: OpenAccount, people: tuple[int, int], truth: Truth) -> None:
    """One row a person; at most one message each, exactly one where the message id is trusted; every row says what became of it."""
    rows = house.rows(
        "SELECT account.appid, openid, delivery.state, msgid FROM delivery JOIN account ON account.id = account_id WHERE broadcast_id = %s",
        broadcast_id,
    )
    assert len(rows) == sum(people)
    assert len({(appid, openid) for appid, openid, _, _ in rows}) == len(rows)
    assert max(truth.messages.values()) == 1, [who for who, number in truth.messages.items() if number > 1][:5]
    assert set(truth.messages) <= {(appid, openid) for appid, openid, _, _ in rows}
    wrong: Counter[tuple[bool, str, bool, bool, bool]] = Counter()
    for appid, openid, state, msgid in rows:
        sent = truth.msgids.get((appid, openid))
        # A receipt that WeChat could not bring in any of its tries leaves a row where its answer put it.
        receipted = sent is not None and ("template.receipted", sent) in truth.answered
        if receipted:
            good = state == "delivered" and msgid == sent
        elif sent is not None:
            good = (state == "sent" and msgid == sent) or (state == "unknown" and appid != trusted.appid)
        else:
            # Never repeated after silence: where the id is not trusted, somebody may have got nothing, and the row says that nobody knows.
            good = state == "unknown" and appid != trusted.appid
        if not good:
            wrong[appid == trusted.appid, state, sent is not None, msgid == sent, receipted] += 1
    assert not wrong, f"(trusted, state, sent, same msgid, receipted): {wrong}"
