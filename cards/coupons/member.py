"""A member at a till: found by what he shows or says, seen masked, with what he may use."""

import re
from typing import Any

from sqlalchemy.orm import Session

from app.core.gate import see
from app.core.house import House
from cards import codes
from cards.coupons.checkout import spendable
from cards.coupons.read import list_coupons
from cards.coupons.recognise import accept_moving
from cards.membership import customer_of, find_member
from cards.models.ledger import WalletKind
from cards.models.membership import MemberCard
from cards.numbers import LENGTH, tidy_number
from cards.tiers import current_tier

_PHONE = re.compile(r"(?:\+?86)?1\d{10}\Z")
_SHOWN = ("id", "name", "type", "uses_left", "expires_at", "worth", "conditions")


def look_up(session: Session, house: House, key: str, *, programme_id: int, client_id: str) -> MemberCard | None:
    """The card behind a moving member code, a card number or a phone number.

    Raises RefusedError for a moving code that is stale, forged or was shown to somebody else.
    """
    plain = codes.tidy(key)
    if codes.is_moving(plain):
        moving = accept_moving(session, house.ring, plain, client_id=client_id, now=house.clock.now(), spend=False)
        number = str(moving.subject).zfill(LENGTH)
        return find_member(session, programme_id=programme_id, number=number) if moving.kind == codes.MEMBER else None
    if tidy_number(key) is not None:
        return find_member(session, programme_id=programme_id, number=key, ring=house.ring)
    bare = re.sub(r"[\s()-]", "", key)
    if bare.isascii() and _PHONE.match(bare):
        return find_member(session, programme_id=programme_id, phone=bare, ring=house.ring)
    # What is none of ours may stand on an old card.
    return find_member(session, programme_id=programme_id, number=key, ring=house.ring)


def tell_member(session: Session, house: House, card: MemberCard) -> dict[str, Any]:
    """A member as a till sees him: name, phone and number masked; points and stored value (fen) that may be spent now."""
    now, customer = house.clock.now(), customer_of(session, card)
    seen = see(house.ring, customer)
    tier = current_tier(session, customer_id=customer.id, programme_id=card.programme_id, at=now)
    has = spendable(session, customer_id=customer.id, programme_id=card.programme_id, now=now)
    coupons = list_coupons(session, customer_id=customer.id, now=now)
    return {
        "customer": str(customer.public_id),
        "card": str(card.public_id),
        "number": f"{card.number[:4]} **** **** {card.number[-4:]}",
        "name": seen.name,
        "phone": seen.phone,
        "tier": None if tier is None else tier.name,
        "discount_percent": 0 if tier is None else tier.discount_percent,
        "points": has.get(WalletKind.POINTS, 0),
        "value_fen": has.get(WalletKind.VALUE, 0),
        "coupons": [{name: each[name] for name in _SHOWN} for each in coupons if not each["not_yet"]],
    }
