"""Mutations of valid calls, through the whole door into PostgreSQL: never a 5xx, a traceback or a second fact."""

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.core.accounts import OpenAccount
from app.core.facts import FactRow
from app.core.house import House
from app.core.inbound import InboundRow
from app.core.inbox import Entry
from app.core.nouns import Mode
from app.core.unit import reading, work
from jobs.ingest import record_batch
from tests.fuzz.bodies import Door, mutants

MANY = 400


@pytest.mark.parametrize(
    ("mode", "kind", "form"), [(Mode.PLAIN, "service", "xml"), (Mode.SAFE, "service", "xml"), (Mode.COMPATIBLE, "mini", "json")]
)
def test_no_mutation_gets_further_than_it_may(
    mode: Mode,
    kind: str,
    form: str,
    house: House,
    make_app: Callable[..., Flask],
    make_account: Callable[..., OpenAccount],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = make_account(mode=mode, kind=kind)
    client = make_app().test_client()
    kept: list[Entry] = []
    # What the stream would give back, so that packing is part of the test.
    monkeypatch.setattr(house.inbox, "append", lambda entry: kept.append(Entry.unpack(entry.pack())))
    door = Door(account.appid, account.token, account.aes_key, str(mode), form)
    answers: Counter[int] = Counter()
    for mutant in itertools.islice(mutants(door, seed=7, now_s=int(house.clock.now().timestamp())), MANY):
        query = urlencode(mutant.args, errors="surrogatepass")
        for _ in range(2):
            before = len(kept)
            answer = client.post(f"/wechat/{account.appid}?{query}", data=mutant.body, content_type=mutant.content_type)
            answers[answer.status_code] += 1
            assert answer.status_code == 200 or 400 <= answer.status_code < 500, mutant
            assert "Traceback" not in answer.get_data(as_text=True)
            assert mutant.valid is None or mutant.valid is (answer.status_code == 200), (mutant, answer.data)
            assert len(kept) - before == (answer.status_code == 200)
    assert answers[200] > MANY / 5
    assert sum(answers.values()) - answers[200] > MANY / 5

    with work(house.engine) as session:
        record_batch(session, kept, house=house)
    with work(house.engine) as session:
        assert record_batch(session, [replace(entry) for entry in kept], house=house) == 0
    distinct = {entry.key: entry for entry in kept}
    with reading(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(InboundRow)) == len(distinct)
        assert session.scalar(select(func.count()).select_from(FactRow)) == sum(len(entry.drafts) for entry in distinct.values())
