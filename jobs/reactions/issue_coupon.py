"""A keyword, a scanned code, a new card or another fact gives the coupon whose template asks for it; its fact is the business key."""

from collections.abc import Collection, Sequence

from app.core.errors import FankaError
from app.core.facts import Fact
from app.core.house import House
from app.core.log import get_logger
from app.core.unit import reading, work
from cards.coupons.claim import Claim, claim
from cards.coupons.claim_rules import path_of, read_rules
from cards.models.coupons import CouponTemplate
from cards.phones import living_customer

log = get_logger(__name__)


class IssueCoupon:
    """Its rows are written by the projection `coupon_claims`, which knows the templates' rules; so it listens to nothing by itself."""

    name = "issue_coupon"
    listens: Collection[str] = ()
    deadline_s: int | None = None
    repeatable = True
    batch = 50

    def wants(self, fact: Fact) -> bool:
        del fact
        return False

    def act(self, house: House, facts: Sequence[Fact]) -> None:
        with reading(house.engine) as session:
            rules = read_rules(session)
        for fact in facts:
            for template_id in sorted({rule.template_id for rule in rules if rule.wants(fact)}):
                _issue(house, fact, template_id)


def _issue(house: House, fact: Fact, template_id: int) -> None:
    """One coupon, once; stock that is gone or a limit that is reached is an answer and no fault."""
    if fact.customer_id is None:
        return
    try:
        with work(house.engine) as session:
            person = living_customer(session, fact.customer_id)
            wish = Claim(person.id, path_of(fact), f"fact:{fact.id}:{template_id}", "system")
            claim(session, session.get_one(CouponTemplate, template_id), wish, registry=house.registry, now=house.clock.now())
    except FankaError as error:
        if error.status >= 500:
            raise
        log.info("coupon_not_issued", fact=fact.id, template=template_id, why=error.code)


plugin = IssueCoupon()
