"""A consent given or withdrawn joins or parts the customers of one person."""

from collections.abc import Collection, Sequence

from app.core import kinds
from app.core.consents import apply_consents, joins_accounts
from app.core.facts import Fact
from app.core.house import House
from app.core.unit import work


class SettleConsent:
    name = "settle_consent"
    listens: Collection[str] = (kinds.CONSENT_GRANTED, kinds.CONSENT_REVOKED)
    deadline_s: int | None = None
    repeatable = True
    batch = 50
    """Many people consent within minutes of a campaign: their joins share a transaction, with locks in one order."""

    def wants(self, fact: Fact) -> bool:
        return fact.follower_id is not None and joins_accounts(fact.data)

    def act(self, house: House, facts: Sequence[Fact]) -> None:
        with work(house.engine) as session:
            followers = {fact.follower_id for fact in facts if fact.follower_id is not None}
            apply_consents(session, followers, registry=house.registry, now=house.clock.now())


plugin = SettleConsent()
