"""The habits of the house, each with a case that breaks it: a lint that cannot fail checks nothing."""

import pytest

from app.local.place import CHECKOUT
from tests.support import house_rules as rules
from tests.support.house_rules import Source, of_the_house, sources, tracked_files

HOUSE = of_the_house(sources())
DOORS = [
    source for source in HOUSE if source.module.startswith(("app.local", "app.cli", "app.commands", "app.factory", "app.worker", "wsgi"))
]


def texts() -> list[tuple[str, str]]:
    found = []
    for path in tracked_files():
        raw = (CHECKOUT / path).read_bytes()
        if b"\0" not in raw:
            found.append((path, raw.decode()))
    return found


@pytest.mark.parametrize("rule", [rules.commits, rules.uses_db_session, rules.back_references, rules.empty_names, rules.too_long])
def test_the_house_keeps_the_rule(rule):
    assert len(HOUSE) > 50
    assert [found for source in HOUSE for found in rule(source)] == []


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (rules.commits, Source("jobs/x.py", "session.commit()")),
        (rules.commits, Source("app/web/x.py", "with engine.begin() as connection: pass")),
        (rules.uses_db_session, Source("jobs/x.py", "db.session.add(row)")),
        (rules.back_references, Source("tagging/x.py", "relationship('Tag', backref='rules')")),
        (rules.back_references, Source("tagging/x.py", "relationship('Tag', back_populates='rules')")),
        (rules.empty_names, Source("jobs/x.py", "class QueueManager: ...")),
        (rules.empty_names, Source("jobs/x.py", "class SendService: ...")),
        (rules.empty_names, Source("jobs/send_utils.py", "")),
        (rules.too_long, Source("jobs/x.py", "x = 1\n" * 351)),
        (rules.too_long, Source("jobs/x.py", "def f():\n" + "    x = 1\n" * 60)),
    ],
)
def test_a_broken_rule_is_found(rule, source):
    assert len(rule(source)) == 1


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (rules.commits, Source("app/core/unit.py", "session.commit()")),
        (rules.uses_db_session, Source("jobs/x.py", "house.session.add(row)")),
        (rules.empty_names, Source("sandbox/calls/service.py", "class ServiceMessage: ...")),
        (rules.too_long, Source("jobs/x.py", "def f():\n" + "    x = 1\n" * 59)),
    ],
)
def test_what_keeps_the_rule_is_left_alone(rule, source):
    assert rule(source) == []


def test_every_module_opens_with_a_sentence():
    assert [found for source in sources() if (found := rules.opening_sentence(source))] == []


@pytest.mark.parametrize(
    ("text", "broken"), [("", True), ('"""Sends messages"""', True), ('"""Sends messages."""', False), ('"""发送消息。"""', False)]
)
def test_an_opening_without_a_sentence_is_found(text, broken):
    assert (rules.opening_sentence(Source("jobs/x.py", text)) is not None) is broken


def test_the_doors_say_what_they_offer():
    assert [found for source in DOORS for found in rules.silent_doors(source)] == []


def test_a_silent_door_is_found():
    assert rules.silent_doors(Source("app/local/x.py", "def up(): pass\ndef _down(): pass\nclass Home: pass")) == [
        "app/local/x.py:1 up has no docstring",
        "app/local/x.py:3 Home has no docstring",
    ]


def test_nothing_is_left_unfinished():
    assert [found for path, text in texts() for found in rules.unfinished(path, text)] == []


@pytest.mark.parametrize("word", ["TO" + "DO", "FIX" + "ME", "X" + "XX", "raise NotImplemented" + "Error"])
def test_a_mark_of_unfinished_work_is_found(word):
    assert len(rules.unfinished("jobs/x.py", f"x = 1\n# {word}: later\n")) == 1


def test_no_file_names_a_registry_or_a_folder_of_one_machine():
    assert [found for path, text in texts() for found in rules.foreign_addresses(path, text)] == []


@pytest.mark.parametrize(
    "address", ["https://py" + "pi.org/simple", "https://registry." + "npmjs.org/x", "/ro" + "ot/.venv", "/ho" + "me/mei/fanka"]
)
def test_a_foreign_address_is_found(address):
    assert rules.foreign_addresses("package-lock.json", f'{{"resolved": "{address}"}}') != []
