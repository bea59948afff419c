"""One customer over several accounts: joined by unionid only while a consent row lives, parted when it is withdrawn."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Update, select, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core import kinds
from app.core.bulk import table_of
from app.core.facts import Fact, FactRow, lock_customers, record
from app.core.followers import lock_followers
from app.core.ids import new_public_id
from app.core.nouns import Consent, ConsentWithdrawal, Customer, Follower
from app.core.registry import Registry

JOIN_ACCOUNTS = "join_accounts"
_WITHDRAWAL = table_of(ConsentWithdrawal)


def unionid_digest(unionid: str) -> str:
    """The pseudonym under which a consent is kept."""
    return hashlib.sha256(f"unionid:{unionid}".encode()).hexdigest()


def apply_consents(session: Session, follower_ids: Collection[int], *, registry: Registry, now: datetime) -> None:
    """Let the consent facts of followers take effect: write the rows, then join or part the customers.

    A follower whose unionid is not known yet keeps his facts; `learn_unionids` comes back to them.
    """
    known = select(Follower.id, Follower.unionid).where(Follower.id.in_(sorted(follower_ids)), Follower.unionid.is_not(None))
    _settle(session, {row.id: row.unionid for row in session.execute(known)}, registry=registry, now=now)


def learn_unionids(session: Session, unionids: Mapping[int, str], *, registry: Registry, now: datetime) -> None:
    """Keep the unionids of followers (by follower id), and let their consents, given before or after, take effect."""
    _settle(session, unionids, registry=registry, now=now)


def lock_unionids(session: Session, unionids: Collection[str]) -> None:
    """Take a turn per unionid until the transaction ends. Whoever will learn one and locks its follower before takes it first."""
    for unionid in sorted(set(unionids)):
        session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"unionid:{unionid}"})


def _settle(session: Session, unionids: Mapping[int, str], *, registry: Registry, now: datetime) -> None:
    # Two processes that learn two followers of one person at once must see each other's rows, so they take turns per unionid,
    # and they do so before they lock any follower.
    lock_unionids(session, unionids.values())
    kin = select(Follower.id).where(Follower.unionid.in_(sorted(set(unionids.values()))))
    followers = lock_followers(session, {*unionids, *session.scalars(kin)})
    for follower_id, unionid in unionids.items():
        if follower_id in followers and followers[follower_id].openid is not None:
            followers[follower_id].unionid = unionid
    session.flush()
    for follower in followers.values():
        keep_withdrawal(session, follower)
    owners = {each.id: each.unionid for each in followers.values() if each.unionid is not None} | dict(unionids)
    # All accounts of the person speak: a withdrawal on one ends the consent given on another, whichever was heard first.
    said = select(FactRow).where(FactRow.follower_id.in_(sorted(owners)), FactRow.kind.in_((kinds.CONSENT_GRANTED, kinds.CONSENT_REVOKED)))
    # In one second the withdrawal counts as the later word; its kind comes after that of the consent.
    for row in session.scalars(said.order_by(FactRow.occurred_at, FactRow.kind)):
        if row.follower_id is not None and joins_accounts(row.data):
            _write_consent(session, row, owners[row.follower_id])
    for unionid in sorted(set(unionids.values())):
        same = [each for _, each in sorted(followers.items()) if each.unionid == unionid and each.openid is not None]
        if may_join(session, unionid) and not _end_older(session, unionid):
            _join(session, same, registry=registry, now=now)
        else:
            _part(session, same, registry=registry, now=now)


def joins_accounts(data: Mapping[str, Any]) -> bool:
    """Whether a consent fact is about joining accounts; consents to other things are kept and join nobody."""
    return bool(data.get("purpose", JOIN_ACCOUNTS) == JOIN_ACCOUNTS)


def may_join(session: Session, unionid: str) -> bool:
    """Whether a consent to read several accounts as one customer is alive for this person."""
    query = select(Consent.id).where(
        Consent.unionid_digest == unionid_digest(unionid), Consent.purpose == JOIN_ACCOUNTS, Consent.revoked_at.is_(None)
    )
    return session.scalar(query.limit(1)) is not None


def _write_consent(session: Session, fact: FactRow, unionid: str) -> None:
    digest = unionid_digest(unionid)
    if fact.kind == kinds.CONSENT_GRANTED:
        session.execute(
            pg_insert(Consent)
            .values(
                unionid_digest=digest,
                purpose=JOIN_ACCOUNTS,
                version=str(fact.data.get("version", ""))[:32],
                source=str(fact.data.get("via", ""))[:64],
                granted_at=fact.occurred_at,
            )
            .on_conflict_do_nothing()
        )
    else:
        _withdraw(session, digest, fact.occurred_at)


def keep_withdrawal(session: Session, follower: Follower) -> bool:
    """Let a follower's withdrawal count for the person on all his accounts, as soon as the unionid is known and before it is forgotten.

    Says whether a consent ended by it: then customers who were joined are to be parted.
    """
    if follower.unionid is None or follower.join_revoked_at is None:
        return False
    return _withdraw(session, unionid_digest(follower.unionid), follower.join_revoked_at)


def _withdraw(session: Session, digest: str, at: datetime) -> bool:
    kept = pg_insert(_WITHDRAWAL).values(unionid_digest=digest, purpose=JOIN_ACCOUNTS, revoked_at=at)
    later = kept.on_conflict_do_update(
        index_elements=["unionid_digest", "purpose"],
        set_={"revoked_at": kept.excluded.revoked_at},
        where=_WITHDRAWAL.c.revoked_at < kept.excluded.revoked_at,
    )
    session.execute(later)
    ended = _living(digest).where(Consent.granted_at <= at).values(revoked_at=at)
    return bool(session.scalars(ended.returning(Consent.id)).all())


def _end_older(session: Session, unionid: str) -> bool:
    """End what was granted before the last withdrawal and heard of after it; says whether no consent lives any more."""
    digest = unionid_digest(unionid)
    withdrawn = session.get(ConsentWithdrawal, (digest, JOIN_ACCOUNTS), populate_existing=True)
    if withdrawn is None:
        return False
    session.execute(_living(digest).where(Consent.granted_at <= withdrawn.revoked_at).values(revoked_at=withdrawn.revoked_at))
    return not may_join(session, unionid)


def _living(digest: str) -> Update:
    return update(Consent).where(Consent.unionid_digest == digest, Consent.purpose == JOIN_ACCOUNTS, Consent.revoked_at.is_(None))


def _join(session: Session, followers: Collection[Follower], *, registry: Registry, now: datetime) -> None:
    customers = sorted({follower.customer_id for follower in followers})
    if len(customers) < 2:
        return
    lock_customers(session, customers)
    into = customers[0]
    for old in customers[1:]:
        session.execute(update(Follower).where(Follower.customer_id == old).values(customer_id=into))
        session.execute(update(FactRow).where(FactRow.customer_id == old).values(customer_id=into))
        session.execute(update(Customer).where(Customer.id == old).values(joined_into_id=into))
        joined = Fact(f"join:{old}:{into}", kinds.JOINED, now, {"from": old, "into": into}, customer_id=into)
        record(session, [joined], registry=registry, now=now)


def _part(session: Session, followers: Sequence[Follower], *, registry: Registry, now: datetime) -> None:
    """Give every follower but the first of a joined customer a customer of his own."""
    kept: set[int] = set()
    for follower in followers:
        if follower.customer_id not in kept:
            kept.add(follower.customer_id)
            continue
        lock_customers(session, {follower.customer_id})
        customer = Customer(public_id=new_public_id(), created_at=now)
        session.add(customer)
        session.flush()
        old, follower.customer_id = follower.customer_id, customer.id
        session.flush()
        session.execute(update(FactRow).where(FactRow.follower_id == follower.id).values(customer_id=customer.id))
        data = {"from": old, "into": customer.id, "follower": follower.id}
        split = Fact(f"split:{old}:{customer.id}", kinds.SPLIT, now, data, customer_id=customer.id, follower_id=follower.id)
        record(session, [split], registry=registry, now=now)
