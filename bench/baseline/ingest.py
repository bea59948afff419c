"""The usual ingest: one event at a time, each through the ORM in a transaction of its own, with the same rows at the end.

Entries are fetched a hundred at a time and the rules are held in memory, so that what is measured is the transaction for each event.
"""

from datetime import datetime, timedelta

from redis import Redis
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app.core.facts import FactRow
from app.core.inbound import InboundRow, openid_digest
from app.core.inbox import GROUP, Entry
from app.core.nouns import Customer, Follower
from tagging.models import CustomerTag, TagEvidence, TagRule


class OrmIngest:
    """Reads the stream and writes rows until nothing is left."""

    def __init__(self, engine: Engine, redis: Redis, stream: str, *, accounts: dict[str, int]) -> None:
        self._engine, self._redis, self._stream, self._accounts = engine, redis, stream, accounts
        with Session(engine, expire_on_commit=False) as session:
            self._rules = session.scalars(select(TagRule).where(TagRule.enabled).order_by(TagRule.position, TagRule.id)).all()

    def run(self) -> int:
        """Work until the stream is empty; says how many events were recorded."""
        done = 0
        while True:
            answer = self._redis.xreadgroup(GROUP, "baseline", {self._stream: ">"}, count=100)
            if not answer:
                return done
            for stream_id, fields in answer[0][1]:
                with Session(self._engine, expire_on_commit=False) as session:
                    self.record(session, Entry.unpack(fields[b"d"]))
                    session.commit()
                with self._redis.pipeline(transaction=True) as pipe:
                    pipe.xack(self._stream, GROUP, stream_id)
                    pipe.xdel(self._stream, stream_id)
                    pipe.execute()
                done += 1

    def record(self, session: Session, entry: Entry) -> None:
        """One event: its key, its follower and customer, its facts and their tags."""
        account_id, now = self._accounts[entry.appid], entry.received_at
        if session.get(InboundRow, entry.key) is not None:
            return
        session.add(InboundRow(key=entry.key, account_id=account_id, occurred_at=entry.occurred_at, received_at=entry.received_at))
        follower = self._follower(session, entry, account_id=account_id, now=now)
        for draft in entry.drafts:
            fact = FactRow(
                key=f"{entry.key}:{draft.kind}:{draft.number}",
                kind=draft.kind,
                customer_id=follower.customer_id,
                follower_id=follower.id,
                account_id=account_id,
                occurred_at=entry.occurred_at,
                recorded_at=now,
                data=dict(draft.data),
            )
            session.add(fact)
            session.flush()
            self._tag(session, fact)

    def _follower(self, session: Session, entry: Entry, *, account_id: int, now: datetime) -> Follower:
        digest = openid_digest(entry.appid, entry.openid)
        follower = session.scalar(
            select(Follower).where(Follower.account_id == account_id, Follower.openid_digest == digest).with_for_update()
        )
        if follower is None:
            customer = Customer(created_at=now)
            session.add(customer)
            session.flush()
            follower = Follower(
                account_id=account_id,
                customer_id=customer.id,
                openid=entry.openid,
                openid_digest=digest,
                state="unknown",
                created_at=now,
            )
            session.add(follower)
        if any(draft.kind != "follower.unfollowed" for draft in entry.drafts):
            if follower.state == "unknown":
                follower.state, follower.state_at = "following", entry.occurred_at
            follower.last_interaction_at = max(entry.occurred_at, follower.last_interaction_at or entry.occurred_at)
        session.flush()
        return follower

    def _tag(self, session: Session, fact: FactRow) -> None:
        for rule in self._rules:
            if not self._speaks(session, rule, fact):
                continue
            place = (fact.customer_id, rule.tag_id, f"rule:{rule.id}", fact.follower_id)
            evidence = session.get(TagEvidence, place)
            if evidence is None:
                session.add(
                    TagEvidence(
                        customer_id=fact.customer_id,
                        tag_id=rule.tag_id,
                        source=f"rule:{rule.id}",
                        follower_id=fact.follower_id,
                        first_key=fact.key,
                        last_key=fact.key,
                        weight=rule.weight,
                        first_at=fact.occurred_at,
                        last_at=fact.occurred_at,
                        hits=1,
                    )
                )
            else:
                evidence.weight += rule.weight
                evidence.hits += 1
                evidence.last_key, evidence.last_at = fact.key, fact.occurred_at
            if session.get(CustomerTag, (rule.tag_id, fact.customer_id)) is None:
                session.add(CustomerTag(tag_id=rule.tag_id, customer_id=fact.customer_id))

    def _speaks(self, session: Session, rule: TagRule, fact: FactRow) -> bool:
        params = rule.params
        if rule.kind == "menu_key":
            return fact.kind == "menu.clicked" and fact.data.get("key") in params["keys"]
        if rule.kind == "keyword":
            return fact.kind == "keyword.matched" and fact.data.get("keyword") in params["keywords"]
        if fact.kind != params["kind"]:
            return False
        within = select(func.count()).where(
            FactRow.customer_id == fact.customer_id,
            FactRow.kind == fact.kind,
            FactRow.occurred_at > fact.occurred_at - timedelta(seconds=params["within_s"]),
            FactRow.occurred_at <= fact.occurred_at,
        )
        return bool(session.scalar(within) >= params["at_least"])
