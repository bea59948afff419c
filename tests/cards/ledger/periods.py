"""What a story about points tells of settlement: prices, months that are closed, and the matrix of every month, compared cell by cell."""

from app.core.unit import reading
from cards.settlement import close_month, count_settlement, read_settlement, set_price
from tests.cards.ledger.months import Price, month_end, month_of
from tests.cards.ledger.scene import DAY, Scene, agree

RULES_OF_PRICES = ("group_bears", "issuer_pays", "share")


class Periods(Scene):
    def reprice(self, pair, number, kind, since):
        """A pair of units agrees on another price, from this month on or from the last; never for one that is closed."""
        pair = ((0, 1), (1, 0))[pair % 2]
        month = month_of(self.now if since % 3 else self.now - 30 * DAY)
        price = Price((number + 1) * 7919 % 2_000_003, RULES_OF_PRICES[kind % 3], number % 101)

        def act(session):
            wish = {"price_microfen": price.microfen, "rule": price.rule, "issuer_percent": price.percent}
            units = {"issuing_id": self.units[pair[0]], "redeeming_id": self.units[pair[1]]}
            now = self.moment(self.now)
            set_price(session, programme_id=self.stage.programme_id, valid_from=month, actor="Mei", now=now, **units, **wish)
            return True

        self.both("reprice", act, lambda: self.months.reprice(pair, month, price))

    def close_month(self, who, number, kind, unit):
        """Mostly the clock goes to the end of the month first; an hour after it the month may be closed."""
        if kind % 4:
            month = month_of(self.now)
            self.now = month_end(self.now) + (30, 60, 61, 3 * 60, 2 * DAY)[number % 5]
        else:
            month = month_of(self.now - number % 2 * 30 * DAY)
        for pair in (0, 1) if who % 4 else ():
            if self.months.price(((0, 1), (1, 0))[pair], month) is None and not any(each >= month for each in self.months.closed):
                self.reprice(pair, number + unit, kind, 0)
        made, cells = self.both("close_month", lambda session: self._close(session, month), lambda: self.months.close(month, now=self.now))
        if made is not None:
            agree(f"closing {month}", self._cells(made), cells)
            self.frozen[month] = made

    def _close(self, session, month):
        return close_month(session, programme_id=self.stage.programme_id, month=month, actor="Mei", now=self.moment(self.now))

    def settle(self, _who, _number, _kind, _unit):
        """The matrix of every month of the story is what the model wrote down; a closed month says what it said when it was closed."""
        for month in sorted({*self.months.used, *self.months.moved, month_of(self.now)}):
            with reading(self.house.engine) as session:
                found = count_settlement(session, programme_id=self.stage.programme_id, month=month)
                read = read_settlement(session, programme_id=self.stage.programme_id, month=month)
            agree(f"cells of {month}", self._cells(found), self.months.cells(month))
            sides = {
                self.stage.names[each.unit]: (
                    *(each.own_points, each.given_points, each.taken_points),
                    *(each.pays_fen, each.gets_fen, each.net_fen),
                )
                for each in found.sides
            }
            agree(f"sides of {month}", sides, self.months.sides(month))
            agree(f"moves of {month}", found.moved, self.months.moved[month])
            settled = sum(cell.points for cell in found.cells)
            agree(f"remainder of {month}", sum(found.remainder.values()), found.moved + settled)
            assert found.group_pays_fen == sum(side.net_fen for side in found.sides)
            assert read == self.frozen.get(month, found)
            self.told["frozen"] += month in self.frozen
        self.told["settle"] += 1

    def _cells(self, found):
        names = self.stage.names
        return {
            (names[cell.issuing], names[cell.redeeming]): (cell.points, cell.fen, cell.issuer_fen, cell.group_fen) for cell in found.cells
        }
