"""The whole life of points against a model that shares no code with the ledger: every invariant after every step."""

import os
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select, text

from app.core.errors import FankaError
from app.core.unit import reading, work
from cards.ledger import returns, spend
from cards.ledger.earn import earn
from cards.ledger.night import release_holds, settle_night
from cards.ledger.verify import verify
from cards.models.ledger import Wallet
from cards.models.programme import ReturnPolicy
from tests.support.money import cause, open_shop

SEQUENCES = int(os.environ.get("LEDGER_SEQUENCES", "200"))
STEPS = 40
AMOUNTS = st.integers(1, 300)
WHO = st.integers(0, 2)
FIRED: dict[str, int] = {}


@dataclass
class ModelLot:
    owner: int
    quantity: int
    left: int
    opens: float
    ends: float
    born: int
    expired: int = 0
    state: str = "pending"


@dataclass
class Model:
    """Points as a child would keep them: piles with dates, and a slip for what is owed."""

    lots: list[ModelLot] = field(default_factory=list)
    debt: list[int] = field(default_factory=lambda: [0, 0, 0])
    held: list[int] = field(default_factory=lambda: [0, 0, 0])

    def due(self, who, now):
        for lot in self.lots:
            if lot.owner != who:
                continue
            if lot.state == "pending" and lot.opens <= now and lot.left:
                lot.state = "active"
            if lot.state == "active" and lot.ends <= now and lot.left:
                lot.expired += lot.left
                lot.left, lot.state = 0, "expired"

    def spendable(self, who, now):
        """What could be spent now, whether the piles were sorted today or not."""
        open_now = [
            lot for lot in self.lots if lot.owner == who and (lot.state == "active" or (lot.state == "pending" and lot.opens <= now))
        ]
        return sum(lot.left for lot in open_now if lot.ends > now)

    def sum(self, who, state):
        return sum(lot.left for lot in self.lots if lot.owner == who and lot.state == state)

    def take(self, who, amount):
        taken = []
        for lot in sorted(
            (lot for lot in self.lots if lot.owner == who and lot.state == "active" and lot.left), key=lambda lot: (lot.ends, lot.born)
        ):
            part = min(amount, lot.left)
            lot.left -= part
            amount -= part
            taken.append([lot, part])
            if not amount:
                break
        assert amount == 0
        return taken

    def put(self, who, amount, opens, ends, now):
        lot = ModelLot(who, amount, amount, opens, ends, len(self.lots), state="active" if opens <= now else "pending")
        self.lots.append(lot)
        paid = min(self.debt[who], lot.left)
        lot.left -= paid
        self.debt[who] -= paid
        return lot


class LedgerStory(RuleBasedStateMachine):
    house = None

    def __init__(self):
        super().__init__()
        with work(self.house.engine) as session:
            session.execute(text("TRUNCATE points_txn, wallet, programme, business_unit, customer CASCADE"))
        self.shop = open_shop(self.house)
        self.model = Model()
        self.start = self.house.clock.now()
        self.hours = 0.0
        self.earned = []
        self.spent = []
        self.holds = []
        self.keys = []

    @property
    def now(self):
        return self.start + timedelta(hours=self.hours)

    def moment(self, hours):
        return self.start + timedelta(hours=hours)

    def post(self, name, act, **wishes):
        """Run one movement in a transaction of its own; None when it was refused."""
        FIRED[name] = FIRED.get(name, 0) + 1
        try:
            with work(self.house.engine) as session:
                return act(session, **wishes)
        except FankaError as error:
            if error.status >= 500:
                raise
            return None

    @rule(who=WHO, amount=AMOUNTS, wait=st.sampled_from([0, 0, 24, 24 * 7]), life=st.sampled_from([200, 1000, 9000]))
    def earn_points(self, who, amount, wait, life):
        why = cause(self.now)
        wishes = {
            "wallet_id": self.shop.wallets[who],
            "amount": amount,
            "unit_id": self.shop.unit_id,
            "available_from": self.moment(self.hours + wait),
            "expires_at": self.moment(self.hours + wait + life),
            "cause": why,
        }
        posted = self.post("earn", earn, **wishes)
        lot = self.model.put(who, amount, self.hours + wait, self.hours + wait + life, self.hours)
        self.earned.append({"txn": posted.txn_id, "lot": lot, "back": 0})
        self.keys.append(lambda: self.post("earn_again", earn, **{**wishes, "amount": amount + 1}))

    @rule(who=WHO, amount=AMOUNTS)
    def spend_points(self, who, amount):
        why = cause(self.now)
        wishes = {"wallet_id": self.shop.wallets[who], "amount": amount, "unit_id": self.shop.other_unit_id, "cause": why}
        posted = self.post("spend", spend.spend, **wishes)
        if self.model.spendable(who, self.hours) < amount:
            assert posted is None
            return
        self.model.due(who, self.hours)
        self.spent.append({"txn": posted.txn_id, "who": who, "taken": self.model.take(who, amount), "left": amount})
        self.keys.append(lambda: self.post("spend_again", spend.spend, **wishes))

    @precondition(lambda self: self.keys)
    @rule(data=st.data())
    def say_it_again(self, data):
        """A retry with the same key, whatever else it says, posts nothing."""
        posted = data.draw(st.sampled_from(self.keys))()
        assert posted is not None
        assert not posted.fresh

    @rule(who=WHO, to=WHO, amount=AMOUNTS)
    def transfer_points(self, who, to, amount):
        wallets = self.shop.wallets
        posted = self.post(
            "transfer", spend.transfer, from_wallet_id=wallets[who], to_wallet_id=wallets[to], amount=amount, cause=cause(self.now)
        )
        if who == to:
            assert posted is None
            return
        if self.model.spendable(who, self.hours) < amount:
            assert posted is None
            return
        self.model.due(who, self.hours)
        self.model.due(to, self.hours)
        for lot, part in self.model.take(who, amount):
            self.model.put(to, part, self.hours, lot.ends, self.hours)

    @rule(who=WHO, amount=AMOUNTS)
    def set_aside(self, who, amount):
        until = self.now + timedelta(minutes=10)
        posted = self.post(
            "hold",
            spend.hold,
            wallet_id=self.shop.wallets[who],
            amount=amount,
            unit_id=self.shop.unit_id,
            cause=cause(self.now),
            until=until,
        )
        if self.model.spendable(who, self.hours) < amount:
            assert posted is None
            return
        self.model.due(who, self.hours)
        self.model.held[who] += amount
        self.holds.append(
            {"txn": posted.txn_id, "who": who, "amount": amount, "taken": self.model.take(who, amount), "until": self.hours + 1 / 6}
        )

    @precondition(lambda self: self.holds)
    @rule(data=st.data(), keep=st.booleans())
    def settle_hold(self, data, keep):
        held = data.draw(st.sampled_from(self.holds))
        act = spend.confirm if keep else spend.release
        posted = self.post("confirm" if keep else "release", act, hold_txn_id=held["txn"], cause=cause(self.now))
        if "done" in held or (keep and held["until"] <= self.hours):
            assert posted is None
            return
        held["done"] = True
        self.model.held[held["who"]] -= held["amount"]
        if keep:
            self.spent.append({"txn": posted.txn_id, "who": held["who"], "taken": held["taken"], "left": held["amount"]})
        else:
            self._return_to_lots(held["who"], held["taken"], held["amount"], repay=False)

    def _return_to_lots(self, who, taken, amount, *, repay):
        for pair in sorted(taken, key=lambda each: (each[0].ends, each[0].born), reverse=True):
            lot, part = pair
            back = min(amount, part)
            if not back:
                continue
            pair[1] -= back
            amount -= back
            lot.left += back
            lot.state = "active"
            paid = min(self.model.debt[who], back) if repay else 0
            lot.left -= paid
            self.model.debt[who] -= paid
        assert amount == 0

    @precondition(lambda self: self.spent)
    @rule(data=st.data(), amount=AMOUNTS)
    def return_reward(self, data, amount):
        use = data.draw(st.sampled_from(self.spent))
        posted = self.post("give_back", returns.give_back, spend_txn_id=use["txn"], amount=amount, cause=cause(self.now))
        if amount > use["left"]:
            assert posted is None
            return
        use["left"] -= amount
        self._return_to_lots(use["who"], use["taken"], amount, repay=True)

    @precondition(lambda self: self.earned)
    @rule(data=st.data(), amount=AMOUNTS, policy=st.sampled_from(list(ReturnPolicy)))
    def return_purchase(self, data, amount, policy):
        sale = data.draw(st.sampled_from(self.earned))
        lot = sale["lot"]
        posted = self.post("take_back", returns.take_back, earn_txn_id=sale["txn"], amount=amount, policy=policy, cause=cause(self.now))
        if sale["back"] + amount > lot.quantity:
            assert posted is None
            return
        self_due = [(each.left, each.state, each.expired) for each in self.model.lots]
        self.model.due(lot.owner, self.hours)
        own = min(amount, lot.left)
        gone = max(min(amount - own, lot.expired), 0)
        elsewhere = self.model.sum(lot.owner, "active") - (lot.left if lot.state == "active" else 0)
        others = min(amount - own - gone, elsewhere)
        short = amount - own - gone - others
        if short and policy is ReturnPolicy.REFUSE:
            assert posted is None
            for each, (left, state, expired) in zip(self.model.lots, self_due, strict=True):
                each.left, each.state, each.expired = left, state, expired
            return
        assert posted is not None
        sale["back"] += amount
        if own and own == lot.left:
            lot.state = "cancelled"
        lot.left -= own
        lot.expired -= gone
        self.model.take(lot.owner, others)
        if policy is ReturnPolicy.DEBT:
            self.model.debt[lot.owner] += short

    @rule(who=WHO, amount=AMOUNTS)
    def adjust_down(self, who, amount):
        posted = self.post(
            "adjust", spend.take_away, wallet_id=self.shop.wallets[who], amount=amount, unit_id=self.shop.unit_id, cause=cause(self.now)
        )
        if self.model.spendable(who, self.hours) < amount:
            assert posted is None
            return
        self.model.due(who, self.hours)
        self.model.take(who, amount)

    @rule(hours=st.sampled_from([0.1, 1, 30, 200, 1000]))
    def time_passes(self, hours):
        FIRED["time"] = FIRED.get("time", 0) + 1
        self.hours += hours

    @rule()
    def night_comes(self):
        FIRED["night"] = FIRED.get("night", 0) + 1
        release_holds(self.house.engine, now=self.now)
        for held in self.holds:
            if "done" not in held and held["until"] <= self.hours:
                held["done"] = True
                self.model.held[held["who"]] -= held["amount"]
                self._return_to_lots(held["who"], held["taken"], held["amount"], repay=False)
        settle_night(self.house.engine, now=self.now, batch=2)
        assert settle_night(self.house.engine, now=self.now) == 0
        for who in range(3):
            self.model.due(who, self.hours)
        with reading(self.house.engine) as session:
            assert verify(session, night=self.now) == []

    @invariant()
    def books_agree(self):
        with reading(self.house.engine) as session:
            assert verify(session) == []
            wallets = {wallet.id: wallet for wallet in session.scalars(select(Wallet).where(Wallet.id.in_(self.shop.wallets)))}
        for who, wallet_id in enumerate(self.shop.wallets):
            wallet = wallets[wallet_id]
            told = (self.model.sum(who, "active"), self.model.sum(who, "pending"), self.model.held[who], -self.model.debt[who])
            assert (wallet.active, wallet.pending, wallet.held, wallet.debt) == told, who


def test_any_story_keeps_every_invariant(house):
    LedgerStory.house = house
    FIRED.clear()
    run_state_machine_as_test(
        LedgerStory,
        settings=settings(
            max_examples=SEQUENCES // 5,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
            print_blob=True,
        ),
    )
    print(FIRED)
