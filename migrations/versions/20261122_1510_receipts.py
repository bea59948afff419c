"""Receipts that customers photograph, their pictures, and the key by which a receipt and a till's order find each other."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "20261122_1510"
down_revision: str | None = "20261122_1500"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_SOURCES = "'pos', 'mall', 'tmall', 'jd', 'app', 'wechat_pay'"
KNOW_SLIPS = """
    UPDATE purchase SET slip_key = nullif(ltrim(regexp_replace(upper(
        CASE WHEN starts_with(upper(purchase.order_no), upper(store.code) || '-')
             THEN substr(purchase.order_no, length(store.code) + 2) ELSE purchase.order_no END
    ), '[^0-9A-Z]', '', 'g'), '0'), '')
    FROM store WHERE store.id = purchase.store_id
"""
# The same number as `cards.slips.slip_key` makes of it.


def upgrade() -> None:
    op.add_column("programme", sa.Column("receipt_days", sa.Integer(), server_default="30", nullable=False))
    op.create_check_constraint(op.f("ck_programme_receipt_days"), "programme", "receipt_days BETWEEN 0 AND 365")
    op.drop_constraint(op.f("ck_purchase_source"), "purchase", type_="check")
    op.create_check_constraint(op.f("ck_purchase_source"), "purchase", f"source IN ({_SOURCES}, 'receipt')")
    op.add_column("purchase", sa.Column("slip_key", sa.String(length=64), nullable=True))
    op.execute(KNOW_SLIPS)
    op.create_index("ix_purchase_slip_key", "purchase", ["store_id", "slip_key"], unique=False, postgresql_where="slip_key IS NOT NULL")
    _make_receipts()


def _make_receipts() -> None:
    op.create_table(
        "receipt",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("form_key", sa.Uuid(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("slip_key", sa.String(length=64), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("said", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("purchase_id", sa.BigInteger(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'credited', 'refused', 'withdrawn')", name=op.f("ck_receipt_state")),
        sa.CheckConstraint("(state = 'waiting') = (decided_at IS NULL)", name=op.f("ck_receipt_decided")),
        sa.CheckConstraint("(state = 'credited') = (purchase_id IS NOT NULL)", name=op.f("ck_receipt_credited")),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_receipt_amount_fen")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_receipt_programme_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_receipt_customer_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_receipt_store_id")),
        sa.ForeignKeyConstraint(["purchase_id"], ["purchase.id"], name=op.f("fk_receipt_purchase_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt")),
        sa.UniqueConstraint("public_id", name=op.f("uq_receipt_public_id")),
        sa.UniqueConstraint("form_key", name=op.f("uq_receipt_form_key")),
    )
    live = "state IN ('waiting', 'credited')"
    op.create_index("uq_receipt_number", "receipt", ["store_id", "slip_key"], unique=True, postgresql_where=live)
    op.create_index("ix_receipt_waiting", "receipt", ["store_id", "id"], unique=False, postgresql_where="state = 'waiting'")
    op.create_index("ix_receipt_customer_id", "receipt", ["customer_id", "id"], unique=False)
    op.create_index(op.f("ix_receipt_purchase_id"), "receipt", ["purchase_id"], unique=False)
    op.create_table(
        "receipt_picture",
        sa.Column("receipt_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("picture_sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["receipt_id"], ["receipt.id"], name=op.f("fk_receipt_picture_receipt_id")),
        sa.PrimaryKeyConstraint("receipt_id", name=op.f("pk_receipt_picture")),
        sa.UniqueConstraint("public_id", name=op.f("uq_receipt_picture_public_id")),
    )


def downgrade() -> None:
    op.drop_table("receipt_picture")
    op.drop_table("receipt")
    op.drop_index("ix_purchase_slip_key", table_name="purchase")
    op.drop_column("purchase", "slip_key")
    # What was booked from receipts stays on record, as what clerks booked.
    op.execute("UPDATE purchase SET source = 'pos', order_no = left('receipt:' || order_no, 64) WHERE source = 'receipt'")
    op.drop_constraint(op.f("ck_purchase_source"), "purchase", type_="check")
    op.create_check_constraint(op.f("ck_purchase_source"), "purchase", f"source IN ({_SOURCES})")
    op.drop_constraint(op.f("ck_programme_receipt_days"), "programme", type_="check")
    op.drop_column("programme", "receipt_days")
