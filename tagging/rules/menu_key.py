"""A menu entry was used: 菜单点击."""

from collections.abc import Collection
from typing import Annotated

from pydantic import Field

from tagging.rule import Params, Seen, Window, Word


class MenuKeyParams(Params):
    keys: Annotated[list[Word], Field(min_length=1, max_length=50)]
    """Keys of menu entries, as in the menu."""


class MenuKey:
    name = "menu_key"
    title = "菜单点击 · menu entry used"
    params = MenuKeyParams

    def listens(self, params: MenuKeyParams) -> Collection[str]:
        del params
        return ("menu.clicked", "menu.used")

    def window(self, params: MenuKeyParams) -> Window | None:
        del params
        return None

    def decide(self, params: MenuKeyParams, seen: Seen) -> float:
        return float(seen.fact.data.get("key") in params.keys)


plugin = MenuKey()
