"""What a coupon is worth to one person: by what he spent, by his tier or by chance, within floor and cap, out of a budget that nobody overdraws."""

import secrets
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator
from sqlalchemy.orm import Session

from cards.coupon_type import Fen
from cards.guards import Guarded, give_back, read_used, take
from cards.models.coupons import Coupon, CouponTemplate
from cards.tier_rule import Span, measure_called
from cards.tiers import current_tier

TYPE = "amount_off"
"""Only an amount can be personal: a percentage is one by itself."""


class _Bounds(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    floor_fen: Fen
    cap_fen: Fen
    step_fen: Annotated[int, Field(ge=1, le=10**6)] = 100
    """Values are rounded down to whole steps, never below the floor."""

    @model_validator(mode="after")
    def _ordered(self) -> "_Bounds":
        if self.floor_fen > self.cap_fen:
            raise ValueError("floor_fen lies above cap_fen")
        return self


class BySpend(_Bounds):
    """`percent` of what he paid in the last `days` days, refunds taken off."""

    by: Literal["spend"]
    percent: Annotated[int, Field(ge=1, le=100)]
    days: Annotated[int, Field(ge=1, le=1100)]


class ByTier(_Bounds):
    """An amount by the name of his tier; the floor for everybody else."""

    by: Literal["tier"]
    fen: Annotated[dict[Annotated[str, Field(min_length=1, max_length=32)], Fen], Field(min_length=1, max_length=100)]


class ByChance(_Bounds):
    """Anything between floor and cap, each step as likely as the other: 拼手气."""

    by: Literal["chance"]


ValueRule = Annotated[BySpend | ByTier | ByChance, Field(discriminator="by")]
_RULE: TypeAdapter[BySpend | ByTier | ByChance] = TypeAdapter(ValueRule)


def rule_of(template: CouponTemplate) -> BySpend | ByTier | ByChance | None:
    """A template's rule, checked; None when everybody's coupon is worth the same."""
    return None if template.value_rule is None else _RULE.validate_python(template.value_rule)


def terms_of(coupon: Coupon | None, template: CouponTemplate) -> dict[str, Any]:
    """The terms a coupon has: its own where its worth is personal."""
    return template.terms if coupon is None or coupon.own_terms is None else coupon.own_terms


def budget_guards(template: CouponTemplate) -> list[Guarded]:
    """What a claim will take of a budget, if there is one."""
    return [] if template.budget_fen is None else [_budget(template)]


def settle_worth(session: Session, template: CouponTemplate, coupon: Coupon, *, now: datetime) -> bool:
    """Fix what a fresh coupon is worth and take it from the budget; when the rest does not cover it, the floor. False when not even that is left."""
    rule = rule_of(template)
    if rule is None:
        return True
    wished = bounded(rule, _wished(session, template, coupon.customer_id, rule, now=now))
    for value in sorted({wished, rule.floor_fen}, reverse=True):
        if take(session, [_budget(template)], number=value) is None:
            coupon.own_terms = {**template.terms, "amount_fen": value}
            session.flush()
            return True
    return False


def return_worth(session: Session, template: CouponTemplate, coupon: Coupon) -> None:
    """Give the budget back what a coupon that was never used took from it."""
    if template.budget_fen is not None and coupon.own_terms is not None:
        give_back(session, [_budget(template)], number=int(coupon.own_terms["amount_fen"]))


def budget_left(session: Session, template: CouponTemplate) -> int | None:
    """What is left of the budget, in fen; None without one. For showing: only the guarded statement decides."""
    if template.budget_fen is None:
        return None
    return max(template.budget_fen - read_used(session, scope=f"template:{template.id}:budget"), 0)


def bounded(rule: BySpend | ByTier | ByChance, wished_fen: int) -> int:
    """A wish in whole steps, within floor and cap. Pure."""
    return min(max(wished_fen - wished_fen % rule.step_fen, rule.floor_fen), rule.cap_fen)


def _wished(session: Session, template: CouponTemplate, customer_id: int, rule: BySpend | ByTier | ByChance, *, now: datetime) -> int:
    match rule:
        case BySpend():
            span = Span(now - timedelta(days=rule.days), now)
            spent = measure_called("spend").measure(session, programme_id=template.programme_id, spans={customer_id: span})
            return max(spent.get(customer_id, 0), 0) * rule.percent // 100
        case ByTier():
            tier = current_tier(session, customer_id=customer_id, programme_id=template.programme_id, at=now)
            return rule.floor_fen if tier is None else rule.fen.get(tier.name, rule.floor_fen)
        case ByChance():
            return rule.floor_fen + secrets.randbelow(rule.cap_fen - rule.floor_fen + 1)


def _budget(template: CouponTemplate) -> Guarded:
    assert template.budget_fen is not None, "a personal value has a budget"
    return Guarded(f"template:{template.id}:budget", template.budget_fen, refusal="stock")
