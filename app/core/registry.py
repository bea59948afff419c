"""Plug-ins found by name: one file each, discovered at start, and two with one name stop the start."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.core.facts import Fact


class RegistryError(Exception):
    """A plug-in folder does not hold what it should."""


class Projection(Protocol):
    """Runs in the transaction that records the fact and touches only rows of that fact's own follower, customer and delivery.

    `order` follows the lock order of the house: followers 10, customers 20, tags 30, deliveries 40, counters 90.
    """

    name: str
    order: int
    listens: Collection[str]

    def act(self, session: Session, facts: Sequence[Fact], *, now: datetime) -> None: ...


class Reaction(Protocol):
    """An effect that follows a fact: a row first, then `act` in a transaction of its own whose business key is the fact's key.

    `repeatable` is False for a call without an idempotency key: it is marked `sending` before it is made and never made twice.
    `batch` is how many facts one `act` may be given (1 unless the call behind it takes many).
    `deadline_s` counts from the fact's `occurred_at`; past it the reaction is `expired`.
    """

    name: str
    listens: Collection[str]
    deadline_s: int | None
    repeatable: bool
    batch: int

    def wants(self, fact: Fact) -> bool: ...

    def act(self, house: Any, facts: Sequence[Fact]) -> None: ...


@runtime_checkable
class ForMany(Protocol):
    """A reaction whose one call must be for facts that are alike: those with the same answer are given to one `act`."""

    def alike(self, fact: Fact) -> Hashable: ...


def discover(package: str, attribute: str = "plugin") -> list[Any]:
    """Import every module of a plug-in folder and collect its `plugin`, sorted by name.

    Raises RegistryError when a module has none or two share a name.
    """
    folder = importlib.import_module(package)
    found: dict[str, Any] = {}
    for info in pkgutil.iter_modules(folder.__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{package}.{info.name}")
        try:
            plugin = getattr(module, attribute)
        except AttributeError as error:
            raise RegistryError(f"{package}.{info.name} declares no {attribute}") from error
        if plugin.name in found:
            raise RegistryError(f"{package}: two plug-ins are called {plugin.name!r}")
        found[plugin.name] = plugin
    return [found[name] for name in sorted(found)]


@dataclass(slots=True)
class Registry:
    """What was discovered at start. `wake_reactions` is the coalesced wake-up of the reactions queue."""

    projections: list[Projection] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)
    wake_reactions: Callable[[], object] | None = None

    @classmethod
    def of(cls, projections: Iterable[Projection], reactions: Iterable[Reaction]) -> Registry:
        """A registry with projections in lock order. Raises RegistryError on a repeated name."""
        registry = cls(sorted(projections, key=lambda each: (each.order, each.name)), sorted(reactions, key=lambda each: each.name))
        for kind in (registry.projections, registry.reactions):
            names = [each.name for each in kind]
            if len(set(names)) != len(names):
                raise RegistryError(f"two plug-ins share a name among {names}")
        return registry

    def reactions_to(self, kind: str) -> list[Reaction]:
        return [reaction for reaction in self.reactions if kind in reaction.listens]

    def reaction(self, name: str) -> Reaction | None:
        return next((reaction for reaction in self.reactions if reaction.name == name), None)
