"""The forecast: before anything is sent, how many each account would reach, how many nobody can, and why."""

from dataclasses import dataclass

from sqlalchemy import func, select

from app.core.errors import NotFoundError
from app.core.house import House
from app.core.unit import reading
from jobs.broadcasts.audience import audience
from jobs.broadcasts.pacing import Pace
from jobs.broadcasts.words import LEFT_OUT, Words
from jobs.models import Broadcast, BroadcastAccount

STATEMENT_MS = 30_000


@dataclass(frozen=True, slots=True)
class Reach:
    """What one account would send: people, seconds at its pace, what is left of today's quota, and how many that leaves for tomorrow."""

    appid: str
    name: str
    people: int
    seconds: int
    left_today: int
    over_quota: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """So many by account, so many that cannot be reached and why."""

    total: int
    accounts: tuple[Reach, ...]
    left_out: dict[str, int]
    left_out_words: dict[str, Words]

    @property
    def reached(self) -> int:
        return sum(account.people for account in self.accounts)


def forecast(house: House, broadcast_id: int) -> Forecast:
    """Count a broadcast's audience as it would be frozen now; nothing is written. Raises NotFoundError."""
    pace = Pace(house.redis, house.settings.redis_prefix)
    with reading(house.replica, timeout_ms=STATEMENT_MS) as session:
        broadcast = session.get(Broadcast, broadcast_id)
        if broadcast is None:
            raise NotFoundError(f"没有群发 {broadcast_id} / there is no such broadcast", code="no_broadcast")
        ids = session.scalars(select(BroadcastAccount.account_id).where(BroadcastAccount.broadcast_id == broadcast_id)).all()
        chosen = audience(broadcast, now=house.clock.now(), parked=set(pace.parked(ids))).subquery("chosen")
        counted = session.execute(
            select(chosen.c.account_id, chosen.c.left_out_why, func.count()).group_by(chosen.c.account_id, chosen.c.left_out_why)
        ).all()
    people = {account_id: number for account_id, _, number in counted if account_id is not None}
    left_out = {why: number for account_id, why, number in sorted(counted, key=lambda row: str(row[1])) if account_id is None}
    return Forecast(
        total=sum(row[2] for row in counted),
        accounts=tuple(_reach(house, pace, account_id, people.get(account_id, 0)) for account_id in sorted(ids)),
        left_out=left_out,
        left_out_words={why: LEFT_OUT[why] for why in left_out},
    )


def _reach(house: House, pace: Pace, account_id: int, people: int) -> Reach:
    account = house.accounts.by_id(account_id)
    if account is None:
        raise NotFoundError(f"没有账号 {account_id} / there is no such account", code="no_account")
    left = max(account.per_day - pace.used_today(account_id), 0)
    per_second = min(account.per_second, account.per_minute / 60)
    return Reach(account.appid, account.name, people, round(people / per_second), left, max(people - left, 0))
