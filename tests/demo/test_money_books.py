"""The pencil's arithmetic of one member's points: first ending first, what is owed, shares that sum to the whole."""

from datetime import UTC, date, datetime

import pytest

from demo.money_books import Book, day_of, last_day, longest_first, part_of, share_out

SOON, LATER = date(2027, 1, 1), date(2027, 6, 1)


def test_points_that_end_first_go_first_and_pending_ones_stay():
    book = Book()
    late = book.earn(50, unit="A", ripe=True, until=LATER)
    soon = book.earn(30, unit="B", ripe=True, until=SOON)
    book.earn(100, unit="A", ripe=False, until=SOON)
    assert book.take(40) == [(soon, 30), (late, 10)]
    assert (book.active, book.pending) == (40, 100)
    with pytest.raises(ValueError, match="are not there"):
        book.take(41)


def test_what_was_spent_is_owed_and_the_next_points_pay_it_first():
    book = Book()
    lot = book.earn(50, unit="A", ripe=True, until=SOON)
    book.take(45)
    book.undo(lot, 50)
    assert (book.active, book.owed) == (0, 45)
    book.earn(60, unit="A", ripe=False, until=LATER)
    assert (book.pending, book.owed) == (15, 0)


def test_a_return_takes_from_other_points_before_it_makes_a_debt():
    book = Book()
    first = book.earn(50, unit="A", ripe=True, until=SOON)
    book.earn(20, unit="B", ripe=True, until=LATER)
    book.take(50)
    book.undo(first, 30)
    assert (book.active, book.owed) == (0, 10)


def test_what_goes_back_is_what_lasts_longest():
    book = Book()
    soon = book.earn(10, unit="A", ripe=True, until=SOON)
    late = book.earn(10, unit="A", ripe=True, until=LATER)
    back = longest_first(book.take(20), 12)
    assert back == [(late, 10), (soon, 2)]
    book.put_back(back)
    assert (soon.left, late.left) == (2, 10)


def test_parts_and_shares_sum_to_the_whole():
    steps = [part_of(10, before=before, after=before + 1, of=3) for before in range(3)]
    assert (sum(steps), steps) == (10, [3, 3, 4])
    assert share_out(10, {1: 1, 2: 1, 3: 1, 4: 0}) == {1: 4, 2: 3, 3: 3}


def test_days_are_those_of_shanghai():
    assert day_of(datetime(2026, 11, 22, 17, tzinfo=UTC)) == date(2026, 11, 23)
    assert last_day(date(2027, 2, 28), 12) == date(2028, 2, 28)
    assert last_day(date(2026, 8, 31), 6) == date(2027, 2, 28)
    assert last_day(date(2026, 12, 5), 12) == date(2027, 12, 5)
