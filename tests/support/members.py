"""Members for tests: a programme with a gift and a ladder, and customers with cards."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from app.core.facts import FactRow
from app.core.house import House
from app.core.nouns import Customer
from app.core.unit import reading, work
from cards.ledger.earn import earn
from cards.ledger.wallets import open_wallet
from cards.membership import card_of, open_card
from cards.models.ledger import Wallet, WalletKind
from cards.models.membership import CardPath, MemberCard, OpeningGift
from cards.models.tiers import Tier, TierStep, TierWindow
from cards.tier_setup import add_tier, set_rule
from tests.support.money import Shop, cause, open_shop


@dataclass(frozen=True, slots=True)
class Club:
    """A shop whose programme has 普通, 银卡 from 1 000 and 金卡 from 3 000."""

    shop: Shop
    tiers: tuple[int, ...]

    @property
    def programme_id(self) -> int:
        return self.shop.programme_id


def open_club(
    house: House,
    *,
    gift: int = 100,
    measure: str = "points",
    window: TierWindow = TierWindow.ROLLING,
    grace_days: int = 0,
    step: TierStep = TierStep.ONE,
) -> Club:
    shop = open_shop(house, customers=0)
    now = house.clock.now()
    with work(house.engine) as session:
        if gift:
            session.add(OpeningGift(programme_id=shop.programme_id, points=gift, business_unit_id=shop.unit_id, changed_at=now))
        ladder = [
            Tier(programme_id=shop.programme_id, rank=0, name="普通", name_en="Basic", threshold=0),
            Tier(
                programme_id=shop.programme_id,
                rank=1,
                name="银卡",
                name_en="Silver",
                threshold=1000,
                multiplier_percent=120,
                discount_percent=2,
            ),
            Tier(
                programme_id=shop.programme_id,
                rank=2,
                name="金卡",
                name_en="Gold",
                threshold=3000,
                multiplier_percent=150,
                birthday_multiplier_percent=200,
                discount_percent=5,
                benefits="九五折",
                benefits_en="5% off",
            ),
        ]
        for tier in ladder:
            add_tier(session, tier, actor="Mei", now=now)
        set_rule(
            session,
            programme_id=shop.programme_id,
            measure=measure,
            window=window,
            window_days=365,
            grace_days=grace_days,
            step=step,
            actor="Mei",
            now=now,
        )
        return Club(shop, tuple(tier.id for tier in ladder))


def somebody(house: House) -> int:
    """A customer without a card."""
    with work(house.engine) as session:
        person = Customer(created_at=house.clock.now())
        session.add(person)
        session.flush()
        return person.id


def join_club(house: House, club: Club, customer_id: int | None = None, path: CardPath = CardPath.H5) -> MemberCard:
    """A customer with a card."""
    customer_id = customer_id or somebody(house)
    with work(house.engine) as session:
        return open_card(
            session,
            customer_id=customer_id,
            programme_id=club.programme_id,
            path=path,
            registry=house.registry,
            actor="Chen",
            now=house.clock.now(),
        ).card


def earn_points(house: House, club: Club, customer_id: int, amount: int, *, at: datetime | None = None, pending: bool = False) -> int:
    """Points of a purchase; says the transaction."""
    now = house.clock.now()
    with work(house.engine) as session:
        wallet_id = open_wallet(session, customer_id=customer_id, programme_id=club.programme_id)
        return earn(
            session,
            wallet_id=wallet_id,
            amount=amount,
            unit_id=club.shop.unit_id,
            cause=cause(now if at is None else at),
            available_from=now + timedelta(days=7) if pending else now,
            expires_at=now + timedelta(days=800),
        ).txn_id


def card_now(house: House, club: Club, customer_id: int) -> MemberCard:
    with reading(house.engine) as session:
        card = card_of(session, customer_id=customer_id, programme_id=club.programme_id)
        assert card is not None
        return card


def wallet_now(house: House, club: Club, customer_id: int, kind: WalletKind = WalletKind.POINTS) -> Wallet:
    with reading(house.engine) as session:
        query = select(Wallet).where(Wallet.customer_id == customer_id, Wallet.programme_id == club.programme_id, Wallet.kind == kind)
        return session.scalars(query).one()


def facts_of(house: House, kind: str) -> list[FactRow]:
    with reading(house.engine) as session:
        return list(session.scalars(select(FactRow).where(FactRow.kind == kind).order_by(FactRow.id)))
