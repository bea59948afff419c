"""One member of another vendor becomes ours: person, card, tier, points by lot, stored value, coupons; all in the caller's transaction."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.bulk import table_of
from app.core.errors import ConflictError
from app.core.house import House
from app.core.nouns import Customer, Store
from cards.birthdays import know_birthday
from cards.coupons.claim import Claim, Path, claim
from cards.ledger.earn import earn
from cards.ledger.post import Cause
from cards.ledger.wallets import open_wallet
from cards.membership import open_card
from cards.models.coupons import CouponTemplate
from cards.models.ledger import TxnKind, WalletKind
from cards.models.membership import CardPath, ImportedMember, MemberCard
from cards.models.tiers import ChangeWhy, Tier, TierChange, TierRule
from cards.old_numbers import keep_old_number
from cards.phones import find_by_phone, know_phone, lock_phone
from cards.tier_periods import safe_until
from cards.vendor_import.rows import CouponRow, end_of, start_of
from cards.vendor_import.stage import Person


@dataclass(frozen=True, slots=True)
class Target:
    """Where a vendor's members go. Business keys name the vendor and the line, so that nothing is posted twice."""

    vendor: str
    programme_id: int
    unit_id: int
    actor: str

    def lot_key(self, person: Person, line: int) -> str:
        return f"import:{self.vendor}:{person.row.member_id}:lot:{line}"

    def value_key(self, person: Person, place: int) -> str:
        return f"import:{self.vendor}:{person.row.member_id}:value:{place}"

    def coupon_key(self, coupon: CouponRow) -> str:
        return f"import:{self.vendor}:{coupon.coupon_id}"


@dataclass(frozen=True, slots=True)
class Done:
    """What was done for one member."""

    fresh: bool
    coupons: int
    refused_coupons: int


def bring(house: House, session: Session, person: Person, *, target: Target, onto: MemberCard | None = None) -> Done:
    """Bring one member over; one who was brought before is left as he is, whatever he has done since.

    With `onto` he becomes the member of that open card, who stands here (the caller has proved it); else his phone finds or makes him.
    """
    known = select(ImportedMember.id).where(
        ImportedMember.programme_id == target.programme_id,
        ImportedMember.vendor == target.vendor,
        ImportedMember.external_id == person.row.member_id,
    )
    if session.scalar(known) is not None:
        return Done(fresh=False, coupons=0, refused_coupons=0)
    lock_phone(session, house.ring, person.row.phone)
    if session.scalar(known) is not None:
        # A second run beside this one was first.
        return Done(fresh=False, coupons=0, refused_coupons=0)
    card = _open(house, session, person, target=target) if onto is None else onto
    marker = {
        "programme_id": target.programme_id,
        "vendor": target.vendor,
        "external_id": person.row.member_id,
        "card_id": card.id,
        "imported_at": house.clock.now(),
    }
    session.execute(pg_insert(table_of(ImportedMember)).values(marker))
    _know(house, session, person, card)
    _credit(house, session, person, card, target=target)
    _rank(house, session, person, card, target=target)
    given = [_give(house, session, card, coupon, target=target) for coupon in person.coupons]
    return Done(fresh=True, coupons=sum(given), refused_coupons=len(given) - sum(given))


def _know(house: House, session: Session, person: Person, card: MemberCard) -> None:
    """What is known of him beside money. A card he has already keeps its number, and the one he had there leads to it."""
    row = person.row
    if row.card_number is not None and row.card_number != card.number:
        keep_old_number(session, house.ring, card, row.card_number)
    if row.birthday and card.birthday_sealed is None:
        know_birthday(session, house.ring, card, written=row.birthday)
    customer = session.get_one(Customer, card.customer_id)
    if row.name and customer.name_sealed is None:
        customer.name_sealed = house.ring.seal(row.name, table="customer", column="name_sealed", row=customer.public_id)


def _open(house: House, session: Session, person: Person, *, target: Target) -> MemberCard:
    now, row = house.clock.now(), person.row
    holders = find_by_phone(session, house.ring, row.phone)
    customer = holders[0] if holders else Customer(created_at=now)
    if not holders:
        session.add(customer)
        session.flush()
    know_phone(session, house.ring, customer=customer, phone=row.phone, actor=target.actor, now=now)
    return open_card(
        session,
        customer_id=customer.id,
        programme_id=target.programme_id,
        path=CardPath.IMPORT,
        registry=house.registry,
        actor=target.actor,
        now=now,
        store_id=session.scalar(select(Store.id).where(Store.code == row.store).order_by(Store.id).limit(1)) if row.store else None,
        number=row.own_number,
        opened_at=start_of(row.joined_on),
        with_gift=False,
    ).card


def _credit(house: House, session: Session, person: Person, card: MemberCard, *, target: Target) -> None:
    """Opening balances: they belong to no purchase, so they qualify for no tier and enter no settlement as an earn."""
    now = house.clock.now()
    for line, lot in person.lots:
        starts = start_of(lot.available_on)
        earn(
            session,
            wallet_id=open_wallet(session, customer_id=card.customer_id, programme_id=target.programme_id),
            amount=lot.points,
            unit_id=target.unit_id,
            cause=_cause(target.lot_key(person, line), "积分迁入", target, house),
            available_from=now if starts is None else max(starts, now),
            expires_at=end_of(lot.expires_on),
            kind=TxnKind.OPEN,
        )
    for place, fen in enumerate(person.balances):
        earn(
            session,
            wallet_id=open_wallet(session, customer_id=card.customer_id, programme_id=target.programme_id, kind=WalletKind.VALUE),
            amount=fen,
            unit_id=target.unit_id,
            cause=_cause(target.value_key(person, place), "余额迁入", target, house),
            available_from=now,
            expires_at=None,
            kind=TxnKind.OPEN,
        )


def _cause(key: str, reason: str, target: Target, house: House) -> Cause:
    now = house.clock.now()
    return Cause(business_key=key, reason=reason, actor=target.actor, occurred_at=now, now=now)


def _rank(house: House, session: Session, person: Person, card: MemberCard, *, target: Target) -> None:
    """The tier he had there, when it is higher than the one he has here. It is no news to him, so no fact tells it."""
    if not person.row.tier:
        return
    now = house.clock.now()
    tier = session.scalars(select(Tier).where(Tier.programme_id == target.programme_id, Tier.name == person.row.tier)).one()
    held = session.get(Tier, card.tier_id) if card.tier_id is not None else None
    if held is not None and held.rank >= tier.rank:
        return
    rule = session.get(TierRule, target.programme_id)
    until = end_of(person.row.tier_until)
    if until is None and rule is not None:
        until = safe_until(rule, now)
    change = TierChange(
        card_id=card.id,
        from_tier_id=card.tier_id,
        to_tier_id=tier.id,
        why=ChangeWhy.IMPORTED,
        actor=target.actor[:64],
        reason=f"由 {target.vendor} 迁入",
        at=now,
    )
    session.add(change)
    card.tier_id, card.tier_since, card.tier_until = tier.id, now, None if tier.threshold == 0 else until
    session.flush()


def _give(house: House, session: Session, card: MemberCard, coupon: CouponRow, *, target: Target) -> bool:
    """One coupon of a template of ours, with the end it had there. Stock and limits hold here too: what they refuse is counted, not forced."""
    now = house.clock.now()
    template = session.scalars(
        select(CouponTemplate).where(CouponTemplate.programme_id == target.programme_id, CouponTemplate.name == coupon.template)
    ).one()
    wish = Claim(customer_id=card.customer_id, path=Path.IMPORT, key=target.coupon_key(coupon), actor=target.actor)
    try:
        with session.begin_nested():
            given = claim(session, template, wish, registry=house.registry, now=now)
            ends = end_of(coupon.expires_on)
            if ends is not None and given.fresh:
                given.coupon.expires_at = max(ends, given.coupon.valid_from + timedelta(seconds=1))
                session.flush()
    except ConflictError:
        return False
    return True
