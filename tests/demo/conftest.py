"""A small shop on a real sandbox and a real house, played and worked off in this process."""

import time
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pytest

from app.core.clock import WallClock
from app.core.unit import reading
from app.factory import create_app
from demo.control import Control
from demo.day import Timed, draw_day
from demo.door import fanka
from demo.plan import PLAIN, SAFE
from demo.play import play
from demo.setup import Shop, open_doors, open_shop, send_broadcast
from jobs.broadcasts.drain import drain
from jobs.broadcasts.freeze import freeze
from jobs.broadcasts.sweep import sweep_house
from jobs.ingest_loop import IngestLoop
from jobs.models import Broadcast, BroadcastAccount
from jobs.reactions_run import run_reactions

SECONDS = 8.0
HABITS = {"duplicate": 0.2, "late": 0.2, "late_s": 1.5, "reorder": 0.3, "retry_after_s": [0.2, 0.2, 0.2]}


@dataclass
class World:
    """What the tests look at."""

    house: object
    sandbox: object
    control: Control
    shop: Shop
    ingest: IngestLoop

    @property
    def database_url(self):
        return self.house.settings.database_url

    def work_off(self):
        """Everything accepted becomes facts, and what follows from them is done."""
        self.sandbox.idle(60)
        until = time.monotonic() + 60
        while self.house.inbox.waiting() or run_reactions(self.house):
            self.ingest.step(block_ms=50)
            assert time.monotonic() < until
        sweep_house(self.house)

    def broadcast(self):
        """Send the one broadcast and let its receipts come in."""
        send_broadcast(self.shop, key="k-1")
        with reading(self.house.engine) as session:
            (broadcast_id,) = session.query(Broadcast.id).one()
            accounts = [row[0] for row in session.query(BroadcastAccount.account_id)]
        freeze(self.house, broadcast_id)
        for account_id in accounts:
            drain(broadcast_id, account_id)
        self.work_off()


def fates(people):
    """What chance may not bring in so short a day: one clicks and leaves, one comes back, one consents and takes it back."""
    leaves, returns, repents = people

    def line(person, account, *acts):
        return [Timed(at_s, {"person": person, "appid": account.appid, **act}) for at_s, act in acts]

    follow, click = {"do": "follow", "how": "search"}, {"do": "click", "key": "SALE"}
    return [
        line(leaves, SAFE, (0.1, follow), (1.5, click), (4.0, {"do": "unfollow"})),
        line(returns, SAFE, (0.1, follow), (1.5, click), (3.5, {"do": "unfollow"}), (6.0, follow), (7.5, click)),
        line(repents, SAFE, (0.1, follow), (3.0, click)),
        line(repents, PLAIN, (0.1, follow), (1.5, {"do": "write", "text": "同意"}), (5.0, {"do": "write", "text": "撤回"})),
    ]


@pytest.fixture
def stack():
    """What a test opens and this closes."""
    with ExitStack() as held:
        yield held


@pytest.fixture
def world(house, sandbox, serve, stack):
    """Forty people, a day of eight seconds with repeats, lateness and disorder, one broadcast."""
    # The play happens in real time, so the house lives in it too.
    house.clock = WallClock()
    control = Control(sandbox.url)
    stack.callback(control.close)
    shop = open_shop(control, people=42, tell=lambda _: None)
    fanka("reply", "add", "撤回", "--on", "keyword", "--pattern", "撤回", "--records", "consent.revoked", "--version", "2026-11")
    day = draw_day(shop.people, shop.scenes, seed=3, seconds=SECONDS)
    day.lines += fates([person["id"] for person in control.post("people", {"count": 3})["people"]])
    house.settings = replace(house.settings, public_url=serve(create_app(house)))
    open_doors(control, shop, before=day.before, public_url=house.settings.public_url, tell=lambda _: None)
    control.post("callbacks", HABITS)
    control.post("settings", {"receipts": {"delay_s": [0.0, 0.3], "fail_percent": 10, "block_percent": 10}})
    made = World(house, sandbox, control, shop, IngestLoop(house, "demo-1"))
    assert play(control, day.lines, seconds=SECONDS) == day.acts
    made.work_off()
    made.broadcast()
    return made
