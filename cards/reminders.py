"""Reminders of what is about to expire, and greetings: what is due, where it may lawfully be said, and in which words."""

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.core.clock import business_day
from cards.birthdays import days_kept
from cards.expiry import midnight

REMINDED = "member.reminded"
WINDOW = timedelta(hours=48)
"""A customer-service window stays open so long after the person wrote (wechat.md, section 10)."""
_AHEAD = {"points": timedelta(days=30), "coupon": timedelta(days=3), "tier": timedelta(days=30)}


class Channel(enum.StrEnum):
    """Where a reminder may go. There is no template message among them: promotion is forbidden there (wechat.md, section 4c)."""

    SERVICE = "service"
    """A customer-service message, while the person's window is open."""
    MASS = "mass"
    """One of the four mass messages a month that WeChat lets a service account send a person, if the marketer sets some aside."""
    EMAIL = "email"
    BADGE = "badge"
    """A sign on the card page, which is always allowed."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What is known of the ways to one person. `wrote_at` (UTC) is when he last wrote to the account that would speak."""

    follows: bool = False
    wrote_at: datetime | None = None
    mass_left: int = 0
    """Of his four mass messages this month those that the marketer set aside for reminders."""
    has_email: bool = False
    """An address that has confirmed that it may be written to."""


def decide(reach: Reach, *, now: datetime) -> tuple[Channel, ...]:
    """The lawful channels for a reminder: one that speaks, the least intrusive first, and always the badge. Pure."""
    if reach.follows and reach.wrote_at is not None and now < reach.wrote_at + WINDOW:
        return Channel.SERVICE, Channel.BADGE
    if reach.follows and reach.mass_left > 0:
        return Channel.MASS, Channel.BADGE
    if reach.has_email:
        return Channel.EMAIL, Channel.BADGE
    return (Channel.BADGE,)


@dataclass(frozen=True, slots=True)
class Reminder:
    """One thing to be reminded of. `key` is the same however often it is found; `amount` is points, for coupons 1."""

    key: str
    kind: str
    customer_id: int
    programme_id: int
    amount: int
    on: date
    name: str
    """Of the coupon or the tier; a festival's own words."""
    name_en: str = ""

    @property
    def for_many(self) -> bool:
        """Whether a mass message may say it."""
        return self.kind in _TO_MANY

    @property
    def topic(self) -> str:
        """What a member says yes or no to."""
        return TOPIC_OF[self.kind]

    @property
    def words(self) -> tuple[str, str]:
        """In Chinese and in English."""
        # The day named is the last one on which it counts.
        day = f"{self.on:%Y-%m-%d}"
        match self.kind:
            case "points":
                said = f"您有 {self.amount:,} 积分将于 {day} 后到期", f"{self.amount:,} points expire after {day}"
            case "coupon":
                said = f"您的「{self.name}」有效期至 {day}", f"your {self.name} is good until {day}"
            case "tier":
                said = f"您的{self.name}等级有效期至 {day}", f"your tier {self.name_en or self.name} is safe until {day}"
            case "tier_news":
                said = f"您的会员等级现为{self.name}", f"you are {self.name_en or self.name} now"
            case "anniversary":
                years = "a year" if self.amount == 1 else f"{self.amount} years"
                said = f"今天是您成为会员 {self.amount} 周年，谢谢一路相伴", f"you have been a member for {years} today: thank you"
            case "festival":
                said = self.name, self.name_en or self.name
            case _:
                said = "生日快乐！今天消费有惊喜", "happy birthday! a surprise waits for you today"
        return said


TOPIC_OF = {
    "points": "expiry",
    "coupon": "expiry",
    "tier": "expiry",
    "birthday": "greeting",
    "anniversary": "greeting",
    "festival": "greeting",
    "tier_news": "tier",
}
_TO_MANY = {
    "points": "您有积分将于 {on} 后到期，打开会员卡即可查看",
    "coupon": "您有优惠券将于 {on} 到期，打开会员卡即可查看",
    "tier": "您的会员等级有效期至 {on}，打开会员卡查看如何保级",
    "birthday": "生日快乐！今天消费有惊喜，打开会员卡即可查看",
    "anniversary": "今天是您成为会员的纪念日，谢谢一路相伴",
}
"""What a mass message says: nothing of one person, for many read it. A festival is a marketer's broadcast and not in it."""


def words_for_many(data: Mapping[str, Any]) -> str:
    """The Chinese text of a reminder's fact as it is said to many at once."""
    return _TO_MANY[data["kind"]].format(on=data["on"])


_DUE = """
    SELECT 'points:' || wallet.id || ':' || min(lot.expires_at)::text AS key, 'points' AS kind, wallet.customer_id, wallet.programme_id,
           sum(lot.remaining) AS amount, min(lot.expires_at) AS ends_at, '' AS name, '' AS name_en
    FROM lot JOIN wallet ON wallet.id = lot.wallet_id AND wallet.kind = 'points'
    WHERE lot.state = 'active' AND lot.remaining > 0 AND lot.expires_at > :now AND lot.expires_at <= :points
      {wallet}
    GROUP BY wallet.id
    UNION ALL
    SELECT 'coupon:' || coupon.public_id, 'coupon', coupon.customer_id, template.programme_id, 1, coupon.expires_at, template.name, ''
    FROM coupon JOIN coupon_template AS template ON template.id = coupon.template_id
    WHERE coupon.state = 'issued' AND coupon.expires_at > :now AND coupon.expires_at <= :coupon {coupon}
    UNION ALL
    SELECT 'tier:' || card.public_id || ':' || card.tier_until::text, 'tier', card.customer_id, card.programme_id, 1, card.tier_until, tier.name, tier.name_en
    FROM member_card AS card JOIN tier ON tier.id = card.tier_id
    WHERE card.state = 'active' AND card.tier_until > :now AND card.tier_until <= :tier {card}
    UNION ALL
    SELECT 'birthday:' || card.public_id || ':' || :year, 'birthday', card.customer_id, card.programme_id, 1, fact.occurred_at + interval '1 day', '', ''
    FROM fact JOIN member_card AS card ON card.customer_id = fact.customer_id AND card.state = 'active'
    WHERE fact.kind = 'member.birthday' AND fact.occurred_at = :today {card}
    UNION ALL
    SELECT 'anniversary:' || card.public_id || ':' || :year, 'anniversary', card.customer_id, card.programme_id,
           :year_no - extract(year FROM card.opened_at AT TIME ZONE 'Asia/Shanghai')::int, :today + interval '1 day', '', ''
    FROM member_card AS card
    WHERE card.state = 'active' AND card.opened_at < :today - interval '300 days'
      AND to_char(card.opened_at AT TIME ZONE 'Asia/Shanghai', 'MM-DD') = ANY(:days) {card}
    UNION ALL
    SELECT 'festival:' || festival.day || ':' || card.public_id, 'festival', card.customer_id, card.programme_id, 1,
           :today + interval '1 day', festival.words, festival.words_en
    FROM festival_day AS festival JOIN member_card AS card ON card.programme_id = festival.programme_id AND card.state = 'active'
    WHERE festival.day = :day {card} {reached}
"""
# A festival is everybody's: on record it is put only for those to whom it can be said, and the others find it on their card page.
_REACHED = """
    AND (EXISTS (SELECT 1 FROM email_consent WHERE email_consent.customer_id = card.customer_id AND confirmed_at IS NOT NULL AND revoked_at IS NULL)
         OR EXISTS (SELECT 1 FROM fact AS wrote WHERE wrote.customer_id = card.customer_id AND wrote.kind = 'message.received'
                    AND wrote.occurred_at > :now - interval '48 hours'))
"""
_ALL = text(_DUE.format(wallet="", coupon="", card="", reached=_REACHED))
# A new tier is shown on the card page alone: that it came was said when it came.
_NEWS = """
    UNION ALL
    SELECT 'news:' || change.public_id, 'tier_news', card.customer_id, card.programme_id, 1, change.at + interval '14 days', tier.name, tier.name_en
    FROM member_card AS card JOIN tier ON tier.id = card.tier_id
    JOIN tier_change AS change ON change.card_id = card.id AND change.to_tier_id = card.tier_id AND change.from_tier_id IS NOT NULL
    WHERE card.customer_id = :customer AND card.state = 'active' AND change.at = card.tier_since AND change.at > :now - interval '14 days'
"""
_HIS = text(
    _DUE.format(
        wallet="AND wallet.customer_id = :customer",
        coupon="AND coupon.customer_id = :customer",
        card="AND card.customer_id = :customer",
        reached="",
    )
    + _NEWS
)


def find_due(session: Session, *, now: datetime) -> Iterator[Reminder]:
    """Everything anybody is to be reminded of, one row at a time: the answer is never in memory as a whole."""
    found = session.execute(_ALL, _bound(now), execution_options={"stream_results": True, "yield_per": 500})
    for row in found:
        yield _read(row)


def find_badges(session: Session, *, customer_id: int, now: datetime) -> Sequence[Reminder]:
    """What the card page of one customer shows, what ends first at the top."""
    rows = session.execute(_HIS, {**_bound(now), "customer": customer_id})
    return sorted((_read(row) for row in rows), key=lambda each: (each.on, each.key))


def _bound(now: datetime) -> dict[str, object]:
    today = business_day(now)
    ends = {kind: now + ahead for kind, ahead in _AHEAD.items()}
    return {
        **ends,
        "now": now,
        "today": midnight(today),
        "year": str(today.year),
        "year_no": today.year,
        "day": today,
        "days": days_kept(today),
    }


def _read(row: Row[tuple[object, ...]]) -> Reminder:
    last = business_day(row.ends_at.astimezone(UTC) - timedelta(microseconds=1))
    return Reminder(f"remind:{row.key}", row.kind, row.customer_id, row.programme_id, int(row.amount), last, row.name, row.name_en)


_REACH = text(
    """
    SELECT customer.id AS customer_id, heard.follower_id, heard.account_id, heard.wrote_at,
           CASE WHEN heard.kind = 'service' AND :mass > 0 THEN :mass - (
               SELECT count(*) FROM fact AS told
               WHERE told.customer_id = customer.id AND told.kind = 'member.reminded' AND told.occurred_at >= :month
                 AND told.follower_id = heard.follower_id AND told.data -> 'channels' @> '["mass"]'
           ) ELSE 0 END AS mass_left,
           customer.email_sealed IS NOT NULL AND EXISTS (
               SELECT 1 FROM email_consent WHERE email_consent.customer_id = customer.id AND confirmed_at IS NOT NULL AND revoked_at IS NULL
           ) AS has_email,
           ARRAY(
               SELECT wish.topic || ':' || wish.channel FROM contact_wish AS wish WHERE wish.customer_id = customer.id AND NOT wish.wanted
           ) AS unwanted
    FROM customer LEFT JOIN LATERAL (
        SELECT follower.id AS follower_id, follower.account_id, account.kind, wrote.at AS wrote_at
        FROM follower JOIN account ON account.id = follower.account_id AND account.kind <> 'mini'
        LEFT JOIN LATERAL (
            SELECT max(fact.occurred_at) AS at FROM fact
            WHERE fact.customer_id = customer.id AND fact.kind = 'message.received' AND fact.occurred_at > :since AND fact.follower_id = follower.id
        ) AS wrote ON true
        WHERE follower.customer_id = customer.id AND follower.state = 'following' AND follower.openid IS NOT NULL
        ORDER BY wrote.at DESC NULLS LAST, account.priority, follower.id LIMIT 1
    ) AS heard ON true
    WHERE customer.id = ANY(:customers)
    """
)


@dataclass(frozen=True, slots=True)
class Way:
    """The ways to one person, and the follower through whom he would be spoken to."""

    reach: Reach
    follower_id: int | None
    account_id: int | None
    unwanted: frozenset[str] = frozenset()
    """What he said no to, as `topic:channel`."""

    def allowed(self, topic: str, *, now: datetime, mail: bool, mass_left: int = 0) -> tuple[Channel, ...]:
        """The lawful channels for a topic that he has not said no to. `mail` is False where the house sends no letters, `mass_left` what may go to many."""
        reach = replace(self.reach, mass_left=mass_left)
        if f"{topic}:{Channel.SERVICE}" in self.unwanted:
            # Whoever wants no word of it in the chat wants none there from a mass message either.
            reach = replace(reach, wrote_at=None, mass_left=0)
        if not mail or f"{topic}:{Channel.EMAIL}" in self.unwanted:
            reach = replace(reach, has_email=False)
        return decide(reach, now=now)


def find_ways(session: Session, customer_ids: Sequence[int], *, now: datetime, mass: int = 0) -> dict[int, Way]:
    """How people can be reached, by customer id: through the account they last wrote to. `mass` is how many mass messages a month are set aside."""
    month = midnight(business_day(now).replace(day=1))
    rows = session.execute(_REACH, {"customers": sorted(set(customer_ids)), "since": now - WINDOW, "month": month, "mass": mass})
    return {
        row.customer_id: Way(
            Reach(row.follower_id is not None, row.wrote_at, max(row.mass_left, 0), row.has_email),
            row.follower_id,
            row.account_id,
            frozenset(row.unwanted),
        )
        for row in rows
    }
