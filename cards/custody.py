"""Whose a card is when people are joined, parted and forgotten."""

from datetime import datetime

from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from app.core.bulk import table_of
from app.core.nouns import Customer, Follower
from cards.ledger.merge import merge_wallets
from cards.ledger.post import Cause
from cards.ledger.wallets import lock_wallets
from cards.membership import card_of
from cards.models.contact import ContactWish, EmailConsent
from cards.models.ledger import Wallet
from cards.models.lifecycle import CustomerLifecycle
from cards.models.membership import CardMirror, CardState, MemberCard


def join_members(session: Session, *, old: int, into: int, key: str, now: datetime) -> None:
    """Give a customer's cards and wallets to the one he was joined into. Of two cards in a programme the receiver's stays open.

    `key` is the fact's: the wallets' transfer is posted once. Ranks above the receiver's own are lifted afterwards (`take_over_tier`).
    """
    _join_wallets(session, old=old, into=into, key=key, now=now)
    for card in session.scalars(select(MemberCard).where(MemberCard.customer_id == old).order_by(MemberCard.id)).all():
        held = card_of(session, customer_id=into, programme_id=card.programme_id)
        if card.state == CardState.ACTIVE and held is not None:
            card.state = CardState.MERGED
            mirror = (card.mirror_id, card.mirror_code)
            card.mirror_id = card.mirror_code = None
            session.flush()
            if held.mirror_id is None:
                held.mirror_id, held.mirror_code = mirror
                held.shown_points = held.shown_value_fen = None
        card.customer_id = into
        session.flush()


def _join_wallets(session: Session, *, old: int, into: int, key: str, now: datetime) -> None:
    wallets = session.scalars(select(Wallet).where(Wallet.customer_id.in_((old, into))).order_by(Wallet.id)).all()
    lock_wallets(session, [wallet.id for wallet in wallets])
    mine = {(wallet.programme_id, wallet.kind): wallet.id for wallet in wallets if wallet.customer_id == into}
    for wallet in wallets:
        if wallet.customer_id != old:
            continue
        target = mine.get((wallet.programme_id, wallet.kind))
        if target is None:
            # Nothing to merge with: the wallet itself changes hands, and its statement with it.
            session.execute(update(Wallet).where(Wallet.id == wallet.id).values(customer_id=into))
            continue
        cause = Cause(business_key=f"{key}:{wallet.id}", reason="会员合并", actor="system", occurred_at=now, now=now)
        merge_wallets(session, from_wallet_id=wallet.id, into_wallet_id=target, cause=cause)


def merged_cards(session: Session, *, customer_id: int) -> list[tuple[MemberCard, list[MemberCard]]]:
    """A customer's open cards, each with those that were merged into it."""
    cards = session.scalars(select(MemberCard).where(MemberCard.customer_id == customer_id).order_by(MemberCard.id)).all()
    return [
        (card, [each for each in cards if each.state == CardState.MERGED and each.programme_id == card.programme_id])
        for card in cards
        if card.state == CardState.ACTIVE
    ]


def forget_birthday(session: Session, *, customer_id: int) -> None:
    """What a member told about himself goes when the customer is forgotten; the contract stays."""
    forgotten = select(Customer.id).where(Customer.id == customer_id, Customer.erased_at.is_not(None))
    session.execute(
        update(MemberCard)
        .where(MemberCard.customer_id.in_(forgotten))
        .values(birthday_sealed=None, birthday_lookup=None, birthday_lookup_next=None)
    )


_WISHES = """
    INSERT INTO contact_wish (customer_id, topic, channel, wanted, changed_at)
    SELECT :into, topic, channel, wanted, changed_at FROM contact_wish WHERE customer_id = :old ORDER BY topic, channel
    ON CONFLICT (customer_id, topic, channel) DO UPDATE
    SET wanted = contact_wish.wanted AND excluded.wanted, changed_at = greatest(contact_wish.changed_at, excluded.changed_at)
"""


def join_wishes(session: Session, *, old: int, into: int) -> None:
    """What either of two who became one said no to stays a no. An address is bound to its own row: it and its consent end here."""
    session.execute(text(_WISHES), {"old": old, "into": into})
    session.execute(update(Customer).where(Customer.id == old).values(email_sealed=None, email_lookup=None, email_lookup_next=None))
    for table in (ContactWish, EmailConsent, CustomerLifecycle):
        session.execute(delete(table_of(table)).where(table_of(table).c.customer_id == old))


def forget_wishes(session: Session, *, customer_id: int) -> None:
    """What a member wished to hear, and the consent of his address, go when the customer is forgotten."""
    forgotten = select(Customer.id).where(Customer.id == customer_id, Customer.erased_at.is_not(None))
    for table in (ContactWish, EmailConsent):
        session.execute(delete(table_of(table)).where(table_of(table).c.customer_id.in_(forgotten)))


def leave_mirror(session: Session, *, customer_id: int, follower_id: int) -> None:
    """Cut a customer's cards from the wallet of a follower who is his no more: another person's balance must not be shown there."""
    account_id = session.scalar(select(Follower.account_id).where(Follower.id == follower_id))
    mirrors = select(CardMirror.id).where(CardMirror.account_id == account_id)
    session.execute(
        update(MemberCard)
        .where(MemberCard.customer_id == customer_id, MemberCard.mirror_id.in_(mirrors))
        .values(mirror_id=None, mirror_code=None)
    )
