"""An article or page was opened from the menu: 打开图文."""

from collections.abc import Collection
from typing import Annotated

from pydantic import Field, StringConstraints

from tagging.rule import Params, Seen, Window

Address = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^https?://[^\s]{1,1000}$")]


class ArticleParams(Params):
    urls: Annotated[list[Address], Field(min_length=1, max_length=50)]
    """Addresses, or how they begin. WeChat tells of a page that was opened from the menu, and of no other reading."""


class Article:
    name = "article"
    title = "打开图文 · article opened from the menu"
    params = ArticleParams

    def listens(self, params: ArticleParams) -> Collection[str]:
        del params
        return ("menu.viewed",)

    def window(self, params: ArticleParams) -> Window | None:
        del params
        return None

    def decide(self, params: ArticleParams, seen: Seen) -> float:
        return float(str(seen.fact.data.get("url") or "").startswith(tuple(params.urls)))


plugin = Article()
