"""The signs on the card page: what is about to end and what there is to celebrate, each a line that leads to its place."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.web.h5.words import Words, capital
from cards.reminders import Reminder

MOST = 3
_PLACES = {
    "points": ("list", "/me/points"),
    "coupon": ("ticket", "/me/coupons"),
    "tier": ("book", "/me/rules"),
    "tier_news": ("done", "/me/rules"),
}


@dataclass(frozen=True, slots=True)
class Badge:
    """One line: an icon of the sprite, a sentence, and where it leads; a greeting leads nowhere."""

    icon: str
    text: str
    href: str
    glad: bool


def badges_of(found: Sequence[Reminder], words: Words, *, today: date) -> list[Badge]:
    """What is shown, greetings first; of several coupons one line speaks for all."""
    coupons = [each for each in found if each.kind == "coupon"]
    shown = [each for each in found if each.kind != "coupon" or each is coupons[0]]
    ordered = sorted(shown, key=lambda each: (each.topic == "expiry", each.on))
    return [_badge(each, words, more=len(coupons) - 1 if each.kind == "coupon" else 0, today=today) for each in ordered[:MOST]]


def _badge(each: Reminder, words: Words, *, more: int, today: date) -> Badge:
    icon, href = _PLACES.get(each.kind, ("gift", ""))
    # A letter names the year, which a page of today need not.
    day = each.on.strftime("%m-%d" if each.on.year == today.year else "%Y-%m-%d")
    text = capital(words.pick(each.words)).replace(each.on.isoformat(), day)
    return Badge(icon, text + (words("and_more", n=more) if more else ""), href, each.topic != "expiry")
