"""Replies, tags and segments at a terminal, from definition to explanation."""

import json

import pytest

from app.core.facts import Fact, record
from app.core.nouns import Customer
from app.core.unit import work

CLICKED = {"kind": "tag", "tag": "看优惠"}


@pytest.fixture
def lin(house, doc, make_account):
    """Lin clicked SALE twice; one other customer did nothing."""
    account = make_account()
    doc("tags", "define", "看优惠", "--group", "兴趣", "--colour", "#1aad19")
    doc("tags", "rule", "add", "点优惠", "--tag", "看优惠", "--kind", "menu_key", "--params", '{"keys": ["SALE"]}')
    now = house.clock.now()
    with work(house.engine) as session:
        people = [Customer(created_at=now) for _ in range(2)]
        session.add_all(people)
        session.flush()
        facts = [Fact(f"k{number}", "menu.clicked", now, {"key": "SALE"}, people[0].id, None, account.id) for number in range(2)]
        record(session, facts, registry=house.registry, now=now)
    return people[0].public_id


def test_a_rule_gives_a_tag_and_says_why(lin, doc, fanka):
    assert [(each["name"], each["group"], each["customers"]) for each in doc("tags", "list")["tags"]] == [("看优惠", "兴趣", 1)]
    why = doc("tags", "why", str(lin), "看优惠")
    assert why["held"]
    assert [(each["name"], each["hits"], each["first"]["kind"]) for each in why["reasons"]] == [("点优惠", 2, "menu.clicked")]
    assert "点优惠" in fanka("tags", "why", str(lin), "看优惠").out
    assert [each["kind"] for each in doc("tags", "rule", "list")["rules"]] == ["menu_key"]


def test_a_starter_set_is_listed_shown_and_added(doc, fanka):
    listed = {each["name"]: each["tags"] for each in doc("tags", "starter", "list")["sets"]}
    shown = doc("tags", "starter", "show", "underwear")
    assert sum(len(each["tags"]) for each in shown["groups"]) == listed["underwear"]
    assert {each["name"]: (each["exclusive"], each["sensitive"]) for each in shown["groups"]}["罩杯"] == (True, True)
    assert doc("tags", "starter", "add", "underwear", "food")["tags"] == listed["underwear"] + listed["food"]
    assert doc("tags", "starter", "add", "food") == {"groups": 0, "tags": 0, "known": listed["food"]}
    assert "罩杯" in fanka("tags", "starter", "show", "underwear").out
    assert fanka("tags", "starter", "add", "food", "zodiac", json=True).json["error"]["code"] == "no_such_starter_set"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["tags", "define", "看优惠"], "tag_known"),
        (["tags", "define", "x", "--exclusive"], "no_group"),
        (["tags", "define", "x", "--group", "兴趣", "--exclusive"], "group_free"),
        (["tags", "define", "x", "--colour", "red"], "bad_colour"),
        (["tags", "rule", "add", "r", "--tag", "看优惠", "--kind", "zodiac", "--params", "{}"], "unknown_rule_kind"),
        (["tags", "rule", "add", "r", "--tag", "看优惠", "--kind", "menu_key", "--params", "[1]"], "bad_json"),
        (["tags", "rule", "add", "r", "--tag", "nobody", "--kind", "menu_key", "--params", '{"keys": ["A"]}'], "no_such_tag"),
        (["tags", "why", "01890000-0000-7000-8000-000000000000", "看优惠"], "no_customer"),
        (["segment", "count", "nobody"], "no_such_segment"),
        (["segment", "count", '{"kind": "zodiac"}'], "unknown_condition"),
        (["segment", "save", "s", "@/nowhere.json"], "bad_segment"),
        (["segment", "list", json.dumps(CLICKED), "--after", "x"], "bad_cursor"),
    ],
)
def test_what_means_nothing_is_refused(lin, fanka, arguments, code):
    answer = fanka(*arguments, json=True)
    assert (answer.code, answer.json["error"]["code"]) == (1, code)


def test_a_segment_is_saved_counted_listed_and_explained(lin, doc, fanka, tmp_path):
    path = tmp_path / "tree.json"
    path.write_text(json.dumps({"all": [CLICKED, {"kind": "event_count", "fact": "menu.clicked", "at_least": 2}]}))
    assert doc("segment", "save", "爱优惠", f"@{path}")["count"] == 1
    assert doc("segment", "count", "爱优惠")["count"] == 1
    assert doc("segment", "count", json.dumps({"not": CLICKED}))["count"] == 1
    listed = doc("segment", "list")["segments"]
    assert [(each["name"], each["count"]) for each in listed] == [("爱优惠", 1)]
    assert doc("segment", "list", "爱优惠") == {"members": [str(lin)], "next": None}
    verdict = doc("segment", "explain", "爱优惠", str(lin))["verdict"]
    assert (verdict["node"], verdict["holds"], [each["holds"] for each in verdict["children"]]) == ("all", True, [True, True])
    assert "✓ tag" in fanka("segment", "explain", "爱优惠", str(lin)).out


def test_reply_rules_come_and_go(doc, fanka, make_account):
    account = make_account()
    consent = ["--text", "已记录", "--records", "consent.granted", "--version", "2026-11"]
    added = doc("reply", "add", "同意", "--on", "keyword", "--pattern", "同意", "--account", account.appid, *consent)
    doc("reply", "add", "图文", "--on", "follow", "--reply", "-", stdin={"type": "text", "content": "欢迎"})
    rules = doc("reply", "list", "--account", account.appid)["rules"]
    assert {(each["name"], each["trigger"], each["records"], each["account"]) for each in rules} == {
        ("同意", "keyword", "consent.granted", account.appid),
        ("图文", "follow", None, None),
    }
    first = doc("reply", "list", "--limit", "1")
    assert len(doc("reply", "list", "--after", first["next"])["rules"]) == 1
    doc("reply", "remove", added["id"])
    assert [each["name"] for each in doc("reply", "list")["rules"]] == ["图文"]
    assert "图文" in fanka("reply", "list").out
    assert fanka("reply", "remove", added["id"]).code == 1
    assert fanka("reply", "add", "x", "--on", "keyword", "--pattern", "[", "--match", "regex", "--text", "y").code == 1
    assert fanka("reply", "add", "x", "--on", "follow", "--text", "y", "--reply", "-", stdin={}).code == 1


def test_plug_ins_are_listed(doc, fanka):
    handlers = doc("handlers")["handlers"]
    assert {"follow", "keyword", "menu_click"} <= {each["name"] for each in handlers}
    kinds = {each["kind"]: each["params"] for each in doc("rules")["rules"]}
    assert kinds["menu_key"]["required"] == ["keys"]
    assert "menu_key" in fanka("rules").out
    assert "event:subscribe" in fanka("handlers").out
