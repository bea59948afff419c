"""Somebody takes, activates or deletes our card at WeChat: one tap makes him a member, a member's card becomes his own."""

from collections.abc import Collection, Sequence

from sqlalchemy.orm import Session

from app.core.errors import BadRequestError, ConflictError
from app.core.facts import Fact
from app.core.house import House
from app.core.nouns import Customer
from app.core.unit import reading, work
from app.wechat.card_product import CardCode, CardGoneError, CardHolder, card_product
from app.wechat.gateway import gateway_for
from cards.crm.questions import wonder
from cards.enrolment import enrol
from cards.membership import card_of, open_card
from cards.mirror import activate_mirror, find_mirror, link_code, shown_cards, unlink_code
from cards.models.membership import CardMirror, CardPath, MemberCard

CLAIMED, ACTIVATED, DELETED = "card.claimed", "card.activated", "card.deleted"


class JoinByCard:
    name = "join_by_card"
    listens: Collection[str] = (CLAIMED, ACTIVATED, DELETED)
    deadline_s: int | None = None
    repeatable = True
    batch = 1

    def wants(self, fact: Fact) -> bool:
        return fact.customer_id is not None and fact.account_id is not None

    def act(self, house: House, facts: Sequence[Fact]) -> None:
        for fact in facts:
            card_id, code = str(fact.data.get("card_id", ""))[:64], str(fact.data.get("code", ""))[:32]
            if fact.account_id is None or fact.customer_id is None or not card_id or not code:
                continue
            with reading(house.engine) as session:
                mirror = find_mirror(session, account_id=fact.account_id, card_id=card_id)
                person = session.get(Customer, fact.customer_id)
            if mirror is None or person is None or person.erased_at is not None:
                continue
            if fact.kind == DELETED:
                with work(house.engine) as session:
                    unlink_code(session, mirror=mirror, code=code)
            else:
                _welcome(house, fact, mirror=mirror, code=code)


def _welcome(house: House, fact: Fact, *, mirror: CardMirror, code: str) -> None:
    """A member's card is shown as his at once; whoever is none becomes one when he submits the form."""
    assert fact.customer_id is not None
    holder = _holder(house, mirror, code) if fact.kind == ACTIVATED else None
    with work(house.engine) as session:
        card = card_of(session, customer_id=fact.customer_id, programme_id=mirror.programme_id)
        if fact.kind == ACTIVATED:
            card = _open(house, session, fact.customer_id, mirror=mirror, holder=holder)
        if card is None:
            return
        link_code(session, card, mirror=mirror, code=code)
        shown = [each for each in shown_cards(session, customer_id=card.customer_id) if each.card_row == card.id]
    for each in shown:
        try:
            activate_mirror(house, each)
        except CardGoneError:
            with work(house.engine) as session:
                unlink_code(session, mirror=mirror, code=code)


def _holder(house: House, mirror: CardMirror, code: str) -> CardHolder | None:
    account = house.accounts.by_id(mirror.account_id)
    if account is None:
        return None
    try:
        return card_product(mirror.adapter).read_member(gateway_for(house, account), CardCode(mirror.card_id or "", code))
    except CardGoneError:
        return None


def _open(house: House, session: Session, customer_id: int, *, mirror: CardMirror, holder: CardHolder | None) -> MemberCard:
    """With the phone that WeChat vouches for; without it where it is none, or another member's: the clerk settles that."""
    now = house.clock.now()
    if holder is not None and holder.phone:
        try:
            with session.begin_nested():
                card = enrol(
                    session,
                    house.ring,
                    phone=holder.phone,
                    programme_id=mirror.programme_id,
                    path=CardPath.ONE_TAP,
                    registry=house.registry,
                    actor="wechat",
                    now=now,
                    customer_id=customer_id,
                ).card
                wonder(house, session, card, proved=True)
                return card
        except (BadRequestError, ConflictError):
            pass
    return open_card(
        session,
        customer_id=customer_id,
        programme_id=mirror.programme_id,
        path=CardPath.ONE_TAP,
        registry=house.registry,
        actor="wechat",
        now=now,
    ).card


plugin = JoinByCard()
