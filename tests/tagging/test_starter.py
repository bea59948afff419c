"""Starter sets: six that get on with each other, added once, never over what a marketer has."""

import pytest
from sqlalchemy import func, select

from app.core.errors import ConflictError
from app.core.nouns import AuditEntry
from app.core.unit import reading, work
from tagging.models import Tag, TagGroup
from tagging.starter import Added, add_starters, starter_sets
from tagging.tags import define_group, define_tag

SIX = {"general", "food", "cosmetics", "clothing", "underwear", "3c"}


def count(house, model):
    with reading(house.engine) as session:
        return session.scalar(select(func.count()).select_from(model))


def test_all_six_are_added_together_and_again_without_effect(house):
    assert set(starter_sets()) == SIX
    size = sum(each.size for each in starter_sets().values())
    groups = sum(len(each.groups) for each in starter_sets().values())
    assert add_starters(house, sorted(SIX), actor="Mei") == Added(groups=groups, tags=size, known=0)
    audited = count(house, AuditEntry)
    assert audited == size + groups
    assert add_starters(house, ["food", "3c", "food"], actor="Mei").tags == 0
    assert (count(house, Tag), count(house, TagGroup), count(house, AuditEntry)) == (size, groups, audited)
    with reading(house.engine) as session:
        query = select(Tag.sensitive, TagGroup.exclusive).join(TagGroup, TagGroup.id == Tag.group_id)
        found = {name: tuple(session.execute(query.where(Tag.name == name)).one()) for name in ("孕期", "B 杯", "干性皮肤", "爱辣")}
    assert found == {"孕期": (True, False), "B 杯": (True, True), "干性皮肤": (False, True), "爱辣": (False, False)}


@pytest.mark.parametrize("name", sorted(SIX))
def test_every_set_has_groups_of_both_sorts_and_both_languages(name):
    found = starter_sets()[name]
    assert {each.exclusive for each in found.groups} == {True, False}
    assert all(len(each.tags) > 1 and each.english for each in found.groups)
    words = [word for each in found.groups for tag in each.tags for word in (tag.name, tag.english)]
    assert all(words)


def test_what_a_marketer_has_stays_as_it_is(house):
    with work(house.engine) as session:
        group = define_group(session, "兴趣", description="Mei's own", now=house.clock.now())
        define_tag(session, "旅行", group=group, colour="#123456", description="周末", now=house.clock.now())
    made = add_starters(house, ["general"], actor="Mei")
    assert made.known == 1
    with reading(house.engine) as session:
        kept = session.scalars(select(Tag).where(Tag.name == "旅行")).one()
        assert (kept.colour, kept.description) == ("#123456", "周末")
        assert session.scalars(select(TagGroup.description).where(TagGroup.name == "兴趣")).one() == "Mei's own"


def test_a_clash_is_named_and_nothing_is_added(house):
    with work(house.engine) as session:
        define_group(session, "肤质", exclusive=False, now=house.clock.now())
        define_tag(session, "爱辣", now=house.clock.now())
    with pytest.raises(ConflictError, match="肤质, 爱辣") as refused:
        add_starters(house, ["general", "food", "cosmetics"], actor="Mei")
    assert refused.value.code == "starter_clash"
    assert (count(house, Tag), count(house, TagGroup)) == (1, 1)
