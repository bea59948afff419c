"""Programmes, wallets and the points ledger."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "20261122_1400"
down_revision: str | None = "20261122_1303"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "programme",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("return_policy", sa.String(length=16), nullable=False),
        sa.Column("expiry", sa.String(length=16), nullable=False),
        sa.Column("expiry_months", sa.Integer(), nullable=False),
        sa.Column("pending_days", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("expiry IN ('never', 'rolling', 'year_end')", name=op.f("ck_programme_expiry")),
        sa.CheckConstraint("return_policy IN ('debt', 'floor_at_zero', 'refuse')", name=op.f("ck_programme_return_policy")),
        sa.CheckConstraint("expiry_months BETWEEN 0 AND 120", name=op.f("ck_programme_expiry_months")),
        sa.CheckConstraint("pending_days BETWEEN 0 AND 365", name=op.f("ck_programme_pending_days")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_programme")),
        sa.UniqueConstraint("name", name=op.f("uq_programme_name")),
        sa.UniqueConstraint("public_id", name=op.f("uq_programme_public_id")),
    )
    op.create_table(
        "wallet",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("active", sa.BigInteger(), nullable=False),
        sa.Column("pending", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("debt", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('points', 'value')", name=op.f("ck_wallet_kind")),
        sa.CheckConstraint("active >= 0", name=op.f("ck_wallet_active")),
        sa.CheckConstraint("debt <= 0", name=op.f("ck_wallet_debt")),
        sa.CheckConstraint("held >= 0", name=op.f("ck_wallet_held")),
        sa.CheckConstraint("pending >= 0", name=op.f("ck_wallet_pending")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_wallet_customer_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_wallet_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallet")),
        sa.UniqueConstraint("customer_id", "programme_id", "kind", name=op.f("uq_wallet_customer_id_programme_id_kind")),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_table(
        "points_txn",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("business_key", sa.String(length=160), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reverses_id", sa.BigInteger(), nullable=True),
        sa.Column("corrects_id", sa.BigInteger(), nullable=True),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["corrects_id"], ["points_txn.id"], name=op.f("fk_points_txn_corrects_id")),
        sa.ForeignKeyConstraint(["reverses_id"], ["points_txn.id"], name=op.f("fk_points_txn_reverses_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_points_txn_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_points_txn")),
        sa.UniqueConstraint("kind", "business_key", name=op.f("uq_points_txn_kind_business_key")),
        sa.UniqueConstraint("public_id", name=op.f("uq_points_txn_public_id")),
        sa.UniqueConstraint("reverses_id", name=op.f("uq_points_txn_reverses_id")),
    )
    op.create_index(op.f("ix_points_txn_corrects_id"), "points_txn", ["corrects_id"], unique=False)
    op.create_index("ix_points_txn_posted_at", "points_txn", ["posted_at"], unique=False)
    op.create_table(
        "lot",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("wallet_id", sa.BigInteger(), nullable=False),
        sa.Column("txn_id", sa.BigInteger(), nullable=False),
        sa.Column("issuing_unit_id", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("remaining", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("available_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('pending', 'active', 'expired', 'cancelled')", name=op.f("ck_lot_state")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_lot_quantity")),
        sa.CheckConstraint("remaining BETWEEN 0 AND quantity", name=op.f("ck_lot_remaining")),
        sa.ForeignKeyConstraint(["issuing_unit_id"], ["business_unit.id"], name=op.f("fk_lot_issuing_unit_id")),
        sa.ForeignKeyConstraint(["txn_id"], ["points_txn.id"], name=op.f("fk_lot_txn_id")),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallet.id"], name=op.f("fk_lot_wallet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lot")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("ix_lot_due_active", "lot", ["available_from"], unique=False, postgresql_where="state = 'pending' AND remaining > 0")
    op.create_index("ix_lot_due_expired", "lot", ["expires_at"], unique=False, postgresql_where="state = 'active' AND remaining > 0")
    op.create_index(op.f("ix_lot_txn_id"), "lot", ["txn_id"], unique=False)
    op.create_index("ix_lot_wallet_id_expires_at", "lot", ["wallet_id", "expires_at", "id"], unique=False, postgresql_where="remaining > 0")
    op.create_table(
        "points_entry",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("txn_id", sa.BigInteger(), nullable=False),
        sa.Column("book", sa.String(length=12), nullable=False),
        sa.Column("wallet_id", sa.BigInteger(), nullable=True),
        sa.Column("business_unit_id", sa.BigInteger(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("(book IN ('active', 'pending', 'held', 'debt')) = (wallet_id IS NOT NULL)", name=op.f("ck_points_entry_book")),
        sa.CheckConstraint("(wallet_id IS NULL) <> (business_unit_id IS NULL)", name=op.f("ck_points_entry_owner")),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_points_entry_amount")),
        sa.ForeignKeyConstraint(["business_unit_id"], ["business_unit.id"], name=op.f("fk_points_entry_business_unit_id")),
        sa.ForeignKeyConstraint(["txn_id"], ["points_txn.id"], name=op.f("fk_points_entry_txn_id")),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallet.id"], name=op.f("fk_points_entry_wallet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_points_entry")),
    )
    op.create_index(
        "ix_points_entry_business_unit_id_book",
        "points_entry",
        ["business_unit_id", "book"],
        unique=False,
        postgresql_where="business_unit_id IS NOT NULL",
    )
    op.create_index("ix_points_entry_txn_id", "points_entry", ["txn_id"], unique=False)
    op.create_index(
        "ix_points_entry_wallet_id_id", "points_entry", ["wallet_id", "id"], unique=False, postgresql_where="wallet_id IS NOT NULL"
    )
    op.create_table(
        "points_hold",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("txn_id", sa.BigInteger(), nullable=False),
        sa.Column("wallet_id", sa.BigInteger(), nullable=False),
        sa.Column("business_unit_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('open', 'confirmed', 'released')", name=op.f("ck_points_hold_state")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_points_hold_amount")),
        sa.ForeignKeyConstraint(["business_unit_id"], ["business_unit.id"], name=op.f("fk_points_hold_business_unit_id")),
        sa.ForeignKeyConstraint(["txn_id"], ["points_txn.id"], name=op.f("fk_points_hold_txn_id")),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallet.id"], name=op.f("fk_points_hold_wallet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_points_hold")),
        sa.UniqueConstraint("txn_id", name=op.f("uq_points_hold_txn_id")),
    )
    op.create_index("ix_points_hold_open", "points_hold", ["expires_at"], unique=False, postgresql_where="state = 'open'")
    op.create_index(op.f("ix_points_hold_wallet_id"), "points_hold", ["wallet_id"], unique=False)
    op.create_table(
        "lot_move",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("lot_id", sa.BigInteger(), nullable=False),
        sa.Column("txn_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("redeeming_unit_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_lot_move_amount")),
        sa.ForeignKeyConstraint(["lot_id"], ["lot.id"], name=op.f("fk_lot_move_lot_id")),
        sa.ForeignKeyConstraint(["redeeming_unit_id"], ["business_unit.id"], name=op.f("fk_lot_move_redeeming_unit_id")),
        sa.ForeignKeyConstraint(["txn_id"], ["points_txn.id"], name=op.f("fk_lot_move_txn_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lot_move")),
    )
    op.create_index("ix_lot_move_lot_id", "lot_move", ["lot_id"], unique=False)
    op.create_index("ix_lot_move_txn_id", "lot_move", ["txn_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_lot_move_txn_id", table_name="lot_move")
    op.drop_index("ix_lot_move_lot_id", table_name="lot_move")
    op.drop_table("lot_move")
    op.drop_index(op.f("ix_points_hold_wallet_id"), table_name="points_hold")
    op.drop_index("ix_points_hold_open", table_name="points_hold", postgresql_where="state = 'open'")
    op.drop_table("points_hold")
    op.drop_index("ix_points_entry_wallet_id_id", table_name="points_entry", postgresql_where="wallet_id IS NOT NULL")
    op.drop_index("ix_points_entry_txn_id", table_name="points_entry")
    op.drop_index("ix_points_entry_business_unit_id_book", table_name="points_entry", postgresql_where="business_unit_id IS NOT NULL")
    op.drop_table("points_entry")
    op.drop_index("ix_lot_wallet_id_expires_at", table_name="lot", postgresql_where="remaining > 0")
    op.drop_index(op.f("ix_lot_txn_id"), table_name="lot")
    op.drop_index("ix_lot_due_expired", table_name="lot", postgresql_where="state = 'active' AND remaining > 0")
    op.drop_index("ix_lot_due_active", table_name="lot", postgresql_where="state = 'pending' AND remaining > 0")
    op.drop_table("lot")
    op.drop_index("ix_points_txn_posted_at", table_name="points_txn")
    op.drop_index(op.f("ix_points_txn_corrects_id"), table_name="points_txn")
    op.drop_table("points_txn")
    op.drop_table("wallet")
    op.drop_table("programme")
