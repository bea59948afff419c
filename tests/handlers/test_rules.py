"""Rules as data: checked on save, audited, heard by running processes, served on while their sources are away."""

from collections.abc import Callable
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import delete, select, text

from app.core.accounts import OpenAccount
from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.house import House
from app.core.ids import new_public_id
from app.core.nouns import AuditEntry
from app.core.unit import work
from handlers import rules as rules_module
from handlers.models import ReplyRule, Trigger
from handlers.rulebook import RuleBook
from handlers.rules import add_rule, change_rule, list_rules, remove_rule

HELLO = {"type": "text", "content": "你好"}


class Ticks:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def book(house: House, ticks: Ticks) -> RuleBook:
    return RuleBook(house.engine, house.redis, house.settings.redis_prefix, clock=ticks)


def keyword(house: House, name: str, pattern: str, *, reply: str = "好", **more: Any) -> ReplyRule:
    wish = {"name": name, "trigger": "keyword", "pattern": pattern, "reply": {"type": "text", "content": reply}, **more}
    with work(house.engine) as session:
        return add_rule(session, wish, house=house, actor="Mei")


def said(book: RuleBook, account_id: int, words: str) -> str | None:
    rule = book.of(account_id).find(Trigger.KEYWORD, words)
    return None if rule is None else rule.name


def test_a_change_is_served_without_a_restart(house: House, book: RuleBook, ticks: Ticks) -> None:
    row = keyword(house, "hours", "几点")
    assert said(book, 1, "几点") == "hours"
    with work(house.engine) as session:
        change_rule(session, row.public_id, {"pattern": "营业时间"}, house=house, actor="Mei")
    assert said(book, 1, "几点") == "hours", "the version is looked at once a second at most"
    ticks.at += 1
    assert said(book, 1, "几点") is None
    assert said(book, 1, "营业时间") == "hours"
    with work(house.engine) as session:
        remove_rule(session, row.public_id, house=house, actor="Mei")
    ticks.at += 1
    assert said(book, 1, "营业时间") is None


def test_nothing_is_read_while_the_version_stands(house: House, book: RuleBook, ticks: Ticks) -> None:
    keyword(house, "hours", "几点")
    assert said(book, 1, "几点") == "hours"
    with work(house.engine) as session:
        session.execute(delete(ReplyRule))
    ticks.at += 5
    assert said(book, 1, "几点") == "hours"
    ticks.at += 60
    assert said(book, 1, "几点") is None, "a version key that was lost must not hide a change for good"


def test_known_rules_outlive_redis_and_the_database(house: House, book: RuleBook, ticks: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    keyword(house, "hours", "几点")
    assert said(book, 1, "几点") == "hours"

    def away(*_: object, **__: object) -> None:
        raise RedisConnectionError

    monkeypatch.setattr(house.redis, "get", away)
    ticks.at += 5
    assert said(book, 1, "几点") == "hours"
    monkeypatch.setattr("handlers.rulebook.reading", away)
    ticks.at += 120
    assert said(book, 1, "几点") == "hours"


def test_a_disabled_rule_and_a_broken_row_are_not_served(house: House, book: RuleBook) -> None:
    keyword(house, "off", "关", enabled=False)
    keyword(house, "on", "开")
    broken = keyword(house, "broken", "坏")
    with work(house.engine) as session:
        session.execute(text('UPDATE reply_rule SET reply = \'{"type": "nonsense"}\' WHERE id = :id'), {"id": broken.id})
    assert [said(book, 1, words) for words in ("关", "开", "坏")] == [None, "on", None]


def test_the_best_rank_wins_and_an_own_rule_goes_first(house: House, book: RuleBook, make_account: Callable[..., OpenAccount]) -> None:
    mine, other = make_account(), make_account()
    keyword(house, "all-exact", "会员")
    keyword(house, "mine-exact", "会员", account_id=mine.id)
    keyword(house, "contains-late", "会", match="contains", priority=200)
    keyword(house, "regex-first", "^会员卡", match="regex", priority=5)
    assert said(book, mine.id, "会员") == "mine-exact"
    assert said(book, other.id, "会员") == "all-exact"
    assert said(book, mine.id, "会员卡") == "regex-first"
    assert said(book, mine.id, "聚会") == "contains-late"
    assert said(book, mine.id, "再见") is None


def test_every_change_is_audited(house: House) -> None:
    row = keyword(house, "hours", "几点")
    with work(house.engine) as session:
        change_rule(session, row.public_id, {"priority": 5}, house=house, actor="Mei")
    with work(house.engine) as session:
        remove_rule(session, row.public_id, house=house, actor="Chen")
    with work(house.engine) as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
        assert [(entry.actor, entry.action, entry.object_id) for entry in entries] == [
            ("Mei", "rule.added", str(row.public_id)),
            ("Mei", "rule.changed", str(row.public_id)),
            ("Chen", "rule.removed", str(row.public_id)),
        ]
        assert entries[1].detail == {"priority": {"before": 100, "after": 5}}
        assert list_rules(session) == []


def test_a_refused_change_changes_nothing(house: House, book: RuleBook) -> None:
    row = keyword(house, "hours", "几点")
    with pytest.raises(BadRequestError), work(house.engine) as session:
        change_rule(session, row.public_id, {"match": "regex", "pattern": "("}, house=house, actor="Mei")
    assert said(book, 1, "几点") == "hours"


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"trigger": "keyword", "pattern": "", "reply": HELLO}, "bad_pattern"),
        ({"trigger": "keyword", "pattern": " 　", "reply": HELLO}, "bad_pattern"),
        ({"trigger": "keyword", "pattern": "(a", "match": "regex", "reply": HELLO}, "bad_pattern"),
        ({"trigger": "keyword", "pattern": r"(a)\1", "match": "regex", "reply": HELLO}, "bad_pattern"),
        ({"trigger": "keyword", "pattern": "((a{1,100}){1,100}){1,100}", "match": "regex", "reply": HELLO}, "bad_pattern"),
        ({"trigger": "keyword", "pattern": "x" * 257, "reply": HELLO}, "bad_rule"),
        ({"trigger": "keyword", "pattern": "x\x00", "reply": HELLO}, "bad_pattern"),
        ({"trigger": "follow", "pattern": "x", "reply": HELLO}, "bad_pattern"),
        ({"trigger": "menu", "reply": HELLO}, "bad_pattern"),
        ({"trigger": "keyword", "pattern": "x"}, "bad_rule"),
        ({"trigger": "keyword", "pattern": "x", "reply": {"type": "text"}}, "bad_reply"),
        ({"trigger": "keyword", "pattern": "x", "records": "consent.granted"}, "bad_rule"),
        ({"trigger": "keyword", "pattern": "x", "reply": HELLO, "consent_version": "1"}, "bad_rule"),
        ({"trigger": "thunder", "pattern": "x", "reply": HELLO}, "bad_rule"),
        ({"trigger": "keyword", "pattern": "x", "reply": HELLO, "priority": -1}, "bad_rule"),
        ({"trigger": "keyword", "pattern": "x", "reply": HELLO, "nonsense": 1}, "bad_rule"),
    ],
)
def test_a_bad_rule_is_refused(house: House, wish: dict[str, Any], code: str) -> None:
    with pytest.raises(BadRequestError) as caught, work(house.engine) as session:
        add_rule(session, {"name": "bad", **wish}, house=house, actor="Mei")
    assert caught.value.code == code


def test_names_accounts_and_numbers_are_checked(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    keyword(house, "hours", "几点")
    with pytest.raises(ConflictError, match="hours"):
        keyword(house, "hours", "几时")
    with pytest.raises(NotFoundError):
        keyword(house, "elsewhere", "几时", account_id=10**12)
    with pytest.raises(NotFoundError), work(house.engine) as session:
        remove_rule(session, new_public_id(), house=house, actor="Mei")
    monkeypatch.setattr(rules_module, "MAX_RULES", 1)
    with pytest.raises(ConflictError) as caught:
        keyword(house, "one-more", "几时")
    assert caught.value.code == "too_many_rules"
