"""What people do, as inbox entries: short ways for tests to say «Lin follows at second 10»."""

import itertools
from datetime import timedelta

from app.core.accounts import OpenAccount
from app.core.facts import FactDraft
from app.core.house import House
from app.core.inbox import Entry
from app.core.unit import work
from jobs.ingest import record_batch
from tests.support.cast import LIN, Person

_numbers = itertools.count(1)


def said(
    house: House, account: OpenAccount, kind: str, at_s: float = 0, *, who: Person = LIN, entry_key: str | None = None, **data: object
) -> Entry:
    """An entry of one fact; `at_s` is when it occurred, in seconds after the test's clock began."""
    moment = house.clock.now() + timedelta(seconds=at_s)
    return Entry(
        key=entry_key or f"{next(_numbers):064x}",
        appid=account.appid,
        openid=who.openid,
        msg_type="event",
        event="TEST",
        occurred_at=moment,
        received_at=house.clock.now(),
        drafts=(FactDraft(kind, data),),
    )


def hear(house: House, *entries: Entry, batch: int = 500) -> int:
    """Record entries as the ingest process would, in batches; says how many were new."""
    new = 0
    for start in range(0, len(entries), batch):
        with work(house.engine) as session:
            new += record_batch(session, entries[start : start + batch], house=house)
    return new
