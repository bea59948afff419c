"""The members' rules, written from the rules that are in force: how points come and go, and what each tier gives."""

from dataclasses import dataclass

from flask import Blueprint, Response
from sqlalchemy.orm import Session

from app.web.h5.door import Door, NotHereError, Visitor, first_programme
from app.web.h5.home import face_of
from app.web.h5.shown import money, points
from app.web.h5.words import Words, capital
from cards.caps import Cap
from cards.models.programme import Expiry, Programme, ReturnPolicy
from cards.models.tiers import Tier, TierRule, TierWindow
from cards.points_at_till import read_terms
from cards.receipts.sending import takes_receipts
from cards.rulebook import LiveRule, rules_at
from cards.tier_changes import read_ladder
from cards.tiers import current_tier


@dataclass(frozen=True, slots=True)
class Said:
    """One rule: its name, its sentence, and what limits it."""

    name: str
    text: str
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rung:
    """One tier as the page shows it."""

    name: str
    face: str
    needs: str
    gives: tuple[str, ...]
    own: bool


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`/me/rules`: for members and for those who want to know before they become one."""

    @blueprint.get("/me/rules")
    def rules() -> Response:
        with door.reading() as session:
            programme, words, now = first_programme(session), door.words, door.now
            own = _own_tier(door, session)
            return door.page(
                "rules",
                programme=programme,
                rungs=_rungs(session, programme, words, own=own),
                window=_window(session.get(TierRule, programme.id), words),
                earning=[_said(rule, words) for rule in rules_at(session, programme_id=programme.id, at=now)],
                receipts=takes_receipts(session, programme, now=now),
                life=_life(session, programme, words),
            )


def _own_tier(door: Door, session: Session) -> Tier | None:
    try:
        found: Visitor = door.who(session)
    except NotHereError:
        return None
    if found.customer is None:
        return None
    return current_tier(session, customer_id=found.customer.id, programme_id=found.programme.id, at=door.now)


def _rungs(session: Session, programme: Programme, words: Words, *, own: Tier | None) -> list[Rung]:
    rule = session.get(TierRule, programme.id)
    made = []
    for tier in read_ladder(session, programme.id):
        gives = [line for line in words.pick((tier.benefits, tier.benefits_en)).splitlines() if line.strip()]
        if tier.discount_percent:
            gives.insert(0, words("gives_discount", zhe=_zhe(tier.discount_percent), percent=tier.discount_percent))
        if tier.multiplier_percent != 100:
            gives.append(words("gives_times", times=f"{tier.multiplier_percent / 100:g}"))
        if tier.birthday_multiplier_percent > max(tier.multiplier_percent, 100):
            gives.append(words("gives_birthday", times=f"{tier.birthday_multiplier_percent / 100:g}"))
        made.append(
            Rung(
                words.tier(tier.name, tier.name_en),
                face_of(tier),
                _needs(rule, tier, words),
                tuple(gives),
                own is not None and own.id == tier.id,
            )
        )
    return made


def _needs(rule: TierRule | None, tier: Tier, words: Words) -> str:
    if tier.threshold is None:
        return words("needs_buying", n=tier.term_days) if tier.sku else words("needs_invitation")
    if rule is None or tier.threshold == 0:
        return words("needs_nothing")
    amount = money(tier.threshold) if rule.measure == "spend" else points(tier.threshold)
    return words(f"needs_{rule.measure}" if rule.measure in {"spend", "points", "orders", "growth"} else "needs_other", amount=amount)


def _zhe(percent: int) -> str:
    left = 100 - percent
    return f"{left // 10}" if left % 10 == 0 else f"{left / 10:.1f}"


def _window(rule: TierRule | None, words: Words) -> str:
    if rule is None:
        return ""
    return words("window_year") if rule.window_kind == TierWindow.CALENDAR else words("window_days", n=rule.window_days)


def _said(rule: LiveRule, words: Words) -> Said:
    return Said(
        rule.name if words.lang == "zh" else "",
        capital(words.pick(rule.kind.describe(rule.params))),
        tuple(_cap(cap, words) for cap in rule.caps if cap.scope == "customer"),
    )


def _cap(cap: Cap, words: Words) -> str:
    span = words(f"span_{cap.span}")
    if cap.points is not None:
        return words("cap_points", span=span, n=points(cap.points))
    return words("cap_once" if cap.times == 1 else "cap_times", span=span, n=cap.times or 0)


def _life(session: Session, programme: Programme, words: Words) -> list[str]:
    said = []
    if programme.pending_days:
        said.append(words("life_pending", n=programme.pending_days))
    if programme.expiry == Expiry.ROLLING and programme.expiry_months:
        said.append(words("life_rolling", n=programme.expiry_months))
    elif programme.expiry == Expiry.YEAR_END:
        years = programme.expiry_months // 12
        said.append(words("life_year_end") if years == 0 else words("life_years_end", n=years))
    elif programme.expiry == Expiry.FIXED_DAY:
        years, day = programme.expiry_months // 12, programme.expiry_day
        said.append(words("life_fixed_day", day=day) if years == 0 else words("life_fixed_days", day=day, n=years))
    else:
        said.append(words("life_never"))
    terms = read_terms(session, programme.id)
    if terms is not None:
        said.append(words("till_worth", fen=money(terms.fen_per_100_points)))
        if terms.cap_percent < 100:
            said.append(words("till_cap", percent=terms.cap_percent))
        if terms.least_points > 1:
            said.append(words("till_least", n=points(terms.least_points)))
    said.append(words(f"return_{programme.return_policy}") if programme.return_policy != ReturnPolicy.REFUSE else words("return_ask"))
    return said
