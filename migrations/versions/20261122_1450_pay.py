"""Merchants of WeChat Pay and the notices that came for them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "20261122_1450"
down_revision: str | None = "20261122_1440"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "pay_merchant",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("mchid", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=False),
        sa.Column("api_v3_key_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("public_keys", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_pay_merchant_account_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_pay_merchant_programme_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_pay_merchant_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pay_merchant")),
        sa.UniqueConstraint("mchid", name=op.f("uq_pay_merchant_mchid")),
        sa.UniqueConstraint("public_id", name=op.f("uq_pay_merchant_public_id")),
    )
    op.create_table(
        "pay_notice",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("notice_id", sa.String(length=64), nullable=False),
        sa.Column("event_type", sa.String(length=64), nullable=False),
        sa.Column("transaction_id", sa.String(length=64), nullable=True),
        sa.Column("refund_id", sa.String(length=64), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=True),
        sa.Column("payer_digest", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=True),
        sa.Column("purchase_id", sa.BigInteger(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(state = 'parked') = (code IS NOT NULL)", name=op.f("ck_pay_notice_code")),
        sa.CheckConstraint("state IN ('booked', 'matched', 'parked', 'ignored')", name=op.f("ck_pay_notice_state")),
        sa.ForeignKeyConstraint(["merchant_id"], ["pay_merchant.id"], name=op.f("fk_pay_notice_merchant_id")),
        sa.ForeignKeyConstraint(["purchase_id"], ["purchase.id"], name=op.f("fk_pay_notice_purchase_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pay_notice")),
        sa.UniqueConstraint("merchant_id", "notice_id", name=op.f("uq_pay_notice_merchant_id_notice_id")),
    )
    op.create_index(op.f("ix_pay_notice_purchase_id"), "pay_notice", ["purchase_id"], unique=False)
    op.create_index("ix_pay_notice_transaction_id", "pay_notice", ["transaction_id"], unique=False)
    op.create_index("ix_pay_notice_payer", "pay_notice", ["payer_digest"], unique=False, postgresql_where="payer_digest IS NOT NULL")
    op.create_index("ix_pay_notice_parked", "pay_notice", ["received_at"], unique=False, postgresql_where="state = 'parked'")


def downgrade() -> None:
    op.drop_table("pay_notice")
    op.drop_table("pay_merchant")
