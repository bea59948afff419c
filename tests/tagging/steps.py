"""Short ways for the tests of this room: tags, rules and channels made, facts told, and what came of them read back."""

import itertools
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text

from app.core.accounts import OpenAccount
from app.core.facts import Fact, record
from app.core.house import House
from app.core.nouns import Customer, Follower
from app.core.unit import reading, work
from tagging.models import Channel, ChannelTag, CustomerTag, Tag, TagRemoval, TagRule
from tagging.tags import define_group, define_rule, define_tag

_numbers = itertools.count(1)


def moment(house: House, at_s: float) -> datetime:
    """`at_s` seconds after the test's clock began."""
    return house.clock.now() + timedelta(seconds=at_s)


def tags(house: House, *names: str, exclusive: bool | None = None) -> dict[str, int]:
    """Tags by name with their ids; in a group of their own when `exclusive` is given."""
    with work(house.engine) as session:
        group = None
        if exclusive is not None:
            group = define_group(session, f"group {next(_numbers)}", exclusive=exclusive, now=house.clock.now())
        return {name: define_tag(session, name, group=group, now=house.clock.now()).id for name in names}


def rule(house: House, tag: str, kind: str, params: dict[str, Any], **more: Any) -> int:
    with work(house.engine) as session:
        found = session.scalars(select(Tag).where(Tag.name == tag)).one()
        name = more.pop("name", f"rule {next(_numbers)}")
        return define_rule(session, name, kind=kind, params=params, tag=found, now=house.clock.now(), **more).id


def switch(house: House, rule_id: int, *, enabled: bool) -> None:
    with work(house.engine) as session:
        session.get_one(TagRule, rule_id).enabled = enabled


def channel(
    house: House, account: OpenAccount, scene: str, *tag_names: str, created_s: float = -1000, retired_s: float | None = None
) -> Channel:
    """A channel as the database holds it once WeChat has made its code."""
    with work(house.engine) as session:
        row = Channel(
            account_id=account.id,
            name=f"channel {scene} {next(_numbers)}",
            scene=scene,
            permanent=True,
            ticket="t",
            url="http://weixin.qq.com/q/x",
            created_at=moment(house, created_s),
            retired_at=None if retired_s is None else moment(house, retired_s),
        )
        session.add(row)
        session.flush()
        for name in tag_names:
            session.add(ChannelTag(channel_id=row.id, tag_id=session.scalars(select(Tag.id).where(Tag.name == name)).one()))
        return row


def customers(house: House, account: OpenAccount, number: int) -> list[tuple[int, int]]:
    """New customers with one follower each, as (customer id, follower id)."""
    with work(house.engine) as session:
        people = [Customer(created_at=house.clock.now()) for _ in range(number)]
        session.add_all(people)
        session.flush()
        followers = [
            Follower(
                account_id=account.id,
                customer_id=person.id,
                openid=f"o{next(_numbers)}",
                openid_digest=f"{next(_numbers):064x}",
                state="following",
                state_at=house.clock.now(),
                subscribed_at=house.clock.now(),
                created_at=house.clock.now(),
            )
            for person in people
        ]
        session.add_all(followers)
        session.flush()
        return [(follower.customer_id, follower.id) for follower in followers]


def fact(
    house: House, who: tuple[int, int], kind: str, at_s: float, account_id: int | None = None, fact_key: str | None = None, **data: Any
) -> Fact:
    return Fact(fact_key or f"fact:{next(_numbers):012d}", kind, moment(house, at_s), data, who[0], who[1] or None, account_id)


def tell(house: House, *facts: Fact, batch: int = 500) -> None:
    """Put facts on record, batch by batch."""
    for start in range(0, len(facts), batch):
        with work(house.engine) as session:
            record(session, facts[start : start + batch], registry=house.registry, now=house.clock.now())


def held(house: House, customer_id: int, at_s: float = 0) -> set[str]:
    """Names of the tags a customer has at a moment."""
    now = moment(house, at_s)
    query = (
        select(Tag.name, CustomerTag.expires_at)
        .join(CustomerTag, CustomerTag.tag_id == Tag.id)
        .where(CustomerTag.customer_id == customer_id)
    )
    with reading(house.engine) as session:
        return {name for name, expires_at in session.execute(query) if expires_at is None or expires_at > now}


def evidence(house: House, customer_ids: Iterable[int]) -> list[dict[str, Any]]:
    """Rows of evidence with the names of their tags, in order."""
    query = text(
        "SELECT tag.name, tag_evidence.* FROM tag_evidence JOIN tag ON tag.id = tag_id WHERE customer_id = ANY(:ids) "
        "ORDER BY customer_id, tag.name, source, follower_id"
    )
    with reading(house.engine) as session:
        return [dict(row) for row in session.execute(query, {"ids": list(customer_ids)}).mappings()]


def removals(house: House, customer_id: int) -> list[tuple[str, str]]:
    """What was taken from a customer, as (tag, why), oldest first."""
    query = select(Tag.name, TagRemoval.why).join(TagRemoval, TagRemoval.tag_id == Tag.id).where(TagRemoval.customer_id == customer_id)
    with reading(house.engine) as session:
        return [(name, str(why)) for name, why in session.execute(query.order_by(TagRemoval.id))]
