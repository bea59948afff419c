"""The tag dictionary: groups, tags and the rules that give them, each checked as it is defined."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.nouns import AuditEntry
from tagging.models import Tag, TagGroup, TagRule
from tagging.rulebook import rule_kinds

COLOUR = re.compile(r"#[0-9a-f]{6}")
NAME_SIGNS = 64


def define_group(
    session: Session, name: str, *, exclusive: bool = False, description: str = "", actor: str = "system", now: datetime
) -> TagGroup:
    """A new group of tags. Raises BadRequestError on a bad name, ConflictError when the name is taken."""
    name = _name(name)
    if session.scalar(select(TagGroup.id).where(TagGroup.name == name)) is not None:
        raise ConflictError(f"there is a tag group called {name!r} already", code="tag_group_known")
    group = TagGroup(name=name, exclusive=exclusive, description=_description(description), created_at=now)
    session.add(group)
    session.flush()
    _note(session, "tag_group.defined", group.public_id, actor=actor, now=now, detail={"name": name, "exclusive": exclusive})
    return group


def define_tag(
    session: Session,
    name: str,
    *,
    group: TagGroup | None = None,
    colour: str = "#8c8c8c",
    description: str = "",
    sensitive: bool = False,
    actor: str = "system",
    now: datetime,
) -> Tag:
    """A new tag. Raises BadRequestError on a bad name or colour, ConflictError when the name is taken."""
    name = _name(name)
    if COLOUR.fullmatch(colour.lower()) is None:
        raise BadRequestError("a colour is written #rrggbb", code="bad_colour")
    if session.scalar(select(Tag.id).where(Tag.name == name)) is not None:
        raise ConflictError(f"there is a tag called {name!r} already", code="tag_known")
    tag = Tag(
        name=name,
        group_id=None if group is None else group.id,
        colour=colour.lower(),
        description=_description(description),
        sensitive=sensitive,
        created_at=now,
    )
    session.add(tag)
    session.flush()
    _note(session, "tag.defined", tag.public_id, actor=actor, now=now, detail={"name": name})
    return tag


def define_rule(
    session: Session,
    name: str,
    *,
    kind: str,
    params: Mapping[str, Any],
    tag: Tag,
    weight: float = 1.0,
    half_life_s: int | None = None,
    expires_after_s: int | None = None,
    account_id: int | None = None,
    position: int = 100,
    actor: str = "system",
    now: datetime,
) -> TagRule:
    """A new rule, in force with the next batch of facts. Raises BadRequestError when its kind or parameters are wrong, ConflictError on a known name."""
    name = _name(name)
    if session.scalar(select(TagRule.id).where(TagRule.name == name)) is not None:
        raise ConflictError(f"there is a tag rule called {name!r} already", code="tag_rule_known")
    if not 0 < weight <= 1000:
        raise BadRequestError("a weight is more than 0 and at most 1000", code="bad_weight")
    for named, seconds in (("half_life_s", half_life_s), ("expires_after_s", expires_after_s)):
        if seconds is not None and not 0 < seconds <= 2**31 - 1:
            raise BadRequestError(f"{named} is a positive number of seconds", code=f"bad_{named}")
    rule = TagRule(
        name=name,
        kind=kind,
        params=check_params(kind, params),
        tag_id=tag.id,
        weight=weight,
        half_life_s=half_life_s,
        expires_after_s=expires_after_s,
        account_id=account_id,
        position=position,
        created_at=now,
    )
    session.add(rule)
    session.flush()
    _note(session, "tag_rule.defined", rule.public_id, actor=actor, now=now, detail={"name": name, "kind": kind, "tag": tag.name})
    return rule


def switch_rule(session: Session, rule: TagRule, *, enabled: bool, actor: str, now: datetime) -> None:
    """Put a rule in force or out of it. What it gave before stays, with its evidence."""
    rule.enabled = enabled
    session.flush()
    _note(session, "tag_rule.switched", rule.public_id, actor=actor, now=now, detail={"enabled": enabled})


def check_params(kind: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a rule through the schema of its kind. Raises BadRequestError that names the field."""
    plugin = rule_kinds().get(kind)
    if plugin is None:
        raise BadRequestError(f"there is no kind of rule called {kind!r}; there are {', '.join(rule_kinds())}", code="unknown_rule_kind")
    try:
        return plugin.params.model_validate(params).model_dump(mode="json")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "params"
        raise BadRequestError(f"{where}: {first['msg']}", code="bad_rule_params") from error


def access_tag(session: Session, public_id: UUID) -> Tag:
    """The only way to a tag by an id from outside. Raises NotFoundError."""
    tag = session.scalar(select(Tag).where(Tag.public_id == public_id))
    if tag is None:
        raise NotFoundError("there is no such tag", code="no_such_tag")
    return tag


def find_tag(session: Session, name: str) -> Tag:
    """A tag by its name. Raises NotFoundError."""
    tag = session.scalar(select(Tag).where(Tag.name == name))
    if tag is None:
        raise NotFoundError(f"there is no tag called {name!r}", code="no_such_tag")
    return tag


def _name(name: str) -> str:
    name = name.strip()
    if not 0 < len(name) <= NAME_SIGNS or not name.isprintable():
        raise BadRequestError(f"a name has 1 to {NAME_SIGNS} printable characters", code="bad_name")
    return name


def _description(description: str) -> str:
    if len(description) > 200:
        raise BadRequestError("a description has at most 200 characters", code="bad_description")
    return description


def _note(session: Session, action: str, public_id: UUID, *, actor: str, now: datetime, detail: dict[str, Any]) -> None:
    object_type = action.split(".", 1)[0]
    session.add(AuditEntry(at=now, actor=actor, action=action, object_type=object_type, object_id=str(public_id), detail=detail))
