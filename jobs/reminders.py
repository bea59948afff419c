"""The day's reminders: found once a morning, decided by what WeChat allows, and put on record once each."""

from collections.abc import Sequence
from itertools import islice

from sqlalchemy import select

from app.core.facts import Fact, FactRow, record
from app.core.house import House
from app.core.unit import reading, work
from cards.reminders import REMINDED, Channel, Reminder, find_due, find_ways

BATCH = 500


def remind_members(house: House, *, batch: int = BATCH) -> int:
    """Put on record whatever is newly due and where it may be said; a reaction says it. How many were new; a second run finds none."""
    new = 0
    with reading(house.engine) as session:
        due = find_due(session, now=house.clock.now())
        while reminders := list(islice(due, batch)):
            new += _put(house, reminders)
    return new


def _put(house: House, reminders: Sequence[Reminder]) -> int:
    now, mail = house.clock.now(), house.settings.smtp_url is not None
    with work(house.engine) as session:
        known = set(session.scalars(select(FactRow.key).where(FactRow.key.in_([each.key[:160] for each in reminders]))))
        ways = find_ways(session, [each.customer_id for each in reminders], now=now, mass=house.settings.reminder_mass)
        mass_left = {customer_id: way.reach.mass_left for customer_id, way in ways.items()}
        facts = []
        for each in reminders:
            way = ways.get(each.customer_id)
            if way is None or each.key[:160] in known:
                continue
            zh, en = each.words
            left = mass_left[each.customer_id] if each.for_many else 0
            channels = [channel.value for channel in way.allowed(each.topic, now=now, mail=mail, mass_left=left)]
            if Channel.MASS in channels:
                mass_left[each.customer_id] -= 1
            data = {
                "kind": each.kind,
                "programme_id": each.programme_id,
                "on": each.on.isoformat(),
                "zh": zh,
                "en": en,
                "channels": channels,
            }
            facts.append(
                Fact(
                    key=each.key[:160],
                    kind=REMINDED,
                    occurred_at=now,
                    data=data,
                    customer_id=each.customer_id,
                    follower_id=way.follower_id,
                    account_id=way.account_id,
                )
            )
        return len(record(session, facts, registry=house.registry, now=now))
