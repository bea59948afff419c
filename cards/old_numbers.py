"""Numbers of another vendor's cards that are none of ours: kept sealed beside the new card, and found by their keyed hash."""

import unicodedata

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.bulk import table_of
from app.core.ids import new_public_id
from app.core.secrets import KeyRing
from cards.models.membership import MemberCard, OldCardNumber

KIND = "number"
LONGEST = 40


def tidy_old_number(written: str) -> str | None:
    """A foreign number as it is stored: letters and digits in one form, without blanks and dashes; None when it is none."""
    narrow = unicodedata.normalize("NFKC", written[:64]).upper()
    plain = "".join(sign for sign in narrow if not sign.isspace() and sign not in "-_./")
    return plain if 4 <= len(plain) <= LONGEST and plain.isascii() and plain.isalnum() else None


def keep_old_number(session: Session, ring: KeyRing, card: MemberCard, number: str) -> bool:
    """Let an old number (tidy already) lead to a card; says whether it does now: a number that leads to another card is left there."""
    public_id = new_public_id()
    row = {
        "public_id": public_id,
        "programme_id": card.programme_id,
        "card_id": card.id,
        "number_sealed": ring.seal(number, table="old_card_number", column="number_sealed", row=public_id),
        "number_lookup": ring.lookup_hash(number, kind=KIND),
    }
    session.execute(pg_insert(table_of(OldCardNumber)).values(row).on_conflict_do_nothing(index_elements=["programme_id", "number_lookup"]))
    held = find_old_number(session, ring, programme_id=card.programme_id, written=number)
    return held is not None and held.id == card.id


def find_old_number(session: Session, ring: KeyRing, *, programme_id: int, written: str) -> MemberCard | None:
    """The card an old number leads to, whatever its state."""
    number = tidy_old_number(written)
    if number is None:
        return None
    hashes = ring.lookup_hashes(number, kind=KIND)
    known = or_(OldCardNumber.number_lookup.in_(hashes), OldCardNumber.number_lookup_next.in_(hashes))
    query = select(MemberCard).join(OldCardNumber, OldCardNumber.card_id == MemberCard.id)
    return session.scalars(query.where(OldCardNumber.programme_id == programme_id, known).limit(1)).first()
