"""Every kind of condition this process knows: this room's own and those of the rooms above, which tagging never names."""

from collections.abc import Iterable

from app.core.registry import RegistryError, discover
from tagging.condition import Condition

OWN = "tagging.conditions"


class ConditionBook:
    """Conditions by name, gathered from folders. Raises RegistryError when two share a name."""

    def __init__(self, folders: Iterable[str]) -> None:
        self._conditions: dict[str, Condition] = {}
        for folder in folders:
            for plugin in discover(folder):
                if not isinstance(plugin, Condition):
                    raise RegistryError(f"{folder}: {plugin.name!r} is not a Condition")
                if plugin.name in self._conditions:
                    raise RegistryError(f"two segment conditions are called {plugin.name!r}")
                self._conditions[plugin.name] = plugin

    def names(self) -> list[str]:
        return sorted(self._conditions)

    def find(self, name: str) -> Condition | None:
        return self._conditions.get(name)

    def all(self) -> list[Condition]:
        return [self._conditions[name] for name in self.names()]


_book: ConditionBook | None = None


def open_conditions(folders: Iterable[str]) -> ConditionBook:
    """Make the conditions of these folders the ones of this process. Called by `app.factory`, which alone knows every room."""
    global _book
    _book = ConditionBook(folders)
    return _book


def conditions() -> ConditionBook:
    """The conditions of this process: this room's own until `open_conditions` was called."""
    return _book or open_conditions((OWN,))
