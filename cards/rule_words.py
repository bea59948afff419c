"""The members' rules page, written by the rules themselves: what earns points today, in both languages."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from cards.caps import Cap
from cards.models.programme import Expiry, Programme
from cards.rulebook import rules_at

_SPANS = {
    "day": ("每天", "a day"),
    "week": ("每周", "a week"),
    "month": ("每月", "a month"),
    "year": ("每年", "a year"),
    "ever": ("累计", "in all"),
}


@dataclass(frozen=True, slots=True)
class Words:
    """One paragraph of the page."""

    name: str
    zh: str
    en: str


def members_rules(session: Session, *, programme: Programme, at: datetime) -> list[Words]:
    """Every rule in force at a moment (UTC), in its own words with its caps, then how points wait and expire."""
    said = []
    for rule in rules_at(session, programme_id=programme.id, at=at):
        zh, en = rule.kind.describe(rule.params)
        caps = [_of_cap(cap) for cap in rule.caps if cap.scope == "customer"]
        said.append(Words(rule.name, "；".join([zh, *(cap[0] for cap in caps)]), "; ".join([en, *(cap[1] for cap in caps)])))
    if programme.pending_days:
        said.append(
            Words(
                "到账",
                f"消费积分在 {programme.pending_days} 天退货期满后可用",
                f"points of a purchase can be used after {programme.pending_days} days, when its return window closes",
            )
        )
    said.append(_of_expiry(programme))
    return said


def _of_cap(cap: Cap) -> tuple[str, str]:
    zh, en = _SPANS[cap.span]
    parts = [(f"{cap.points} 积分", f"{cap.points} points")] if cap.points is not None else []
    parts += [(f"{cap.times} 次", "once" if cap.times == 1 else f"{cap.times} times")] if cap.times is not None else []
    return f"{zh}最多" + "、".join(part[0] for part in parts), f"at most {', '.join(part[1] for part in parts)} {en}"


def _of_expiry(programme: Programme) -> Words:
    if programme.expiry == Expiry.NEVER or (programme.expiry == Expiry.ROLLING and not programme.expiry_months):
        return Words("有效期", "积分长期有效", "points do not expire")
    years = programme.expiry_months // 12
    if programme.expiry == Expiry.FIXED_DAY:
        day = programme.expiry_day
        if not years:
            return Words("有效期", f"积分于获得后的第一个 {day} 到期", f"points expire after the next {day}")
        return Words("有效期", f"积分于获得后的第一个 {day} 再过 {years} 年到期", f"points expire {years} years after the next {day}")
    if programme.expiry == Expiry.YEAR_END and not years:
        return Words("有效期", "积分于当年年底到期", "points expire at the end of the year")
    if programme.expiry == Expiry.YEAR_END:
        return Words(
            "有效期",
            f"积分于获得之年后第 {years} 年年底到期",
            f"points expire at the end of the year, {years} years after they were earned",
        )
    return Words(
        "有效期", f"积分自获得之日起 {programme.expiry_months} 个月内有效", f"points are good for {programme.expiry_months} months"
    )
