"""The message chain: folds the handlers, stage by stage, into one outcome, and never loses an event to a handler that fails."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from app.core.accounts import OpenAccount
from app.core.facts import FactDraft
from app.core.inbound import Inbound
from app.core.log import get_logger
from app.core.registry import RegistryError, discover
from handlers.outcome import Channels, Handler, Outcome, Reads, kept_whole, listens, topic_of
from handlers.rulebook import RuleBook, rule_book
from tagging.channel_book import ChannelBook

if TYPE_CHECKING:
    from app.core.house import House

log = get_logger(__name__)


class Chain:
    """The handlers of a house in order of stage and name, found by topic."""

    def __init__(self, handlers: Iterable[Handler], *, rules: RuleBook, channels: Channels) -> None:
        self.handlers: tuple[Handler, ...] = tuple(sorted(handlers, key=lambda each: (each.stage, each.name)))
        names = [handler.name for handler in self.handlers]
        if len(set(names)) != len(names):
            raise RegistryError(f"two handlers share a name among {names}")
        self.rules = rules
        self.channels = channels
        topics = {topic for handler in self.handlers for topic in handler.hears if not topic.endswith("*")}
        self._routes = {topic: self._route(topic) for topic in topics}

    def run(self, inbound: Inbound, account: OpenAccount) -> Outcome:
        """What an inbound leads to. At least one draft comes out: what no handler understood is kept as `event.unknown`.

        Raises UnavailableError only while the rules could not be read even once.
        """
        reads = Reads(account, self.rules.of(account.id), self.channels)
        topic = topic_of(inbound)
        stop, person = False, ""
        for handler in self._routes.get(topic) or self._route(topic):
            try:
                outcome = handler.handle(inbound, reads) if handler.matches(inbound) else None
            except Exception:
                # A handler is a plug-in: whatever it does, the event is kept and the others run.
                log.exception("handler_failed", handler=handler.name, topic=topic[:64], appid=inbound.appid)
                reads.failed.append(handler.name)
                continue
            if outcome is None:
                continue
            reads.drafts.extend(outcome.drafts)
            reads.reply = reads.reply or outcome.reply
            person = person or outcome.person
            if outcome.stop:
                stop = True
                break
        if not reads.drafts or (reads.failed and not reads.has("event.unknown")):
            reads.drafts.append(kept_whole(inbound, reads.failed))
        return Outcome(reads.reply, _told_apart(reads.drafts), stop, person)

    def _route(self, topic: str) -> tuple[Handler, ...]:
        return tuple(handler for handler in self.handlers if listens(handler.hears, topic))


def build_chain(house: "House", *, channels: Channels | None = None) -> Chain:
    """The chain of a house: every file of `handlers/on`. Raises RegistryError when two share a name."""
    return Chain(
        discover("handlers.on"),
        rules=rule_book(house),
        channels=channels or ChannelBook(house.engine, house.redis, house.settings.redis_prefix),
    )


def _told_apart(drafts: list[FactDraft]) -> tuple[FactDraft, ...]:
    """Drafts with distinct (kind, number): two handlers that draft one kind must not be taken for one fact."""
    taken: set[tuple[str, int]] = set()
    told: list[FactDraft] = []
    for draft in drafts:
        number = draft.number
        while (draft.kind, number) in taken:
            number += 1
        taken.add((draft.kind, number))
        told.append(draft if number == draft.number else FactDraft(draft.kind, draft.data, number))
    return tuple(told)
