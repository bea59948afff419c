"""The fold: stages in order, the first reply, a stop, and an event that survives whatever a handler does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from app.core.accounts import OpenAccount
from app.core.facts import FactDraft
from app.core.house import House
from app.core.inbound import Inbound, inbound_key
from app.core.registry import RegistryError
from handlers.chain import Chain, build_chain
from handlers.outcome import Handler, On, Outcome, Reads, Stage, hears
from handlers.replies import text_reply
from handlers.rulebook import rule_book
from tests.handlers.conftest import Scenes


@dataclass
class Step:
    """A handler that says what it is told to and remembers that it was asked."""

    name: str
    stage: Stage
    outcome: Outcome | None = None
    hears: frozenset[str] = frozenset()
    error: Exception | None = None
    matching: bool = True
    asked: list[str] = field(default_factory=list)

    def matches(self, inbound: Inbound) -> bool:
        return self.matching

    def handle(self, inbound: Inbound, reads: Reads) -> Outcome | None:
        self.asked.append(inbound.key)
        if self.error is not None:
            raise self.error
        return self.outcome


def inbound(msg_type: str = "event", event: str = "subscribe", **fields: object) -> Inbound:
    when = datetime(2026, 11, 22, 4, tzinfo=UTC)
    said = {"MsgType": msg_type, "Event": event, **fields}
    return Inbound("wx1", "oLin", msg_type, event, when, when, said, inbound_key("wx1", said))


@pytest.fixture
def account(make_account: Callable[..., OpenAccount]) -> OpenAccount:
    return make_account()


@pytest.fixture
def chain_of(house: House) -> Callable[..., Chain]:
    return lambda *handlers: Chain(handlers, rules=rule_book(house), channels=Scenes())


def drafted(kind: str, number: int = 0) -> Outcome:
    return Outcome(drafts=(FactDraft(kind, {}, number),))


def test_stages_run_in_order_and_the_first_reply_wins(chain_of: Callable[..., Chain], account: OpenAccount) -> None:
    said: list[str] = []

    def step(name: str, stage: Stage, reply: str | None) -> Handler:
        def act(_: Inbound, reads: Reads) -> Outcome:
            said.append(f"{name}:{len(reads.drafts)}:{reads.reply is not None}")
            return Outcome(text_reply(reply) if reply else None, (FactDraft(f"{name}.done"),))

        return On(name, stage, hears(), act)

    outcome = chain_of(
        step("d", Stage.FALLBACK, "fourth"),
        step("c", Stage.REPLY, "third"),
        step("b", Stage.RECORD, "second"),
        step("a", Stage.GUARD, None),
    ).run(inbound(), account)
    assert said == ["a:0:False", "b:1:False", "c:2:True", "d:3:True"]
    assert outcome.reply == text_reply("second")
    assert [draft.kind for draft in outcome.drafts] == ["a.done", "b.done", "c.done", "d.done"]


def test_a_guard_that_stops_ends_the_chain_and_the_event_is_still_kept(chain_of: Callable[..., Chain], account: OpenAccount) -> None:
    later = Step("later", Stage.RECORD, drafted("later.done"))
    event = inbound()
    outcome = chain_of(Step("guard", Stage.GUARD, Outcome(stop=True)), later).run(event, account)
    assert outcome.stop
    assert later.asked == []
    assert [(draft.kind, draft.data["fields"]) for draft in outcome.drafts] == [("event.unknown", event.fields)]


@pytest.mark.parametrize("error", [ValueError("oLin wrote 13800000003"), RecursionError(), MemoryError(), KeyError("x")])
def test_a_handler_that_raises_loses_nothing(
    chain_of: Callable[..., Chain], account: OpenAccount, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    event = inbound(EventKey="MENU_1")
    good = Step("good", Stage.RECORD, drafted("good.done"))
    reply = Step("speak", Stage.REPLY, Outcome(text_reply("你好")))
    outcome = chain_of(Step("bad", Stage.RECORD, error=error), good, reply).run(event, account)
    assert outcome.reply == text_reply("你好")
    assert [draft.kind for draft in outcome.drafts] == ["good.done", "event.unknown"]
    assert outcome.drafts[1].data == {"event": "subscribe", "type": "event", "fields": dict(event.fields), "failed": ["bad"]}
    (record,) = [record for record in caplog.records if record.getMessage() == "handler_failed"]
    assert record.fields["handler"] == "bad"
    assert "oLin" not in str(record.fields)


def test_a_real_chain_keeps_an_event_whose_handler_fails(house: House, account: OpenAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = build_chain(house, channels=Scenes())
    follow = next(each for each in chain.handlers if each.name == "follow")
    monkeypatch.setattr(type(follow), "handle", lambda self, *_: 1 / 0 if self.name == "follow" else self.act(*_))
    outcome = chain.run(inbound(), account)
    assert [(draft.kind, draft.data["failed"]) for draft in outcome.drafts] == [("event.unknown", ["follow"])]


def test_what_no_handler_wants_is_kept_once(chain_of: Callable[..., Chain], account: OpenAccount) -> None:
    outcome = chain_of(Step("shy", Stage.RECORD, matching=False)).run(inbound(event="never_seen"), account)
    assert [draft.kind for draft in outcome.drafts] == ["event.unknown"]


def test_two_drafts_of_one_kind_stay_two(chain_of: Callable[..., Chain], account: OpenAccount) -> None:
    steps = [Step(name, Stage.RECORD, drafted("same.kind", number)) for name, number in (("a", 0), ("b", 0), ("c", 1))]
    outcome = chain_of(*steps).run(inbound(), account)
    assert [draft.number for draft in outcome.drafts] == [0, 1, 2]


def test_only_the_handlers_of_a_topic_are_asked(chain_of: Callable[..., Chain], account: OpenAccount) -> None:
    mine = Step("mine", Stage.RECORD, drafted("mine.done"), hears=hears("event:subscribe"))
    other = Step("other", Stage.RECORD, drafted("other.done"), hears=hears("event:scan"))
    family = Step("family", Stage.RECORD, drafted("family.done"), hears=hears("event:sub*"))
    chain = chain_of(mine, other, family)
    assert {draft.kind for draft in chain.run(inbound(event="Subscribe"), account).drafts} == {"mine.done", "family.done"}
    assert {draft.kind for draft in chain.run(inbound(event="subject"), account).drafts} == {"family.done"}
    assert other.asked == []


def test_two_handlers_of_one_name_stop_the_start(chain_of: Callable[..., Chain]) -> None:
    with pytest.raises(RegistryError):
        chain_of(Step("twin", Stage.RECORD), Step("twin", Stage.REPLY))


def test_a_channel_that_cannot_be_read_costs_the_greeting_only(house: House, account: OpenAccount) -> None:
    class Broken:
        def find(self, account_id: int, scene: str) -> None:
            raise ConnectionError

    outcome = build_chain(house, channels=Broken()).run(inbound(EventKey="qrscene_1"), account)
    assert [draft.kind for draft in outcome.drafts] == ["follower.followed", "qr.scanned"]
    assert outcome.reply is None
