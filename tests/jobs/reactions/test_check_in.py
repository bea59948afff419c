"""Checking in by a keyword or a menu button: only what means it, only members, once a day."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.facts import Fact, ReactionRow, record
from app.core.unit import reading, work
from cards.models.earning import CheckIn
from jobs.reactions_run import run_reactions
from tests.support.members import join_club, open_club, somebody


def hear(house, customer_id, kind, **data):
    with work(house.engine) as session:
        now = house.clock.now()
        record(
            session,
            [Fact(f"{kind}:{customer_id}:{data}:{now}", kind, now, data, customer_id=customer_id)],
            registry=house.registry,
            now=now,
        )
    run_reactions(house)


def days(house):
    with reading(house.engine) as session:
        return list(session.execute(select(CheckIn.customer_id, CheckIn.streak).order_by(CheckIn.day)))


@pytest.mark.parametrize(("kind", "data"), [("keyword.matched", {"keyword": "签到"}), ("menu.clicked", {"key": "check_in"})])
def test_a_word_or_a_button_checks_in_once_a_day(house, clock, kind, data):
    lin = join_club(house, open_club(house)).customer_id
    hear(house, lin, kind, **data)
    clock.advance(timedelta(minutes=5))
    hear(house, lin, kind, **data)
    assert days(house) == [(lin, 1)]
    clock.advance(timedelta(days=1))
    hear(house, lin, kind, **data)
    assert days(house) == [(lin, 1), (lin, 2)]


def test_other_words_and_people_without_a_card_do_not(house):
    lin = join_club(house, open_club(house)).customer_id
    hear(house, lin, "keyword.matched", keyword="优惠")
    hear(house, lin, "menu.clicked", key="签到了")
    hear(house, somebody(house), "keyword.matched", keyword="签到")
    assert days(house) == []
    with reading(house.engine) as session:
        assert {row.state for row in session.scalars(select(ReactionRow).where(ReactionRow.name == "check_in"))} == {"done"}
