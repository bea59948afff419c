"""Who gets the message and on which account, or why not: one statement, used alike to forecast and to freeze."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, case, cast, exists, func, literal, select
from sqlalchemy.dialects.postgresql import BIT, distinct_on
from sqlalchemy.orm import Session, aliased

from app.core.followers import FOLLOWING
from app.core.nouns import Account, Customer, Follower
from jobs.models import Broadcast, BroadcastAccount, Delivery, DeliveryState
from tagging.segments import compile_tree, verify_tree
from tagging.tree import parse_tree

BLOCKED_DAYS = 30
"""How long a receipt that says `user block` keeps a person off that account's broadcasts; he may have let us in again since."""
BUCKETS = 10_000


def check_segment(session: Session, tree: Mapping[str, Any], *, now: datetime) -> None:
    """Refuse a segment that does not compile or names something that does not exist. Raises BadRequestError and NotFoundError."""
    read = parse_tree(dict(tree))
    verify_tree(session, read)
    compile_tree(read, now)


def members_of(broadcast: Broadcast, *, now: datetime) -> Select[Any]:
    """The customer ids a wave is for: the segment at first, later those whom the wave before did not reach.

    Rows that may have been sent (unknown, undecided) are not among the missing.
    """
    if broadcast.wave == 1:
        return compile_tree(parse_tree(dict(broadcast.segment)), now)
    missed = Delivery.state.in_((DeliveryState.FAILED, DeliveryState.BLOCKED)) | (
        (Delivery.state == DeliveryState.LEFT_OUT) & Delivery.left_out_why.in_(("not_following", "no_template", "blocked"))
    )
    return select(Delivery.customer_id).where(
        Delivery.broadcast_id == broadcast.id, Delivery.wave == broadcast.wave - 1, Delivery.customer_id.is_not(None), missed
    )


def audience(broadcast: Broadcast, *, now: datetime, parked: Collection[int]) -> Select[Any]:
    """One row a member: customer_id, follower_id, account_id, openid, bucket, left_out_why (NULL for those who get it).

    The account is chosen per person: one that is not parked, then the one he was last active on, then the account's priority.
    """
    member = members_of(broadcast, now=now).subquery("member")
    customer_id = member.c[0]
    bucket = bucket_of(broadcast.salt, customer_id)
    part = aliased(BroadcastAccount, name="part")
    why = _why(part, bucket=bucket, control_percent=broadcast.control_percent, now=now)
    can_reach = why.is_(None)
    return (
        select(
            customer_id.label("customer_id"),
            Follower.id.label("follower_id"),
            case((can_reach, Follower.account_id)).label("account_id"),
            case((can_reach, Follower.openid)).label("openid"),
            bucket.label("bucket"),
            why.label("left_out_why"),
        )
        .ext(distinct_on(customer_id))
        .select_from(member)
        .join(Customer, (Customer.id == customer_id) & Customer.joined_into_id.is_(None))
        .outerjoin(Follower, Follower.customer_id == customer_id)
        .outerjoin(Account, Account.id == Follower.account_id)
        .outerjoin(part, (part.account_id == Follower.account_id) & (part.broadcast_id == broadcast.id))
        .order_by(
            customer_id,
            can_reach.desc(),
            # The reason closest to being reached is the one worth telling.
            case((why == "blocked", 0), (why == "no_template", 1), (why == "not_following", 2), else_=3),
            *([Follower.account_id.in_(sorted(parked))] if parked else []),
            Follower.last_interaction_at.desc().nulls_last(),
            Account.priority,
            Follower.id,
        )
    )


def bucket_of(salt: str, customer_id: ColumnElement[int]) -> ColumnElement[int]:
    """0 to 9999 for a customer: the same on every machine and version, because it is an MD5 and not the database's own hash."""
    digest = func.md5(func.concat(literal(salt), ":", customer_id))
    return func.mod(cast(cast(func.concat("x", func.substr(digest, 1, 8)), BIT(32)), BigInteger), BUCKETS)


def _why(part: type[BroadcastAccount], *, bucket: ColumnElement[int], control_percent: int, now: datetime) -> ColumnElement[str | None]:
    block = aliased(Delivery)
    blocked = exists().where(
        block.follower_id == Follower.id, block.state == DeliveryState.BLOCKED, block.settled_at > now - timedelta(days=BLOCKED_DAYS)
    )
    return case(
        (bucket < control_percent * (BUCKETS // 100), "control"),
        (Follower.openid.is_(None) & Follower.erased_at.is_not(None), "erased"),
        (Follower.id.is_(None) | (Follower.state != FOLLOWING) | Follower.openid.is_(None), "not_following"),
        (part.account_id.is_(None), "no_template"),
        (blocked, "blocked"),
        else_=None,
    )
