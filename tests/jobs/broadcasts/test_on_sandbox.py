"""The whole way over real HTTP: plan with WeChat's own templates, drain through the real sender, and compare with what WeChat wrote down."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from app.core.clock import WallClock
from app.core.facts import Fact, record
from app.core.unit import work
from app.wechat.gateway import gateway_for
from app.wechat.sender import sender_for
from jobs.broadcasts.lanes import LEASE
from jobs.broadcasts.pacing import Pace, burst_of
from tests.support.broadcasts import Stage

SEND = "/cgi-bin/message/template/send"
CONTENT = "{{thing1.DATA}}\n{{time2.DATA}}"
FAST = {"per_second": 100_000, "per_minute": 1_000_000}

CHILD = """
from app.core.house import enter
from app.core.settings import read_settings
from app.factory import build_house
from jobs.broadcasts.drain import drain
import sys
enter(build_house(read_settings()))
print("ready", flush=True)
drain(int(sys.argv[1]), int(sys.argv[2]))
"""


class Town:
    """People who follow our accounts at WeChat and are known to us, and what WeChat's own log says."""

    def __init__(self, house, sandbox):
        self.stage = Stage(house)
        self.house, self.sandbox = house, sandbox
        self._from = len(self._log())
        sandbox.control("settings", {"receipts": "withheld"})

    def account(self, make_account, number, **columns):
        account = make_account(**{**FAST, **columns})
        self.sandbox.add_account(account)
        self.sandbox.control("templates", {"appid": account.appid, "template_id": "tpl-1", "title": "积分变动", "content": CONTENT})
        people = self.sandbox.control("people", {"count": number})["people"]
        for at in range(0, number, 500):
            self.sandbox.control("act", [{"person": one["id"], "appid": account.appid, "do": "follow"} for one in people[at : at + 500]])
        openids = gateway_for(self.house, account).list_followers("").openids
        assert len(openids) == number
        self.stage.follow(account, openids)
        return account

    def sent(self, *accounts, **wishes):
        catalogue = {account.id: gateway_for(self.house, account).list_templates() for account in accounts}
        return self.stage.sent(*accounts, catalogue=catalogue, **wishes)

    def drain(self, broadcast, account, **wishes):
        return self.stage.drain(broadcast, account, sender=sender_for(self.house), **wishes)

    def _log(self):
        # A control record is on disk before it is answered, and everything before it too.
        self.sandbox.control("settings", {})
        return [orjson.loads(line) for line in self.sandbox.log.read_bytes().splitlines()]

    def messages(self):
        return [line for line in self._log()[self._from :] if line["type"] == "message"]

    def fault(self, **wishes):
        self.sandbox.control("faults", {"path": SEND, **wishes})

    def calm(self):
        self.sandbox.control("faults", method="DELETE")


@pytest.fixture
def town(house, sandbox):
    return Town(house, sandbox)


def test_everybody_gets_one_message_and_we_know_its_number(town, make_account):
    first, second = town.account(make_account, 120), town.account(make_account, 80)
    broadcast = town.sent(first, second)
    for account in (first, second):
        assert town.drain(broadcast, account).ended == "done"
    written = town.messages()
    assert Counter(line["openid"] for line in written) == dict.fromkeys((row.openid for row in town.stage.rows(broadcast)), 1)
    assert {str(line["msgid"]) for line in written} == {row.msgid for row in town.stage.rows(broadcast)}
    assert town.stage.counts(broadcast) == {"sent": 200}


def test_two_drains_show_wechat_at_most_rate_plus_burst_in_any_second(town, make_account):
    account = town.account(make_account, 600, per_second=200)
    broadcast = town.sent(account, lanes=2)
    threads = [threading.Thread(target=town.drain, args=(broadcast, account)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    moments = sorted(line["at"] for line in town.messages())
    assert len(moments) == 600
    most = max(sum(1 for moment in moments if start <= moment < start + 1000) for start in moments)
    assert most <= account.per_second + burst_of(account, drains=2)
    assert town.stage.counts(broadcast) == {"sent": 600}


def test_answers_dropped_after_acceptance_double_nothing_where_ids_are_trusted(town, make_account):
    account = town.account(make_account, 60, client_msg_id_trusted=True)
    broadcast = town.sent(account)
    town.fault(drop_after_accept=True, percent=40)
    town.drain(broadcast, account)
    lost = town.stage.counts(broadcast).get("unknown", 0)
    assert lost > 5
    assert len(town.messages()) == 60
    town.calm()
    town.house.clock.advance(timedelta(seconds=6))
    town.drain(broadcast, account)
    assert town.stage.counts(broadcast) == {"sent": 60}
    assert set(Counter(line["openid"] for line in town.messages()).values()) == {1}


def test_where_ids_are_not_trusted_the_receipts_settle_what_was_lost(town, make_account):
    account = town.account(make_account, 40)
    broadcast = town.sent(account)
    town.fault(drop_after_accept=True, percent=50)
    town.drain(broadcast, account)
    assert town.stage.counts(broadcast).get("unknown", 0) > 5
    followers = {row.openid: row.follower_id for row in town.stage.rows(broadcast)}
    now = town.house.clock.now()
    facts = [
        Fact(
            f"r{line['msgid']}",
            "template.receipted",
            now,
            {"msgid": str(line["msgid"]), "status": "success"},
            None,
            followers[line["openid"]],
            account.id,
        )
        for line in town.messages()
    ]
    with work(town.house.engine) as session:
        record(session, facts, registry=town.house.registry, now=now)
    town.stage.sweep()
    assert town.stage.counts(broadcast) == {"delivered": 40}
    assert len(town.messages()) == 40


def test_a_token_that_expires_in_the_middle_costs_nobody_his_message(town, make_account):
    account = town.account(make_account, 500)
    broadcast = town.sent(account)
    sender = sender_for(town.house)
    chunks = []

    class Expiring:
        def send(self, requests):
            town.sandbox.control("tokens/expire", {"appid": account.appid})
            chunks.append(len(requests))
            return sender.send(requests)

    town.stage.drain(broadcast, account, sender=Expiring())
    assert chunks == [200, 200, 100]
    assert town.stage.counts(broadcast) == {"sent": 500}
    assert set(Counter(line["openid"] for line in town.messages()).values()) == {1}


def test_the_days_quota_parks_one_account_and_the_other_goes_on(town, make_account):
    used_up, free = town.account(make_account, 10), town.account(make_account, 10)
    broadcast = town.sent(used_up, free)
    town.sandbox.control("quota", {"appid": used_up.appid, "kind": "template", "used": 100_000})
    town.drain(broadcast, used_up, run_s=0.5)
    town.drain(broadcast, free)
    assert town.stage.counts(broadcast) == {"pending": 10, "sent": 10}
    assert set(Pace(town.house.redis, town.house.settings.redis_prefix).parked([used_up.id, free.id])) == {used_up.id}


def test_content_wechat_would_refuse_never_reaches_it(town, make_account):
    account = town.account(make_account, 1)
    with pytest.raises(Exception, match="thing1"):
        town.sent(account, content={"what": "二" * 21, "when": "18:30"})
    assert town.messages() == []


@pytest.mark.parametrize("trusted", [True, False])
def test_a_drain_killed_in_the_middle_of_it(town, make_account, environment, trusted):
    """`kill -9` of a real process with calls in flight: nothing is lost, nothing is doubled, and what nobody can know is said to be unknown."""
    account = town.account(make_account, 700, client_msg_id_trusted=trusted)
    town.house.clock.moment = datetime.now(UTC)
    broadcast = town.sent(account)
    town.sandbox.control("settings", {"latency_ms": 400})
    env = {**os.environ, **environment, "FANKA_WECHAT_API_URL": town.sandbox.url}
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(broadcast.id), str(account.id)], env=env, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        until = time.monotonic() + 30
        while time.monotonic() < until and town.sandbox.control("state")["messages"].get("template", 0) <= 150:
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
        child.wait()
    finally:
        child.kill()
        child.stdout.close()
    town.sandbox.control("settings", {"latency_ms": 0})
    at_kill = town.stage.counts(broadcast)
    assert at_kill.get("sending", 0) > 0, f"nothing was in flight at the kill: {at_kill}"
    town.house.clock.moment = WallClock().now() + LEASE + timedelta(seconds=1)
    assert town.stage.sweep().expired == at_kill["sending"]
    town.drain(broadcast, account)
    town.house.clock.advance(timedelta(seconds=6))
    town.drain(broadcast, account)
    counts = town.stage.counts(broadcast)
    written = Counter(line["openid"] for line in town.messages())
    assert set(written.values()) == {1}
    if trusted:
        assert counts == {"sent": 700}
        assert len(written) == 700
    else:
        assert counts == {"sent": 700 - at_kill["sending"], "unknown": at_kill["sending"]}
