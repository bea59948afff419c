"""A programme as customers meet it: tiers, rules, coupons and a member, in as few words as a test of the phone pages needs."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select

from app.core.accounts import OpenAccount
from app.core.followers import Sighting, meet
from app.core.house import House
from app.core.nouns import BusinessUnit, Customer, Store
from app.core.unit import work
from app.web.h5.session import COOKIE, Pass, Seals
from cards.coupons.claim import Claim, Path, claim
from cards.coupons.templates import add_template, read_wish, set_state
from cards.ledger.earn import earn
from cards.ledger.wallets import open_wallet
from cards.membership import open_card
from cards.models.coupons import CouponTemplate, TemplateState
from cards.models.ledger import WalletKind
from cards.models.membership import CardPath, MemberCard, OpeningGift
from cards.models.programme import Programme
from cards.models.tiers import Tier, TierRule, TierStep, TierWindow
from cards.rulebook import define_rule
from tests.support.money import cause

TIERS = (
    ("普卡", "Basic", 0, "plain", 0, 100, "", ""),
    ("银卡", "Silver", 100_000, "silver", 2, 110, "生日礼券一张", "A coupon for your birthday"),
    ("金卡", "Gold", 500_000, "gold", 5, 150, "生日礼券一张\n专属客服", "A coupon for your birthday\nA service desk of your own"),
    ("白金卡", "Platinum", 1_000_000, "platinum", 8, 200, "停车两小时", "Two hours of parking"),
)


@dataclass
class Counter:
    """One group with an account, a unit, two stores and a programme of four tiers."""

    house: House
    account: OpenAccount
    programme_id: int
    unit_id: int
    store_ids: tuple[int, ...]

    def cookie(self, openid: str, *, at: Any = None) -> str:
        """What a phone carries once WeChat said who it is."""
        moment = at or self.house.clock.now()
        return Seals(self.house.ring).write_pass(Pass(account=self.account.public_id, openid=openid, at=int(moment.timestamp())))

    def log_in(self, web: FlaskClient, openid: str) -> str:
        held = self.cookie(openid)
        web.set_cookie(COOKIE, held)
        return held

    def csrf(self, cookie: str) -> str:
        return Seals(self.house.ring).csrf(cookie)

    def follower(self, openid: str) -> int:
        """Somebody the house knows; returns the customer's id."""
        with work(self.house.engine) as session:
            sighting = Sighting(self.account.id, self.account.appid, openid)
            (met,) = meet(session, [sighting], now=self.house.clock.now()).values()
            return met.customer_id

    def member(self, openid: str = "oLin", *, tier: str | None = None, points: int = 0, value_fen: int = 0) -> int:
        """A member with a card; returns the customer's id."""
        customer_id, now = self.follower(openid), self.house.clock.now()
        with work(self.house.engine) as session:
            opened = open_card(
                session,
                customer_id=customer_id,
                programme_id=self.programme_id,
                path=CardPath.H5,
                registry=self.house.registry,
                actor="test",
                now=now,
            )
            if tier is not None:
                card = session.get_one(MemberCard, opened.card.id)
                card.tier_id = session.scalar(select(Tier.id).where(Tier.programme_id == self.programme_id, Tier.name == tier))
                card.tier_since, card.tier_until = now, now + timedelta(days=129)
            if points:
                self._earn(session, customer_id, points, WalletKind.POINTS)
            if value_fen:
                self._earn(session, customer_id, value_fen, WalletKind.VALUE)
        return customer_id

    def _earn(self, session: Any, customer_id: int, amount: int, kind: WalletKind) -> None:
        now = self.house.clock.now()
        wallet_id = open_wallet(session, customer_id=customer_id, programme_id=self.programme_id, kind=kind)
        reason = "消费 88201" if kind == WalletKind.POINTS else "充值"
        ends = now + timedelta(days=400) if kind == WalletKind.POINTS else None
        earn(
            session,
            wallet_id=wallet_id,
            amount=amount,
            unit_id=self.unit_id,
            cause=cause(now, reason=reason),
            available_from=now,
            expires_at=ends,
        )

    def earn_until(self, customer_id: int, amount: int, days: int) -> None:
        """Points that expire in so many days."""
        now = self.house.clock.now()
        with work(self.house.engine) as session:
            wallet_id = open_wallet(session, customer_id=customer_id, programme_id=self.programme_id)
            ends = now.replace(hour=16, minute=0, second=0) + timedelta(days=days)
            earn(
                session,
                wallet_id=wallet_id,
                amount=amount,
                unit_id=self.unit_id,
                cause=cause(now, reason="签到"),
                available_from=now,
                expires_at=ends,
            )

    def earn_later(self, customer_id: int, amount: int) -> None:
        """Points of a purchase whose return window is open."""
        now = self.house.clock.now()
        with work(self.house.engine) as session:
            wallet_id = open_wallet(session, customer_id=customer_id, programme_id=self.programme_id)
            earn(
                session,
                wallet_id=wallet_id,
                amount=amount,
                unit_id=self.unit_id,
                cause=cause(now, reason="消费 88205"),
                available_from=now + timedelta(days=7),
                expires_at=now + timedelta(days=400),
            )

    def template(self, name: str = "全场满减", *, state: TemplateState = TemplateState.OPEN, **wishes: Any) -> str:
        """A coupon template; returns its public id."""
        with work(self.house.engine) as session:
            unit = session.get_one(BusinessUnit, self.unit_id)
            wish = {
                "name": name,
                "type": "amount_off",
                "terms": {"amount_fen": 10_000},
                "unit": str(unit.public_id),
                "days_valid": 30,
                "claimable": True,
            }
            common = {"now": self.house.clock.now(), "actor": "Mei"}
            made = add_template(session, read_wish({**wish, **wishes}), programme_id=self.programme_id, **common)
            if state != TemplateState.DRAFT:
                set_state(session, made.public_id, TemplateState.OPEN, **common)
            if state == TemplateState.CLOSED:
                set_state(session, made.public_id, TemplateState.CLOSED, **common)
            return str(made.public_id)

    def give(self, customer_id: int, template: str, key: str = "") -> str:
        """Put a coupon into a customer's hand; returns its public id."""
        with work(self.house.engine) as session:
            found = session.scalars(select(CouponTemplate).where(CouponTemplate.public_id == template)).one()
            wish = Claim(customer_id, Path.CLERK, f"test:{template}:{customer_id}:{key}", "Chen")
            given = claim(session, found, wish, registry=self.house.registry, now=self.house.clock.now())
            return str(given.coupon.public_id)

    def customer(self, customer_id: int) -> Customer:
        with work(self.house.engine) as session:
            return session.get_one(Customer, customer_id)


def open_counter(house: House, account: OpenAccount, *, gift: int = 200) -> Counter:
    """Set the group up."""
    now = house.clock.now()
    with work(house.engine) as session:
        programme = Programme(name="粉卡 · 海岸百货", created_at=now)
        unit = BusinessUnit(name="海岸百货")
        session.add_all([programme, unit])
        session.flush()
        stores = [Store(business_unit_id=unit.id, code=f"S{n}", name=name) for n, name in enumerate(("南京西路店", "徐家汇店"))]
        session.add_all(stores)
        for rank, (name, name_en, threshold, face, discount, times, benefits, benefits_en) in enumerate(TIERS):
            session.add(
                Tier(
                    programme_id=programme.id,
                    rank=rank,
                    name=name,
                    name_en=name_en,
                    threshold=threshold,
                    face=face,
                    discount_percent=discount,
                    multiplier_percent=times,
                    birthday_multiplier_percent=max(times, 200) + 100,
                    benefits=benefits,
                    benefits_en=benefits_en,
                )
            )
        rule = TierRule(programme_id=programme.id, measure="spend", window_kind=TierWindow.CALENDAR, step=TierStep.ONE, changed_at=now)
        session.add(rule)
        if gift:
            session.add(OpeningGift(programme_id=programme.id, points=gift, business_unit_id=unit.id, changed_at=now))
        define_rule(
            session,
            programme_id=programme.id,
            name="消费积分",
            kind="spend",
            params={"rate": {"points": 1, "per_fen": 100}},
            now=now,
            valid_from=now - timedelta(days=365),
            actor="Mei",
            caps=[{"span": "day", "points": 5000}],
        )
        session.flush()
        return Counter(house, account, programme.id, unit.id, tuple(store.id for store in stores))


def with_public_url(house: House, url: str) -> None:
    """The address customers and WeChat reach this house at."""
    house.settings = replace(house.settings, public_url=url)
