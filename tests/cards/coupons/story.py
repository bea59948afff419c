"""A story about coupons: steps drawn by Hypothesis, told to the house and to a model that shares no code with it, compared after every one."""

import itertools
from collections import Counter
from datetime import timedelta
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.errors import FankaError
from app.core.registry import Registry
from app.core.unit import work
from cards.coupons.checkout import Basket
from cards.coupons.claim import Claim, Path, claim
from cards.coupons.conditions import Order
from cards.coupons.gifts import offer_coupon, recall_gift, take_gift
from cards.coupons.holds import confirm_hold, hold_order, release_hold, reverse_hold
from cards.coupons.night import tidy_coupons
from cards.coupons.undo import Undoing, undo_use
from cards.coupons.use import Using, use_coupon
from cards.coupons.void import void_coupon
from cards.models.coupons import CouponTemplate
from tests.cards.coupons.papers import GIVEABLE, KINDS, Drawer, SaysNoError
from tests.support.coupons import open_counter
from tests.support.lives import live

PEOPLE = 3
_numbers = itertools.count(1)
JUMPS = (1, 8, 12, 3 * 60, 50 * 60, 60 * 60, -2 * 60)
RULES = (
    *("claim", "redeem", "again", "undo", "hold", "hold_again", "confirm", "release", "reverse"),
    *("give", "take", "recall", "void", "night", "jump"),
)
DECK = ("again", *RULES, *("claim", "redeem") * 2, *("undo", "hold", "confirm", "give", "give", "take", "recall", "void", "night", "jump"))
"""How often each is drawn, beside the others."""
_OF_A_STORY = ("coupon_use", "coupon_gift", "coupon_hold", "coupon", "coupon_guard")
_PAPERS = text(
    """
    SELECT coupon.id, coupon.customer_id, coupon.state, coupon.uses_left, coupon.expires_at,
           coupon.uses_total - coupon.uses_left = coalesce(sum(coupon_use.times * CASE WHEN coupon_use.kind = 'use' THEN 1 ELSE -1 END), 0)
           AND count(*) FILTER (WHERE coupon_use.kind = 'undo') = count(DISTINCT coupon_use.reverses_id) AS adds_up
    FROM coupon LEFT JOIN coupon_use ON coupon_use.coupon_id = coupon.id GROUP BY coupon.id ORDER BY coupon.id
    """
)
_BESIDE = text(
    """
    SELECT 'pile' AS about, public_id::text AS which, state AS said FROM coupon_hold
    UNION ALL SELECT 'parcel', public_id::text, state FROM coupon_gift
    UNION ALL SELECT scope, subject::text, used::text FROM coupon_guard WHERE scope LIKE 'template:%' AND used > 0
    """
)


class Stage:
    """A counter with three kinds of coupons and three customers, for many stories."""

    def __init__(self, house, told, reader):
        self.house, self.told, self.reader = house, told, reader
        self.counter = open_counter(house, customers=PEOPLE)
        self.templates = [self.counter.template(**kind).id for kind in KINDS]
        self.start, self.registry = house.clock.now(), Registry()

    def clear(self):
        """Leave nothing of the story before. Much quicker than a new counter."""
        with work(self.house.engine) as session:
            session.execute(text("SET LOCAL session_replication_role = replica"))
            for table in _OF_A_STORY:
                session.execute(text(f"DELETE FROM {table}"))


class Story:
    """One life of three kinds of coupons in three hands. Every step says `done` or its refusal, on both sides."""

    def __init__(self, stage):
        stage.clear()
        self.stage, self.house, self.told, self.counter = stage, stage.house, stage.told, stage.counter
        self.drawer = Drawer()
        self.till = {"till": self.counter.chen, "registry": stage.registry}

    def step(self, name, chance):
        said = getattr(self, name)(chance.randrange)
        self.told[name if said == "done" else f"{name}:{said}"] += 1

    # The two sides of a step.

    def both(self, model, real):
        """Ask the model, then the house; both say `done`, or both the same code."""
        try:
            change, expected = model(), "done"
        except SaysNoError as refused:
            change, expected = None, refused.args[0]
        try:
            with work(self.house.engine) as session:
                made = real(session, self.moment())
            answered = "done"
        except FankaError as refused:
            made, answered = None, refused.code
        assert answered == expected, (answered, expected)
        if change is not None:
            change(made)
        return answered

    def moment(self, minute=None):
        return self.stage.start + timedelta(minutes=self.drawer.now if minute is None else minute)

    def compare(self):
        rows, beside = (self.stage.reader.execute(query).all() for query in (_PAPERS, _BESIDE))
        people, drawer = self.counter.customers, self.drawer
        assert [(row.id, row.customer_id, row.state, row.uses_left, row.expires_at) for row in rows] == [
            (paper.id, people[paper.owner], paper.state, paper.left, self.moment(paper.ends)) for paper in drawer.papers
        ]
        assert all(row.adds_up for row in rows)
        expected = {
            **{("pile", str(pile.public_id)): pile.state for pile in drawer.piles},
            **{("parcel", str(parcel.public_id)): parcel.state for parcel in drawer.parcels},
            **{(f"template:{self.stage.templates[kind]}:person", str(people[who])): str(n) for (kind, who), n in drawer.claimed.items()},
        }
        if drawer.given_out(0):
            expected[f"template:{self.stage.templates[0]}:stock", "0"] = str(drawer.given_out(0))
        assert {(row.about, row.which): row.said for row in beside} == expected

    # What a step needs is mostly there, and is made where it is not.

    def some(self, wanted, make, pick):
        for _ in range(5):
            if found := wanted():
                return found[pick(len(found))]
            make(pick)
        return None

    def paper(self, pick):
        """Mostly one that goes now."""
        return self.some(self.drawer.good if pick(3) else lambda: self.drawer.papers, self.claim, pick)

    def pile(self, pick, state):
        found = lambda: [pile for pile in self.drawer.piles if pile.state == state and (state != "open" or pile.ends > self.drawer.now)]  # noqa: E731
        return self.some(found if pick(3) else lambda: self.drawer.piles, self.hold if state == "open" else self.confirm, pick)

    def parcel(self, pick):
        waiting = lambda: [parcel for parcel in self.drawer.parcels if parcel.state == "offered"]  # noqa: E731
        return self.some(waiting if pick(4) else lambda: self.drawer.parcels, self.give, pick)

    # The rules.

    def claim(self, pick):
        kind, who = (0, 1, 2, 2)[pick(4)], pick(PEOPLE)
        if self.drawer.claimed and pick(4) == 0:
            # Whoever has most wants more.
            kind, who = max(self.drawer.claimed, key=self.drawer.claimed.__getitem__)

        def real(session, now):
            wish = Claim(self.counter.customers[who], Path.CLERK, str(uuid4()), "test")
            return claim(session, session.get_one(CouponTemplate, self.stage.templates[kind]), wish, registry=self.stage.registry, now=now)

        return self.both(lambda: self.drawer.claim(kind, who), real)

    def redeem(self, pick):
        """On an order of its own; sometimes one that is laid aside, on the order that did it or on another."""
        held = [pile for pile in self.drawer.piles if pile.state == "open" and pile.paper.hold is pile] if pick(4) == 0 else []
        if held:
            pile = held[pick(len(held))]
            return self.use(pile.paper, pile.order if pick(2) else f"pos:A{next(_numbers)}")
        paper = self.paper(pick)
        return "nothing" if paper is None else self.use(paper, f"pos:A{next(_numbers)}")

    def again(self, pick):
        """The same order once more: the same use while it stands, a new one when it was reversed."""
        old = self.some(lambda: self.drawer.strokes, self.redeem, pick)
        return "nothing" if old is None else self.use(old.paper, old.order)

    def use(self, paper, order):
        def model():
            known = self.drawer.standing(order, paper)
            if known:
                return lambda used: (used.again and used.use.public_id == known[0].public_id) or 1 / 0
            self.drawer.check(paper, order)
            return lambda used: self.drawer.stroke(paper, order, used.use.public_id)

        using = Using(f"order:{self.counter.chen.client_id}:{order}", Order(order, 10_000))
        return self.both(model, lambda session, now: use_coupon(session, paper.id, using, now=now, **self.till))

    def undo(self, pick):
        standing = lambda: [stroke for stroke in self.drawer.strokes if not stroke.undone]  # noqa: E731
        stroke = self.some(standing if pick(3) else lambda: self.drawer.strokes, self.redeem, pick)
        if stroke is None:
            return "nothing"

        def model():
            if stroke.undone:
                raise SaysNoError("already_reversed")
            return lambda _: self.drawer.rub_out(stroke)

        wish = Undoing(stroke.public_id, "错核", supervisor=True)
        return self.both(model, lambda session, now: undo_use(session, wish, now=now, **self.till))

    def hold(self, pick):
        paper = self.paper(pick)
        return "nothing" if paper is None else self.lay_aside(paper, f"pos:A{next(_numbers)}")

    def hold_again(self, pick):
        """For an order that has a hold and no use: with the same coupon or another of his. No order is blocked by its own hold."""
        fresh = lambda: [pile for pile in self.drawer.piles if not any(stroke.order == pile.order for stroke in self.drawer.strokes)]  # noqa: E731
        pile = self.some(fresh, self.hold, pick)
        if pile is None:
            return "nothing"
        others = [paper for paper in self.drawer.good() if paper.owner == pile.paper.owner] if pick(2) else []
        return self.lay_aside(others[pick(len(others))] if others else pile.paper, pile.order)

    def lay_aside(self, paper, order):
        who = self.counter.customers[paper.owner]

        def real(session, now):
            basket = Basket(who, self.counter.shop.programme_id, Order(order, 10_000), [paper.public_id])
            return hold_order(session, basket, till=self.counter.chen, minutes=10, to_pay_fen=None, now=now)

        return self.both(lambda: self.drawer.lay_aside(paper, order), real)

    def confirm(self, pick):
        pile = self.pile(pick, "open")
        if pile is None:
            return "nothing"
        return self.both(
            lambda: self.drawer.confirm(pile), lambda session, now: confirm_hold(session, pile.public_id, now=now, **self.till)
        )

    def release(self, pick):
        pile = self.pile(pick, "open")
        if pile is None:
            return "nothing"

        def model():
            if pile.state == "released":
                return lambda settled: settled.again or 1 / 0
            if pile.state != "open":
                raise SaysNoError("hold_over")
            return lambda _: self.drawer.settle(pile, "released")

        return self.both(model, lambda session, now: release_hold(session, pile.public_id, till=self.counter.chen, now=now))

    def reverse(self, pick):
        pile = self.pile(pick, "confirmed")
        if pile is None:
            return "nothing"
        wish = {"reason": "退货", "supervisor": True, **self.till}
        return self.both(lambda: self.drawer.reverse(pile), lambda session, now: reverse_hold(session, pile.public_id, now=now, **wish))

    def give(self, pick):
        mine = [paper for paper in self.drawer.good() if paper.kind == GIVEABLE] if pick(8) else []
        paper = mine[pick(len(mine))] if mine else self.paper(pick)
        if paper is None:
            return "nothing"
        giver = self.counter.customers[paper.owner]
        return self.both(
            lambda: self.drawer.offer(paper), lambda session, now: offer_coupon(session, paper.public_id, giver_id=giver, now=now)
        )

    def take(self, pick):
        parcel, who = self.parcel(pick), pick(PEOPLE)
        if parcel is None:
            return "nothing"
        wish = {"taker_id": self.counter.customers[who], "registry": self.stage.registry}
        return self.both(lambda: self.drawer.take(parcel, who), lambda session, now: take_gift(session, parcel.token, now=now, **wish))

    def recall(self, pick):
        parcel = self.parcel(pick)
        if parcel is None:
            return "nothing"
        giver = self.counter.customers[parcel.paper.owner]
        return self.both(
            lambda: self.drawer.recall(parcel), lambda session, now: recall_gift(session, parcel.public_id, giver_id=giver, now=now)
        )

    def void(self, pick):
        """Mostly one in somebody's hand, sometimes one that a till has laid aside."""
        held = [paper for paper in self.drawer.papers if paper.state == "held"] if pick(3) == 0 else []
        paper = held[pick(len(held))] if held else self.paper(pick)
        if paper is None:
            return "nothing"

        def model():
            if not self.drawer.free(paper):
                raise SaysNoError("not_voidable")

            def change(_):
                paper.state, paper.hold = "voided", None

            return change

        return self.both(model, lambda session, now: void_coupon(session, paper.public_id, reason="发错", actor="Mei", now=now))

    def night(self, pick):
        """Once, and once more, which changes nothing; mostly after something has ended."""
        if pick(2):
            self.to_an_end()
        done = tidy_coupons(self.house.engine, now=self.moment())
        expected = self.drawer.sleep()
        assert (done.expired, done.lapsed, done.released) == expected
        again = tidy_coupons(self.house.engine, now=self.moment())
        assert (again.expired, again.lapsed, again.released) == (0, 0, 0)
        self.told.update(dict(zip(("expire", "lapse", "run_out"), expected, strict=True)))
        return "done"

    def jump(self, pick):
        """The clock goes on, or is set back by two hours; or to the moment at which something ends."""
        if pick(3) == 0:
            self.to_an_end()
        else:
            self.drawer.now = max(self.drawer.now + JUMPS[pick(len(JUMPS))], 0)
        return "done"

    def to_an_end(self):
        drawer = self.drawer
        things = [paper for paper in drawer.papers if drawer.free(paper)]
        things += [each for each in (*drawer.piles, *drawer.parcels) if each.state in ("open", "offered")]
        drawer.now = min((each.ends for each in things if each.ends > drawer.now), default=drawer.now)


def tell_stories(house, *, stories, number, shrink=True):
    """So many stories of at least 30 steps, drawn from a seed; answers what happened how often. A failing one is shrunk and printed."""
    told = Counter()
    # One connection without transactions of its own looks after every step.
    with house.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection, Session(connection) as reader:
        stage = Stage(house, told, reader)
        live(lambda: Story(stage), DECK, told, lives=stories, number=number, shrink=shrink)
    return told
