"""A story about points: steps drawn by Hypothesis, told to the ledger and to the model of piles at once, compared after every one."""

from collections import Counter

import pytest
from sqlalchemy.orm import Session

from app.core.errors import FankaError
from app.core.unit import reading, work
from cards.ledger import earn, merge, night, returns, spend, verify
from cards.models.ledger import TxnKind
from cards.models.programme import ReturnPolicy
from tests.cards.ledger.periods import Periods
from tests.cards.ledger.piles import FOREVER
from tests.cards.ledger.scene import DAY, PEOPLE, Stage
from tests.cards.ledger.trade import Trade
from tests.support.lives import live

NOON = DAY // 2
LIVES = (DAY, 3 * DAY, 20 * DAY, 300 * DAY, FOREVER)
JUMPS = (1, 7, 60, 5 * 60, 2 * DAY, 9 * DAY, -3 * 60)
ALL = 4
"""A kind of amount: whatever is there, earned first where there is nothing."""


class Story(Trade, Periods):
    """One life of three wallets: every rule takes four numbers, from which its particulars follow."""

    def amount(self, who, number, kind):
        """What is there, a part of it, or one more."""
        there = self.model.spendable(who, self.now)
        if kind % 4 == 0 and there:
            return there
        return there + 1 if kind % 12 == 1 else 1 + number % max(there, 40)

    def earn(self, who, number, life, unit):
        self._earn("earn", who, number, 0, life, unit)

    def pend(self, who, number, life, wait):
        self._earn("pend", who, number, (30, DAY, 7 * DAY)[wait % 3], life, wait)

    def _earn(self, name, who, number, wait, life, unit, kind=TxnKind.EARN):
        who, unit = who % PEOPLE, unit % 2
        amount, opens = 1 + number % 500, self.now + wait
        lives = LIVES[life % len(LIVES)]
        ends = FOREVER if lives == FOREVER else opens + lives
        if life % 3 and ends < FOREVER:
            ends += NOON - ends % DAY + DAY  # Most lots end at a midnight in Shanghai.
        txn, pile = self.post(
            name,
            earn.earn,
            lambda: self.model.earn(who, amount, issuer=unit, opens=opens, ends=ends, now=self.now),
            wallet_id=self.wallets[who],
            amount=amount,
            unit_id=self.units[unit],
            available_from=self.moment(opens),
            expires_at=self.moment(ends),
            kind=kind,
        )
        self.earned.append((txn, pile))

    def adjust_up(self, who, number, life, unit):
        self._earn("adjust_up", who, number, 0, life, unit, TxnKind.ADJUST)

    def spend(self, who, number, kind, unit):
        txn, slip = self._use("spend", spend.spend, "redeemed", who, number, kind, unit)
        if txn is not None:
            self.uses.append((txn, slip))

    def donate(self, who, number, kind, unit):
        self._use("donate", spend.donate, "donation", who, number, kind, unit)

    def adjust_down(self, who, number, kind, unit):
        self._use("adjust_down", spend.take_away, "issued", who, number, kind, unit)

    def _use(self, name, act, book, who, number, kind, unit):
        who, unit = who % PEOPLE, unit % 2
        self._fill(who, number, kind, unit)
        amount = self.amount(who, number, kind)
        return self.post(
            name,
            act,
            lambda: self.model.use(who, amount, unit=unit, book=book, now=self.now),
            wallet_id=self.wallets[who],
            amount=amount,
            unit_id=self.units[unit],
        )

    def transfer(self, who, number, kind, to):
        who, to = who % PEOPLE, (who + 1 + to % 5 // 2) % PEOPLE
        self._fill(who, number, kind, to)
        amount = self.amount(who, number, kind)
        self.post(
            "transfer",
            spend.transfer,
            lambda: self.model.transfer(who, to, amount, now=self.now),
            from_wallet_id=self.wallets[who],
            to_wallet_id=self.wallets[to],
            amount=amount,
        )

    def merge(self, who, _number, _kind, into):
        who, into = who % PEOPLE, into % PEOPLE
        self.post(
            "merge",
            merge.merge_wallets,
            lambda: self.model.merge(who, into, now=self.now),
            from_wallet_id=self.wallets[who],
            into_wallet_id=self.wallets[into],
        )

    def hold(self, who, number, kind, unit):
        who, unit = who % PEOPLE, unit % 2
        self._fill(who, number, kind, unit)
        amount, until = self.amount(who, number, kind), self.now + 1 + number % 10
        txn, slip = self.post(
            "hold",
            spend.hold,
            lambda: self.model.set_aside(who, amount, unit=unit, until=until, now=self.now),
            wallet_id=self.wallets[who],
            amount=amount,
            unit_id=self.units[unit],
            until=self.moment(until),
        )
        if txn is not None:
            self.slips.append((txn, slip))

    def confirm(self, who, number, kind, unit):
        found = self._slip(who, number, kind, unit)
        txn, use = self.post("confirm", spend.confirm, lambda: self.model.confirm(found[1], now=self.now), hold_txn_id=found[0])
        if txn is not None:
            self.uses.append((txn, use))

    def release(self, who, number, kind, unit):
        txn, slip = self._slip(who, number, kind, unit)
        self.post("release", spend.release, lambda: self.model.release(slip), hold_txn_id=txn)

    def _slip(self, who, number, kind, unit):
        """Mostly a hold that is open still; one is made when there is none, and points to hold where there are none."""
        waiting = [each for each in self.slips if each[1].state == "open" and each[1].until > self.now]
        if not self.slips or (not waiting and kind % 5):
            while len(waiting) == 0:
                self.hold(who, number, ALL, unit)
                waiting = self.slips[-1:]
        return (waiting or self.slips)[-1]

    def _fill(self, who, number, kind, unit):
        """Mostly somebody earns before he uses points that he has not."""
        for turn in range(kind % 5 * 2):
            if self.model.spendable(who, self.now):
                return
            self._earn("earn", who, number + turn, 0, number, unit)

    def return_purchase(self, who, number, kind, policy):
        if not self.earned:
            self.earn(who, number, kind, policy)
        out = {id(pile) for _, slip in self.uses + self.slips for pile, part in slip.taken if part}
        used = [each for each in self.earned if id(each[1]) in out and each[1].returned < each[1].quantity] if kind % 4 else []
        txn, pile = (used or self.earned)[(who * 7 + number) % len(used or self.earned)]
        whole = kind % 3 == 0
        amount = pile.quantity if whole else 1 + number % max(pile.quantity - pile.returned, 1)
        policy = list(ReturnPolicy)[policy % 3]
        done, _ = self.post(
            "purchase_whole" if whole else "purchase_part",
            returns.take_back,
            lambda: self.model.take_back(pile, amount, policy=policy.value, now=self.now),
            earn_txn_id=txn,
            amount=amount,
            policy=policy,
        )
        if done and whole:
            self.reversed.append((returns.take_back, {"earn_txn_id": txn, "amount": amount, "policy": policy}))

    def return_reward(self, who, number, kind, unit):
        while not self.uses:
            self.spend(who, number, ALL, unit)
        left = [use for use in self.uses if use[1].amount == use[1].whole or number % 3 == 0]
        closed = [use for use in left if number % 8 and any(part and pile.changed for pile, part in use[1].taken)]
        txn, slip = (closed or left or self.uses)[(who * 7 + number) % len(closed or left or self.uses)]
        whole = kind % 3 == 0
        amount = slip.whole if whole else 1 + number % max(slip.amount, 1)
        done, _ = self.post(
            "reward_whole" if whole else "reward_part",
            returns.give_back,
            lambda: self.model.give_back(slip, amount),
            spend_txn_id=txn,
            amount=amount,
        )
        if done and whole:
            self.reversed.append((returns.give_back, {"spend_txn_id": txn, "amount": amount}))

    def reverse_again(self, who, number, kind, policy):
        """A whole reversal with a key of its own, a second time: refused, whatever happens at the same moment."""
        if not self.reversed:
            self.earn(who, number, 3, policy)
            txn, pile = self.earned[-1]
            wishes = {"earn_txn_id": txn, "amount": pile.quantity, "policy": ReturnPolicy.DEBT}
            back = lambda: self.model.take_back(pile, pile.quantity, policy="debt", now=self.now)  # noqa: E731
            self.post("purchase_whole", returns.take_back, back, **wishes)
            self.reversed.append((returns.take_back, wishes))
        act, wishes = self.reversed[(number + kind) % len(self.reversed)]
        with pytest.raises(FankaError) as refused, work(self.house.engine) as session:
            act(session, cause=self.why(), **wishes)
        assert refused.value.code == "already_reversed"
        self.told["reverse_again"] += 1

    def replay(self, who, number, kind, unit):
        """A retry with the same key posts nothing, hours later too."""
        if not self.said:
            self.earn(who, number, kind, unit)
        act, wishes, txn = self.said[(who * 31 + number) % len(self.said)]
        with work(self.house.engine) as session:
            posted = act(session, **wishes)
        assert (posted.txn_id, posted.fresh) == (txn, False)
        self.told["replay"] += 1

    def jump(self, _who, _number, kind, _unit):
        """The clock goes on, or is set back by three hours."""
        self.now += JUMPS[kind % len(JUMPS)]
        self.told["jump"] += 1

    def midnight(self, _who, number, kind, _unit):
        """To the next midnight in Shanghai, or exactly to the moment when some pile opens or ends."""
        waiting = [pile.opens for pile in self.model.piles if pile.left and pile.state == "waiting"] if kind % 3 else []
        ends = [pile.ends for pile in self.model.piles if pile.left]
        moments = sorted(moment for moment in waiting or ends if self.now < moment < FOREVER)
        if moments and number % 4:
            self.now = moments[0]
        else:
            self.now += DAY - (self.now - NOON) % DAY
        self.told["midnight"] += 1

    def night(self, _who, _number, kind, _unit):
        """The night's run in small batches, then once more; it changes nothing the second time."""
        now = self.moment(self.now)
        assert night.release_holds(self.house.engine, now=now) == self.model.release_late([slip for _, slip in self.slips], now=self.now)
        night.settle_night(self.house.engine, now=now, batch=1 + kind % 3)
        assert night.settle_night(self.house.engine, now=now) == 0
        assert night.release_holds(self.house.engine, now=now) == 0
        for who in range(PEOPLE):
            self.model.sort(who, self.now)
        self.write_down()
        with reading(self.house.engine) as session:
            assert verify.verify(session, night=now) == []
        self.told["night"] += 1


RULES = (
    *("earn", "pend", "adjust_up", "spend", "donate", "adjust_down", "transfer", "merge"),
    *("hold", "confirm", "release", "return_purchase", "return_reward", "reverse_again", "replay"),
    *("order", "order_again", "send_back", "reprice", "close_month", "settle", "jump", "midnight", "night"),
)
DECK = ("return_reward", *RULES, "order", "pend", "spend", "midnight", "return_purchase", "return_purchase", "return_reward", "send_back")
"""How often each is drawn, beside the others."""
OUTCOMES = (
    *(set(RULES) - {"return_purchase", "return_reward"}),
    *("purchase_whole", "purchase_part", "reward_whole", "reward_part", "activate", "expire", "pay", "refused"),
)
"""What must have happened often, not only been asked for."""
TWISTS = ("debt", "repay", "let_go", "recover", "reopen", "frozen")
"""What only some stories come to: a debt, its repayment, forgiveness, its recovery, a closed lot that is open again, a closed month."""


def tell_stories(house, *, stories, number, shrink=True):
    """So many stories of at least 30 steps, drawn from a seed; answers what happened how often. A failing one is shrunk and printed."""
    told = Counter()
    # One connection without transactions of its own looks after every step: a third of the time goes into looking.
    with house.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection, Session(connection) as reader:
        stage = Stage(house, told, reader)
        live(lambda: Story(stage), DECK, told, lives=stories, number=number, shrink=shrink)
    return told
