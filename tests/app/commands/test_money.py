"""Money at a terminal: clients, rules, orders from a file, the ledger and the settlement."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.core.unit import reading, work
from cards.ledger.spend import spend
from cards.models.programme import Programme
from tests.support.cast import LIN
from tests.support.money import cause
from tests.support.orders import Till, open_till, order

HEAD = "source,order_no,store,paid_at,phone,sku,amount_fen\n"


@pytest.fixture
def till(house) -> Till:
    return open_till(house)


def unit_name(till: Till, unit_id: int) -> str:
    with reading(till.house.engine) as session:
        return session.scalar(text("SELECT name FROM business_unit WHERE id = :id"), {"id": unit_id})


def test_a_client_is_added_listed_without_its_key_and_cut_off(till, doc, fanka, web):
    made = doc("client", "add", "海岸城 POS", "--scope", "orders:write", "--unit", unit_name(till, till.shop.unit_id))
    assert made["key"].startswith("fk_")
    listed = fanka("client", "list").out + str(doc("client", "list"))
    assert "海岸城 POS" in listed
    assert made["key"] not in listed
    doc("client", "revoke", "海岸城 POS")
    assert doc("client", "list")["clients"][0]["revoked_at"]
    assert fanka("client", "revoke", "nobody", json=True).json["error"]["code"] == "no_client"
    assert fanka("client", "add", "海岸城 POS", "--scope", "tills", json=True).json["error"]["code"] == "client_known"


def test_rules_are_defined_listed_told_and_ended(till, doc, fanka):
    params = (
        '{"params": {"rate": {"points": 2}, "multipliers": [{"percent": 200, "weekdays": [3]}]}, "caps": [{"span": "day", "points": 500}]}'
    )
    made = doc("earning", "define", "周三双倍", "spend", "-", stdin=params)
    assert made["version"] == 1
    assert "周三双倍" in [each["name"] for each in doc("earning", "list")["rules"]]
    said = doc("earning", "words")["rules"]
    assert {"name": "周三双倍", "zh": "每消费 1 元得 2 积分；周三 2 倍；按会员等级加倍；每天最多500 积分"}.items() <= said[1].items()
    assert "消费积分在 7 天退货期满后可用" in fanka("earning", "words").out
    till.house.clock.advance(timedelta(seconds=1))
    doc("earning", "end", "周三双倍")
    assert "周三双倍" not in [each["name"] for each in doc("earning", "list")["rules"]]
    for name, kind, body in (("x", "lottery", params), ("x", "spend", '{"params": {"rate": {}}}'), ("x", "spend", "[]")):
        assert fanka("earning", "define", name, kind, "-", stdin=body, json=True).code == 1
    doc("earning", "group", "主规则", "best")
    assert doc("earning", "define", "组内", "spend", "-", "--group", "主规则", stdin=params)["version"] == 1


def test_orders_from_a_file_are_rehearsed_first(till, doc, fanka, tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(HEAD + f"pos,A-1,S1,2026-11-20T10:00:00+08:00,{LIN.phone},TEA,10000\npos,A-2,S1,never,,TEA,1\n")
    first = doc("order", "import", str(path))
    assert (first["rehearsed"], first["booked"], first["points"], first["bad"][0]["line"]) == (True, 1, 100, 3)
    assert till.wallet().pending == 0
    done = doc("order", "import", str(path), "--yes")
    assert (done["rehearsed"], done["booked"], till.wallet().pending) == (False, 1, 100)
    assert "问题行 1" in fanka("order", "import", str(path)).out


def test_goods_come_from_a_file(till, doc, fanka, tmp_path):
    path = tmp_path / "goods.csv"
    path.write_text("code,name,category\nTEA,红茶,茶\n")
    unit = unit_name(till, till.shop.unit_id)
    assert doc("order", "goods", str(path), "--unit", unit) == {"unit": unit, "goods": 1}
    path.write_text("number\n1\n")
    assert fanka("order", "goods", str(path), "--unit", unit, json=True).json["error"]["code"] == "bad_columns"


def test_the_books_are_proved_and_a_wrong_one_is_named(till, doc, fanka):
    till.book(order(till))
    assert doc("ledger", "verify")["findings"] == []
    assert doc("ledger", "liability")["total"] == 100
    assert "2027-11" in fanka("ledger", "liability").out
    with work(till.house.engine) as session:
        session.execute(text("UPDATE wallet SET pending = pending + 1 WHERE pending > 0"))
    wrong = fanka("ledger", "verify", json=True)
    assert (wrong.code, wrong.json["error"]["code"]) == (1, "books_wrong")
    assert "every_balance_equals_its_entries" in fanka("ledger", "verify").out


def test_the_night_runs_at_a_word_and_twice(till, doc):
    till.book(order(till, paid_at="2026-11-01T00:00:00Z"))
    till.book(order(till))
    till.house.clock.advance(timedelta(days=8))
    assert doc("ledger", "night")["wallets"] == 1
    assert doc("ledger", "night")["wallets"] == 0
    assert till.wallet().active == 200


def test_a_month_is_priced_shown_written_and_closed(till, doc, fanka, tmp_path):
    house, shop = till.house, till.shop
    till.book(order(till, paid_at="2026-11-01T00:00:00Z"))
    with work(house.engine) as session:
        spend(session, wallet_id=shop.wallets[0], amount=40, unit_id=shop.other_unit_id, cause=cause(house.clock.now()))
    ours, theirs = unit_name(till, shop.unit_id), unit_name(till, shop.other_unit_id)
    doc("settlement", "price", ours, theirs, "--microfen", "1500000", "--rule", "issuer_pays")
    shown = doc("settlement", "show")
    assert [(cell["points"], cell["fen"]) for cell in shown["cells"]] == [(40, 60)]
    assert "未结账" in fanka("settlement", "show", "2026-11").out
    path = tmp_path / "matrix.csv"
    assert doc("settlement", "csv", str(path))["bytes"] == path.stat().st_size
    assert f"{ours},{theirs},40" in path.read_text(encoding="utf-8-sig")
    doc("settlement", "csv", str(path), "--moves")
    assert ",40," in path.read_text(encoding="utf-8-sig")
    assert fanka("settlement", "close", "2026-11", json=True).json["error"]["code"] == "period_not_over"
    house.clock.moment = house.clock.moment.replace(month=12, day=3)
    assert doc("settlement", "close")["closed_at"]
    assert fanka("settlement", "close", json=True).json["error"]["code"] == "period_closed"


def test_a_programme_is_named_where_there_are_two(till, house, fanka, doc):
    with work(house.engine) as session:
        session.add(Programme(name="另一计划", created_at=house.clock.now()))
    assert fanka("ledger", "liability", json=True).json["error"]["code"] == "no_programme"
    assert doc("ledger", "liability", "--programme", "另一计划")["total"] == 0
    assert fanka("ledger", "liability", "--programme", "nothing", json=True).json["error"]["code"] == "no_programme"
