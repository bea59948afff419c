"""The card at WeChat as a mirror of ours: set up once, linked to a member's code, and shown what the ledger says."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.errors import ConflictError
from app.core.house import House
from app.core.unit import reading, work
from app.wechat.card_product import CardCode, CardFace, CardGoneError, CardProduct, Standing, card_product
from app.wechat.gateway import Gateway, gateway_for
from cards.models.ledger import Wallet, WalletKind
from cards.models.membership import CardMirror, CardState, MemberCard

_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """A member's card at WeChat, and what the ledger says it should show."""

    card_row: int
    account_id: int
    adapter: str
    place: CardCode
    number: str
    standing: Standing


def set_up_mirror(house: House, *, programme_id: int, account_id: int, adapter: str, face: CardFace, actor: str) -> CardMirror:
    """Let a programme's cards be shown by an account: the kind of card is made at WeChat, then kept. Raises ConflictError, WeChatError."""
    product = card_product(adapter)
    account = house.accounts.by_id(account_id)
    assert account is not None, "a mirror belongs to a known account"
    with reading(house.engine) as session:
        query = select(CardMirror.id).where(CardMirror.programme_id == programme_id, CardMirror.account_id == account_id)
        if session.scalar(query) is not None:
            raise ConflictError("这个账号已有该计划的会员卡 / the account shows this programme already", code="mirror_exists")
    card_id = product.create(gateway_for(house, account), face)
    with work(house.engine) as session:
        now = house.clock.now()
        mirror = CardMirror(
            programme_id=programme_id,
            account_id=account_id,
            adapter=adapter,
            card_id=card_id,
            shows_value=face.shows_value,
            created_at=now,
        )
        session.add(mirror)
        session.flush()
        note(
            session,
            at=now,
            actor=actor,
            action="card_mirror.added",
            object_type="card_mirror",
            object_id=mirror.public_id,
            detail={"adapter": adapter, "card_id": card_id},
        )
        return mirror


def find_mirror(session: Session, *, account_id: int, card_id: str) -> CardMirror | None:
    """The mirror that a kind of card belongs to; None for cards that are not ours."""
    return session.scalar(select(CardMirror).where(CardMirror.account_id == account_id, CardMirror.card_id == card_id))


def link_code(session: Session, card: MemberCard, *, mirror: CardMirror, code: str) -> None:
    """Keep which card in his wallet is this member's. The newest one he took counts."""
    holder = session.scalar(select(MemberCard).where(MemberCard.mirror_id == mirror.id, MemberCard.mirror_code == code))
    if holder is not None and holder.id != card.id:
        holder.mirror_id = holder.mirror_code = None
        session.flush()
    card.mirror_id, card.mirror_code = mirror.id, code
    session.flush()


def unlink_code(session: Session, *, mirror: CardMirror, code: str) -> None:
    """The card is in nobody's wallet any more; the membership stays."""
    card = session.scalar(select(MemberCard).where(MemberCard.mirror_id == mirror.id, MemberCard.mirror_code == code))
    if card is not None:
        card.mirror_id = card.mirror_code = None


def shown_cards(session: Session, *, customer_id: int) -> list[Shown]:
    """A customer's cards that are shown at WeChat."""
    query = (
        select(MemberCard, CardMirror)
        .join(CardMirror, CardMirror.id == MemberCard.mirror_id)
        .where(MemberCard.customer_id == customer_id, MemberCard.state == CardState.ACTIVE)
        .order_by(MemberCard.id)
    )
    return [
        Shown(
            card.id,
            mirror.account_id,
            mirror.adapter,
            CardCode(mirror.card_id or "", card.mirror_code or ""),
            card.number,
            _standing(session, card, mirror),
        )
        for card, mirror in session.execute(query)
    ]


def activate_mirror(house: House, shown: Shown) -> None:
    """Show a member's card as his own."""
    found = _speaker(house, shown)
    if found is not None:
        product, gateway = found
        product.activate(gateway, shown.place, number=shown.number, standing=shown.standing)


def push_standing(house: House, *, customer_id: int, words: str) -> int:
    """Show what the ledger says on every card of a customer; says how many calls it took.

    The values are absolute, so a repeated or late push does no harm; a balance that moved while the call was under way is shown right after.
    """
    with reading(house.engine) as session:
        waiting = shown_cards(session, customer_id=customer_id)
    calls = 0
    for _ in range(_ROUNDS):
        for shown in waiting:
            calls += _push(house, shown, words=words)
        with reading(house.engine) as session:
            after = shown_cards(session, customer_id=customer_id)
        waiting = [each for each in after if each not in waiting]
        if not waiting:
            break
    return calls


def _push(house: House, shown: Shown, *, words: str) -> int:
    found = _speaker(house, shown)
    if found is None:
        return 0
    product, gateway = found
    try:
        product.update(gateway, shown.place, standing=shown.standing, note=words)
    except CardGoneError:
        with work(house.engine) as session:
            card = session.get(MemberCard, shown.card_row)
            if card is not None and card.mirror_code == shown.place.code:
                card.mirror_id = card.mirror_code = None
    return 1


def _speaker(house: House, shown: Shown) -> tuple[CardProduct, Gateway] | None:
    account = house.accounts.by_id(shown.account_id)
    return None if account is None else (card_product(shown.adapter), gateway_for(house, account))


def _standing(session: Session, card: MemberCard, mirror: CardMirror) -> Standing:
    query = select(Wallet.kind, Wallet.active).where(Wallet.customer_id == card.customer_id, Wallet.programme_id == card.programme_id)
    held = {row.kind: int(row.active) for row in session.execute(query)}
    return Standing(held.get(WalletKind.POINTS, 0), held.get(WalletKind.VALUE, 0) if mirror.shows_value else None)
