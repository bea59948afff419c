"""`fanka tags starter`: sets of tags to begin with, by trade."""

import click

from app.commands.frame import command
from app.commands.house import opened
from app.commands.speech import Voice
from tagging.starter import add_starters, find_starter, starter_sets

ACTOR = "cli"


@click.group()
def starter() -> None:
    """标签起步包 · Starter sets: tags to begin with, by trade."""


@command(starter, "list")
def list_(voice: Voice) -> None:
    """列出起步包 · List the starter sets."""
    found = list(starter_sets().values())
    voice.table(
        [("名称", "name"), ("行业", "for"), ("组", "groups"), ("标签", "tags")],
        [(each.name, each.title, len(each.groups), each.size) for each in found],
        empty=("没有起步包", "there is no starter set"),
    )
    voice.answer({"sets": [{"name": each.name, "title": each.title, "groups": len(each.groups), "tags": each.size} for each in found]})


@command(starter, "show")
@click.argument("name")
def show(voice: Voice, *, name: str) -> None:
    """查看一个起步包 · Show what a starter set holds."""
    found = find_starter(name)
    voice.line(found.title, found.title)
    voice.table(
        [("组", "group"), ("互斥", "exclusive"), ("敏感", "sensitive"), ("标签", "tags")],
        [
            (f"{each.name} {each.english}", each.exclusive, each.sensitive, ", ".join(f"{tag.name} ({tag.english})" for tag in each.tags))
            for each in found.groups
        ],
        empty=("没有标签", "there is no tag in it"),
    )
    voice.answer(
        {
            "name": found.name,
            "title": found.title,
            "groups": [
                {
                    "name": each.name,
                    "english": each.english,
                    "exclusive": each.exclusive,
                    "sensitive": each.sensitive,
                    "tags": [{"name": tag.name, "english": tag.english} for tag in each.tags],
                }
                for each in found.groups
            ],
        }
    )


@command(starter, "add")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
def add(voice: Voice, *, names: tuple[str, ...]) -> None:
    """添加起步包, 已有的标签不变 · Add starter sets; tags that are there stay as they are."""
    with opened() as house:
        made = add_starters(house, names, actor=ACTOR)
    voice.line(
        f"新增 {made.groups} 组, {made.tags} 个标签; 已有 {made.known} 个不变",
        f"added {made.groups} groups and {made.tags} tags; {made.known} were there and stay",
    )
    voice.answer({"groups": made.groups, "tags": made.tags, "known": made.known})
