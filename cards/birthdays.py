"""Birthdays of members: the day without the year, sealed, told once by its owner, and a fact on the day itself."""

import re
from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from app.core.clock import business_day
from app.core.errors import BadRequestError, ConflictError
from app.core.facts import Fact, FactRow, record
from app.core.house import House
from app.core.secrets import KeyRing
from app.core.unit import work
from cards.expiry import midnight
from cards.models.membership import CardState, MemberCard

BIRTHDAY = "member.birthday"
KIND = "birthday"
BATCH = 500
_DAY = re.compile(r"(?:\d{4}-)?(\d{2})-(\d{2})\Z")
_LEAP = 2024


def tidy_birthday(written: str) -> str:
    """`MM-DD` of `MM-DD` or `YYYY-MM-DD`; the year is not kept. Raises BadRequestError."""
    found = _DAY.match(written[:40].strip().replace("/", "-"))
    try:
        month, day = (int(part) for part in found.groups()) if found else (0, 0)
        return date(_LEAP, month, day).strftime("%m-%d")
    except ValueError:
        raise BadRequestError("生日应为 MM-DD / a birthday is written MM-DD", code="bad_birthday") from None


def know_birthday(session: Session, ring: KeyRing, card: MemberCard, *, written: str, by_hand: bool = False) -> None:
    """Keep a member's birthday. He says it once; another one is for the staff (`by_hand`), for a birthday brings points.

    Raises BadRequestError, and ConflictError for a second one.
    """
    day = tidy_birthday(written)
    if card.birthday_sealed is not None:
        if ring.open(card.birthday_sealed, table="member_card", column="birthday_sealed", row=card.public_id) == day:
            return
        if not by_hand:
            raise ConflictError("生日已登记，请到柜台修改 / the birthday is known; the counter can change it", code="birthday_known")
    card.birthday_sealed = ring.seal(day, table="member_card", column="birthday_sealed", row=card.public_id)
    card.birthday_lookup, card.birthday_lookup_next = ring.lookup_hash(day, kind=KIND), None
    session.flush()


def greet_birthdays(house: House, *, batch: int = BATCH) -> int:
    """Put today's birthdays (Asia/Shanghai) on record, once a year each; says how many were new. It may run twice."""
    now, told, after = house.clock.now(), 0, 0
    today = business_day(now)
    hashes = [each for day in days_kept(today) for each in house.ring.lookup_hashes(day, kind=KIND)]
    while True:
        with work(house.engine) as session:
            cards = _born(session, hashes, after=after, batch=batch)
            facts = [
                Fact(
                    key=f"birthday:{card.public_id}:{today.year}",
                    kind=BIRTHDAY,
                    occurred_at=midnight(today),
                    data={"programme_id": card.programme_id},
                    customer_id=card.customer_id,
                )
                for card in cards
            ]
            told += len(record(session, facts, registry=house.registry, now=now))
        if not cards:
            return told
        after = cards[-1].id


def has_birthday(session: Session, *, customer_id: int, at: datetime) -> bool:
    """Whether the day of a moment (UTC) is this customer's birthday, as the night put on record."""
    first = midnight(business_day(at))
    query = exists().where(FactRow.customer_id == customer_id, FactRow.kind == BIRTHDAY, FactRow.occurred_at == first)
    return bool(session.scalar(select(query)))


def _born(session: Session, hashes: Sequence[bytes], *, after: int, batch: int) -> Sequence[MemberCard]:
    query = select(MemberCard).where(
        or_(MemberCard.birthday_lookup.in_(hashes), MemberCard.birthday_lookup_next.in_(hashes)),
        MemberCard.state == CardState.ACTIVE,
        MemberCard.id > after,
    )
    return session.scalars(query.order_by(MemberCard.id).limit(batch)).all()


def days_kept(today: date) -> list[str]:
    """The days (`MM-DD`) that are kept today: the day itself; in a year without it, 29 February is kept on the 28th."""
    days = [today.strftime("%m-%d")]
    leap = today.year % 4 == 0 and (today.year % 100 != 0 or today.year % 400 == 0)
    return [*days, "02-29"] if days == ["02-28"] and not leap else days
