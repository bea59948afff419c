"""The settlement over the API: the matrix, the moves behind it, both as CSV, the closing; all of it as the command line says it."""

import csv
import io
import json
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from app.cli import main
from app.core.nouns import BusinessUnit
from app.core.unit import reading, work
from cards.ledger.earn import earn
from cards.ledger.spend import spend
from cards.settlement import set_price
from tests.support.api import make_caller
from tests.support.money import cause, open_shop

MONTH = "2026-11"


@pytest.fixture
def shop(house):
    """百货 issued 1 000 points, of which 超市 took 300 and 150 in two uses and 百货 itself 50, at half a fen each."""
    made, now = open_shop(house), house.clock.now()
    with work(house.engine) as session:
        wallet = {"wallet_id": made.wallets[0]}
        earn(session, **wallet, amount=1000, unit_id=made.unit_id, cause=cause(now), available_from=now, expires_at=None)
        for amount, unit in ((300, made.other_unit_id), (50, made.unit_id), (150, made.other_unit_id)):
            spend(session, **wallet, amount=amount, unit_id=unit, cause=cause(now))
        pair = {"issuing_id": made.unit_id, "redeeming_id": made.other_unit_id, "price_microfen": 500_000, "rule": "issuer_pays"}
        set_price(session, programme_id=made.programme_id, **pair, valid_from=MONTH, actor="Mei", now=now)
    return made


@pytest.fixture
def caller(house, web, shop):
    return make_caller(house, web, programme_id=shop.programme_id)


@pytest.fixture
def names(house, shop):
    with reading(house.engine) as session:
        return [
            session.scalars(select(BusinessUnit.name).where(BusinessUnit.id == unit)).one() for unit in (shop.unit_id, shop.other_unit_id)
        ]


def test_the_matrix_and_each_units_side(caller, names):
    ours, theirs = names
    told = caller.get(f"/settlement/{MONTH}").json
    assert [(each["issuing"], each["redeeming"], each["points"], each["fen"]) for each in told["cells"]] == [
        (ours, ours, 50, 0),
        (ours, theirs, 450, 225),
    ]
    sides = {side["unit"]: (side["own_points"], side["given_points"], side["taken_points"], side["net_fen"]) for side in told["sides"]}
    assert sides == {ours: (50, 450, 0, -225), theirs: (0, 0, 450, 225)}
    assert told["closed_at"] is None


def test_the_moves_of_a_cell_are_read_page_by_page_and_sum_to_it(caller, names):
    ours, theirs = names
    address = f"/settlement/{MONTH}/moves?issuing={ours}&redeeming={theirs}&limit=1"
    first = caller.get(address).json
    second = caller.get(f"{address}&after={first['next']}").json
    assert [page["moves"][0]["points"] for page in (first, second)] == [300, 150]
    assert second["next"] is None
    assert len(caller.get(f"/settlement/{MONTH}/moves").json["moves"]) == 3
    for wrong in ("abc", "!", "x" * 200, first["next"][:-4] + "AAAA", "%00"):
        assert caller.get(f"{address}&after={wrong}").status_code in (400, 422), wrong


def test_the_papers_are_those_of_the_command_line(caller, tmp_path):
    told = CliRunner().invoke(main, ["settlement", "show", MONTH, "--json"])
    assert told.exit_code == 0, told.output
    assert json.loads(told.output) == caller.get(f"/settlement/{MONTH}").json
    for extra, name in (([], "matrix"), (["--moves"], "moves")):
        path = tmp_path / f"{name}.csv"
        done = CliRunner().invoke(main, ["settlement", "csv", str(path), "--month", MONTH, *extra])
        assert done.exit_code == 0, done.output
        answer = caller.get(f"/settlement/{MONTH}/{name}.csv")
        assert answer.data == path.read_bytes()
        assert len(list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))) > 2
        assert "attachment" in answer.headers["Content-Disposition"]


def test_a_month_is_closed_once_when_it_is_over(house, caller, clock):
    early = caller.post(f"/settlement/{MONTH}/close", {})
    assert (early.status_code, early.json["code"]) == (409, "period_not_over")
    clock.advance(timedelta(days=10))
    closed = caller.post(f"/settlement/{MONTH}/close", {}, key="one")
    assert (closed.status_code, closed.json["cells"][1]["fen"]) == (200, 225)
    assert caller.post(f"/settlement/{MONTH}/close", {}, key="one").headers["Idempotency-Hit"] == "true"
    again = caller.post(f"/settlement/{MONTH}/close", {})
    assert (again.status_code, again.json["code"]) == (409, "period_closed")
    assert caller.get(f"/settlement/{MONTH}").json == closed.json


def test_a_key_of_one_unit_sees_its_own_and_closes_nothing(house, web, shop, names, clock):
    ours, theirs = names
    own = make_caller(house, web, programme_id=shop.programme_id, unit_id=shop.other_unit_id)
    told = own.get(f"/settlement/{MONTH}").json
    assert [(cell["issuing"], cell["redeeming"]) for cell in told["cells"]] == [(ours, theirs)]
    assert [side["unit"] for side in told["sides"]] == [theirs]
    assert (told["remainder"], told["moved"]) == ({}, 0)
    assert own.get(f"/settlement/{MONTH}/moves").json["code"] == "foreign_unit"
    assert own.get(f"/settlement/{MONTH}/moves?issuing={ours}&redeeming={ours}").json["code"] == "foreign_unit"
    assert len(own.get(f"/settlement/{MONTH}/moves?redeeming={theirs}").json["moves"]) == 2
    assert own.get(f"/settlement/{MONTH}/moves.csv").json["code"] == "group_only"
    clock.advance(timedelta(days=10))
    assert own.post(f"/settlement/{MONTH}/close", {}).json["code"] == "group_only"


def test_scopes_and_months_are_checked(house, web, shop, caller):
    reader = make_caller(house, web, programme_id=shop.programme_id, scopes=["settlement:read"])
    assert reader.get(f"/settlement/{MONTH}").status_code == 200
    assert reader.post(f"/settlement/{MONTH}/close", {}).json["code"] == "scope_missing"
    stranger = make_caller(house, web, programme_id=shop.programme_id, scopes=["tills"])
    assert stranger.get(f"/settlement/{MONTH}").json["code"] == "scope_missing"
    for month in ("2026-13", "november", "2026-11-01"):
        assert (caller.get(f"/settlement/{month}").status_code, caller.get(f"/settlement/{month}").json["code"]) == (400, "bad_month")
