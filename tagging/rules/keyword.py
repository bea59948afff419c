"""A keyword rule understood what somebody wrote: 关键词."""

from collections.abc import Collection
from typing import Annotated

from pydantic import Field

from tagging.rule import Params, Seen, Window, Word


class KeywordParams(Params):
    keywords: Annotated[list[Word], Field(min_length=1, max_length=100)]


class Keyword:
    name = "keyword"
    title = "关键词 · keyword matched"
    params = KeywordParams

    def listens(self, params: KeywordParams) -> Collection[str]:
        del params
        return ("keyword.matched",)

    def window(self, params: KeywordParams) -> Window | None:
        del params
        return None

    def decide(self, params: KeywordParams, seen: Seen) -> float:
        return float(seen.fact.data.get("keyword") in params.keywords)


plugin = Keyword()
