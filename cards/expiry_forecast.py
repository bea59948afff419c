"""What is going to expire: points, lots and members by day and unit, and the channels on which their members would hear of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core.clock import business_day
from cards.models.ledger import Lot, LotState, Wallet, WalletKind
from cards.reminders import Channel, Way, find_ways

_CHUNK = 1000
_BY_DAY = text(
    """
    SELECT (lot.expires_at AT TIME ZONE 'Asia/Shanghai' - interval '1 microsecond')::date AS day, unit.name AS unit,
           sum(lot.remaining)::bigint AS points, count(*) AS lots, count(DISTINCT lot.wallet_id) AS members
    FROM lot JOIN wallet ON wallet.id = lot.wallet_id AND wallet.kind = 'points' AND wallet.programme_id = :programme
    JOIN business_unit AS unit ON unit.id = lot.issuing_unit_id
    WHERE lot.state IN ('active', 'pending') AND lot.remaining > 0 AND lot.expires_at <= :until
    GROUP BY 1, 2 ORDER BY 1, 2
    """
)


_BY_PERSON = text(
    """
    SELECT wallet.customer_id, card.number, sum(lot.remaining)::bigint AS points,
           (min(lot.expires_at) AT TIME ZONE 'Asia/Shanghai' - interval '1 microsecond')::date AS day
    FROM wallet JOIN lot ON lot.wallet_id = wallet.id
    JOIN member_card AS card ON card.customer_id = wallet.customer_id AND card.programme_id = wallet.programme_id AND card.state = 'active'
    WHERE wallet.kind = 'points' AND wallet.programme_id = :programme AND wallet.customer_id = ANY(:people)
      AND lot.state IN ('active', 'pending') AND lot.remaining > 0 AND lot.expires_at > :now AND lot.expires_at <= :until
    GROUP BY 1, 2 ORDER BY 1
    """
)


@dataclass(frozen=True, slots=True)
class Due:
    """What expires at the end of one day of what one unit has issued."""

    day: date
    """The last day on which it counts."""
    unit: str
    points: int
    lots: int
    members: int


def forecast_expiry(session: Session, *, programme_id: int, until: datetime) -> list[Due]:
    """What expires up to a moment (UTC), by day and unit; what is over and was not yet swept away is in it. Nothing is changed."""
    rows = session.execute(_BY_DAY, {"programme": programme_id, "until": until})
    return [Due(row.day, row.unit, row.points, row.lots, row.members) for row in rows]


def forecast_notices(session: Session, *, programme_id: int, until: datetime, now: datetime, mail: bool, mass: int = 0) -> dict[str, int]:
    """How many members it concerns, by the channel that would tell them at this moment; the badge on the card page tells them in any case."""
    told: Counter[str] = Counter({"members": 0, **{channel.value: 0 for channel in Channel}})
    after = 0
    while people := _members(session, programme_id=programme_id, until=until, now=now, after=after):
        ways = find_ways(session, people, now=now, mass=mass)
        told["members"] += len(people)
        for person in people:
            allowed = _channels(ways.get(person), now=now, mail=mail)
            told.update(channel.value for channel in allowed)
        after = people[-1]
    return dict(told)


def forecast_people(session: Session, *, programme_id: int, until: datetime, now: datetime, mail: bool, mass: int = 0) -> list[list[str]]:
    """Who it concerns, line by line: the card, the points, the last day of the first of them, and the channels that would tell at this moment."""
    said, after = [], 0
    while people := _members(session, programme_id=programme_id, until=until, now=now, after=after):
        ways = find_ways(session, people, now=now, mass=mass)
        for row in session.execute(_BY_PERSON, {"programme": programme_id, "until": until, "now": now, "people": list(people)}):
            allowed = _channels(ways.get(row.customer_id), now=now, mail=mail)
            said.append([row.number, str(row.points), row.day.isoformat(), " ".join(channel.value for channel in allowed)])
        after = people[-1]
    return said


def _channels(way: Way | None, *, now: datetime, mail: bool) -> tuple[Channel, ...]:
    return (Channel.BADGE,) if way is None else way.allowed("expiry", now=now, mail=mail, mass_left=way.reach.mass_left)


def year_end(now: datetime) -> date:
    """The last day of the present year in Asia/Shanghai."""
    return business_day(now).replace(month=12, day=31)


def _members(session: Session, *, programme_id: int, until: datetime, now: datetime, after: int) -> Sequence[int]:
    query = (
        select(Wallet.customer_id)
        .join(Lot, Lot.wallet_id == Wallet.id)
        .where(Wallet.kind == WalletKind.POINTS, Wallet.programme_id == programme_id, Wallet.customer_id > after)
        .where(Lot.state.in_((LotState.ACTIVE, LotState.PENDING)), Lot.remaining > 0, Lot.expires_at > now, Lot.expires_at <= until)
        .group_by(Wallet.customer_id)
        .order_by(Wallet.customer_id)
        .limit(_CHUNK)
    )
    return session.scalars(query).all()
