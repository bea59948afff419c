"""The story is red when the life of coupons is wrong: each way of breaking it is found by a few stories."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core.errors import FankaError
from cards import guards
from cards.coupons import gifts, holds, night, undo, use, void
from cards.coupons.conditions import check_state
from tests.cards.coupons.story import tell_stories

STORIES = 50


def reworded(monkeypatch, room, name, old, new):
    """Change the words of one statement."""
    said = getattr(room, name).text
    assert old in said
    monkeypatch.setattr(room, name, text(said.replace(old, new)))


def a_times_card_never_ends(monkeypatch):
    reworded(monkeypatch, use, "_USE", "uses_left = uses_left - :times,", "")


def used_after_its_last_moment(monkeypatch):
    reworded(monkeypatch, use, "_USE", "expires_at > :moment", "true")
    monkeypatch.setattr("cards.coupons.conditions.check_state", lambda *_args, **_wishes: None)


def every_order_is_a_new_one(monkeypatch):
    monkeypatch.setattr(use, "_earlier", lambda *_args, **_wishes: [])


def blocked_by_its_own_hold(monkeypatch):
    def strict(session, coupon, template, *, now, order_key, offline_at=None):
        check_state(session, coupon, template, now=now, order_key=None, offline_at=offline_at)

    monkeypatch.setattr("cards.coupons.conditions.check_state", strict)


def a_second_hold_of_an_order_waits(monkeypatch):
    monkeypatch.setattr(holds, "_replace_own", lambda *_args, **_wishes: None)


def confirmed_after_its_time(monkeypatch):
    reworded(monkeypatch, holds, "_SETTLE", "state = :into", "state = 'released'")


def released_but_kept(monkeypatch):
    reworded(monkeypatch, holds, "_FREE", "WHEN expires_at > :now THEN 'issued' ELSE 'expired' END,", "ELSE 'held' END,")


def an_undo_gives_nothing_back(monkeypatch):
    reworded(monkeypatch, undo, "_RESTORE", "uses_left = uses_left + :times,", "uses_left = uses_left,")


def undone_after_its_end_is_good_again(monkeypatch):
    reworded(monkeypatch, undo, "_RESTORE", "WHEN expires_at > :now THEN 'issued' ELSE 'expired' END", "ELSE 'issued' END")


def an_order_is_reversed_but_for_its_uses(monkeypatch):
    monkeypatch.setattr(holds, "undo_use", lambda *_args, **_wishes: None)


def given_and_kept(monkeypatch):
    reworded(monkeypatch, gifts, "_LEAVE", "SET state = 'given',", "SET state = 'issued',")


def taken_and_recalled(monkeypatch):
    reworded(monkeypatch, gifts, "_SETTLE", "AND state = 'offered'", "")


def the_night_forgets_offers(monkeypatch):
    monkeypatch.setattr(night, "lapse_gifts", lambda *_args, **_wishes: 0)


def the_night_forgets_what_is_over(monkeypatch):
    reworded(monkeypatch, night, "_EXPIRE", "expires_at <= :now AND", "expires_at < :now AND")


def void_takes_what_is_held(monkeypatch):
    reworded(monkeypatch, void, "_VOID", "(state = 'issued' OR (state = 'held' AND held_until <= :now))", "state IN ('issued', 'held')")


def limits_are_not_counted(monkeypatch):
    reworded(monkeypatch, guards, "_TAKE", "WHERE coupon_guard.used + excluded.used <= :most", "")


MUTANTS = (
    a_times_card_never_ends,
    used_after_its_last_moment,
    every_order_is_a_new_one,
    blocked_by_its_own_hold,
    a_second_hold_of_an_order_waits,
    confirmed_after_its_time,
    released_but_kept,
    an_undo_gives_nothing_back,
    undone_after_its_end_is_good_again,
    an_order_is_reversed_but_for_its_uses,
    given_and_kept,
    taken_and_recalled,
    the_night_forgets_offers,
    the_night_forgets_what_is_over,
    void_takes_what_is_held,
    limits_are_not_counted,
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_broken_counter_is_noticed(house, monkeypatch, mutant):
    mutant(monkeypatch)
    with pytest.raises((AssertionError, FankaError, DBAPIError, ZeroDivisionError, ValueError)):
        tell_stories(house, stories=STORIES, number=7, shrink=False)
