"""`python -m demo.money_play`: the shop's day in money beside the WeChat traffic: cards, orders, returns, coupons, points at the till."""

import argparse
import queue
import sys
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any
from uuid import uuid4

from demo import money_plan as plan
from demo.door import one_house
from demo.money_log import InputLog
from demo.money_shop import Member, MoneyShop, give_coupon, open_card, open_money, show_matrix, void_coupon
from demo.money_till import Till

_LANES = 2
_PLAYED = 0.8
"""The part of the day in which cards are opened; stories end a little later."""
_LATEST_S = 5.0
"""How long after the day's end somebody may still come in."""
_ALWAYS = 30
"""So many members have their story however slow the machine is; the others only before closing time."""
Body = dict[str, Any]


class Lane(Thread):
    """One thread with a till in each unit: it lives the stories of its members, one after the other."""

    def __init__(self, log: InputLog, url: str, shop: MoneyShop, *, seed: int, closes_at: float) -> None:
        super().__init__(daemon=True)
        self.members: queue.Queue[tuple[int, Member] | None] = queue.Queue()
        self.failed: Exception | None = None
        self._seed, self._closes_at = seed, closes_at
        self._tills = {unit: Till(log, url, client=plan.TILLS[unit], key=key) for unit, key in shop.keys.items()}

    def run(self) -> None:
        """Until there are no more members. A failure is kept for the one who waits."""
        try:
            while (turn := self.members.get()) is not None:
                number, member = turn
                if number < _ALWAYS or time.monotonic() < self._closes_at:
                    Story(self._tills, member, number, Random(f"{self._seed}:{number}")).live()  # noqa: S311 - a seed is a day.
        except Exception as error:  # noqa: BLE001 - told by the main thread.
            self.failed = error
        finally:
            for till in self._tills.values():
                till.close()


class Story:
    """What one member does in a day."""

    def __init__(self, tills: dict[str, Till], member: Member, number: int, random: Random) -> None:
        self._tills, self._member, self._number, self._random = tills, member, number, random
        self._orders = 0
        self._late: tuple[Till, Body] | None = None

    def live(self) -> None:
        """Buy, bring back, redeem, pay with points; and now and then something that must be refused."""
        chance = self._random.random
        for _ in range(1 if chance() < 0.6 else 2):
            self._buy(late=chance() < 0.35)
        if chance() < 0.45:
            self._redeem()
        if chance() < 0.4:
            self._pay_with_points()
            if self._late is not None and chance() < 0.4:
                self._bring_all_back(*self._late)
        if self._number % 12 == 3:
            self._misbehave()
        if self._number % 40 == 7:
            self._stranger()

    def _buy(self, *, late: bool) -> None:
        body = self._order(late=late)
        till = self._till(body)
        self._late = (till, body) if late else self._late
        key = uuid4().hex
        till.ask("/orders", body, key=key, hang_up=self._random.random() < 0.04)
        repeats = self._random.random()
        if repeats < 0.10:
            till.ask("/orders", body, key=key)
        elif repeats < 0.16:
            till.ask("/orders", body)
        elif repeats < 0.18:
            till.ask("/orders", {**body, "terminal": "other"})
        if self._random.random() < 0.2:
            self._bring_back(till, body)

    def _bring_back(self, till: Till, order: Body) -> None:
        path = f"/orders/{order['source']}/{order['order_no']}/returns"
        line_no = self._random.randint(1, len(order["lines"]))
        whole = order["lines"][line_no - 1]["quantity"]
        some = self._random.randint(1, whole)
        back = self._return(order, "R1", line_no, some)
        till.ask(path, back)
        if self._random.random() < 0.3:
            till.ask(path, back)
        if some < whole:
            till.ask(path, self._return(order, "R2", line_no, whole - some))
        if self._random.random() < 0.2:
            till.ask(path, self._return(order, "R3", line_no, 1))

    def _bring_all_back(self, till: Till, order: Body) -> None:
        """An old order whose points are perhaps spent by now: then they are owed."""
        lines = [{"line_no": number, "quantity": line["quantity"]} for number, line in enumerate(order["lines"], 1)]
        till.ask(f"/orders/{order['source']}/{order['order_no']}/returns", {**self._return(order, "R9", 1, 1), "lines": lines})

    def _redeem(self) -> None:
        if not self._member.coupons:
            return
        name = self._random.choice(sorted(self._member.coupons))
        store = self._random.choice(sorted(plan.STORES))
        till = self._tills[plan.STORES[store]]
        body = {"store": store, "attempt_id": str(uuid4()), "code": self._member.coupons[name][1], "order": {"total_fen": 15_000}}
        done = till.ask("/till/redemptions", body)
        chance = self._random.random()
        if chance < 0.15:
            till.ask("/till/redemptions", {**body, "attempt_id": str(uuid4())})
        elif chance < 0.3:
            till.ask("/till/redemptions", body)
        if done.status == 200 and self._random.random() < 0.2:
            path = f"/till/redemptions/{done.body['use']}/reverse"
            till.ask(path, {"store": store, "attempt_id": str(uuid4())})
            till.ask(path, {"store": store, "attempt_id": str(uuid4())})

    def _pay_with_points(self) -> None:
        """One order through the whole till: looked up, quoted, set aside, confirmed (or not), booked, and sometimes brought back."""
        order = self._order(late=False)
        till, store = self._till(order), order["store"]
        seen = till.ask("/till/members", {"store": store, "key": self._member.number})
        lines = [{"number": number, **_only(line, "sku", "quantity", "amount_fen")} for number, line in enumerate(order["lines"], 1)]
        basket = {"source": order["source"], "order_no": order["order_no"], "lines": lines}
        told = till.ask("/till/quotes", {"store": store, "customer": seen.body["customer"], "order": basket}).body
        wish = {
            "store": store,
            "attempt_id": str(uuid4()),
            "customer": seen.body["customer"],
            "order": basket,
            "coupons": [each["coupon"] for each in told["coupons"]],
            "points": told["points"],
            "to_pay_fen": told["to_pay_fen"],
        }
        held = till.ask("/till/holds", wish)
        fate = self._random.random()
        if held.status != 201 or fate < 0.08:
            return
        path = f"/till/holds/{held.body['hold']}"
        if fate < 0.2:
            till.ask(f"{path}/release", {"store": store, "attempt_id": str(uuid4())})
            return
        for _ in range(2 if fate > 0.9 else 1):
            till.ask(f"{path}/confirm", {"store": store, "attempt_id": str(uuid4())})
        _take_off(order["lines"], {each["number"]: each["discount_fen"] for each in told["lines"]}, told["points_fen"])
        till.ask("/orders", order)
        if self._random.random() < 0.3:
            self._bring_back(till, order)

    def _misbehave(self) -> None:
        """One order for each of what must be refused, in turn."""
        good = self._order(late=False)
        line = good["lines"][0]
        now = datetime.now(UTC)
        foreign = next(code for code, unit in plan.STORES.items() if unit != plan.STORES[good["store"]])
        bad = [
            {**good, "lines": [{**line, "amount_fen": -100}]},
            {**good, "lines": [{**line, "discount_fen": line["amount_fen"] + 1}]},
            {**good, "lines": [{**line, "sku": "NOBODY-SELLS-THIS"}]},
            {**good, "store": foreign},
            {**good, "store": "X99"},
            {**good, "paid_at": (now + timedelta(days=2)).isoformat()},
            {**good, "period": plan.CLOSED},
            {**{name: value for name, value in good.items() if name not in {"phone", "customer"}}, "card": "0000000000000000"},
        ]
        for body in (bad[self._number // 12 % len(bad)], bad[(self._number // 12 + 3) % len(bad)]):
            self._till(good).ask("/orders", body)

    def _stranger(self) -> None:
        """Somebody without a card: his order waits for him."""
        body = self._order(late=False)
        body = {name: value for name, value in body.items() if name not in {"card", "customer"}}
        self._till(body).ask("/orders", {**body, "phone": f"137{self._number:08}"})

    def _order(self, *, late: bool) -> Body:
        self._orders += 1
        store = self._random.choice(sorted(plan.STORES))
        goods = plan.GOODS[plan.STORES[store]]
        lines = []
        for good in self._random.sample(goods, self._random.randint(1, len(goods))):
            quantity = self._random.choice((1, 1, 1, 2, 3))
            lines.append({"sku": good.sku, "quantity": quantity, "amount_fen": good.fen * quantity, "discount_fen": 0})
        # The return window of the late ones is over for certain, that of today's is open for certain.
        ago = timedelta(days=self._random.randint(9, 40)) if late else timedelta(minutes=self._random.randint(1, 600))
        who = self._random.choice((("card", self._member.number), ("customer", self._member.customer), ("phone", self._member.phone)))
        return {
            "source": "pos",
            "order_no": f"{self._number:05}-{self._orders:02}",
            "store": store,
            "paid_at": (datetime.now(UTC) - ago).isoformat(),
            who[0]: who[1],
            "lines": lines,
        }

    def _return(self, order: Body, name: str, line_no: int, quantity: int) -> Body:
        lines = [{"line_no": line_no, "quantity": quantity}]
        return {"return_no": f"{order['order_no']}-{name}", "returned_at": datetime.now(UTC).isoformat(), "lines": lines}

    def _till(self, order: Body) -> Till:
        return self._tills[plan.STORES[order["store"]]]


def _only(line: Body, *names: str) -> Body:
    return {name: line[name] for name in names}


def _take_off(lines: list[Body], discounts: dict[int, int], points_fen: int) -> None:
    """Write onto the order's lines what tier, coupons and points paid."""
    for number, line in enumerate(lines, 1):
        off = discounts.get(number, 0)
        paid = min(points_fen, line["amount_fen"] - off)
        points_fen -= paid
        line["discount_fen"] = off + paid


def main(argv: Sequence[str] | None = None) -> int:
    """Play; 0 when every request got an answer."""
    parser = argparse.ArgumentParser(prog="python -m demo.money_play", description=__doc__)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--members", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args(argv)
    log = InputLog(asked.log)
    with closing(log), one_house():
        shop = open_money(log)
        closes_at = time.monotonic() + asked.seconds + _LATEST_S if asked.seconds else float("inf")
        lanes = [Lane(log, asked.url, shop, seed=asked.seed, closes_at=closes_at) for _ in range(_LANES)]
        for lane in lanes:
            lane.start()
        _open_cards(log, shop, lanes, asked, closes_at=closes_at)
        for lane in lanes:
            lane.members.put(None)
        for lane in lanes:
            lane.join()
            if lane.failed is not None:
                raise lane.failed
        show_matrix(log)
    return 0


def _open_cards(log: InputLog, shop: MoneyShop, lanes: Sequence[Lane], asked: argparse.Namespace, *, closes_at: float) -> None:
    """People join until closing time; some get coupons, and now and then a wrong one, which is voided."""
    random, began = Random(asked.seed), time.monotonic()  # noqa: S311
    for number in range(asked.members):
        with suppress(ValueError):
            time.sleep(began + number / asked.members * asked.seconds * _PLAYED - time.monotonic())
        if number >= _ALWAYS and time.monotonic() > closes_at:
            return
        member = open_card(log, f"138{asked.seed % 1000:03}{number:05}")
        for ticket, template in zip(plan.TICKETS, shop.templates, strict=True):
            if random.random() < 0.35:
                give_coupon(log, member, template, name=ticket.name)
        if member.coupons and number % 20 == 9:
            name = min(member.coupons)
            void_coupon(log, member.coupons[name][0])
        lanes[number % len(lanes)].members.put((number, member))


if __name__ == "__main__":
    sys.exit(main())
