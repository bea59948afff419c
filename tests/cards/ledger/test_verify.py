"""Every invariant is red when its rows are tampered with, and only the ones that the tampering touches."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.core.unit import reading
from cards.ledger.night import settle_night
from cards.ledger.returns import give_back, take_back
from cards.ledger.spend import confirm, hold, spend, transfer
from cards.ledger.verify import INVARIANTS, verify
from cards.models.programme import ReturnPolicy

FREE = (
    "ALTER TABLE lot DROP CONSTRAINT ck_lot_remaining",
    "ALTER TABLE points_txn DROP CONSTRAINT uq_points_txn_reverses_id",
    "SET LOCAL session_replication_role = replica",
)
"""What stands in the way of somebody who writes rows by hand; undone with the test."""
TAMPERED = {
    "entries_sum_to_zero": [
        "UPDATE points_entry SET amount = amount + 1 WHERE id = (SELECT max(id) FROM points_entry WHERE book = 'redeemed')",
        "DELETE FROM points_entry WHERE id = (SELECT min(id) FROM points_entry WHERE book = 'issued')",
    ],
    "one_kind_of_wallet_per_transaction": [
        (
            "UPDATE wallet SET kind = 'value' WHERE id = (SELECT max(wallet_id) FROM points_entry JOIN points_txn AS txn ON txn.id = txn_id"
            " WHERE txn.kind = 'transfer')"
        ),
    ],
    "every_balance_equals_its_entries": [
        f"UPDATE wallet SET {book} = {book} {change} WHERE id = (SELECT min(id) FROM wallet)"
        for book, change in (("active", "+ 1"), ("pending", "+ 1"), ("held", "+ 1"), ("debt", "- 1"))
    ],
    "active_and_pending_equal_the_lots": [
        "UPDATE lot SET state = 'pending' WHERE id = (SELECT max(id) FROM lot WHERE state = 'active' AND remaining > 0)",
        "UPDATE lot SET wallet_id = (SELECT max(id) FROM wallet) WHERE id = (SELECT min(id) FROM lot WHERE remaining > 0)",
    ],
    "held_equals_the_open_holds": ["UPDATE points_hold SET state = 'released' WHERE state = 'open'", "DELETE FROM points_hold"],
    "open_holds_equal_their_lot_moves": [
        "UPDATE points_hold SET amount = amount + 1 WHERE state = 'open'",
        "DELETE FROM lot_move WHERE txn_id = (SELECT txn_id FROM points_hold WHERE state = 'open')",
    ],
    "remaining_equals_the_moves": [
        "UPDATE lot SET remaining = remaining - 1 WHERE id = (SELECT min(id) FROM lot WHERE remaining > 0)",
        "DELETE FROM lot_move WHERE id = (SELECT min(id) FROM lot_move)",
    ],
    "no_lot_below_zero_or_over_its_quantity": [
        "UPDATE lot SET remaining = -1 WHERE id = (SELECT min(id) FROM lot)",
        "UPDATE lot SET remaining = quantity + 1 WHERE id = (SELECT min(id) FROM lot)",
    ],
    "closed_lots_are_empty": [
        f"UPDATE lot SET state = '{state}' WHERE id = (SELECT min(id) FROM lot WHERE remaining > 0)" for state in ("expired", "cancelled")
    ],
    "a_reversal_names_one_original": [
        "UPDATE points_txn SET corrects_id = NULL WHERE reverses_id IS NOT NULL",
        "UPDATE points_txn SET reverses_id = 999999, corrects_id = 999999 WHERE reverses_id IS NOT NULL",
        (
            "UPDATE points_txn SET reverses_id = (SELECT min(reverses_id) FROM points_txn), corrects_id = (SELECT min(reverses_id) FROM points_txn)"
            " WHERE reverses_id IS NOT NULL"
        ),
    ],
    "no_correction_exceeds_its_original": [
        "UPDATE points_txn SET data = '{\"forgiven\": 1}' WHERE kind = 'take_back' AND reverses_id IS NOT NULL",
        "UPDATE points_entry SET amount = amount * 50 FROM points_txn AS txn WHERE txn.id = txn_id AND txn.kind = 'give_back'",
    ],
    "uses_equal_their_lot_moves": [
        "UPDATE lot_move SET redeeming_unit_id = NULL WHERE redeeming_unit_id IS NOT NULL",
        "UPDATE points_entry SET book = 'donation' WHERE book = 'redeemed'",
    ],
    "nothing_is_overdue_since_the_night": [
        "UPDATE lot SET expires_at = '2026-11-22T00:00Z' WHERE id = (SELECT min(id) FROM lot WHERE remaining > 0)",
        "UPDATE lot SET state = 'pending' WHERE id = (SELECT min(id) FROM lot WHERE remaining > 0)",
    ],
}


@pytest.fixture
def lived(house, do, shop, credit, now):
    """A shop in which everything has happened; says when its night was."""
    spent = {"wallet_id": shop.wallets[0], "unit_id": shop.unit_id}
    credit(0, 500)
    credit(0, 20, life=timedelta(hours=1))
    do(give_back, spend_txn_id=do(spend, amount=30, **spent).txn_id, amount=30)
    do(give_back, spend_txn_id=do(spend, amount=30, **spent).txn_id, amount=7)
    do(take_back, earn_txn_id=credit(0, 60), amount=60, policy=ReturnPolicy.DEBT)
    do(transfer, from_wallet_id=shop.wallets[0], to_wallet_id=shop.wallets[1], amount=40)
    do(confirm, hold_txn_id=do(hold, amount=5, until=now + timedelta(minutes=1), **spent).txn_id)
    do(hold, amount=6, until=now + timedelta(minutes=1), **spent)
    tonight = now + timedelta(days=1)
    settle_night(house.engine, now=tonight)
    credit(1, 9, wait=timedelta(days=9))
    return tonight


def test_every_invariant_has_its_tampering():
    assert sorted(TAMPERED) == sorted(INVARIANTS)


def test_books_nobody_touched_are_right(house, lived):
    with reading(house.engine) as session:
        assert verify(session, night=lived) == []


@pytest.mark.parametrize(
    ("invariant", "statement"),
    [(invariant, statement) for invariant, statements in TAMPERED.items() for statement in statements],
    ids=lambda value: value if value in TAMPERED else value[:40],
)
def test_a_tampered_book_is_red(session, lived, invariant, statement):
    for words in FREE:
        session.execute(text(words))
    moved = session.execute(text(statement))
    assert moved.rowcount > 0
    found = {finding.invariant: finding for finding in verify(session, night=lived)}
    assert invariant in found
    assert found[invariant].broken == len(found[invariant].examples) > 0
