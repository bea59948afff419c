"""The blacklist: customers, phone numbers and devices that claim, redeem and earn nothing, until a day, for a reason that is on record."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.ids import new_public_id
from app.core.nouns import Customer
from app.core.secrets import KeyRing
from cards.models.defences import Block, BlockKind
from cards.phones import KIND, tidy_phone
from cards.refusals import RefusedError


@dataclass(frozen=True, slots=True)
class Whom:
    """What is to be blocked: one of the three."""

    customer: UUID | None = None
    phone: str | None = None
    device: int | None = None


def add_block(session: Session, ring: KeyRing, whom: Whom, *, reason: str, until: datetime | None, actor: str, now: datetime) -> Block:
    """Keep somebody out. Raises BadRequestError (not exactly one, no reason, a day that is over), NotFoundError for no such customer."""
    if sum(each is not None for each in (whom.customer, whom.phone, whom.device)) != 1:
        raise BadRequestError("请写顾客、手机号或设备其中之一 / name a customer, a phone or a device", code="bad_block")
    if not reason.strip():
        raise BadRequestError("加入黑名单要写原因 / say why", code="reason_needed")
    if until is not None and until <= now:
        raise BadRequestError("截止时间已过 / that day is over already", code="bad_until")
    row = Block(public_id=new_public_id(), reason=reason.strip()[:200], until=until, actor=actor[:64], created_at=now)
    if whom.customer is not None:
        found = session.scalar(select(Customer.id).where(Customer.public_id == whom.customer))
        if found is None:
            raise NotFoundError("没有这位会员 / there is no such member", code="no_customer")
        row.kind, row.customer_id = BlockKind.CUSTOMER, found
    elif whom.phone is not None:
        phone = tidy_phone(whom.phone)
        row.kind = BlockKind.PHONE
        row.phone_sealed = ring.seal(phone, table="block", column="phone_sealed", row=row.public_id)
        row.phone_lookup = ring.lookup_hash(phone, kind=KIND)
    else:
        row.kind, row.device = BlockKind.DEVICE, whom.device
    session.add(row)
    session.flush()
    detail = {"kind": str(row.kind), "reason": row.reason, "until": None if until is None else until.isoformat()}
    note(session, at=now, actor=actor, action="block.added", object_type="block", object_id=row.public_id, detail=detail)
    return row


def lift_block(session: Session, public_id: UUID, *, reason: str, actor: str, now: datetime) -> Block:
    """Let somebody in again, once. Raises BadRequestError without a reason, NotFoundError, ConflictError when it was lifted already."""
    if not reason.strip():
        raise BadRequestError("解除要写原因 / say why", code="reason_needed")
    row = session.scalar(select(Block).where(Block.public_id == public_id))
    if row is None:
        raise NotFoundError("没有这条黑名单 / there is no such entry", code="no_block")
    values = {"lifted_at": now, "lifted_by": actor[:64], "lifted_why": reason.strip()[:200]}
    moved = session.execute(update(Block).where(Block.id == row.id, Block.lifted_at.is_(None)).values(values))
    if moved.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE answers with a cursor result.
        raise ConflictError("已经解除过 / it is lifted already", code="already_lifted")
    session.refresh(row)
    detail = {"reason": row.lifted_why}
    note(session, at=now, actor=actor, action="block.lifted", object_type="block", object_id=public_id, detail=detail)
    return row


def list_blocks(session: Session, *, now: datetime, everything: bool = False, limit: int = 200) -> Sequence[Block]:
    """Who is kept out now, the latest first; with `everything`, those whose time is over or who were let in again too."""
    query = select(Block).order_by(Block.id.desc()).limit(min(max(limit, 1), 1000))
    return session.scalars(query if everything else query.where(*_live(now))).all()


def is_blocked(session: Session, customer_id: int, *, now: datetime, device: int | None = None) -> bool:
    """Whether a customer, by his id, is kept out now; nobody by that id is not."""
    person = session.get(Customer, customer_id)
    return person is not None and find_block(session, person, now=now, device=device) is not None


def check_credit(session: Session, customer_id: int, *, now: datetime, despite: str = "") -> dict[str, str]:
    """That a customer may be credited by hand. Who is kept out is not, unless somebody who decides says why (`despite`): then what the audit says of it.

    Raises RefusedError (blocked); the caller's transaction is then to be rolled back.
    """
    if not is_blocked(session, customer_id, now=now):
        return {}
    if not despite.strip():
        raise RefusedError("blocked")
    return {"despite_block": despite.strip()[:200]}


def find_block(session: Session, person: Customer, *, now: datetime, device: int | None = None) -> Block | None:
    """The entry that keeps this person out now, by himself, his number or the phone in his hand; None for everybody else."""
    who: list[ColumnElement[bool]] = [Block.customer_id == person.id]
    hashes = [known for known in (person.phone_lookup, person.phone_lookup_next) if known is not None]
    if hashes:
        who += [Block.phone_lookup.in_(hashes), Block.phone_lookup_next.in_(hashes)]
    if device is not None:
        who.append(Block.device == device)
    return session.scalar(select(Block).where(or_(*who), *_live(now)).order_by(Block.id).limit(1))


def _live(now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Block.lifted_at.is_(None), or_(Block.until.is_(None), Block.until > now)
