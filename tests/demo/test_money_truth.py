"""The truth of the money out of an input log: what counts once, what must be refused, and what tiers, coupons and cells come to."""

import json

import pytest

from demo.money_log import InputLog, read_log
from demo.money_truth import work_out

AT = 1_790_000_000
PAID = "2026-09-21T08:00:00+00:00"
OLD = "2026-08-01T08:00:00+00:00"


class Day:
    """An input log in the making."""

    def __init__(self):
        self.records = [
            {"type": "store", "code": "B", "unit": "mall"},
            {"type": "store", "code": "S", "unit": "market"},
            {"type": "client", "name": "till", "unit": "mall"},
            {"type": "goods", "unit": "mall", "skus": {"LIP": "beauty", "TEE": ""}},
            {"type": "programme", "months": 12, "pending_days": 7},
            {"type": "gift", "points": 100, "unit": "market"},
            {"type": "tier", "name": "gold", "threshold": 50_000, "percent": 120},
            {"type": "tier", "name": "plain", "threshold": 0, "percent": 100},
            {"type": "rule", "points": 1, "per_fen": 100, "special": {"beauty": 2}},
            {"type": "template", "id": "T", "unit": "mall", "reward": 30},
            {"type": "price", "issuing": "market", "redeeming": "mall", "microfen": 500_000},
            {"type": "closed", "month": "2026-01"},
            {"type": "card", "number": "1", "customer": "c1", "phone": "138"},
            {"type": "coupon", "id": "k1", "template": "T", "number": "1"},
        ]

    def ask(self, path, body, *, status=201, hit=False, told=None):
        self.records.append({"type": "ask", "client": "till", "path": path, "key": "k", "body": body})
        self.records.append({"type": "answer", "to": len(self.records), "status": status, "hit": hit, "body": told or {}})

    def order(self, order_no, *lines, status=201, **more):
        body = {"source": "pos", "order_no": order_no, "store": "B", "paid_at": PAID, "card": "1", **more}
        self.ask("/orders", {**body, "lines": [line(*each) for each in lines]}, status=status)

    def give_back(self, order_no, return_no, line_no, quantity, status=201):
        body = {"return_no": return_no, "returned_at": PAID, "lines": [{"line_no": line_no, "quantity": quantity}]}
        self.ask(f"/orders/pos/{order_no}/returns", body, status=status)

    def hold(self, points, order_no, hold="h1"):
        wish = {"store": "B", "customer": "c1", "points": points, "coupons": [], "order": {"source": "pos", "order_no": order_no}}
        self.ask("/till/holds", wish, told={"hold": hold})

    def truth(self):
        return work_out({"n": number, "at": AT, **record} for number, record in enumerate(self.records, 1))


def line(sku, fen, quantity=1, discount=0):
    return {"sku": sku, "quantity": quantity, "amount_fen": fen, "discount_fen": discount}


@pytest.fixture
def day():
    return Day()


def book_of(truth):
    return truth.members["1"].book


def test_points_wait_for_the_return_window_and_old_orders_need_not(day):
    day.order("a", ("TEE", 1_250, 1, 50), ("LIP", 1_000))
    day.order("b", ("TEE", 900), paid_at=OLD)
    book = book_of(day.truth())
    assert (book.active, book.pending) == (100 + 9, 12 + 20)


@pytest.mark.parametrize("status", [200, 201, 0])
def test_a_repeat_counts_once_whatever_it_is_answered(day, status):
    day.order("a", ("TEE", 1_000))
    day.order("a", ("TEE", 1_000), status=status)
    truth = day.truth()
    assert book_of(truth).pending == 10
    assert truth.again == (status != 0)
    assert truth.judged == truth.answered


def test_what_must_be_refused_changes_nothing_and_a_wrong_answer_is_seen(day):
    day.order("a", ("TEE", 1_000))
    day.order("a", ("TEE", 2_000), status=409)
    day.order("b", ("TEE", -1), status=422)
    day.order("c", ("TEE", 10, 1, 11), status=422)
    day.order("d", ("CAR", 1_000), status=422)
    day.order("e", ("TEE", 1_000), store="S", status=403)
    day.order("f", ("TEE", 1_000), store="?", status=422)
    day.order("g", ("TEE", 1_000), card="2", status=422)
    day.order("h", ("TEE", 1_000), period="2026-01", status=409)
    day.order("i", ("TEE", 1_000), paid_at="2030-01-01T00:00:00+00:00", status=422)
    day.give_back("a", "r1", 1, 2, status=422)
    day.give_back("zz", "r2", 1, 1, status=404)
    truth = day.truth()
    assert list(truth.orders) == [("pos", "a")]
    assert not truth.returns
    assert truth.judged == truth.answered
    assert sum(kind == "refused" for _, kind in truth.judged) == 11
    day.order("j", ("TEE", -5), status=201)
    truth = day.truth()
    assert truth.judged != truth.answered


def test_returns_by_line_and_the_climb_to_the_next_tier(day):
    day.order("a", ("LIP", 60_000, 3))
    day.order("b", ("TEE", 1_000))
    day.give_back("a", "r1", 1, 1)
    day.give_back("a", "r1", 1, 1, status=200)
    truth = day.truth()
    member = truth.members["1"]
    # The order that lifts him earns by the tier he had; the next one by the new.
    assert member.book.pending == 1_200 - 400 + 12
    assert (member.tier, member.climbs, member.spent) == (1, 1, 41_000)


def test_points_at_the_till_are_set_aside_used_settled_and_given_back(day):
    day.hold(80, "a")
    assert (book_of(day.truth()).active, book_of(day.truth()).held) == (20, 80)
    confirm = {"store": "B"}
    day.ask("/till/holds/h1/confirm", confirm, status=200, told={"uses": []})
    day.ask("/till/holds/h1/confirm", confirm, status=200, told={"uses": []})
    day.order("a", ("TEE", 1_000, 2, 80))
    truth = day.truth()
    assert (book_of(truth).held, dict(truth.cells), truth.fen(("market", "mall"))) == (0, {("market", "mall"): 80}, 40)
    day.give_back("a", "r1", 1, 1)
    truth = day.truth()
    assert (book_of(truth).active, truth.cells["market", "mall"], truth.fen(("market", "mall"))) == (60, 40, 20)


def test_a_released_hold_leaves_nothing(day):
    day.hold(80, "a")
    day.ask("/till/holds/h1/release", {"store": "B"}, status=200)
    truth = day.truth()
    assert (book_of(truth).active, book_of(truth).held, +truth.cells) == (100, 0, {})


def test_a_coupon_brings_its_points_at_once_and_a_reversal_takes_them(day):
    used = {"use": "u1", "again": False, "coupon": {"id": "k1"}}
    day.ask("/till/redemptions", {"store": "B"}, status=200, told=used)
    day.ask("/till/redemptions", {"store": "B"}, status=200, told={**used, "again": True})
    truth = day.truth()
    assert (truth.coupons["k1"].state, book_of(truth).active) == ("used", 130)
    day.ask("/till/redemptions/u1/reverse", {"store": "B"}, status=200)
    truth = day.truth()
    assert (truth.coupons["k1"].state, book_of(truth).active, truth.uses) == ("issued", 100, {})


def test_the_log_is_whole_lines_only(tmp_path):
    path = tmp_path / "money.log"
    log = InputLog(path)
    assert [log.write("store", code="B"), log.write("void", id="k1")] == [1, 2]
    log.close()
    with path.open("a") as file:
        file.write(json.dumps({"n": 3})[:4])
    assert [(record["n"], record["type"]) for record in read_log(path)] == [(1, "store"), (2, "void")]
