"""A coupon in words: what it is worth as its stub shows it, its conditions, and until when."""

import re
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.web.h5.shown import day, days_left, last_day
from app.web.h5.words import Words, capital
from cards.coupon_type import yuan
from cards.coupons.terms import Words as Said
from cards.coupons.terms import say
from cards.models.coupons import Coupon, CouponState, CouponTemplate

SOON_DAYS = 7
MOST = 200
_ONE_FIGURE = re.compile(r"(?P<before>[^\d¥]{0,4}?)\s*(?P<figure>¥?\d[\d.,]*%?)\s*(?P<after>[^\d]{0,5})")
_GOOD = (CouponState.ISSUED, CouponState.HELD)


@dataclass(frozen=True, slots=True)
class Worth:
    """One large figure with small words around it, or `text` alone; `more` is what follows the first comma, such as a cap."""

    before: str
    figure: str
    after: str
    text: str
    more: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One coupon in one language. `until` speaks of its last day; `soon` when that is near; `ready` when it is good already."""

    id: str
    name: str
    worth: Worth
    conditions: tuple[str, ...]
    until: str
    soon: bool
    ready: bool
    state: str
    left: int
    total: int
    giveable: bool
    """Whether it may be given to a friend now."""


def coupons_of(session: Session, customer_id: int, *, words: Words, now: datetime, limit: int = MOST) -> list[Shown]:
    """A customer's coupons: those that are good, the one that expires first leading, then those that will be."""
    query = (
        select(Coupon, CouponTemplate)
        .join(CouponTemplate, CouponTemplate.id == Coupon.template_id)
        .where(Coupon.customer_id == customer_id, Coupon.state.in_(_GOOD), Coupon.expires_at > now)
        .order_by(Coupon.valid_from > now, Coupon.expires_at, Coupon.id)
        .limit(limit)
    )
    return [show_coupon(session, coupon, template, words=words, now=now) for coupon, template in session.execute(query).all()]


def past_of(session: Session, customer_id: int, *, words: Words, now: datetime, limit: int = 30) -> list[Shown]:
    """What was used, has expired or was given away, the latest first."""
    query = (
        select(Coupon, CouponTemplate)
        .join(CouponTemplate, CouponTemplate.id == Coupon.template_id)
        .where(Coupon.customer_id == customer_id, Coupon.state.not_in(_GOOD) | (Coupon.expires_at <= now))
        .order_by(Coupon.changed_at.desc(), Coupon.id.desc())
        .limit(limit)
    )
    return [show_coupon(session, coupon, template, words=words, now=now) for coupon, template in session.execute(query).all()]


def show_coupon(session: Session, coupon: Coupon, template: CouponTemplate, *, words: Words, now: datetime) -> Shown:
    """One coupon in words."""
    said = say(session, template, coupon=coupon)
    left = days_left(coupon.expires_at, now=now)
    good = coupon.state in _GOOD and coupon.expires_at > now
    state = coupon.state if good or coupon.state not in _GOOD else CouponState.EXPIRED
    if not good:
        until = words(f"past_{state}", day=day(coupon.changed_at if state != CouponState.EXPIRED else coupon.expires_at, now=now))
    elif coupon.valid_from > now:
        until = words("from_day", day=day(coupon.valid_from, now=now))
    elif left > SOON_DAYS:
        until = words("until_day", day=last_day(coupon.expires_at, now=now))
    else:
        until = words("days_left", n=left) if left > 0 else words("today_only")
    return Shown(
        id=str(coupon.public_id),
        name=template.name,
        worth=worth_shown(template, said, words),
        conditions=conditions_shown(template, said, words),
        until=until,
        soon=good and left <= SOON_DAYS and coupon.valid_from <= now,
        ready=good and coupon.valid_from <= now,
        state=str(state),
        left=coupon.uses_left,
        total=coupon.uses_total,
        giveable=good and template.giveable and coupon.state == CouponState.ISSUED and coupon.uses_left == coupon.uses_total,
    )


def worth_of(text: str) -> Worth:
    """`减 100 元` becomes a large ¥100; words without one plain figure stay words."""
    first, _, more = text.replace(", ", "，").partition("，")
    found = _ONE_FIGURE.fullmatch(first.strip())
    if found is None:
        return Worth("", "", "", first, more)
    before, figure, after = found["before"].strip(), found["figure"], found["after"].strip()
    if (before, after) == ("减", "元"):
        return Worth("", f"¥{figure}", "", "", more)
    return Worth(before, figure, after, "", more)


def worth_shown(template: CouponTemplate, said: Said, words: Words) -> Worth:
    """What a template is worth, with its minimum spend below where there is room for it."""
    worth = worth_of(words.pick(said.worth))
    return worth if worth.more or not template.minimum_fen else replace(worth, more=_minimum(template, words))


def conditions_shown(template: CouponTemplate, said: Said, words: Words) -> tuple[str, ...]:
    """The conditions one by one, without the minimum that the stub says already."""
    told = [capital(words.pick(each)) for each in said.conditions]
    stub_says = template.minimum_fen and not worth_of(words.pick(said.worth)).more
    return tuple(told[1:] if stub_says else told)


def _minimum(template: CouponTemplate, words: Words) -> str:
    return words("from_amount", amount=yuan(template.minimum_fen))
