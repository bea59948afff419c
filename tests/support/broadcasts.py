"""People, plans and platforms for the tests of broadcasts."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from sqlalchemy import func, select, text

from app.core.accounts import OpenAccount
from app.core.house import House
from app.core.inbound import openid_digest
from app.core.unit import reading, work
from app.wechat.errors import WeChatError, error_of
from app.wechat.sender import Answer, Outgoing
from jobs.broadcasts.drain import drain_account
from jobs.broadcasts.freeze import Frozen, freeze
from jobs.broadcasts.orders import send
from jobs.broadcasts.plan import plan_broadcast, read_plan
from jobs.broadcasts.pump import Report
from jobs.broadcasts.sweep import Swept, sweep_house
from jobs.models import Broadcast, Delivery

TEMPLATE = SimpleNamespace(template_id="tpl-1", title="积分变动", content="{{thing1.DATA}}\n{{time2.DATA}}")
_numbers = itertools.count(1)


@dataclass
class Platform:
    """A WeChat that takes every message, unless a test gives it something to answer."""

    calls: list[Outgoing] = field(default_factory=list)
    answer: Callable[[Outgoing], WeChatError | None] | None = None
    before: Callable[[Sequence[Outgoing]], None] | None = None
    after: Callable[[list[Answer]], None] | None = None

    def send(self, requests: Sequence[Outgoing]) -> list[Answer]:
        if self.before is not None:
            self.before(requests)
        self.calls.extend(requests)
        answers = [self._one(request) for request in requests]
        if self.after is not None:
            self.after(answers)
        return answers

    def _one(self, request: Outgoing) -> Answer:
        error = self.answer(request) if self.answer is not None else None
        body = None if error is not None else {"errcode": 0, "errmsg": "ok", "msgid": 10_000_000 + request.tag}
        return Answer(tag=request.tag, ok=error is None, body=body, error=error, latency_ms=1)

    @property
    def openids(self) -> list[str]:
        return [call.payload["touser"] for call in self.calls]


def everybody(account: OpenAccount) -> dict[str, Any]:
    """A segment of all customers, whether they follow anything or not."""
    follows = {"kind": "follows_account", "account": account.appid}
    return {"any": [follows, {"not": follows}]}


def refusal(code: int) -> WeChatError:
    return error_of(code, "no rid: 6745b3a2-1234", "wx")


class Stage:
    """A house with accounts, people and broadcasts, in as few words as a test needs."""

    template = TEMPLATE

    def __init__(self, house: House) -> None:
        self.house = house
        self.platform = Platform()

    def people(
        self, account: OpenAccount, number: int, *, state: str = "following", customers: Sequence[int] = (), **columns: Any
    ) -> list[int]:
        """So many followers; returns their customers. With `customers` given, these follow one more account."""
        now = self.house.clock.now()
        made: list[int] = list(customers)
        with work(self.house.engine) as session:
            for index in range(number):
                openid = f"o{next(_numbers):027d}"
                if index >= len(made):
                    made.append(
                        session.scalar(
                            text("INSERT INTO customer (public_id, created_at) VALUES (gen_random_uuid(), :now) RETURNING id"), {"now": now}
                        )
                    )
                values = {
                    "account_id": account.id,
                    "customer_id": made[index],
                    "openid": openid,
                    "openid_digest": openid_digest(account.appid, openid),
                    "state": state,
                    "created_at": now,
                    "last_interaction_at": now - timedelta(days=1),
                    **columns,
                }
                names = ", ".join(values)
                session.execute(text(f"INSERT INTO follower ({names}) VALUES ({', '.join(':' + name for name in values)})"), values)
        return made

    def follow(self, account: OpenAccount, openids: Sequence[str]) -> None:
        """A customer each for openids that WeChat has given."""
        for openid in openids:
            self.people(account, 1, openid=openid, openid_digest=openid_digest(account.appid, openid))

    def body(self, *accounts: OpenAccount, **wishes: Any) -> dict[str, Any]:
        part = {"template_id": "tpl-1", "fields": {"thing1": "what", "time2": "when"}}
        return {
            "key": f"key-{next(_numbers)}",
            "name": "会员日",
            "purpose": "service",
            "segment": everybody(accounts[0]),
            "content": {"what": "您的积分即将到期", "when": "2026年11月30日"},
            "accounts": [{"appid": account.appid, **part} for account in accounts],
            **wishes,
        }

    def plan(self, *accounts: OpenAccount, body: dict[str, Any] | None = None, catalogue: Any = None, **wishes: Any) -> Broadcast:
        plan = read_plan(body or self.body(*accounts, **wishes))
        everyone = {account.appid: account for account in self.house.accounts.all()}
        listed = catalogue or {account.id: [self.template] for account in self.house.accounts.all()}
        with work(self.house.engine) as session:
            return plan_broadcast(session, plan, accounts=everyone, catalogue=listed, actor="mei", now=self.house.clock.now())

    def sent(self, *accounts: OpenAccount, catalogue: Any = None, **wishes: Any) -> Broadcast:
        """A broadcast planned, ordered and frozen."""
        broadcast = self.plan(*accounts, catalogue=catalogue, **wishes)
        with work(self.house.engine) as session:
            send(session, broadcast.id, actor="mei", now=self.house.clock.now())
        assert self.freeze(broadcast).verdict == "frozen"
        return broadcast

    def freeze(self, broadcast: Broadcast) -> Frozen:
        return freeze(self.house, broadcast.id)

    def drain(self, broadcast: Broadcast, account: OpenAccount, **wishes: Any) -> Report:
        return drain_account(self.house, broadcast.id, account.id, sender=wishes.pop("sender", self.platform), **wishes)

    def only(self, account: OpenAccount) -> dict[str, Any]:
        """A segment of those who follow an account."""
        return {"kind": "follows_account", "account": account.appid}

    def woken(self) -> list[tuple[str, tuple[int, ...]]]:
        """The jobs that wait on the queue for sending, and takes them off."""
        queue = self.house.queues.queue("send")
        jobs = queue.jobs
        queue.empty()
        woken = [(job.func_name, tuple(job.args)) for job in jobs]
        for function, args in woken:
            self.house.queues.claimed(function, *args)
        return woken

    def sweep(self) -> Swept:
        """A sweep on a queue whose jobs have all begun."""
        self.woken()
        return sweep_house(self.house)

    def rows(self, broadcast: Broadcast) -> list[Delivery]:
        with reading(self.house.engine) as session:
            return list(session.scalars(select(Delivery).where(Delivery.broadcast_id == broadcast.id).order_by(Delivery.id)))

    def counts(self, broadcast: Broadcast) -> dict[str, int]:
        query = select(Delivery.state, func.count()).where(Delivery.broadcast_id == broadcast.id).group_by(Delivery.state)
        with reading(self.house.engine) as session:
            return {row[0]: row[1] for row in session.execute(query)}
