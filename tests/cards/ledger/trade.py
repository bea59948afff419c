"""What a story about points tells of orders: booked with points that pay and points that are earned, told again, and brought back by line."""

import calendar
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import update

from app.core.registry import Registry
from app.core.unit import work
from cards.ledger.post import Cause
from cards.models.programme import Programme, ReturnPolicy
from cards.order_forms import OrderIn, ReturnIn
from cards.order_returns import book_return
from cards.orders import book
from cards.points_at_till import pay_with_points, till_key
from tests.cards.ledger.months import minute_of, wall
from tests.cards.ledger.piles import ModelRefusesError
from tests.cards.ledger.scene import DAY, PEOPLE, Scene

WINDOW = 7 * DAY
"""The days of the return window."""
LATE = (0, 0, 60, 3 * DAY, 10 * DAY, 400 * DAY)
"""How long before it is told an order may have been paid."""
SOURCE = "pos"


@dataclass(frozen=True)
class Line:
    """Some pieces at so many yuan, less so many that a coupon paid of each."""

    yuan: int
    pieces: int
    off: int
    reward: bool

    @property
    def points_each(self):
        return 0 if self.reward else self.yuan - self.off


@dataclass
class Basket:
    """An order as its buyer remembers it."""

    form: OrderIn
    lines: dict
    paid: int
    pile: object = None
    slip: object = None
    back: Counter = field(default_factory=Counter)

    @property
    def gross(self):
        return sum(line.yuan * line.pieces for line in self.lines.values())

    @property
    def gross_back(self):
        return sum(self.lines[number].yuan * pieces for number, pieces in self.back.items())


def a_month_later(minute):
    """The midnight that ends the same day of the next month, or its last one."""
    day = wall(minute).replace(hour=0, minute=0)
    year, month = day.year + day.month // 12, day.month % 12 + 1
    last = calendar.monthrange(year, month)[1]
    return minute_of(day.replace(year=year, month=month, day=min(day.day, last)) + timedelta(days=1))


class Trade(Scene):
    def order(self, who, number, kind, unit):
        who, unit, chance = who % PEOPLE, unit % 2, random.Random(f"{number}:{kind}")
        lines = {}
        for place in range(1, chance.randint(2, 4)):
            yuan = chance.randint(1, 90)
            lines[place] = Line(yuan, chance.randint(1, 4), chance.choice((0, 0, chance.randint(0, yuan))), chance.randrange(5) == 0)
        payable = sum((line.yuan - line.off) * line.pieces for line in lines.values()) * 100
        pays = payable > 0 and chance.randrange(2) == 0
        if pays:
            self._fill(who, number, 1, unit)
        points = min(payable, self.model.spendable(who, self.now) + (chance.randrange(6) == 0)) if pays else 0
        paid = self.now - chance.choice(LATE)
        basket, posted = Basket(self._form(who, unit, lines, paid), lines, paid), []

        def act(session):
            if points:
                now = self.moment(self.now)
                why = Cause(till_key(SOURCE, basket.form.order_no), "积分抵现", "Chen", now, now)
                wish = {"programme_id": self.stage.programme_id, "points": points, "payable_fen": payable, "unit_id": self.units[unit]}
                posted.append(pay_with_points(session, customer_id=self.stage.customers[who], cause=why, **wish)[0].txn_id)
            return self._book(session, basket.form)

        def model():
            if points:
                basket.slip = self.model.use(who, points, unit=unit, book="redeemed", now=self.now)
            basket.pile = self._earned_by(basket, who, unit)
            return basket

        made, _ = self.both("order", act, model)
        if made is not None:
            assert made.fresh
            assert made.points == (basket.pile.quantity if basket.pile else 0)
            self.orders.append(basket)
            if points:
                self.uses.append((posted[0], basket.slip))
                self.told["pay"] += 1

    def _form(self, who, unit, lines, paid):
        said = [
            {
                "line_no": place,
                "sku": f"G{place}",
                "quantity": line.pieces,
                "amount_fen": line.yuan * line.pieces * 100,
                "discount_fen": line.off * line.pieces * 100,
                "is_reward": line.reward,
            }
            for place, line in lines.items()
        ]
        number = self.why().business_key.replace(":", "-")
        order = {"source": SOURCE, "order_no": number, "store": self.stage.stores[unit], "paid_at": self.moment(paid)}
        return OrderIn.model_validate({**order, "customer": self.stage.public_ids[who], "lines": said})

    def _book(self, session, form):
        wish = {"programme_id": self.stage.programme_id, "ring": self.house.ring, "registry": Registry(), "actor": "Chen"}
        return book(session, form, now=self.moment(self.now), **wish)

    def _earned_by(self, basket, who, unit):
        points = sum(line.points_each * line.pieces for line in basket.lines.values())
        if not points:
            return None
        opens, ends = basket.paid + WINDOW, a_month_later(basket.paid)
        if ends <= max(opens, self.now):
            ends = a_month_later(max(opens, self.now))
        return self.model.earn(who, points, issuer=unit, opens=opens, ends=ends, now=self.now)

    def order_again(self, who, number, kind, unit):
        """A till tells an order once more, under a new key: it is known. With other content it is refused."""
        while not self.orders:
            self.order(who, number, kind, unit)
            number += 1
        basket = self.orders[number % len(self.orders)]
        other = basket.form.model_copy(update={"terminal": "T2"})

        def model():
            if basket.paid > self.now + 10:
                raise ModelRefusesError("paid_in_future")
            if kind % 4 == 0:
                raise ModelRefusesError("order_differs")

        made, _ = self.both("order_again", lambda session: self._book(session, basket.form if kind % 4 else other), model)
        assert made is None or not made.fresh

    def send_back(self, who, number, kind, policy):
        """Some pieces of some lines come back; told twice, it is one return."""
        while not self.orders:
            self.order(who, number, kind, policy)
            number += 1
        chance = random.Random(f"{who}:{number}:{kind}")
        waiting = [each for each in self.orders if each.gross_back < each.gross] if chance.randrange(8) else []
        basket = chance.choice(waiting or self.orders)
        policy = list(ReturnPolicy)[policy % 3]
        left = {place: line.pieces - basket.back[place] for place, line in basket.lines.items()}
        open_lines = [place for place, pieces in left.items() if pieces] or list(left)
        pieces = {
            place: max(left[place], 1) if chance.randrange(2) else chance.randint(1, max(left[place], 1))
            for place in sorted(chance.sample(open_lines, chance.randint(1, len(open_lines))))
        }
        if chance.randrange(10) == 0:
            pieces[open_lines[0]] = left[open_lines[0]] + 1
        said = [{"line_no": place, "quantity": count} for place, count in pieces.items()]
        number = self.why().business_key.replace(":", "-")
        back = ReturnIn.model_validate({"return_no": number, "returned_at": self.moment(self.now), "lines": said})
        with work(self.house.engine) as session:
            session.execute(update(Programme).where(Programme.id == self.stage.programme_id).values(return_policy=policy))
        made, _ = self.both("send_back", lambda session: self._bring(session, basket, back), lambda: self._back(basket, pieces, policy))
        if made is not None:
            assert made.fresh
            basket.back.update(pieces)
            if kind % 2:
                with work(self.house.engine) as session:
                    assert not self._bring(session, basket, back).fresh

    def _bring(self, session, basket, back):
        wish = {"source": SOURCE, "order_no": basket.form.order_no, "registry": Registry(), "actor": "Chen"}
        return book_return(session, back, now=self.moment(self.now), **wish)

    def _back(self, basket, pieces, policy):
        if self.now < basket.paid:
            raise ModelRefusesError("returned_before_paid")
        if any(basket.back[place] + count > basket.lines[place].pieces for place, count in pieces.items()):
            raise ModelRefusesError("over_returned")
        for place, count in pieces.items():
            points = basket.lines[place].points_each * count
            if points:
                self.model.take_back(basket.pile, points, policy=policy.value, now=self.now)
        if basket.slip:
            now_back = basket.gross_back + sum(basket.lines[place].yuan * count for place, count in pieces.items())
            whole = basket.slip.whole
            share = whole * now_back // basket.gross - whole * basket.gross_back // basket.gross
            if min(share, basket.slip.amount):
                self.model.give_back(basket.slip, min(share, basket.slip.amount))
