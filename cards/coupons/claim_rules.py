"""Which facts give which coupon by themselves: the rules that templates carry."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.facts import Fact
from cards.coupons.claim import Path
from cards.models.coupons import CouponTemplate, TemplateState
from tagging.rule import matches

CLAIM_KINDS = (
    "keyword.matched",
    "qr.scanned",
    "follower.followed",
    "menu.clicked",
    "card.opened",
    "tier.upgraded",
    "order.placed",
    "form.completed",
    "consent.granted",
    "member.birthday",
    "member.checked_in",
)
"""Facts that may give a coupon by themselves."""
_PATHS = {
    "keyword.matched": Path.KEYWORD,
    "menu.clicked": Path.MENU,
    "qr.scanned": Path.CHANNEL,
    "follower.followed": Path.CHANNEL,
    "tier.upgraded": Path.TIER,
    "member.birthday": Path.BIRTHDAY,
}


@dataclass(frozen=True, slots=True)
class ClaimOn:
    """One template's wish for one kind of fact."""

    template_id: int
    kind: str
    match: tuple[tuple[str, bool | int | str], ...]

    def wants(self, fact: Fact) -> bool:
        """Whether this fact gives the coupon."""
        return fact.kind == self.kind and matches(fact.data, self.match)


def read_rules(session: Session) -> list[ClaimOn]:
    """The rules of open templates, as they stand now."""
    query = select(CouponTemplate.id, CouponTemplate.claim_on).where(
        CouponTemplate.state == TemplateState.OPEN, CouponTemplate.claim_on != []
    )
    return [
        ClaimOn(row.id, rule["kind"], tuple(rule["match"].items()))
        for row in session.execute(query.order_by(CouponTemplate.id))
        for rule in row.claim_on
    ]


def path_of(fact: Fact) -> Path:
    """How a coupon came that this fact gave."""
    return _PATHS.get(fact.kind, Path.FACT)
