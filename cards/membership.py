"""Members: a card is opened once per customer and programme, by whatever path, and found by number, phone or public id."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.bulk import table_of
from app.core.errors import FankaError, NotFoundError
from app.core.facts import Fact, record
from app.core.ids import new_public_id
from app.core.nouns import Customer
from app.core.registry import Registry
from app.core.secrets import KeyRing
from cards.blocks import is_blocked
from cards.expiry import lot_expiry
from cards.ledger.earn import earn
from cards.ledger.post import Cause
from cards.ledger.wallets import open_wallet
from cards.models.ledger import WalletKind
from cards.models.membership import CardPath, CardState, MemberCard, OpeningGift
from cards.models.programme import Programme
from cards.models.tiers import ChangeWhy, Tier, TierChange
from cards.numbers import new_number, tidy_number
from cards.old_numbers import find_old_number
from cards.phones import find_by_phone, living_customer, tidy_phone

OPENED, IMPORTED = "card.opened", "card.imported"
"""Somebody brought from elsewhere is told apart: what greets a new member must not greet a hundred thousand old ones."""
_CARD = table_of(MemberCard)
_TRIES = 8


@dataclass(frozen=True, slots=True)
class OpenedCard:
    """A customer's card. `fresh` is False when he had it already; `gift_points` is what opening it gave, now or then."""

    card: MemberCard
    fresh: bool
    gift_points: int


def open_card(
    session: Session,
    *,
    customer_id: int,
    programme_id: int,
    path: CardPath,
    registry: Registry,
    actor: str,
    now: datetime,
    store_id: int | None = None,
    staff_id: int | None = None,
    number: str | None = None,
    opened_at: datetime | None = None,
    with_gift: bool = True,
    invited_by: UUID | None = None,
) -> OpenedCard:
    """Open a customer's card, with its wallets, its first tier and the opening gift, which is spendable at once.

    Whoever has a card keeps it: the call may be repeated, and two at once make one. `number` is an old number to keep (tidy already);
    `opened_at` (UTC) is when a card brought from elsewhere was opened; `invited_by` is the card (public id) of the friend who sent him. Raises NotFoundError for an unknown programme.
    """
    customer = living_customer(session, customer_id)
    if session.get(Programme, programme_id) is None:
        raise NotFoundError("没有这个会员计划 / there is no such programme", code="no_programme")
    held = card_of(session, customer_id=customer.id, programme_id=programme_id)
    if held is not None:
        return OpenedCard(held, fresh=False, gift_points=_gift_of(session, programme_id) if with_gift else 0)
    row = {
        "public_id": new_public_id(),
        "programme_id": programme_id,
        "customer_id": customer.id,
        "state": CardState.ACTIVE,
        "opened_at": opened_at or now,
        "opened_by": path,
        "store_id": store_id,
        "staff_id": staff_id,
        "tier_id": first_tier(session, programme_id),
        "tier_since": now,
    }
    card, fresh = _insert(session, row, number=number)
    if not fresh:
        return OpenedCard(card, fresh=False, gift_points=_gift_of(session, programme_id) if with_gift else 0)
    wallet_id = open_wallet(session, customer_id=customer.id, programme_id=programme_id)
    open_wallet(session, customer_id=customer.id, programme_id=programme_id, kind=WalletKind.VALUE)
    if card.tier_id is not None:
        change = TierChange(card_id=card.id, to_tier_id=card.tier_id, why=ChangeWhy.OPENED, actor=actor[:64], reason="开卡", at=now)
        session.add(change)
    points = 0
    if with_gift and not is_blocked(session, customer.id, now=now):
        points = _give(session, card, wallet_id=wallet_id, actor=actor, now=now)
    session.flush()
    record(session, [_opened(card, points=points, invited_by=invited_by, now=now)], registry=registry, now=now)
    return OpenedCard(card, fresh=True, gift_points=points)


def card_of(session: Session, *, customer_id: int, programme_id: int) -> MemberCard | None:
    """A customer's card in a programme, or None."""
    query = select(MemberCard).where(
        MemberCard.customer_id == customer_id, MemberCard.programme_id == programme_id, MemberCard.state == CardState.ACTIVE
    )
    return session.scalar(query)


def find_member(
    session: Session,
    *,
    programme_id: int,
    number: str | None = None,
    phone: str | None = None,
    public_id: UUID | None = None,
    ring: KeyRing | None = None,
) -> MemberCard | None:
    """The card a member is found by: its number (also one that was merged away), his phone (`ring` is then needed) or the card's public id.

    With the `ring` the number of an old card of another vendor finds him too. Raises BadRequestError for a phone that is none. Moving codes are read by `cards.codes`, which gives the customer: see `card_of`.
    """
    if phone is not None:
        assert ring is not None, "a phone is found by its keyed hash"
        found = (
            card_of(session, customer_id=each.id, programme_id=programme_id) for each in find_by_phone(session, ring, tidy_phone(phone))
        )
        return next((card for card in found if card is not None), None)
    if number is not None:
        tidy = tidy_number(number)
        card = None if tidy is None else session.scalar(select(MemberCard).where(MemberCard.number == tidy))
        # One foreign number in ten of sixteen digits looks like one of ours.
        if card is None and ring is not None:
            card = find_old_number(session, ring, programme_id=programme_id, written=number)
    else:
        card = session.scalar(select(MemberCard).where(MemberCard.public_id == public_id))
    if card is None or card.programme_id != programme_id:
        return None
    return card if card.state == CardState.ACTIVE else card_of(session, customer_id=card.customer_id, programme_id=programme_id)


def first_tier(session: Session, programme_id: int) -> int | None:
    """The tier everybody has: the one whose threshold is zero."""
    return session.scalar(select(Tier.id).where(Tier.programme_id == programme_id, Tier.threshold == 0))


def only_programme(session: Session) -> Programme:
    """The programme, where the group has one alone. Raises NotFoundError."""
    found = session.scalars(select(Programme).order_by(Programme.id).limit(2)).all()
    if len(found) != 1:
        raise NotFoundError("请指明会员计划 / say which programme", code="no_programme")
    return found[0]


def name_of_programme(session: Session, programme_id: int) -> str:
    """What a programme is called."""
    return session.get_one(Programme, programme_id).name


def customer_of(session: Session, card: MemberCard) -> Customer:
    """Whose card it is."""
    return session.get_one(Customer, card.customer_id)


def count_members(session: Session, programme_id: int) -> int:
    """How many open cards a programme has."""
    query = select(func.count()).where(MemberCard.programme_id == programme_id, MemberCard.state == CardState.ACTIVE)
    return session.scalar(query) or 0


def _insert(session: Session, row: dict[str, object], *, number: str | None) -> tuple[MemberCard, bool]:
    """Write the card, or find the one a parallel call wrote first; a number that is taken is drawn again."""
    for _ in range(_TRIES):
        made = session.scalar(
            pg_insert(_CARD).values({**row, "number": number or new_number()}).on_conflict_do_nothing().returning(_CARD.c.id)
        )
        if made is not None:
            return session.get_one(MemberCard, made), True
        held = session.scalar(
            select(MemberCard).where(
                MemberCard.customer_id == row["customer_id"],
                MemberCard.programme_id == row["programme_id"],
                MemberCard.state == CardState.ACTIVE,
            )
        )
        if held is not None:
            return held, False
        number = None
    raise FankaError("no card number was free", code="no_number")


def _opened(card: MemberCard, *, points: int, invited_by: UUID | None, now: datetime) -> Fact:
    kind = IMPORTED if card.opened_by == CardPath.IMPORT else OPENED
    data = {
        "card": str(card.public_id),
        "path": str(card.opened_by),
        "programme_id": card.programme_id,
        "store_id": card.store_id,
        "gift_points": points,
        **({} if invited_by is None else {"by": str(invited_by)}),
    }
    return Fact(key=f"card:{card.public_id}", kind=kind, occurred_at=now, data=data, customer_id=card.customer_id)


def _gift_of(session: Session, programme_id: int) -> int:
    gift = session.get(OpeningGift, programme_id)
    return 0 if gift is None else gift.points


def _give(session: Session, card: MemberCard, *, wallet_id: int, actor: str, now: datetime) -> int:
    gift = session.get(OpeningGift, card.programme_id)
    if gift is None:
        return 0
    cause = Cause(
        business_key=f"opening:{card.number}",
        reason="开卡礼",
        actor=actor,
        occurred_at=now,
        now=now,
        store_id=card.store_id,
        data={"unqualified": True},
    )
    expires_at = lot_expiry(session.get_one(Programme, card.programme_id), earned_at=now)
    earn(
        session,
        wallet_id=wallet_id,
        amount=gift.points,
        unit_id=gift.business_unit_id,
        cause=cause,
        available_from=now,
        expires_at=expires_at,
    )
    return gift.points
