"""`/me`: the card with what it holds, the way to the next tier, and the coupons that expire first."""

import re
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, request
from markupsafe import Markup, escape
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.clock import business_day
from app.web.h5.badges import badges_of
from app.web.h5.coupon_words import coupons_of
from app.web.h5.door import Door, Member
from app.web.h5.old_member import old_member_badges
from app.web.h5.today import check_in_of, may_invite
from app.web.h5.words import capital
from cards.models.ledger import Lot, LotState, Wallet, WalletKind
from cards.models.membership import OpeningGift
from cards.models.tiers import Tier
from cards.profile import is_full
from cards.receipts.sending import takes_receipts
from cards.reminders import find_badges
from cards.tiers import current_tier, progress

SHOWN = 3
_FIGURE = re.compile(r"(¥?\d[\d,]*(?:\.\d+)?)")
_CHECKED = re.compile(r"in-(\d{1,4})-(\d{1,7})", re.ASCII)
FACES = ("plain", "silver", "gold", "platinum", "diamond")


@dataclass(frozen=True, slots=True)
class Purse:
    """What a wallet holds, and the part of it that expires first."""

    active: int = 0
    pending: int = 0
    debt: int = 0
    first_amount: int = 0
    first_at: datetime | None = None


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`/me`."""

    @blueprint.get("/me", strict_slashes=False)
    def home() -> Response:
        with door.reading() as session:
            member, now = door.member(session), door.now
            tier = current_tier(session, customer_id=member.customer.id, programme_id=member.programme.id, at=now)
            way = progress(session, customer_id=member.customer.id, programme_id=member.programme.id, at=now)
            coupons = coupons_of(session, member.customer.id, words=door.words, now=now)
            gift = session.get(OpeningGift, member.programme.id)
            return door.page(
                "home",
                now=now,
                programme=member.programme,
                card=member.card,
                tier=tier,
                face=face_of(tier),
                way=way,
                wish=None if way is None else lead(capital(door.words.pick((way.zh, way.en)))),
                purse=purse_of(session, member, WalletKind.POINTS, now=now),
                value=purse_of(session, member, WalletKind.VALUE, now=now),
                coupons=coupons[:SHOWN],
                badges=[
                    *old_member_badges(session, member.card, connected=door.house.settings.crm_url is not None, words=door.words, now=now),
                    *badges_of(find_badges(session, customer_id=member.customer.id, now=now), door.words, today=business_day(now)),
                ],
                today=check_in_of(session, door, member),
                greeted=_greeted(request.args.get("hello", "")),
                inviting=may_invite(session, door, member),
                receipts=takes_receipts(session, member.programme, now=now),
                full=is_full(member.card, member.customer),
                phone_known=member.customer.phone_sealed is not None,
                hello=request.args.get("hello", ""),
                gift=None if gift is None else gift.points,
                number=len(coupons),
            )


def _greeted(hello: str) -> tuple[str, str] | None:
    """The days in a row and the points of a check-in just done."""
    found = _CHECKED.fullmatch(hello)
    return None if found is None else (found[1], found[2])


def lead(sentence: str) -> Markup:
    """The way to the next tier with its figure in bold: what is missing is what matters."""
    parts = _FIGURE.split(sentence)
    made = [Markup("<b>{}</b>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts)]
    # Chinese words and figures stand a little apart.
    return Markup(" ").join(each.strip() for each in made if each.strip())


def face_of(tier: Tier | None) -> str:
    """The look of a tier's card; one the style sheet does not know is plain."""
    return tier.face if tier is not None and tier.face in FACES else FACES[0]


def purse_of(session: Session, member: Member, kind: WalletKind, *, now: datetime) -> Purse:
    """A member's wallet. What is over by now but was not yet swept away by the night does not count."""
    found = session.scalar(
        select(Wallet).where(Wallet.customer_id == member.customer.id, Wallet.programme_id == member.programme.id, Wallet.kind == kind)
    )
    if found is None:
        return Purse()
    alive = (Lot.wallet_id == found.id, Lot.state == LotState.ACTIVE, Lot.remaining > 0)
    over = session.scalar(select(func.coalesce(func.sum(Lot.remaining), 0)).where(*alive, Lot.expires_at <= now)) or 0
    first = session.execute(
        select(Lot.expires_at, func.sum(Lot.remaining))
        .where(*alive, Lot.expires_at > now)
        .group_by(Lot.expires_at)
        .order_by(Lot.expires_at)
    ).first()
    return Purse(found.active - int(over), found.pending, found.debt, int(first[1]) if first else 0, first[0] if first else None)
