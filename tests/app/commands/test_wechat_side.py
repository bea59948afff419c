"""Channels, menus and broadcasts at a terminal, against a WeChat that answers."""

import csv
import json
from datetime import timedelta
from zipfile import ZipFile

import pytest
from PIL import Image

from app.commands.speech import iso
from app.core.followers import Sighting, meet
from app.core.unit import work
from jobs.broadcasts.drain import drain
from jobs.broadcasts.freeze import freeze
from jobs.models import Broadcast

BUTTONS = [{"name": "优惠", "type": "click", "key": "SALE"}]


@pytest.fixture
def account(sandbox, make_account):
    account = make_account()
    sandbox.add_account(account)
    return account


def test_a_channel_gets_its_code_and_its_picture(account, doc, fanka, tmp_path):
    doc("tags", "define", "上海")
    made = doc("channel", "add", "静安店", "--account", account.appid, "--tag", "上海", "--text", "欢迎")
    assert made["url"].startswith("http")
    again = doc("channel", "add", "静安店", "--account", account.appid)
    assert again["id"] == made["id"]
    short = doc("channel", "add", "市集", "--account", account.appid, "--days", "7")
    assert short["expires_at"] is not None
    listed = doc("channel", "list", "--account", account.appid)["channels"]
    assert {(each["name"], each["permanent"], each["scans"]) for each in listed} == {("静安店", True, 0), ("市集", False, 0)}
    first = doc("channel", "list", "--limit", "1")
    assert len(doc("channel", "list", "--after", first["next"])["channels"]) == 1
    png, svg = tmp_path / "code.png", tmp_path / "code.svg"
    doc("channel", "qr", made["id"], str(png))
    doc("channel", "qr", made["id"], str(svg))
    with Image.open(png) as picture:
        assert picture.width > 100
    assert svg.read_bytes().startswith(b"<?xml")
    assert fanka("channel", "qr", made["id"], str(tmp_path / "code.gif")).code == 1
    assert fanka("channel", "qr", made["id"], str(tmp_path / "no" / "code.png")).code == 1
    assert fanka("channel", "add", "x", "--account", account.appid, "--scene", "with space").code == 1
    # A welcome that WeChat would not show is refused here, and not in silence at every scan.
    refused = fanka("channel", "add", "x", "--account", account.appid, "--text", "长" * 700, json=True)
    assert (refused.code, refused.json["error"]["code"]) == (1, "bad_reply")


def test_many_codes_come_in_one_zip_with_an_index(account, doc, fanka, tmp_path):
    for name, kind in (("静安店", "store"), ("东门海报", "poster"), ("市集", None)):
        doc("channel", "add", name, "--account", account.appid, *(() if kind is None else ("--kind", kind)))
    assert [each["kind"] for each in doc("channel", "list", "--kind", "store", "--kind", "poster")["channels"]] == ["poster", "store"]
    path = tmp_path / "codes.zip"
    told = fanka("channel", "zip", str(path), "--all", "--picture", "both", json=True)
    assert told.json == {"file": str(path), "channels": 3, "pictures": 6, "left_out": 0}
    assert "3 / 3" in told.err
    with ZipFile(path) as book:
        assert book.testzip() is None
        assert {name.removesuffix(".png") for name in book.namelist() if name.endswith(".png")} == {"静安店", "东门海报", "市集"}
        with book.open("静安店.png") as file, Image.open(file) as picture:
            assert picture.width > 100
        rows = list(csv.DictReader(book.read("index.csv").decode("utf-8-sig").splitlines()))
    assert {(row["name"], row["kind"], row["account"]) for row in rows} == {
        ("静安店", "store", account.appid),
        ("东门海报", "poster", account.appid),
        ("市集", "channel", account.appid),
    }
    assert all(row["scene"].startswith("store:") for row in rows if row["kind"] == "store")
    assert doc("channel", "zip", str(path), "--kind", "store")["channels"] == 1
    assert doc("channel", "zip", str(path), "静安店", "市集", "--account", account.appid)["channels"] == 2
    for arguments, code in (
        (["静安店", "无此店"], "no_such_channel"),
        (["静安店", "--all"], "bad_choice"),
        ([], "bad_choice"),
        (["--kind", "guide"], "no_code"),
    ):
        assert fanka("channel", "zip", str(path), *arguments, json=True).json["error"]["code"] == code
    assert fanka("channel", "zip", str(tmp_path / "codes.rar"), "--all", json=True).json["error"]["code"] == "bad_archive"
    assert fanka("channel", "zip", str(path / "no" / "codes.zip"), "--all", json=True).json["error"]["code"] == "bad_path"
    assert fanka("channel", "add", "x", "--account", account.appid, "--kind", "store", "--scene", "guide:1").code == 1


def test_a_menu_is_kept_compared_and_pushed(account, doc, fanka):
    doc("menu", "set", account.appid, "-", stdin={"button": BUTTONS})
    assert doc("menu", "show", account.appid)["menus"][0]["pushed_at"] is None
    assert len(doc("menu", "diff", account.appid)["menus"][0]["differences"]) == 1
    assert doc("menu", "push")["accounts"] == [{"appid": account.appid, "pushed": 1, "unchanged": 0}]
    assert doc("menu", "push", account.appid)["accounts"] == [{"appid": account.appid, "pushed": 0, "unchanged": 1}]
    assert doc("menu", "diff", account.appid)["menus"][0]["differences"] == []
    assert "优惠" in fanka("menu", "show", account.appid).out
    assert fanka("menu", "set", account.appid, "-", stdin=BUTTONS * 4).code == 1


def test_a_menu_that_wechat_refuses_is_one_line(account, doc, fanka, sandbox):
    doc("menu", "set", account.appid, "-", stdin=BUTTONS)
    sandbox.control("faults", {"path": "/cgi-bin/menu/create", "errcode": 48001})
    answer = fanka("menu", "push")
    assert answer.code == 1
    assert len(answer.err.strip().splitlines()) == 1
    assert "未授权" in answer.err


@pytest.fixture
def planned(house, account, sandbox, doc):
    """A broadcast planned for everybody of an account with three followers."""
    template = sandbox.control("templates", {"appid": account.appid, "title": "通知", "content": "事项: {{thing1.DATA}}"})["template_id"]
    people = sandbox.add_people("Lin", "Wang", "Sun")
    for person in people:
        sandbox.act(person["id"], account, "follow")
    openids = [sandbox.person(person["id"])["openids"][account.appid] for person in people]
    with work(house.engine) as session:
        now = house.clock.now()
        for follower in meet(session, [Sighting(account.id, account.appid, openid) for openid in openids], now=now).values():
            follower.state, follower.state_at = "following", now
    doc("segment", "save", "大家", json.dumps({"kind": "follows_account", "account": account.appid}))
    wish = {
        "key": "k-1",
        "name": "通知",
        "purpose": "service",
        "segment": {},
        "content": {"what": "会员日安排"},
        "accounts": [{"appid": account.appid, "template_id": template, "fields": {"thing1": "what"}}],
    }
    return wish, doc("broadcast", "plan", "-", "--segment", "大家", stdin=wish)


def test_a_plan_says_whom_it_reaches_and_is_kept_once(planned, doc, fanka):
    wish, first = planned
    assert (first["forecast"]["total"], first["forecast"]["reached"]) == (3, 3)
    assert doc("broadcast", "plan", "-", "--segment", "大家", stdin=wish)["id"] == first["id"]
    assert doc("broadcast", "forecast", "k-1")["forecast"] == first["forecast"]
    assert [each["state"] for each in doc("broadcast", "list")["broadcasts"]] == ["planned"]
    refused = fanka("broadcast", "plan", "-", "--segment", "大家", json=True, stdin={**wish, "key": "k-2", "purpose": "marketing"})
    assert (refused.code, refused.json["error"]["code"]) == (1, "purpose_refused")


def test_sending_asks_once_and_names_the_number(planned, house, fanka, doc):
    _, first = planned
    no = fanka("broadcast", "send", first["id"], stdin="n\n")
    assert no.code == 1
    assert "将向 3 人发送" in no.err
    assert doc("broadcast", "status", first["id"])["state"] == "planned"
    yes = fanka("broadcast", "send", first["id"], stdin="y\n")
    assert yes.code == 0
    assert doc("broadcast", "status", "k-1")["state"] == "starting"


def test_a_broadcast_is_sent_paused_resumed_and_watched(planned, house, account, sandbox, doc, fanka):
    _, first = planned
    doc("broadcast", "send", first["id"], "--yes")
    with work(house.engine) as session:
        broadcast_id = session.query(Broadcast.id).scalar()
    assert freeze(house, broadcast_id).pending == 3
    assert doc("broadcast", "pause", first["id"])["state"] == "paused"
    assert doc("broadcast", "resume", first["id"])["state"] == "sending"
    drain(broadcast_id, account.id)
    status = doc("broadcast", "status", first["id"])
    assert (status["state"], status["counts"]["sent"], status["total"]) == ("finished", 3, 3)
    # Ordered once more it asks nothing and sends nothing; one more wave is asked for by name, and for now.
    assert doc("broadcast", "send", first["id"]) == doc("broadcast", "send", first["id"], "--yes")
    assert fanka("broadcast", "send", first["id"], "--missing", json=True).json["error"]["code"] == "aborted"
    refused = fanka("broadcast", "send", first["id"], "--missing", "--yes", "--at", "2026-11-23T10:00+0800", json=True)
    assert (refused.code, refused.json["error"]["code"]) == (1, "missing_now")
    house.clock.advance(timedelta(hours=1))
    assert doc("broadcast", "send", first["id"], "--missing", "--yes")["starts_at"] == iso(house.clock.now())
    assert sandbox.idle()["messages"]["template"] == 3
    assert "已提交" in fanka("broadcast", "status", first["id"]).out


def test_a_cancelled_broadcast_sends_nothing(planned, house, doc, fanka):
    _, first = planned
    doc("broadcast", "send", first["id"], "--yes", "--at", "2026-11-23T10:00+0800")
    assert doc("broadcast", "status", first["id"])["state"] == "scheduled"
    assert doc("broadcast", "cancel", first["id"])["state"] == "cancelled"
    assert doc("broadcast", "status", first["id"], "--watch")["state"] == "cancelled"
    assert fanka("broadcast", "send", first["id"], "--yes").code == 1
    assert fanka("broadcast", "status", "nothing").code == 1
