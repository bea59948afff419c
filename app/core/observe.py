"""Facts of followers go on record here: state by time of occurrence, erasure on un-follow."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.core import kinds
from app.core.audit import note
from app.core.consents import joins_accounts, keep_withdrawal
from app.core.facts import Fact, FactRow, record
from app.core.followers import FOLLOWING, GONE, UNKNOWN, lock_followers, save_moves, welcome_back
from app.core.nouns import Customer, Follower, Retention
from app.core.registry import Registry


def observe(
    session: Session,
    facts: Sequence[Fact],
    *,
    registry: Registry,
    retention: Mapping[int, Retention],
    now: datetime,
    openids: Mapping[int, str] | None = None,
    met: Mapping[int, Follower] | None = None,
) -> list[Fact]:
    """Record facts of followers and settle what they say about them, in this transaction.

    `retention` is each account's policy by id; `openids` gives the openid by follower id where a message carried it, so that somebody who comes
    back after erasure is reachable again; `met` are followers, by id, that this transaction has locked already. Returns the facts that were new.
    """
    followers = dict(met or {})
    followers |= lock_followers(session, {fact.follower_id for fact in facts if fact.follower_id is not None} - followers.keys())
    fresh = record(session, [_withhold(fact, followers) for fact in facts], registry=registry, now=now)
    owners = {fact.key: followers[fact.follower_id] for fact in facts if fact.follower_id in followers}
    erased: dict[int, datetime] = {}
    disputed: set[int] = set()
    for fact in sorted(fresh, key=lambda each: each.occurred_at):
        follower = owners.get(fact.key)
        if follower is None:
            continue
        openid = (openids or {}).get(follower.id)
        if openid and not fact.withheld and kinds.shows_activity(fact.kind):
            welcome_back(session, follower, openid)
        if fact.kind == kinds.CONSENT_REVOKED and joins_accounts(fact.data):
            follower.join_revoked_at = max(fact.occurred_at, follower.join_revoked_at or fact.occurred_at)
            if fact.withheld:
                _withdraw_all(session, follower, fact.key, registry=registry, now=now)
        if _settle_state(session, follower, fact):
            if openid:
                welcome_back(session, follower, openid)
            _dispute(session, follower, fact.key, registry=registry, now=now)
            disputed.add(follower.id)
        if _obliges_erasure(fact, retention):
            erased[follower.id] = max(fact.occurred_at, erased.get(follower.id, fact.occurred_at))
    save_moves(session, followers.values())
    for follower_id, moment in sorted(erased.items()):
        _erase(session, followers[follower_id], moment=moment, left=follower_id not in disputed, registry=registry, now=now)
    session.flush()
    return fresh


def _withhold(fact: Fact, followers: Mapping[int, Follower]) -> Fact:
    """An event from before the erasure records only its key: its data and links stay out of the house."""
    follower = None if fact.follower_id is None else followers.get(fact.follower_id)
    if follower is None or follower.erased_at is None or fact.occurred_at > follower.erased_at:
        return fact
    return replace(fact, withheld=True, customer_id=None, follower_id=None)


def _settle_state(session: Session, follower: Follower, fact: Fact) -> bool:
    """Let a fact change the state when it is not older than what set it. Says whether only WeChat can tell (a tie)."""
    if not fact.withheld and kinds.shows_activity(fact.kind):
        follower.last_interaction_at = max(fact.occurred_at, follower.last_interaction_at or fact.occurred_at)
    said = _state_in(fact)
    if said is None:
        _believe_sign(follower, fact)
        return False
    if follower.state_at is not None and fact.occurred_at < follower.state_at:
        if fact.kind == kinds.FOLLOWED and follower.state == FOLLOWING and not fact.withheld:
            # What he did next was here first; he follows since then all the same.
            follower.subscribed_at = max(fact.occurred_at, follower.subscribed_at or fact.occurred_at)
        return False
    if follower.state_at == fact.occurred_at and follower.state != said and fact.kind != kinds.PRIVACY_CHANGED:
        # Two opposite events in one second: only WeChat knows which came last.
        return True
    later = _last_sign(session, follower, after=fact.occurred_at) if said == GONE else None
    follower.state, follower.state_at = (said, fact.occurred_at) if later is None else (FOLLOWING, later)
    if fact.kind == kinds.FOLLOWED:
        follower.subscribed_at = fact.occurred_at
    return False


def _believe_sign(follower: Follower, fact: Fact) -> None:
    """Who does what only followers can does follow, also when the event that he came back never reached us."""
    if fact.withheld:
        return
    if follower.state == UNKNOWN:
        believed = kinds.shows_following(fact.kind, fact.data)
    else:
        later = follower.state == GONE and follower.state_at is not None and fact.occurred_at > follower.state_at
        believed = later and kinds.proves_following(fact.kind, fact.data)
    if believed:
        follower.state, follower.state_at = FOLLOWING, fact.occurred_at


def _last_sign(session: Session, follower: Follower, *, after: datetime) -> datetime | None:
    """When he last did what only followers can, if that was after he is said to have left: then we hear of his leaving late."""
    if follower.last_interaction_at is None or follower.last_interaction_at <= after:
        return None
    done = select(FactRow.kind, FactRow.data, FactRow.occurred_at).where(FactRow.follower_id == follower.id, FactRow.occurred_at > after)
    rows = session.execute(done.order_by(FactRow.occurred_at.desc()))
    return next((row.occurred_at for row in rows if kinds.proves_following(row.kind, row.data)), None)


def _state_in(fact: Fact) -> str | None:
    if fact.kind == kinds.FOLLOWED:
        return FOLLOWING
    if fact.kind == kinds.UNFOLLOWED:
        return GONE
    if fact.kind == kinds.CHECKED:
        return FOLLOWING if fact.data.get("subscribe") else GONE
    if kinds.closes_account(fact.kind, fact.data):
        return GONE
    return None


def _withdraw_all(session: Session, follower: Follower, why: str, *, registry: Registry, now: datetime) -> None:
    """Let a withdrawal count on the person's other accounts although its own fact and reaction go with the erasure.

    Where it ends a consent, one of the others is looked at anew, which parts them.
    """
    if not keep_withdrawal(session, follower):
        return
    kin = select(Follower).where(Follower.unionid == follower.unionid, Follower.id != follower.id, Follower.openid.is_not(None))
    other = session.scalar(kin.order_by(Follower.id).limit(1))
    if other is not None:
        _dispute(session, other, why, registry=registry, now=now)


def _dispute(session: Session, follower: Follower, why: str, *, registry: Registry, now: datetime) -> None:
    """Put it on record that WeChat must be asked about somebody; a reaction does."""
    session.flush()
    disputed = Fact(
        key=f"dispute:{why}",
        kind=kinds.DISPUTED,
        occurred_at=now,
        data={},
        customer_id=follower.customer_id,
        follower_id=follower.id,
        account_id=follower.account_id,
    )
    record(session, [disputed], registry=registry, now=now)


def _obliges_erasure(fact: Fact, retention: Mapping[int, Retention]) -> bool:
    """Whether a fact says that the person left an account that must then forget him, however late we hear of it."""
    if fact.withheld or fact.account_id is None or retention.get(fact.account_id, Retention.ERASE) is not Retention.ERASE:
        return False
    return _state_in(fact) == GONE


def _erase(session: Session, follower: Follower, *, moment: datetime, left: bool, registry: Registry, now: datetime) -> None:
    """Forget a follower up to `moment`. What he did later, if he came back before we heard that he left, stays.

    While it is in dispute whether he left for good (`left` is False) his openid stays, because WeChat must be asked with it.
    """
    follower.erased_at = max(moment, follower.erased_at or moment)
    _withdraw_all(session, follower, f"erase:{follower.id}:{int(moment.timestamp())}", registry=registry, now=now)
    if follower.subscribed_at is not None and follower.subscribed_at <= moment:
        follower.subscribed_at = None
    if follower.last_interaction_at is not None and follower.last_interaction_at <= moment:
        follower.last_interaction_at = None
    if follower.state == GONE and left:
        # What he did since, without following, came with his openid: he can be found by it again.
        back = follower.last_interaction_at is not None
        if not back:
            follower.openid = None
        follower.unionid = None
        follower.subscribed_at = None
        follower.subscribe_scene = None
        follower.synced_at = None
        if not _has_other_followers(session, follower):
            _forget_customer(session, follower.customer_id, moment=None if back else moment)
    session.flush()
    # The digest is what outlives the erasure; nothing personal is in it.
    detail = {"account_id": follower.account_id, "left": left}
    note(session, at=now, actor="wechat", action="follower.erased", object_type="follower", object_id=follower.openid_digest, detail=detail)
    key = f"erase:{follower.id}:{int(moment.timestamp())}"
    fact = Fact(
        key=key,
        kind=kinds.ERASED,
        occurred_at=moment,
        data={},
        customer_id=follower.customer_id,
        follower_id=follower.id,
        account_id=follower.account_id,
    )
    record(session, [fact], registry=registry, now=now)


def _has_other_followers(session: Session, follower: Follower) -> bool:
    query = select(exists().where(Follower.customer_id == follower.customer_id, Follower.id != follower.id, Follower.openid.is_not(None)))
    return bool(session.scalar(query))


def _forget_customer(session: Session, customer_id: int, *, moment: datetime | None) -> None:
    """Forget who a customer is; erased as of `moment` when nobody stands for him any more."""
    customer = session.get(Customer, customer_id)
    if customer is None:
        return
    customer.erased_at = moment
    customer.name_sealed = customer.address_sealed = None
    customer.phone_lookup = customer.phone_lookup_next = customer.phone_sealed = None
    customer.email_lookup = customer.email_lookup_next = customer.email_sealed = None
