"""The unit of work commits once, and its hooks run only after that."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import InternalError

from app.core.nouns import BusinessUnit
from app.core.unit import after_commit, reading, work


def count(house):
    with reading(house.engine) as session:
        return session.scalar(select(func.count()).select_from(BusinessUnit))


def test_hooks_run_after_the_commit_and_see_its_rows(house):
    seen = []
    with work(house.engine) as session:
        session.add(BusinessUnit(name="海岸百货"))
        after_commit(session, lambda: seen.append(count(house)))
        assert seen == []
    assert seen == [1]


def test_what_raises_is_undone_and_wakes_nothing(house):
    seen = []
    with pytest.raises(RuntimeError), work(house.engine) as session:
        session.add(BusinessUnit(name="海岸百货"))
        after_commit(session, lambda: seen.append(1))
        session.flush()
        raise RuntimeError
    assert (count(house), seen) == (0, [])


def test_a_hook_that_fails_undoes_nothing_and_stops_no_other(house):
    seen = []
    with work(house.engine) as session:
        session.add(BusinessUnit(name="海岸百货"))
        after_commit(session, lambda: 1 / 0)
        after_commit(session, lambda: seen.append(1))
    assert (count(house), seen) == (1, [1])


def test_reading_cannot_write(house):
    with pytest.raises(InternalError), reading(house.engine) as session:
        session.add(BusinessUnit(name="海岸百货"))
        session.flush()
