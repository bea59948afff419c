"""The card at WeChat as a mirror of ours: set up once, linked to a member's code, and shown what the ledger says."""

from contextlib import suppress
from dataclasses import dataclass

from redis.exceptions import LockError
from sqlalchemy import select, text
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
_LOCK_S = 60
_STALE = text(
    """
    SELECT DISTINCT card.customer_id FROM member_card AS card
    JOIN card_mirror AS mirror ON mirror.id = card.mirror_id AND mirror.adapter <> 'none'
    JOIN wallet ON wallet.customer_id = card.customer_id AND wallet.programme_id = card.programme_id
    WHERE card.state = 'active' AND card.customer_id > :after AND (
        (wallet.kind = 'points' AND wallet.active IS DISTINCT FROM card.shown_points)
        OR (wallet.kind = 'value' AND mirror.shows_value AND wallet.active IS DISTINCT FROM card.shown_value_fen))
    ORDER BY card.customer_id LIMIT :most
    """
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A member's card at WeChat, and what the ledger says it should show."""

    card_row: int
    account_id: int
    adapter: str
    place: CardCode
    number: str
    standing: Standing
    told: Standing | None
    """What the mirror was last told."""


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
    if (card.mirror_id, card.mirror_code) != (mirror.id, code):
        card.shown_points = card.shown_value_fen = None
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
            None if card.shown_points is None else Standing(card.shown_points, card.shown_value_fen),
        )
        for card, mirror in session.execute(query)
    ]


def activate_mirror(house: House, shown: Shown) -> None:
    """Show a member's card as his own. Raises CardGoneError, WeChatError."""
    found = _speaker(house, shown)
    if found is not None:
        product, gateway = found
        product.activate(gateway, shown.place, number=shown.number, standing=shown.standing)
        _keep(house, shown, told=shown.standing)


def push_standing(house: House, *, customer_id: int, words: str) -> int:
    """Show what the ledger says on every card of a customer that shows something else; says how many calls it took.

    The values are absolute, so a repeated or late push does no harm; a balance that moved while the call was under way is shown right after.
    One process at a time speaks about a customer: who finds another at it leaves it to that one, and to the sweep.
    """
    lock = house.redis.lock(f"{house.settings.redis_prefix}:mirror:{customer_id}", timeout=_LOCK_S, blocking=False)
    if not lock.acquire():
        return 0
    calls = 0
    try:
        for _ in range(_ROUNDS):
            with reading(house.engine) as session:
                waiting = [each for each in shown_cards(session, customer_id=customer_id) if each.told != each.standing]
            if not waiting:
                break
            for shown in waiting:
                calls += _push(house, shown, words=words)
    finally:
        with suppress(LockError):
            lock.release()
    return calls


def find_stale(session: Session, *, after: int, limit: int) -> list[int]:
    """Customers, in their order, whose card at WeChat does not show what the ledger says: what moved without a fact, as by night."""
    return list(session.scalars(_STALE, {"after": after, "most": limit}))


def _push(house: House, shown: Shown, *, words: str) -> int:
    found = _speaker(house, shown)
    if found is None:
        return 0
    product, gateway = found
    try:
        product.update(gateway, shown.place, standing=shown.standing, note=words)
    except CardGoneError:
        _keep(house, shown, told=None)
    else:
        _keep(house, shown, told=shown.standing)
    return 1


def _keep(house: House, shown: Shown, *, told: Standing | None) -> None:
    """Remember what the mirror was told, or cut a card that is in no wallet any more; unless another one took its place meanwhile."""
    with work(house.engine) as session:
        card = session.get(MemberCard, shown.card_row, with_for_update={"key_share": True})
        if card is None or card.mirror_code != shown.place.code:
            return
        if told is None:
            card.mirror_id = card.mirror_code = None
        else:
            card.shown_points, card.shown_value_fen = told.points, told.value_fen


def _speaker(house: House, shown: Shown) -> tuple[CardProduct, Gateway] | None:
    account = house.accounts.by_id(shown.account_id)
    return None if account is None else (card_product(shown.adapter), gateway_for(house, account))


def _standing(session: Session, card: MemberCard, mirror: CardMirror) -> Standing:
    query = select(Wallet.kind, Wallet.active).where(Wallet.customer_id == card.customer_id, Wallet.programme_id == card.programme_id)
    held = {row.kind: int(row.active) for row in session.execute(query)}
    return Standing(held.get(WalletKind.POINTS, 0), held.get(WalletKind.VALUE, 0) if mirror.shows_value else None)
