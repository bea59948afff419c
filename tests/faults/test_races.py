"""Races between real processes on the real database: two drains on one broadcast, a receipt before its msgid, two ingests on one follower."""

import bisect
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from sqlalchemy import func, select, text

from app.core.accounts import OpenAccount
from app.core.clock import WallClock
from app.core.dead import DeadLetterRow
from app.core.facts import FactDraft, FactRow
from app.core.followers import FOLLOWING, GONE
from app.core.house import House
from app.core.inbox import Entry
from app.core.nouns import Customer, Follower
from app.core.unit import reading, work
from app.local.place import CHECKOUT
from app.wechat.gateway import Template
from jobs.broadcasts.doors import DRAIN
from jobs.broadcasts.freeze import freeze
from jobs.broadcasts.orders import send
from jobs.broadcasts.pacing import burst_of
from jobs.broadcasts.plan import plan_broadcast, read_plan
from jobs.broadcasts.receipts import join_parked
from tagging.models import Tag, TagEvidence, TagRule
from tests.faults.realm import TEMPLATE, TEMPLATE_ID, wait_for
from tests.support.cast import LIN
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.faults


@pytest.fixture
def here_and_now(house: House) -> House:
    """The house on the machine's own clock, as the other processes have it."""
    return replace(house, clock=WallClock())


@pytest.fixture
def processes(environment: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> Callable[..., "contextmanager[None]"]:
    """`with processes(("ingest", "--number", "1"), ...)`: background processes over the test's own database and Redis."""

    @contextmanager
    def run(*kinds: tuple[str, ...]) -> Iterator[None]:
        env = {**environment, "FANKA_WECHAT_API_URL": sandbox.url, "PATH": "/usr/bin:/bin"}
        with (tmp_path / "processes.log").open("ab") as log:
            children = [
                subprocess.Popen([sys.executable, "-m", "app.worker", *kind], cwd=CHECKOUT, env=env, stdout=log, stderr=log)
                for kind in kinds
            ]
            try:
                yield
            finally:
                for child in children:
                    child.send_signal(signal.SIGKILL)
                    child.wait()

    return run


def make_broadcast(house: House, sandbox: Sandbox, account: OpenAccount, people: int, *, lanes: int) -> int:
    """So many followers whom the platform knows too, and a frozen broadcast to all of them."""
    sandbox.add_account(account)
    sandbox.control("templates", {"appid": account.appid, "template_id": TEMPLATE_ID, "title": "积分", "content": TEMPLATE})
    now = house.clock.now()
    persons = sandbox.control("people", {"count": people})["people"]
    sandbox.control("act", [{"person": each["id"], "appid": account.appid, "do": "follow"} for each in persons])
    openids = [sandbox.person(each["id"])["openids"][account.appid] for each in persons]
    from jobs.ingest import record_batch

    followed = FactDraft("follower.followed", {"how": "search"})
    entries = [
        Entry(f"{number:064x}", account.appid, openid, "event", "subscribe", now, now, (followed,)) for number, openid in enumerate(openids)
    ]
    with work(house.engine) as session:
        record_batch(session, entries, house=house)
    body = {
        "key": "race",
        "name": "会员日",
        "purpose": "service",
        "segment": {"kind": "follows_account", "account": account.appid},
        "content": {"what": "您的积分即将到期"},
        "accounts": [{"appid": account.appid, "template_id": TEMPLATE_ID, "fields": {"thing1": "what"}}],
        "lanes": lanes,
    }
    with work(house.engine) as session:
        listed = {account.id: [Template(TEMPLATE_ID, "积分", TEMPLATE)]}
        made = plan_broadcast(session, read_plan(body), accounts={account.appid: account}, catalogue=listed, actor="mei", now=now)
        send(session, made.id, actor="mei", now=now)
    assert freeze(house, made.id).pending == people
    return made.id


def accepted(sandbox: Sandbox) -> list[tuple[int, str]]:
    """When (ms) and to whom the platform accepted template messages."""
    with sandbox.log.open("rb") as lines:
        entries = [orjson.loads(line) for line in lines]
    start = max((at for at, entry in enumerate(entries) if entry["type"] == "control" and entry.get("do") == "reset"), default=0)
    return [(entry["at"], entry["openid"]) for entry in entries[start:] if entry["type"] == "message" and entry["via"] == "template"]


def states(house: House) -> dict[str, int]:
    with reading(house.engine) as session:
        return {row[0]: row[1] for row in session.execute(text("SELECT state, count(*) FROM delivery GROUP BY state"))}


def test_two_drains_on_one_broadcast_keep_the_pace_and_send_to_each_once(
    here_and_now: House, sandbox: Sandbox, make_account: Callable[..., OpenAccount], processes: Callable[..., "contextmanager[None]"]
) -> None:
    house = here_and_now
    account = make_account(per_second=80)
    sandbox.control("settings", {"latency_ms": 60, "receipts": "withheld"})
    broadcast_id = make_broadcast(house, sandbox, account, 400, lanes=2)
    house.queues.queue("send").empty()
    for _ in range(2):
        house.queues.enqueue("send", DRAIN, broadcast_id, account.id)
    with processes(("send",), ("send",)):
        wait_for(lambda: states(house) == {"sent": 400}, what="all to be sent", within_s=60)
    with reading(house.engine) as session:
        assert session.scalar(text("SELECT count(*) FROM broadcast_lane")) == 2, "only one drain took part"
    taken = accepted(sandbox)
    assert len(taken) == 400
    assert len({openid for _, openid in taken}) == 400
    times = sorted(at for at, _ in taken)
    most = max(bisect.bisect_left(times, at + 1000) - place for place, at in enumerate(times))
    assert most <= account.per_second + burst_of(account, drains=2)
    assert times[-1] - times[0] > 2500, "there was no pace to keep"


def test_receipts_that_come_before_their_msgids_settle_every_row(
    here_and_now: House,
    sandbox: Sandbox,
    make_account: Callable[..., OpenAccount],
    processes: Callable[..., "contextmanager[None]"],
    serve: Callable[..., str],
) -> None:
    """Receipts leave the moment a message is accepted, while its answer still takes a while: ingest and drain race on every row."""
    from app.factory import create_app

    house = here_and_now
    account = make_account(per_second=4000)
    broadcast_id = make_broadcast(house, sandbox, account, 300, lanes=1)
    sandbox.add_account(account, callback_url=f"{serve(create_app(house))}/wechat/{account.appid}")
    sandbox.control("settings", {"receipts": {"delay_s": [0, 0]}})
    sandbox.control("faults", {"path": "/cgi-bin/message/template/send", "percent": 50, "latency_ms": 150})
    house.queues.queue("send").empty()
    house.queues.enqueue("send", DRAIN, broadcast_id, account.id)
    with processes(("send",), ("ingest", "--number", "1"), ("ingest", "--number", "2")):
        wait_for(lambda: not {"pending", "sending"} & states(house).keys(), what="all to be sent", within_s=60)
        wait_for(lambda: sandbox.idle(5)["idle"] and not house.inbox.waiting(), what="all receipts", within_s=60)
    with work(house.engine) as session:
        # What neither transaction saw of the other is the sweep's; here nobody else runs it.
        join_parked(session, now=house.clock.now())
    assert states(house) == {"delivered": 300}
    with reading(house.engine) as session:
        assert session.scalar(text("SELECT count(*) FROM parked_receipt")) == 0
        assert session.scalar(select(func.count()).where(FactRow.kind == "template.receipted")) == 300


@pytest.mark.parametrize("last", [FOLLOWING, GONE])
def test_two_ingest_processes_on_one_follower_make_one_person(
    here_and_now: House, make_account: Callable[..., OpenAccount], processes: Callable[..., "contextmanager[None]"], last: str
) -> None:
    house = here_and_now
    account = make_account(retention="keep")
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    with work(house.engine) as session:
        tag = Tag(name="clicked", created_at=begin)
        session.add(tag)
        session.flush()
        session.add(TagRule(name="clicked", kind="event", params={"kind": "menu.clicked"}, tag_id=tag.id, created_at=begin))
    story = []
    for number in range(1200):
        kind, data = [("follower.followed", {"how": "search"}), ("menu.clicked", {"key": "sale"}), ("follower.unfollowed", {})][number % 3]
        story.append((begin + timedelta(seconds=number), FactDraft(kind, data)))
    ends = ("follower.followed", {"how": "search"}) if last == FOLLOWING else ("follower.unfollowed", {})
    story.append((begin + timedelta(seconds=2000), FactDraft(*ends)))
    random.Random(5).shuffle(story)
    entries = [
        Entry(f"{number:064x}", account.appid, LIN.openid, "event", "TEST", at, at, (draft,)) for number, (at, draft) in enumerate(story)
    ]
    with processes(("ingest", "--number", "1"), ("ingest", "--number", "2")):
        time.sleep(1.0)
        for entry in (*entries, *entries):
            house.inbox.append(entry)
        wait_for(lambda: not house.inbox.waiting(), what="the inbox to be empty", within_s=60)
    with reading(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(Follower)) == 1
        assert session.scalar(select(func.count()).select_from(Customer)) == 1
        assert session.scalar(select(func.count()).select_from(DeadLetterRow)) == 0
        assert session.scalar(select(func.count()).where(FactRow.kind == "menu.clicked")) == 400
        assert session.scalar(select(func.sum(TagEvidence.hits))) == 400
        follower = session.scalars(select(Follower)).one()
        assert (follower.state, follower.state_at) == (last, begin + timedelta(seconds=2000))
