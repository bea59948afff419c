"""Questions to the group's CRM by the clock: woken by a door, swept every few seconds, one after the other and never for long."""

from datetime import timedelta

from app.core.house import House, current
from app.core.unit import reading, work
from cards.crm.fetch import fetch
from cards.crm.questions import JOB, is_due, take

RUN_FOR = timedelta(seconds=10)
MOST = 200


def ask_due() -> None:
    """RQ job: put what is due to the CRM; what is left after ten seconds is found by the sweep."""
    house = current()
    house.queues.claimed(JOB)
    ask_questions(house)


def ask_questions(house: House) -> int:
    """Put due questions until none is left, nobody is at home, or ten seconds are over; says how many were put."""
    if house.settings.crm_url is None:
        return 0
    started, put = house.clock.now(), 0
    while put < MOST and house.clock.now() - started < RUN_FOR:
        with work(house.engine) as session:
            asked = take(house, session)
        if asked is None:
            break
        fetch(house, asked)
        put += 1
    return put


def sweep_questions(house: House) -> bool:
    """Wake the asker when a question is due that no wake-up was heard for; says whether it did."""
    if house.settings.crm_url is None:
        return False
    with reading(house.engine) as session:
        due = is_due(session, now=house.clock.now())
    return due and house.queues.wake("urgent", JOB, within_s=5)
