"""The story is red when the ledger is wrong: each way of breaking it is found by a few stories."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core.errors import FankaError
from app.core.hot import HotStatement
from app.core.ids import new_public_id
from cards import award, order_returns, orders, settlement
from cards.ledger import debit, earn, lots, putback, returns, spend
from cards.models.ledger import SETTLES, Lot
from cards.models.programme import ReturnPolicy
from tests.cards.ledger.story import tell_stories

STORIES = 50


def reworded(monkeypatch, name, old, new):
    """Change the words of one of the statements about lots."""
    said = getattr(lots, name).text
    assert old in said
    monkeypatch.setattr(lots, name, text(said.replace(old, new)))


def last_expiring_first(monkeypatch):
    reworded(monkeypatch, "_TAKE", "ORDER BY expires_at NULLS LAST, id)", "ORDER BY expires_at DESC NULLS FIRST, id)")
    taken_in_order = "ORDER BY expires_at, id"
    assert debit._TAKE_FIRST.text.count(taken_in_order) == 2
    monkeypatch.setattr(debit, "_TAKE_FIRST", HotStatement(debit._TAKE_FIRST.text.replace(taken_in_order, "ORDER BY expires_at DESC, id")))


def a_gap_at_midnight(monkeypatch):
    reworded(monkeypatch, "_EXPIRE", "expires_at <= :now", "expires_at < :now")


def late_by_a_moment(monkeypatch):
    reworded(monkeypatch, "_ACTIVATE", "available_from <= :now", "available_from < :now")


def activated_again_and_again(monkeypatch):
    reworded(monkeypatch, "_ACTIVATE", "SET state = 'active'", "SET state = 'pending'")


def expired_twice(monkeypatch):
    reworded(monkeypatch, "_EXPIRE", "SET state = 'expired', remaining = 0", "SET state = 'expired'")


def nothing_is_settled_before_a_debit(monkeypatch):
    monkeypatch.setattr(debit, "settle_due", lambda *_args, **_wishes: None)


def a_reward_comes_back_for_ever(monkeypatch):
    def forgetful(session, amounts, **wishes):
        putback.put_back(session, amounts, **wishes)
        for lot in amounts:
            session.get_one(Lot, lot).expires_at = None

    monkeypatch.setattr(returns, "put_back", forgetful)


def put_back_into_closed_lots(monkeypatch):
    def careless(session, amounts, **wishes):
        states = {lot: session.get_one(Lot, lot, populate_existing=True).state for lot in amounts}
        putback.put_back(session, amounts, **wishes)
        for lot, state in states.items():
            session.get_one(Lot, lot).state = state

    monkeypatch.setattr(spend, "put_back", careless)


def debts_are_forgotten(monkeypatch):
    kept = returns.take_back
    monkeypatch.setattr(returns, "take_back", lambda session, **wishes: kept(session, **{**wishes, "policy": ReturnPolicy.FLOOR_AT_ZERO}))


def debts_are_never_repaid(monkeypatch):
    monkeypatch.setattr(earn, "repay", lambda *_args, **_wishes: [])


def buy_use_return_both_and_keep(monkeypatch):
    monkeypatch.setattr(putback, "_recover", lambda *_args, **_wishes: None)


def transfers_live_for_ever(monkeypatch):
    kept = spend.add_lot
    monkeypatch.setattr(spend, "add_lot", lambda session, **wishes: kept(session, **{**wishes, "expires_at": None}))


def more_comes_back_than_was_earned(monkeypatch):
    monkeypatch.setattr(returns, "_corrected", lambda *_args, **_wishes: 0)


def a_retry_posts_again(monkeypatch):
    kept = spend.debit

    def forgetful(session, kind, *, cause, **wishes):
        return kept(session, kind, cause=replace(cause, business_key=str(new_public_id())), **wishes)

    monkeypatch.setattr(spend, "debit", forgetful)


def what_is_over_is_used_first(monkeypatch):
    said = debit._TAKE_FIRST.text
    seen = "coalesce(min(expires_at) <= CAST(:now AS timestamptz), false) OR"
    assert seen in said
    monkeypatch.setattr(debit, "_TAKE_FIRST", HotStatement(said.replace(seen, "")))


def what_has_begun_is_not_seen(monkeypatch):
    said = debit._TAKE_FIRST.text
    seen = "CASE WHEN (SELECT pending FROM claim) > 0 THEN"
    assert seen in said
    monkeypatch.setattr(debit, "_TAKE_FIRST", HotStatement(said.replace(seen, "CASE WHEN (SELECT pending FROM claim) < 0 THEN")))


def the_guard_is_not_asked_again(monkeypatch):
    monkeypatch.setattr(debit, "move_balances", lambda *_args: None)


def whole_reversals_are_not_marked(monkeypatch):
    kept = returns.begin
    monkeypatch.setattr(returns, "begin", lambda session, **wishes: kept(session, **{**wishes, "whole": False}))


def reward_lines_earn_points_again(monkeypatch):
    monkeypatch.setattr(orders, "paid_fen", lambda line: line.amount_fen - line.discount_fen)


def very_late_orders_are_gone_before_they_come(monkeypatch):
    kept = award.points_life
    monkeypatch.setattr(
        award, "points_life", lambda programme, *, now, earned_at, **more: kept(programme, now=earned_at, earned_at=earned_at, **more)
    )


def more_pieces_come_back_than_were_bought(monkeypatch):
    said = order_returns._MOVE.text
    monkeypatch.setattr(order_returns, "_MOVE", text(said.replace("AND returned_qty + :quantity <= quantity", "")))


def points_that_paid_are_kept(monkeypatch):
    monkeypatch.setattr(order_returns, "give_back_share", lambda *_args, **_wishes: 0)


def cells_are_rounded_down(monkeypatch):
    monkeypatch.setattr(settlement, "half_even", lambda numerator, denominator: numerator // denominator)


def rewards_that_came_back_are_settled(monkeypatch):
    monkeypatch.setattr(settlement, "SETTLES", SETTLES[:2])


def months_begin_in_london(monkeypatch):
    kept = settlement.month_span
    eight = timedelta(hours=8)

    def late(month: str) -> tuple[datetime, datetime]:
        start, end = kept(month)
        return start + eight, end + eight

    monkeypatch.setattr(settlement, "month_span", late)


def a_month_is_closed_while_its_last_orders_are_booked(monkeypatch):
    monkeypatch.setattr(settlement, "_REST", timedelta(0))


MUTANTS = (
    reward_lines_earn_points_again,
    very_late_orders_are_gone_before_they_come,
    more_pieces_come_back_than_were_bought,
    points_that_paid_are_kept,
    cells_are_rounded_down,
    rewards_that_came_back_are_settled,
    months_begin_in_london,
    a_month_is_closed_while_its_last_orders_are_booked,
    last_expiring_first,
    a_gap_at_midnight,
    late_by_a_moment,
    activated_again_and_again,
    expired_twice,
    nothing_is_settled_before_a_debit,
    a_reward_comes_back_for_ever,
    put_back_into_closed_lots,
    debts_are_forgotten,
    debts_are_never_repaid,
    buy_use_return_both_and_keep,
    transfers_live_for_ever,
    more_comes_back_than_was_earned,
    a_retry_posts_again,
    what_is_over_is_used_first,
    what_has_begun_is_not_seen,
    the_guard_is_not_asked_again,
    whole_reversals_are_not_marked,
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_broken_ledger_is_noticed(house, monkeypatch, mutant):
    mutant(monkeypatch)
    with pytest.raises((AssertionError, FankaError, DBAPIError)):
        tell_stories(house, stories=STORIES, number=7, shrink=False)
