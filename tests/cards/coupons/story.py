"""A story about coupons: steps drawn by Hypothesis, told to the house and to a model that shares no code with it, compared after every one."""

import itertools
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
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
from tests.support.coupons import open_counter

PEOPLE = 3
_numbers = itertools.count(1)
JUMPS = (1, 8, 12, 3 * 60, 50 * 60, 60 * 60, -2 * 60)
DAY = 24 * 60
NOON = DAY // 2
FIRST = ("claim",) * 5
RULES = (
    *("claim",) * 2,
    *("redeem",) * 5,
    "again",
    *("undo",) * 3,
    *("hold",) * 3,
    *("confirm",) * 2,
    *("release",) * 2,
    *("reverse",) * 2,
    *("give",) * 2,
    *("take",) * 2,
    *("recall",) * 2,
    "void",
    "night",
    *("jump",) * 3,
)
"""What a story is dealt from, after a few claims: every rule at least once, the common ones more often."""
_STATE = text(
    """
    SELECT coupon.id, coupon.customer_id, coupon.state, coupon.uses_left,
           coupon.uses_total - coupon.uses_left = coalesce(sum(coupon_use.times * CASE WHEN coupon_use.kind = 'use' THEN 1 ELSE -1 END), 0) AS adds_up
    FROM coupon LEFT JOIN coupon_use ON coupon_use.coupon_id = coupon.id
    WHERE coupon.template_id = ANY(:templates) GROUP BY coupon.id ORDER BY coupon.id
    """
)
_STOCK = text("SELECT coalesce(sum(used), 0) FROM coupon_guard WHERE scope = :scope")


class SaysNoError(Exception):
    """The model refuses; its first argument is the code."""


@dataclass
class Paper:
    """A coupon as a child would keep it: a slip of paper with strokes on it."""

    id: int
    public_id: object
    owner: int
    kind: int
    left: int
    whole: int
    ends: int
    state: str = "issued"
    hold: object = None
    since: int = 0


@dataclass
class Pile:
    """A hold: papers laid aside for one order."""

    public_id: object
    papers: list
    since: int
    ends: int
    state: str = "open"
    uses: list = field(default_factory=list)


@dataclass
class Stroke:
    """A use."""

    public_id: object
    paper: Paper
    order: str
    undone: bool = False


@dataclass
class Parcel:
    """A gift on its way."""

    public_id: object
    token: str
    paper: Paper
    ends: int
    state: str = "offered"
    taker: object = None
    passed_on: object = None


KINDS = (
    {"name": "满减", "stock": 9, "per_person": 4},
    {"name": "次卡", "type": "times_card", "terms": {"goods": "咖啡", "uses": 3}, "per_person": 3, "days_valid": 3},
    {"name": "可赠", "giveable": True, "stacking_class": "free", "per_person": 5, "days_valid": 2},
)


class Story:
    """One life of three kinds of coupons in three hands. Every step says `done` or its refusal, on both sides."""

    def __init__(self, house, told, reader):
        self.house, self.told, self.reader = house, told, reader
        self.counter = open_counter(house, customers=PEOPLE)
        self.registry = Registry()
        self.templates = [self.counter.template(**kind) for kind in KINDS]
        self.start, self.now = house.clock.now(), 0
        self.papers, self.piles, self.strokes, self.parcels = [], [], [], []
        self.claimed = Counter()

    def tell(self, steps):
        for rule, number in steps:
            picked = random.Random(number)
            self.told["steps"] += 1
            said = getattr(self, rule)(lambda most, picked=picked: picked.randrange(most))
            self.told[rule if said == "done" else f"{rule}:{said}"] += 1
            self.compare()

    # The two sides of a step.

    def both(self, model, real):
        """Ask the model, then the house; both say `done`, or both the same code."""
        try:
            change, expected = model(), "done"
        except SaysNoError as refused:
            change, expected = None, refused.args[0]
        try:
            with work(self.house.engine) as session:
                made = real(session, self.start + timedelta(minutes=self.now))
            answered = "done"
        except FankaError as refused:
            made, answered = None, refused.code
        assert answered == expected, (answered, expected)
        if change is not None:
            change(made)
        return answered

    def compare(self):
        rows = self.reader.execute(_STATE, {"templates": [template.id for template in self.templates]}).all()
        stock = self.reader.scalar(_STOCK, {"scope": f"template:{self.templates[0].id}:stock"})
        assert [(row.id, row.customer_id, row.state, row.uses_left) for row in rows] == [
            (paper.id, self.counter.customers[paper.owner], paper.state, paper.left) for paper in self.papers
        ]
        assert all(row.adds_up for row in rows)
        assert stock == sum(number for (kind, _), number in self.claimed.items() if kind == 0)

    # What the model knows.

    def free(self, paper):
        """In its owner's hand: issued, or laid aside for longer than was allowed."""
        return paper.state == "issued" or (paper.state == "held" and paper.hold.ends <= self.now)

    def usable(self, paper, pile=None):
        if paper.state == "used":
            raise SaysNoError("already_used")
        if paper.state in ("voided", "given"):
            raise SaysNoError(paper.state)
        if paper.ends <= self.now or paper.state == "expired":
            raise SaysNoError("expired")
        if paper.since > self.now:
            raise SaysNoError("not_yet")
        if paper.state == "held" and paper.hold.ends > self.now and paper.hold is not pile:
            raise SaysNoError("held_elsewhere")

    def stroke(self, paper, order, public_id):
        paper.left -= 1
        paper.state, paper.hold = ("issued" if paper.left else "used"), None
        made = Stroke(public_id, paper, order)
        self.strokes.append(made)
        return made

    def rub_out(self, stroke):
        stroke.undone = True
        paper = stroke.paper
        paper.left += 1
        if paper.state == "used":
            paper.state = self.home(paper)

    def home(self, paper):
        return "issued" if paper.ends > self.now else "expired"

    def settle(self, pile, into):
        for paper in pile.papers:
            if paper.state == "held" and paper.hold is pile:
                paper.state, paper.hold = self.home(paper), None
        pile.state = into

    def parcel(self, pick):
        waiting = [parcel for parcel in self.parcels if parcel.state == "offered"] if pick(4) else []
        return (waiting or self.parcels)[pick(len(waiting or self.parcels))]

    def number(self):
        return f"pos:A{next(_numbers)}"

    # The rules.

    def claim(self, pick):
        kind, who = (0, 1, 2, 2)[pick(4)], pick(PEOPLE)

        def model():
            if self.claimed[kind, who] >= KINDS[kind]["per_person"]:
                raise SaysNoError("limit_reached")
            if kind == 0 and sum(number for (each, _), number in self.claimed.items() if each == 0) >= KINDS[0]["stock"]:
                raise SaysNoError("sold_out")
            days = KINDS[kind].get("days_valid", 7)
            day = (self.now + NOON) // DAY

            def change(made):
                uses = KINDS[kind].get("terms", {}).get("uses", 1)
                paper = Paper(made.coupon.id, made.coupon.public_id, who, kind, uses, uses, (day + days) * DAY - NOON)
                paper.since = self.now
                self.papers.append(paper)
                self.claimed[kind, who] += 1

            return change

        def real(session, now):
            wish = Claim(self.counter.customers[who], Path.CLERK, str(uuid4()), "test")
            return claim(session, session.get_one(CouponTemplate, self.templates[kind].id), wish, registry=self.registry, now=now)

        return self.both(model, real)

    def redeem(self, pick):
        if not self.papers:
            return "nothing"
        paper, order = self.papers[pick(len(self.papers))], self.number()

        def model():
            self.usable(paper)
            return lambda used: self.stroke(paper, order, used.use.public_id)

        return self.both(model, lambda session, now: self.use(session, paper, order, now))

    def use(self, session, paper, order, now):
        using = Using(f"order:x:{order}", Order(order, 10_000))
        return use_coupon(session, paper.id, using, till=self.counter.chen, registry=self.registry, now=now)

    def again(self, pick):
        """The same order once more: the same use while it stands, a new one when it was reversed."""
        if not self.strokes:
            return "nothing"
        old = self.strokes[pick(len(self.strokes))]
        paper, order = old.paper, old.order
        if order.startswith("held:"):
            return "nothing"

        def model():
            if any(each.order == order and each.paper is paper and not each.undone for each in self.strokes):
                return lambda used: used.again or 1 / 0
            self.usable(paper)
            return lambda used: self.stroke(paper, order, used.use.public_id)

        return self.both(model, lambda session, now: self.use(session, paper, order, now))

    def undo(self, pick):
        if not self.strokes:
            return "nothing"
        stroke = self.strokes[pick(len(self.strokes))]

        def model():
            if stroke.undone:
                raise SaysNoError("already_reversed")
            return lambda _: self.rub_out(stroke)

        def real(session, now):
            wish = Undoing(stroke.public_id, "错核", supervisor=True)
            return undo_use(session, wish, till=self.counter.chen, registry=self.registry, now=now)

        return self.both(model, real)

    def hold(self, pick):
        if not self.papers:
            return "nothing"
        good = [paper for paper in self.papers if self.free(paper) and paper.ends > self.now] if pick(4) else []
        paper, order = (good or self.papers)[pick(len(good or self.papers))], self.number()
        who = paper.owner

        def model():
            self.usable(paper)

            def change(made):
                pile = Pile(made.public_id, [paper], self.now, self.now + 10)
                paper.state, paper.hold = "held", pile
                self.piles.append(pile)

            return change

        def real(session, now):
            basket = Basket(self.counter.customers[who], self.counter.shop.programme_id, Order(order, 10_000), [paper.public_id])
            return hold_order(session, basket, till=self.counter.chen, minutes=10, to_pay_fen=None, now=now)

        return self.both(model, real)

    def confirm(self, pick):
        if not self.piles:
            return "nothing"
        good = [pile for pile in self.piles if pile.state == "open" and pile.ends > self.now] if pick(4) else []
        pile = (good or self.piles)[pick(len(good or self.piles))]

        def model():
            if pile.state == "confirmed":
                return lambda settled: settled.again or 1 / 0
            if pile.state != "open" or pile.ends <= self.now or any(paper.hold is not pile for paper in pile.papers):
                raise SaysNoError("hold_over")

            def change(settled):
                pile.state = "confirmed"
                pile.uses = [
                    self.stroke(paper, f"held:{pile.public_id}", use.public_id)
                    for paper, use in zip(pile.papers, settled.uses, strict=True)
                ]

            return change

        return self.both(
            model, lambda session, now: confirm_hold(session, pile.public_id, till=self.counter.chen, registry=self.registry, now=now)
        )

    def release(self, pick):
        if not self.piles:
            return "nothing"
        pile = self.piles[pick(len(self.piles))]

        def model():
            if pile.state == "released":
                return lambda settled: settled.again or 1 / 0
            if pile.state != "open":
                raise SaysNoError("hold_over")
            return lambda _: self.settle(pile, "released")

        return self.both(model, lambda session, now: release_hold(session, pile.public_id, till=self.counter.chen, now=now))

    def reverse(self, pick):
        if not any(pile.state == "confirmed" for pile in self.piles):
            self.hold(pick)
            self.confirm(pick)
        if not self.piles:
            return "nothing"
        confirmed = [pile for pile in self.piles if pile.state == "confirmed"] or self.piles
        pile = confirmed[pick(len(confirmed))]

        def model():
            if pile.state == "reversed":
                raise SaysNoError("already_reversed")
            if pile.state != "confirmed":
                raise SaysNoError("hold_over")

            def change(_):
                for stroke in pile.uses:
                    if not stroke.undone:
                        self.rub_out(stroke)
                pile.state = "reversed"

            return change

        wish = {"reason": "退货", "supervisor": True, "till": self.counter.chen, "registry": self.registry}
        return self.both(model, lambda session, now: reverse_hold(session, pile.public_id, now=now, **wish))

    def give(self, pick):
        if not self.papers:
            return "nothing"
        mine = [paper for paper in self.papers if paper.kind == 2] or self.papers
        wanted = [paper for paper in mine if self.free(paper)] or mine
        paper = wanted[pick(len(wanted))]

        def model():
            if paper.kind != 2:
                raise SaysNoError("not_giveable")
            if paper.ends <= self.now or paper.left != paper.whole or not self.free(paper):
                raise SaysNoError("not_giveable_now")

            def change(offered):
                paper.state, paper.hold = "given", None
                ends = min(self.now + 3 * DAY, paper.ends)
                self.parcels.append(Parcel(offered.gift.public_id, offered.token, paper, ends))

            return change

        giver = self.counter.customers[paper.owner]
        return self.both(model, lambda session, now: offer_coupon(session, paper.public_id, giver_id=giver, now=now))

    def take(self, pick):
        if not self.parcels:
            return "nothing"
        parcel, who = self.parcel(pick), pick(PEOPLE)

        def model():
            if parcel.taker == who:
                return lambda coupon: coupon.id == parcel.passed_on.id or 1 / 0
            if parcel.paper.owner == who:
                raise SaysNoError("own_gift")
            if parcel.state != "offered" or parcel.ends <= self.now:
                raise SaysNoError("gift_over")

            def change(coupon):
                old = parcel.paper
                paper = Paper(coupon.id, coupon.public_id, who, old.kind, old.whole, old.whole, old.ends)
                paper.since = old.since
                self.papers.append(paper)
                parcel.state, parcel.taker, parcel.passed_on = "taken", who, paper

            return change

        taker = self.counter.customers[who]
        return self.both(model, lambda session, now: take_gift(session, parcel.token, taker_id=taker, registry=self.registry, now=now))

    def recall(self, pick):
        if not any(parcel.state == "offered" for parcel in self.parcels):
            self.give(pick)
        if not self.parcels:
            return "nothing"
        parcel = self.parcel(pick)

        def model():
            if parcel.state != "offered" or parcel.ends <= self.now:
                raise SaysNoError("gift_over")

            def change(_):
                parcel.state, parcel.paper.state = "recalled", self.home(parcel.paper)

            return change

        giver = self.counter.customers[parcel.paper.owner]
        return self.both(model, lambda session, now: recall_gift(session, parcel.public_id, giver_id=giver, now=now))

    def void(self, pick):
        if not self.papers:
            return "nothing"
        paper = self.papers[pick(len(self.papers))]

        def model():
            if not self.free(paper):
                raise SaysNoError("not_voidable")

            def change(_):
                paper.state, paper.hold = "voided", None

            return change

        return self.both(model, lambda session, now: void_coupon(session, paper.public_id, reason="发错", actor="Mei", now=now))

    def night(self, pick):
        del pick
        tidy_coupons(self.house.engine, now=self.start + timedelta(minutes=self.now))
        for pile in self.piles:
            if pile.state == "open" and pile.ends <= self.now:
                self.settle(pile, "released")
        for parcel in self.parcels:
            if parcel.state == "offered" and parcel.ends <= self.now:
                parcel.state, parcel.paper.state = "lapsed", self.home(parcel.paper)
        for paper in self.papers:
            if self.free(paper) and paper.ends <= self.now:
                paper.state, paper.hold = "expired", None
        return "done"

    def jump(self, pick):
        self.now = max(self.now + JUMPS[pick(len(JUMPS))], 0)
        return "done"


@st.composite
def tales(draw):
    """The steps of a story: every rule of the deck in some order, each with a number from which its particulars follow."""
    return [(name, draw(st.integers(0, 2**32))) for name in [*FIRST, *draw(st.permutations(RULES))]]


def tell_stories(house, *, stories, number):
    """So many stories, drawn from a seed; answers what happened how often. A failing one is shrunk and printed."""
    told = Counter()

    @seed(number)
    @settings(
        max_examples=stories,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
    )
    @given(steps=tales())
    def story(steps):
        told["stories"] += 1
        Story(house, told, reader).tell(steps)

    # One connection without transactions of its own looks after every step.
    with house.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection, Session(connection) as reader:
        story()
    return told
