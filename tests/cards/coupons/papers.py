"""Coupons as a child would keep them: slips of paper with strokes on them, laid on piles, put into parcels. Shares no code with cards/."""

from collections import Counter
from dataclasses import dataclass, field

DAY = 24 * 60
NOON = DAY // 2
"""Stories begin at noon."""
HOLD = 10
"""Minutes."""
KINDS = (
    {"name": "满减", "stock": 5, "per_person": 2},
    {"name": "次卡", "type": "times_card", "terms": {"goods": "咖啡", "uses": 3}, "per_person": 2, "days_valid": 3},
    {"name": "可赠", "giveable": True, "stacking_class": "free", "per_person": 3, "days_valid": 2},
)
GIVEABLE = 2


class SaysNoError(Exception):
    """The model refuses; its argument is the code."""


@dataclass(eq=False)
class Paper:
    """A coupon: whose, of which kind, how many strokes it still takes of how many, from when and until when."""

    id: int
    public_id: object
    owner: int
    kind: int
    left: int
    whole: int
    since: int
    ends: int
    state: str = "issued"
    hold: object = None


@dataclass(eq=False)
class Pile:
    """A hold: a paper laid aside for one order."""

    public_id: object
    paper: Paper
    order: str
    ends: int
    state: str = "open"


@dataclass(eq=False)
class Stroke:
    """A use."""

    public_id: object
    paper: Paper
    order: str
    undone: bool = False


@dataclass(eq=False)
class Parcel:
    """A gift on its way."""

    public_id: object
    token: str
    paper: Paper
    ends: int
    state: str = "offered"
    taker: object = None
    passed_on: object = None


@dataclass
class Drawer:
    """Everything there is; `now` is in minutes since the story began."""

    now: int = 0
    papers: list = field(default_factory=list)
    piles: list = field(default_factory=list)
    strokes: list = field(default_factory=list)
    parcels: list = field(default_factory=list)
    claimed: Counter = field(default_factory=Counter)
    """How often whom, by (kind, person)."""

    def free(self, paper):
        """In its owner's hand: issued, or laid aside for longer than was allowed."""
        return paper.state == "issued" or (paper.state == "held" and paper.hold.ends <= self.now)

    def good(self):
        """Papers that go at a counter now."""
        return [paper for paper in self.papers if self.free(paper) and paper.since <= self.now < paper.ends]

    def check(self, paper, order):
        """Whether a paper goes on an order now; what the order itself laid aside does not stand in its way."""
        if paper.state == "used":
            raise SaysNoError("already_used")
        if paper.state in ("voided", "given"):
            raise SaysNoError(paper.state)
        self.check_dates(paper)
        if paper.state == "held" and paper.hold.ends > self.now and paper.hold.order != order:
            raise SaysNoError("held_elsewhere")

    def check_dates(self, paper):
        if paper.ends <= self.now or paper.state == "expired":
            raise SaysNoError("expired")
        if paper.since > self.now:
            raise SaysNoError("not_yet")

    def claim(self, kind, who):
        wishes = KINDS[kind]
        if self.claimed[kind, who] >= wishes["per_person"]:
            raise SaysNoError("limit_reached")
        if self.given_out(kind) >= wishes.get("stock", 10**9):
            raise SaysNoError("sold_out")
        day = (self.now + NOON) // DAY
        uses = wishes.get("terms", {}).get("uses", 1)

        def change(made):
            ends = (day + wishes.get("days_valid", 7)) * DAY - NOON
            self.papers.append(Paper(made.coupon.id, made.coupon.public_id, who, kind, uses, uses, self.now, ends))
            self.claimed[kind, who] += 1

        return change

    def given_out(self, kind):
        return sum(number for (each, _), number in self.claimed.items() if each == kind)

    def standing(self, order, paper=None):
        """The strokes of an order that nobody rubbed out."""
        return [stroke for stroke in self.strokes if stroke.order == order and not stroke.undone and paper in (None, stroke.paper)]

    def stroke(self, paper, order, public_id):
        paper.left -= 1
        paper.state, paper.hold = ("issued" if paper.left else "used"), None
        self.strokes.append(Stroke(public_id, paper, order))

    def rub_out(self, stroke):
        stroke.undone = True
        stroke.paper.left += 1
        if stroke.paper.state == "used":
            stroke.paper.state = self.home(stroke.paper)

    def home(self, paper):
        return "issued" if paper.ends > self.now else "expired"

    def settle(self, pile, into):
        paper = pile.paper
        if paper.state == "held" and paper.hold is pile:
            paper.state, paper.hold = self.home(paper), None
        pile.state = into

    def lay_aside(self, paper, order):
        """For an order; what was laid aside for it before goes back first."""
        waiting = [pile for pile in self.piles if pile.order == order and pile.state == "open"]
        if paper.state == "held" and paper.hold in waiting:
            self.check_dates(paper)
        else:
            self.check(paper, order)

        def change(made):
            for pile in waiting:
                self.settle(pile, "released")
            pile = Pile(made.public_id, paper, order, self.now + HOLD)
            paper.state, paper.hold = "held", pile
            self.piles.append(pile)

        return change

    def confirm(self, pile):
        if pile.state == "confirmed":
            return lambda settled: settled.again or 1 / 0
        known = self.standing(pile.order, pile.paper)
        if pile.state != "open" or pile.ends <= self.now or not (known or pile.paper.hold is pile):
            raise SaysNoError("hold_over")

        def change(settled):
            pile.state = "confirmed"
            (use,) = settled.uses
            if known:
                assert use.public_id == known[0].public_id
            else:
                self.stroke(pile.paper, pile.order, use.public_id)

        return change

    def reverse(self, pile):
        if pile.state == "reversed":
            raise SaysNoError("already_reversed")
        if pile.state != "confirmed":
            raise SaysNoError("hold_over")

        def change(_):
            for stroke in self.standing(pile.order, pile.paper):
                self.rub_out(stroke)
            pile.state = "reversed"

        return change

    def offer(self, paper):
        if paper.kind != GIVEABLE:
            raise SaysNoError("not_giveable")
        if paper.ends <= self.now or paper.left != paper.whole or not self.free(paper):
            raise SaysNoError("not_giveable_now")

        def change(offered):
            paper.state, paper.hold = "given", None
            self.parcels.append(Parcel(offered.gift.public_id, offered.token, paper, min(self.now + 3 * DAY, paper.ends)))

        return change

    def take(self, parcel, who):
        if parcel.taker == who:
            return lambda coupon: coupon.id == parcel.passed_on.id or 1 / 0
        if parcel.paper.owner == who:
            raise SaysNoError("own_gift")
        self.waits(parcel)

        def change(coupon):
            old = parcel.paper
            paper = Paper(coupon.id, coupon.public_id, who, old.kind, old.whole, old.whole, old.since, old.ends)
            self.papers.append(paper)
            parcel.state, parcel.taker, parcel.passed_on = "taken", who, paper

        return change

    def recall(self, parcel):
        self.waits(parcel)

        def change(_):
            parcel.state, parcel.paper.state = "recalled", self.home(parcel.paper)

        return change

    def waits(self, parcel):
        if parcel.state != "offered" or parcel.ends <= self.now:
            raise SaysNoError("gift_over")

    def sleep(self):
        """The night: piles whose time is over, parcels nobody took, papers that are over. Says how many of each."""
        piles = [pile for pile in self.piles if pile.state == "open" and pile.ends <= self.now]
        for pile in piles:
            self.settle(pile, "released")
        parcels = [parcel for parcel in self.parcels if parcel.state == "offered" and parcel.ends <= self.now]
        for parcel in parcels:
            parcel.state, parcel.paper.state = "lapsed", self.home(parcel.paper)
        papers = [paper for paper in self.papers if self.free(paper) and paper.ends <= self.now]
        for paper in papers:
            paper.state, paper.hold = "expired", None
        return len(papers), len(parcels), len(piles)
