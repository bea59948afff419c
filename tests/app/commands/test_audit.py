"""The audit: every command that changes something leaves its line, each command is known as one that writes or reads, and it is read in pages."""

import re
from datetime import timedelta
from pathlib import Path

import click
import pytest

from app.cli import main
from app.core import passwords
from app.core.accounts import AccountBook
from app.core.audit import Sought, note, read_audit
from app.core.logins import pair_device
from app.core.nouns import Customer
from app.core.people import Staff
from app.core.secrets import read_ring_file
from app.core.unit import reading, work
from app.local.place import CHECKOUT
from cards.fraud import suspect
from tests.support import pay
from tests.support.audited import BOOKKEEPING, BY_ITSELF, watched
from tests.support.coupons import open_counter
from tests.support.orders import open_till
from tests.support.receipts import Desk

PASSWORD = {"STAFF_PASSWORD": "a-long-password"}
SECRETS = {"secret": "s" * 32, "token": "token123", "aes_key": "a" * 43}
LIN, OLD = "13800000003", "13900000009"

READS = frozenset(
    {
        "account.check",
        "account.list",
        "audit.list",
        "block.list",
        "broadcast.forecast",
        "broadcast.list",
        "broadcast.status",
        "channel.list",
        "channel.qr",
        "channel.zip",
        "claim-code.list",
        "claim-code.unused",
        "client.list",
        "coupon.batches",
        "coupon.list",
        "coupon.review",
        "crm.status",
        "dead.list",
        "demo",
        "department.list",
        "device.list",
        "doctor",
        "earning.list",
        "earning.words",
        "facts.count",
        "facts.show",
        "handlers",
        "keys.list",
        "keys.new",
        "ledger.liability",
        "ledger.verify",
        "lifecycle.list",
        "member.find",
        "menu.diff",
        "menu.show",
        "merchant.doubles",
        "merchant.list",
        "merchant.parked",
        "migrate",
        "migrate-vendor.trial",
        "page.list",
        "page.show",
        "points.statement",
        "programme.list",
        "reply.list",
        "review.list",
        "review.receipts",
        "rules",
        "sandbox",
        "segment.count",
        "segment.explain",
        "segment.list",
        "settlement.csv",
        "settlement.show",
        "staff.list",
        "store.list",
        "store.ranking",
        "store.report",
        "tags.list",
        "tags.rule.list",
        "tags.starter.list",
        "tags.starter.show",
        "tags.why",
        "tier.list",
        "up",
        "value.show",
        "value.statement",
    }
)
ELSEWHERE = frozenset(
    {
        "broadcast.cancel",
        "broadcast.pause",
        "broadcast.plan",
        "broadcast.resume",
        "broadcast.send",
        "channel.add",
        "coupon.judge",
        "crm.retry",
        "lifecycle.drop",
        "lifecycle.festival",
        "lifecycle.set",
        "lifecycle.start",
        "menu.push",
        "migrate-vendor.run",
        "page.add",
        "page.close",
        "page.picture",
        "page.publish",
        "points.expiry",
        "programme.expiry",
        "programme.mirror",
        "tags.mirror",
        "tags.starter.add",
        "tier.invite",
    }
)
"""Writers whose scene is longer: another test of this folder runs each, and the fixture `fanka` looks for the line there."""
PROVEN = {
    "review.decide": (__file__, "suspicion.judged"),
    "review.receipt": (__file__, "receipt.approved"),
    "merchant.match": ("tests/cards/orders/test_pay_matching.py", "payment.matched"),
}
"""Writers whose line is looked for by its name in a test of what they call."""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(passwords, "_COST", 2**4)


def commands(group=main, path=()):
    """Every command of `fanka`, by its path."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands(found, (*path, name))
        else:
            yield ".".join((*path, name))


class Book:
    """Runs writers one after the other; each must add a line that says who, what and when."""

    def __init__(self, house, doc):
        self.house, self.doc, self.written = house, doc, {}

    def __call__(self, *arguments, stdin=None, env=None):
        self.house.clock.advance(timedelta(seconds=1))
        before = self.newest()
        answer = self.doc(*arguments, stdin=stdin, env=env)
        with reading(self.house.engine) as session:
            lines = [entry for entry in read_audit(session, Sought(), limit=20) if entry.id > before]
        path = self.path(arguments)
        assert lines, f"{path} left no line"
        for line in lines:
            assert line.actor == "cli", (path, line.action, line.actor)
            assert line.at == self.house.clock.now(), (path, line.action)
            assert line.action.count(".") == 1, line.action
            assert line.object_id
        self.written.setdefault(path, set()).update(line.action for line in lines)
        return answer

    def newest(self):
        with reading(self.house.engine) as session:
            found = read_audit(session, Sought(), limit=1)
            return found[0].id if found else 0

    @staticmethod
    def path(arguments):
        found, names = main, []
        for word in arguments:
            if not isinstance(found, click.Group):
                break
            found = found.get_command(click.Context(found), word)
            names.append(word)
        return ".".join(names)


def people(book, house):
    """Stores, departments, staff and devices."""
    book("store", "add", "NJX", "--name", "南京西路店", "--unit", "海岸百货")
    book("store", "add", "PD", "--name", "浦东店", "--unit", "海岸超市")
    book("store", "move", "PD", "--unit", "海岸百货")
    book("department", "add", "SHOES", "--store", "NJX", "--name", "鞋履部")
    book("staff", "add", "chen", "--name", "陈晨", "--phone", "13800000002", "--store", "NJX", env=PASSWORD)
    book("staff", "password", "chen", "--totp", "on")
    book("staff", "position", "chen", "--role", "supervisor", "--store", "NJX", "--department", "SHOES")
    book("staff", "position", "chen", "--role", "supervisor", "--store", "NJX", "--department", "SHOES", "--take")
    with work(house.engine) as session:
        held = session.query(Staff).one()
        held.wechat_digest, held.wechat_bound_at = "0" * 64, house.clock.now()
    book("staff", "unbind", "chen")
    paired = book("staff", "pair", "--store", "NJX")
    pair_device(house, code=paired["code"], address="a")
    book("device", "move", paired["device"], "--department", "SHOES")
    book("device", "cut", paired["device"])
    book("department", "move", "SHOES", "--store", "NJX", "--to", "PD")
    book("staff", "revoke", "chen")


def members(book):
    """A programme, its tiers and a member."""
    book("programme", "add", "海岸会员")
    book("programme", "gift", "100", "--unit", "海岸百货")
    book("programme", "points-pay", "海岸会员", "--fen-per-100", "100", "--cap-percent", "50")
    book("programme", "receipts", "14")
    book("tier", "add", "普通", "--rank", "0")
    book("tier", "add", "金卡", "--rank", "10", "--threshold", "100000")
    book("tier", "rule", "spend", "--window", "rolling", "--days", "365")
    number = book("member", "open", "--phone", LIN)["number"]
    book("member", "birthday", number, "03-08")
    book("tier", "override", number, "金卡", "--until", "2027-01-31", "--reason", "周年活动")
    return number


def coupons(book, number):
    """A template's life and what is done with coupons by hand."""
    wish = ("--unit", "海岸百货", "--type", "amount_off", "--terms", '{"amount_fen": 1000}', "--days", "7")
    template = book("coupon", "add", "满减", *wish)["id"]
    book("coupon", "pool", "双十一", "--per-person", "5")
    book("coupon", "open", template)
    given = book("coupon", "give", template, "--number", number)
    book("coupon", "void", given["id"], "--reason", "发错")
    everybody = '{"not": {"kind": "follows_account", "account": "wx0000000000000009"}}'
    book("coupon", "mirror", template, "--account", "wx0000000000000009", "--card-id", "pCard000000000000000000000001", "--store", "NJX")
    word = book("claim-code", "word", template, "双十一快乐", "--most", "100")
    book("claim-code", "batch", template, "2")
    book("claim-code", "close", word["id"])
    batch = book("coupon", "issue", template, everybody, "--reason", "周年庆")["batch"]
    book("coupon", "recall", batch, "--reason", "发错")
    book("coupon", "close", template)


def money(book, tmp_path):
    """Rules, orders, merchants, prices and a month that is closed."""
    params = '{"params": {"rate": {"points": 1, "per_fen": 100}}}'
    book("earning", "group", "主规则", "best")
    book("earning", "define", "消费积分", "spend", "-", stdin=params)
    goods, orders, pem = (tmp_path / name for name in ("goods.csv", "orders.csv", "pub.pem"))
    goods.write_text("code,name,category\nTEA,红茶,茶\n")
    orders.write_text(f"source,order_no,store,paid_at,phone,sku,amount_fen\npos,A-1,NJX,2026-11-20T10:00:00+08:00,{LIN},TEA,10000\n")
    pem.write_text(pay.public_pem())
    book("order", "goods", str(goods), "--unit", "海岸百货")
    book("order", "import", str(orders), "--yes")
    book("earning", "end", "消费积分")
    account = ("--account", "wx0000000000000009", "--store", "NJX", "--serial", pay.SERIAL, "--public-key", str(pem))
    book("merchant", "set", pay.MCHID, *account, env={"WECHAT_PAY_KEY": pay.API_KEY})
    price = ("--microfen", "1500000", "--rule", "issuer_pays")
    book("settlement", "price", "海岸百货", "海岸超市", *price)
    book.house.clock.advance(timedelta(days=12))
    book("settlement", "close", "2026-11")
    book("client", "add", "海岸城 POS", "--scope", "orders:write")
    book("client", "revoke", "海岸城 POS")


def speech(book):
    """What customers are told and how they are sorted."""
    rule = book("reply", "add", "图文", "--on", "follow", "--reply", "-", stdin={"type": "text", "content": "欢迎"})
    book("reply", "remove", rule["id"])
    menu = {"button": [{"type": "click", "name": "优惠", "key": "SALE"}]}
    book("menu", "set", "wx0000000000000009", "-", stdin=menu)
    book("tags", "define", "看优惠")
    book("tags", "rule", "add", "点优惠", "--tag", "看优惠", "--kind", "menu_key", "--params", '{"keys": ["SALE"]}')
    book("segment", "save", "所有人", '{"not": {"kind": "tag", "tag": "看优惠"}}')


def balance(book, number):
    """Stored value by hand."""
    book("value", "ladder", "50000:2000")
    book("value", "confirm-over", "100000")
    shop = ("--store", "NJX")
    book("value", "topup", number, "60000", "--route", "cash", "--route-ref", "C-1", "--ref", "T-1", *shop)
    book("value", "pay", number, "1000", "--ref", "P-1", *shop)
    book("value", "payback", number, "P-1", "500", "--reason", "退货", "--ref", "B-1")
    book("value", "topup", number, "60000", "--route", "cash", "--route-ref", "C-2", "--ref", "T-2", *shop)
    book("value", "refund", number, "T-2", "--reason", "顾客要求", "--ref", "R-1")


def defences(book):
    """Who is kept out, and words that give coupons."""
    entry = book("block", "add", "--phone", OLD, "--reason", "冒用他人会员")["id"]
    book("block", "lift", entry, "--reason", "查清了")


def keys(book):
    book("keys", "add")
    book("keys", "rotate")
    book("keys", "retire", "k1", "l1")


def test_every_command_that_writes_leaves_its_line(house, doc, tmp_path, change_settings):
    path = tmp_path / "keys.json"
    doc("keys", "new", "--file", str(path))
    change_settings(keys_file=path, keys=None, lookup_keys=None)
    house.ring = read_ring_file(path)
    house.accounts = AccountBook(house.engine, house.ring)
    book = Book(house, doc)
    book("account", "add", "wx0000000000000009", "--name", "海岸百货", "--mode", "safe", "--secrets", "-", stdin=SECRETS)
    people(book, house)
    number = members(book)
    with work(house.engine) as session:
        lin = Customer(created_at=house.clock.now())
        session.add(lin)
        session.flush()
        public_id = str(lin.public_id)
    book("member", "bind", public_id, "--phone", LIN)
    coupons(book, number)
    balance(book, number)
    defences(book)
    money(book, tmp_path)
    speech(book)
    keys(book)
    tests = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*.py") if file.name != Path(__file__).name)
    run = {name for name in ELSEWHERE if re.search(r"\"" + name.replace(".", r"\",\s*\"") + r"\"", tests)}
    assert run == ELSEWHERE, f"no test runs {sorted(ELSEWHERE - run)}"
    for file, action in PROVEN.values():
        assert action in (CHECKOUT / file).read_text()
    known = READS | ELSEWHERE | set(PROVEN) | set(book.written) | {name.replace(" ", ".") for name in BY_ITSELF}
    strange = set(commands()) - known
    assert not strange, f"say of each whether it reads, or show the line it leaves in the audit: {sorted(strange)}"


def test_the_watch_sees_a_change_that_left_no_line(house, doc):
    """The fixture of this folder fails a test whose command changes something silently; here is what it goes by."""
    with watched(house.engine) as changed:
        doc("store", "add", "NJX", "--name", "南京西路店", "--unit", "海岸百货")
    assert {"store", "business_unit", "audit_entry"} <= changed
    assert not changed & BOOKKEEPING
    with watched(house.engine) as changed:
        doc("store", "list")
    assert changed == set()


def test_the_audit_is_read_by_who_what_and_when_in_pages(house, doc, fanka, clock):
    doc("store", "add", "NJX", "--name", "南京西路店", "--unit", "海岸百货")
    doc("staff", "add", "chen", "--name", "陈晨", "--store", "NJX", env=PASSWORD)
    with work(house.engine) as session:
        for number in range(3):
            note(session, at=clock.now(), actor="chen", action="coupon.reversed", object_type="coupon", object_id=f"c{number}", detail={})
    clock.advance(timedelta(days=1))
    doc("store", "add", "PD", "--name", "浦东店", "--unit", "海岸百货")
    first = doc("audit", "list", "--limit", "2")
    assert [each["action"] for each in first["entries"]] == ["store.added", "coupon.reversed"]
    assert first["entries"][0]["actor"] == "cli"
    assert first["entries"][0]["at"] == clock.now().isoformat()
    rest = doc("audit", "list", "--after", first["next"])
    assert [each["action"] for each in rest["entries"]] == [
        "coupon.reversed",
        "coupon.reversed",
        "position.given",
        "staff.added",
        "store.added",
    ]
    assert rest["next"] is None
    assert {each["action"] for each in doc("audit", "list", "--action", "staff.*")["entries"]} == {"staff.added"}
    assert len(doc("audit", "list", "--actor", "chen", "--type", "coupon")["entries"]) == 3
    assert [each["object"]["id"] for each in doc("audit", "list", "--object", "c1")["entries"]] == ["c1"]
    assert [each["detail"] for each in doc("audit", "list", "--from", "2026-11-23")["entries"]] == [{"code": "PD"}]
    assert len(doc("audit", "list", "--to", "2026-11-22")["entries"]) == 6
    assert "coupon.reversed" in fanka("audit", "list").out
    assert fanka("audit", "list", "--after", "x", json=True).json["error"]["code"] == "bad_cursor"
    assert fanka("audit", "list", "--action", "%.*", json=True).json["entries"] == []


def test_a_verdict_on_what_was_held_back_leaves_its_line(house, doc):
    counter = open_counter(house)
    with work(house.engine) as session:
        suspect(session, "own_coupon", till=counter.chen, now=house.clock.now(), customer_id=None, coupon_id=None, detail={})
    (case,) = doc("review", "list")["cases"]
    book = Book(house, doc)
    book("review", "decide", case["id"], "refuse", "--reason", "查实")
    assert book.written == {"review.decide": {"suspicion.judged"}}


def test_a_verdict_on_a_receipt_leaves_its_line(house, doc):
    desk = Desk(open_till(house))
    sent, other = desk.snap("88201"), desk.snap("88202")
    assert [each["number"] for each in doc("review", "receipts")["receipts"]] == ["88201", "88202"]
    book = Book(house, doc)
    assert book("review", "receipt", str(sent), "approve", "--reason", "已核对", "--fen", "8850")["state"] == "credited"
    assert book("review", "receipt", str(other), "refuse", "--reason", "照片不清楚")["state"] == "refused"
    assert book.written == {"review.receipt": {"receipt.approved", "receipt.refused"}}
    assert desk.points() == 88
