"""Points as a child would keep them: piles with dates, and slips for what is set aside or owed. Shares no code with cards/."""

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field

FOREVER = 10**9
"""Minutes after which nobody asks."""


class ModelRefusesError(Exception):
    """A child would not do that either; nothing has changed. Its argument, if there is one, is the code of the refusal."""


@dataclass(eq=False)
class Pile:
    """What one credit brought: whose it is, who issued it, how much is left, and from which minute to which it may be used."""

    owner: int
    issuer: int
    quantity: int
    left: int
    opens: int
    ends: int
    born: int
    state: str
    expired: int = 0
    let_go: int = 0
    returned: int = 0

    @property
    def changed(self):
        """Whether the purchase was forgiven, or the pile closed, while its points were out."""
        return self.let_go or self.state != "open"


@dataclass(eq=False)
class Slip:
    """What was taken from which piles: a use that may come back, or points set aside."""

    unit: int
    taken: list[list]
    amount: int
    until: int = FOREVER
    state: str = "open"

    def __post_init__(self):
        self.whole = self.amount

    @property
    def owner(self):
        return self.taken[0][0].owner


@dataclass
class Piles:
    people: int
    piles: list[Pile] = field(default_factory=list)
    debt: Counter = field(default_factory=Counter)
    held: Counter = field(default_factory=Counter)
    books: Counter = field(default_factory=Counter)
    """What stands on a unit's books, by (unit, book)."""
    settled: Counter = field(default_factory=Counter)
    """Points that were used, by (who issued them, who took them in)."""
    seen: Counter = field(default_factory=Counter)
    """How often piles opened and ended."""

    @contextmanager
    def whole(self):
        """All of it or, when something in it is refused, nothing."""
        piles = [(pile, vars(pile).copy()) for pile in self.piles]
        counted = {name: getattr(self, name).copy() for name in ("debt", "held", "books", "settled", "seen")}
        try:
            yield
        except ModelRefusesError:
            self.piles = [pile for pile, _ in piles]
            for pile, values in piles:
                vars(pile).update(values)
            vars(self).update(counted)
            raise

    # What is there.

    def told(self):
        """Everything that must agree: balances by person, piles that hold something, the units' books."""
        balances = [(self.sum(who, "open"), self.sum(who, "waiting"), self.held[who], -self.debt[who]) for who in range(self.people)]
        left = sorted((pile.owner, pile.issuer, pile.state, pile.ends, pile.born, pile.left) for pile in self.piles if pile.left)
        return balances, left, {place: amount for place, amount in self.books.items() if amount}

    def sum(self, who, state):
        return sum(pile.left for pile in self.piles if pile.owner == who and pile.state == state)

    def spendable(self, who, now):
        """What could be used now, whether the piles were sorted today or not."""
        mine = [pile for pile in self.piles if pile.owner == who and pile.ends > now]
        return sum(pile.left for pile in mine if pile.state == "open" or (pile.state == "waiting" and pile.opens <= now))

    def sort(self, who, now):
        """Open what may be used from now on, and empty what is over."""
        for pile in self.piles:
            if pile.owner != who or not pile.left:
                continue
            if pile.state == "waiting" and pile.opens <= now:
                pile.state = "open"
                self.seen["activate"] += 1
            if pile.state == "open" and pile.ends <= now:
                self.books[pile.issuer, "expired"] += pile.left
                pile.expired += pile.left
                pile.left, pile.state = 0, "gone"
                self.seen["expire"] += 1

    def _take(self, who, amount):
        taken = []
        mine = [pile for pile in self.piles if pile.owner == who and pile.state == "open" and pile.left]
        for pile in sorted(mine, key=lambda pile: (pile.ends, pile.born)):
            part = min(amount, pile.left)
            if part:
                pile.left -= part
                amount -= part
                taken.append([pile, part])
        assert amount == 0
        return taken

    def _put(self, who, amount, *, issuer, opens, ends, now):
        state = "open" if opens <= now else "waiting"
        pile = Pile(who, issuer, amount, amount, opens, ends, len(self.piles), state)
        self.piles.append(pile)
        self._repay(pile, amount)
        return pile

    def _repay(self, pile, most):
        paid = min(self.debt[pile.owner], most)
        self.seen["repay"] += paid > 0
        pile.left -= paid
        self.debt[pile.owner] -= paid

    # What may happen.

    def earn(self, who, amount, *, issuer, opens, ends, now):
        self.books[issuer, "issued"] -= amount
        return self._put(who, amount, issuer=issuer, opens=opens, ends=ends, now=now)

    def use(self, who, amount, *, unit, book, now):
        """Spend, donate or take away: the points leave for a book of a unit."""
        if self.spendable(who, now) < amount:
            raise ModelRefusesError
        self.sort(who, now)
        self.books[unit, book] += amount
        slip = Slip(unit, self._take(who, amount), amount)
        return self._settle(slip, slip.taken) if book == "redeemed" else slip

    def _settle(self, slip, parts, sign=1):
        for pile, part in parts:
            self.settled[pile.issuer, slip.unit] += sign * part
        return slip

    def transfer(self, who, to, amount, *, now):
        if who == to or self.spendable(who, now) < amount:
            raise ModelRefusesError
        self.sort(who, now)
        self.sort(to, now)
        for pile, part in self._take(who, amount):
            self._put(to, part, issuer=pile.issuer, opens=now, ends=pile.ends, now=now)

    def set_aside(self, who, amount, *, unit, until, now):
        if self.spendable(who, now) < amount:
            raise ModelRefusesError
        self.sort(who, now)
        self.held[who] += amount
        return Slip(unit, self._take(who, amount), amount, until)

    def confirm(self, slip, *, now):
        if slip.state != "open" or slip.until <= now:
            raise ModelRefusesError
        slip.state = "used"
        self.held[slip.owner] -= slip.amount
        self.books[slip.unit, "redeemed"] += slip.amount
        return self._settle(Slip(slip.unit, slip.taken, slip.amount), slip.taken)

    def release(self, slip):
        if slip.state != "open":
            raise ModelRefusesError
        slip.state = "released"
        self.held[slip.owner] -= slip.amount
        self._put_back([(pile, part) for pile, part in slip.taken])

    def release_late(self, slips, *, now):
        late = [slip for slip in slips if slip.state == "open" and slip.until <= now]
        for slip in late:
            self.release(slip)
        return len(late)

    def give_back(self, slip, amount):
        """A returned reward goes back to its piles, the longest-lived first."""
        if amount > slip.amount:
            raise ModelRefusesError
        slip.amount -= amount
        self.books[slip.unit, "redeemed"] -= amount
        back = []
        for pair in sorted(slip.taken, key=lambda pair: (pair[0].ends, pair[0].born), reverse=True):
            part = min(amount, pair[1])
            if part:
                pair[1] -= part
                amount -= part
                back.append((pair[0], part))
        self._settle(slip, back, -1)
        self._put_back(back)

    def _put_back(self, parts):
        for pile, part in parts:
            self.seen["reopen"] += pile.state != "open"
            pile.state = "open"
            pile.left += part
            self._repay(pile, part)
        for pile, _ in parts:
            again = min(pile.let_go, pile.left)
            self.seen["recover"] += again > 0
            pile.let_go -= again
            pile.left -= again
            self.books[pile.issuer, "issued"] += again

    def take_back(self, pile, amount, *, policy, now):
        """A returned purchase: from its own pile, then what of it has run out, then other piles, then by the policy."""
        if pile.returned + amount > pile.quantity:
            raise ModelRefusesError
        with self.whole():
            self._take_back(pile, amount, policy=policy, now=now)

    def _take_back(self, pile, amount, *, policy, now):
        self.sort(pile.owner, now)
        own = min(amount, pile.left)
        gone = min(amount - own, pile.expired)
        open_elsewhere = self.sum(pile.owner, "open") - (pile.left if pile.state == "open" else 0)
        others = min(amount - own - gone, open_elsewhere)
        short = amount - own - gone - others
        if short and policy == "refuse":
            raise ModelRefusesError
        pile.returned += amount
        if own and own == pile.left:
            pile.state = "shut"
        pile.left -= own
        pile.expired -= gone
        self._take(pile.owner, others)
        let_go = short if policy == "floor_at_zero" else 0
        pile.let_go += let_go
        self.seen["let_go"] += let_go > 0
        self.seen["debt"] += short > let_go
        self.debt[pile.owner] += short - let_go
        self.books[pile.issuer, "expired"] -= gone
        self.books[pile.issuer, "issued"] += amount - let_go

    def merge(self, who, into, *, now):
        if who == into:
            raise ModelRefusesError
        self.sort(who, now)
        self.sort(into, now)
        for pile in self.piles:
            if pile.owner == who:
                pile.owner = into
        for counted in (self.debt, self.held):
            counted[into] += counted.pop(who, 0)
        paid = min(self.debt[into], self.sum(into, "open"))
        self.debt[into] -= paid
        self._take(into, paid)
