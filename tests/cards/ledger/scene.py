"""Where a story about points is told: a shop that serves for many stories, and how one movement is told to the ledger and the model at once."""

from datetime import timedelta

from sqlalchemy import select, text

from app.core.errors import FankaError
from app.core.nouns import BusinessUnit, Customer, Store
from app.core.unit import work
from cards.ledger import verify
from cards.ledger.wallets import open_wallet
from cards.models.ledger import Wallet
from cards.models.programme import Programme
from cards.points_at_till import Terms, write_terms
from cards.rulebook import define_rule
from tests.cards.ledger.months import Months
from tests.cards.ledger.piles import FOREVER, ModelRefusesError, Piles
from tests.support.money import cause, open_shop

PEOPLE = 3
DAY = 24 * 60
_OF_A_STORY = (
    *("points_hold", "lot_move", "points_entry", "lot", "points_txn", "wallet"),
    *("earning_award", "purchase_return_line", "purchase_return", "purchase_line", "purchase", "settlement_period", "settlement_pair"),
)
_STATE = text(
    """
    SELECT 'wallet' AS about, id AS a, active AS b, pending AS c, held AS d, debt AS e, NULL AS said, NULL AS moment FROM wallet
    UNION ALL SELECT 'lot', id, wallet_id, issuing_unit_id, remaining, 0, state, expires_at FROM lot WHERE remaining > 0
    UNION ALL SELECT 'unit', business_unit_id, sum(amount), 0, 0, 0, book, NULL FROM points_entry
    WHERE business_unit_id IS NOT NULL GROUP BY business_unit_id, book HAVING sum(amount) <> 0
    """
)
_STATES = {"active": "open", "pending": "waiting", "expired": "gone", "cancelled": "shut"}


def agree(what, ledger, model):
    assert ledger == model, f"{what}: the ledger says {ledger}, the model {model}"


class Stage:
    """A shop with two units, a store in each, three customers, a rule (a point for every yuan) and points that pay a fen each."""

    def __init__(self, house, told, reader):
        self.house, self.told, self.reader = house, told, reader
        self.start = house.clock.now()
        shop = open_shop(house, customers=PEOPLE, expiry_months=1)
        self.programme_id, self.units = shop.programme_id, (shop.unit_id, shop.other_unit_id)
        with work(house.engine) as session:
            stores = [Store(business_unit_id=unit, code=f"S{unit}", name=f"店{unit}") for unit in self.units]
            session.add_all(stores)
            write_terms(session, self.programme_id, Terms(fen_per_100_points=100), now=self.start)
            define_rule(
                session,
                programme_id=self.programme_id,
                name=f"消费 {self.programme_id}",
                kind="spend",
                params={"rate": {"points": 1, "per_fen": 100}},
                now=self.start,
                actor="Mei",
                valid_from=self.start - timedelta(days=3000),
            )
            owners = select(Customer).join(Wallet, Wallet.customer_id == Customer.id).where(Wallet.id.in_(shop.wallets))
            people = session.scalars(owners.order_by(Customer.id)).all()
            names = {unit: session.get_one(BusinessUnit, unit).name for unit in self.units}
            self.customers, self.public_ids = [each.id for each in people], [each.public_id for each in people]
        self.stores = [str(store.public_id) for store in stores]
        self.names = {name: self.units.index(unit) for unit, name in names.items()}

    def clear(self):
        """Leave nothing of the story before; answers new wallets. Much quicker than a new shop."""
        with work(self.house.engine) as session:
            session.execute(text("SET LOCAL session_replication_role = replica"))
            for table in _OF_A_STORY:
                session.execute(text(f"DELETE FROM {table}"))
            session.execute(text("SET LOCAL session_replication_role = origin"))
            session.get_one(Programme, self.programme_id).return_policy = "debt"
            return [open_wallet(session, customer_id=person, programme_id=self.programme_id) for person in self.customers]


class Scene:
    """One life of three wallets; `now` is in minutes since it began."""

    def __init__(self, stage):
        self.stage, self.house, self.told = stage, stage.house, stage.told
        self.wallets, self.units = stage.clear(), stage.units
        self.model, self.months = Piles(PEOPLE), Months()
        self.now = 0
        self.earned, self.uses, self.slips, self.said, self.reversed, self.orders, self.frozen = [], [], [], [], [], [], {}

    def step(self, name, chance):
        seen = self.model.seen.copy()
        getattr(self, name)(*(chance.randrange(1000) for _ in range(4)))
        self.told.update(self.model.seen - seen)

    # Times.

    def moment(self, minute):
        return None if minute >= FOREVER else self.stage.start + timedelta(minutes=minute)

    def why(self):
        return cause(self.moment(self.now))

    # Posting.

    def both(self, name, act, model):
        """One transaction, and the same in the model; both or neither, for the same reason where the model names one."""
        try:
            with work(self.house.engine) as session:
                made, code = act(session), None
        except FankaError as error:
            if error.status >= 500:
                raise
            made, code = None, error.code
        refused = None
        try:
            with self.model.whole():
                answer = model()
        except ModelRefusesError as error:
            refused = error.args
        if refused is not None:
            assert made is None, f"{name} was to be refused"
            assert code in (refused or (code,)), f"{name} was refused with {code}"
            self.told["refused"] += 1
            return None, None
        assert made is not None, f"{name} was refused with {code}"
        self.told[name] += 1
        self.write_down()
        return made, answer

    def post(self, name, act, model, **wishes):
        """One movement of points by the ledger's own door."""
        why = self.why()
        posted, answer = self.both(name, lambda session: act(session, cause=why, **wishes), model)
        if posted is None:
            return None, None
        assert posted.fresh
        self.said.append((act, {**wishes, "cause": why}, posted.txn_id))
        return posted.txn_id, answer

    def write_down(self):
        self.months.write_down(self.now, self.model.settled, sum(pile.left for pile in self.model.piles))

    # The comparison.

    def compare(self):
        assert verify.verify(self.stage.reader) == []
        rows = self.stage.reader.execute(_STATE).all()
        people = {wallet: who for who, wallet in enumerate(self.wallets)}
        units = {unit: number for number, unit in enumerate(self.units)}
        balances = sorted((people[row.a], tuple(map(int, row[2:6]))) for row in rows if row.about == "wallet")
        lots = [row for row in rows if row.about == "lot"]
        order = {row.a: place for place, row in enumerate(sorted(lots, key=lambda row: row.a))}
        left = sorted((people[row.b], units[row.c], _STATES[row.said], self._minute(row.moment), order[row.a], int(row.d)) for row in lots)
        books = {(units[row.a], row.said): int(row.b) for row in rows if row.about == "unit"}
        told, piles, told_books = self.model.told()
        born = {pile[4]: place for place, pile in enumerate(sorted(piles, key=lambda pile: pile[4]))}
        agree("balances", [balance for _, balance in balances], told)
        agree("lots", left, sorted((*pile[:4], born[pile[4]], pile[5]) for pile in piles))
        agree("units' books", books, told_books)

    def _minute(self, moment):
        return FOREVER if moment is None else round((moment - self.stage.start).total_seconds() / 60)
