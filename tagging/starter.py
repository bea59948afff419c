"""Starter sets put into a dictionary: what is missing is added in one unit of work, what a marketer has stays as it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.errors import ConflictError, NotFoundError
from app.core.house import House
from app.core.registry import discover
from app.core.unit import work
from tagging.dictionary import define_group, define_tag
from tagging.models import Tag, TagGroup
from tagging.starter_set import StarterGroup, StarterSet

NAMED = 5
"""So many clashes are said by name."""


@dataclass(frozen=True, slots=True)
class Added:
    """How many groups and tags were new, and how many tags were there before."""

    groups: int
    tags: int
    known: int


@cache
def starter_sets() -> Mapping[str, StarterSet]:
    """Every starter set by name."""
    return {each.name: each for each in discover("tagging.starter_sets")}


def find_starter(name: str) -> StarterSet:
    """A starter set by its name. Raises NotFoundError."""
    found = starter_sets().get(name)
    if found is None:
        known = ", ".join(starter_sets())
        raise NotFoundError(
            f"没有标签起步包 {name}, 有 {known} / there is no starter set {name}; there are {known}", code="no_such_starter_set"
        )
    return found


def add_starters(house: House, names: Sequence[str], *, actor: str) -> Added:
    """Add starter sets: all or nothing, and again without effect.

    A tag that is there in its group, and a group that is there and exclusive or free alike, are left as they are, colour and all. Raises
    NotFoundError for an unknown set, ConflictError (`starter_clash`) that names the tags which are there in another group and the groups
    of the other sort.
    """
    wanted = [group for name in dict.fromkeys(names) for group in find_starter(name).groups]
    try:
        with work(house.engine) as session:
            return _add(house, session, wanted, actor=actor)
    except IntegrityError as error:
        raise ConflictError("标签正被别人修改, 请重试 / the dictionary is being changed; run this again", code="starter_clash") from error


def _add(house: House, session: Session, wanted: Sequence[StarterGroup], *, actor: str) -> Added:
    groups = {row.name: row for row in session.scalars(select(TagGroup).where(TagGroup.name.in_([each.name for each in wanted])))}
    names = [tag.name for each in wanted for tag in each.tags]
    tags = select(Tag.name, TagGroup.name).outerjoin(TagGroup, TagGroup.id == Tag.group_id).where(Tag.name.in_(names))
    known: dict[str, str | None] = {row[0]: row[1] for row in session.execute(tags)}
    _refuse_clashes(wanted, groups, known)
    now, new_groups = house.clock.now(), 0
    for each in wanted:
        row = groups.get(each.name)
        if row is None:
            row = define_group(session, each.name, exclusive=each.exclusive, description=each.english, actor=actor, now=now)
            new_groups += 1
        for tag in each.tags:
            if tag.name not in known:
                define_tag(
                    session,
                    tag.name,
                    group=row,
                    colour=each.colour,
                    description=tag.english,
                    sensitive=each.sensitive,
                    actor=actor,
                    now=now,
                )
    return Added(groups=new_groups, tags=len(names) - len(known), known=len(known))


def _refuse_clashes(wanted: Sequence[StarterGroup], groups: Mapping[str, TagGroup], known: Mapping[str, str | None]) -> None:
    clashes = [each.name for each in wanted if each.name in groups and groups[each.name].exclusive is not each.exclusive]
    clashes += [tag.name for each in wanted for tag in each.tags if tag.name in known and known[tag.name] != each.name]
    if clashes:
        named = ", ".join(clashes[:NAMED]) + (" ..." if len(clashes) > NAMED else "")
        raise ConflictError(
            f"已有同名而不同的标签或组: {named}, 什么也没有添加 / there are other tags or groups of these names: {named}; nothing was added",
            code="starter_clash",
        )
