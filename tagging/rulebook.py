"""The rules as a batch of facts meets them: read once per batch, so that an edit is seen at once by every process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

import orjson
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.log import get_logger
from app.core.registry import discover
from tagging.models import Tag, TagGroup, TagRule
from tagging.rule import Params, RuleKind, Window

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule ready to be applied."""

    id: int
    kind: RuleKind
    params: Params
    tag_id: int
    weight: float
    half_life_s: int | None
    expires_after_s: int | None
    account_id: int | None
    listens: frozenset[str]
    window: Window | None

    @property
    def source(self) -> str:
        return f"rule:{self.id}"


@dataclass(frozen=True, slots=True)
class RuleBook:
    """Enabled rules in their order, and which tags stand in exclusive groups."""

    rules: tuple[Rule, ...] = ()
    exclusive: Mapping[int, int] = field(default_factory=dict)
    """Group id by tag id, for tags of exclusive groups only."""

    def hearing(self, kind: str) -> list[Rule]:
        return [rule for rule in self.rules if kind in rule.listens]

    def rival(self, tag_id: int) -> tuple[str, int]:
        """What a tag competes within: its exclusive group, else itself."""
        group_id = self.exclusive.get(tag_id)
        return ("tag", tag_id) if group_id is None else ("group", group_id)


@cache
def rule_kinds() -> dict[str, RuleKind]:
    """Every kind of rule by name."""
    return {kind.name: kind for kind in discover("tagging.rules")}


@lru_cache(maxsize=2048)
def _checked(kind: str, params: bytes) -> tuple[RuleKind, Params, frozenset[str], Window | None] | None:
    """Parameters through their schema, once per process and content."""
    plugin = rule_kinds().get(kind)
    if plugin is None:
        return None
    try:
        checked = plugin.params.model_validate_json(params)
    except ValidationError:
        return None
    return plugin, checked, frozenset(plugin.listens(checked)), plugin.window(checked)


_RULES = (
    select(
        TagRule.id,
        TagRule.kind,
        TagRule.params,
        TagRule.tag_id,
        TagRule.weight,
        TagRule.half_life_s,
        TagRule.expires_after_s,
        TagRule.account_id,
    )
    .where(TagRule.enabled)
    .order_by(TagRule.position, TagRule.id)
)
_EXCLUSIVE = select(Tag.id, TagGroup.id).join(TagGroup, TagGroup.id == Tag.group_id).where(TagGroup.exclusive)


def read_book(session: Session) -> RuleBook:
    """The rules as they stand now. A rule that no longer fits its schema is left out and logged: it must not stop the facts."""
    rules = []
    for row in session.execute(_RULES):
        checked = _checked(row.kind, orjson.dumps(row.params, option=orjson.OPT_SORT_KEYS))
        if checked is None:
            log.warning("tag_rule_unreadable", rule=row.id, kind=row.kind)
            continue
        kind, params, listens, window = checked
        rules.append(
            Rule(
                row.id,
                kind,
                params,
                row.tag_id,
                row.weight,
                row.half_life_s,
                row.expires_after_s,
                row.account_id,
                listens,
                window,
            )
        )
    return RuleBook(tuple(rules), read_exclusive(session))


def read_exclusive(session: Session) -> dict[int, int]:
    """Group id by tag id, for tags of exclusive groups."""
    return {row[0]: row[1] for row in session.execute(_EXCLUSIVE)}


def ranks(session: Session) -> dict[str, int]:
    """The order of sources for ties: a hand before every rule, rules by position, disabled ones too."""
    ids: Sequence[Any] = session.scalars(select(TagRule.id).order_by(TagRule.position, TagRule.id)).all()
    return {"hand": -1, **{f"rule:{rule_id}": place for place, rule_id in enumerate(ids)}}
