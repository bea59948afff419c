"""The till: the tier's part of a redemption and what a supervisor waived, who sold, how an order was paid, and a customer's word for his balance."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_1470"
down_revision: str | None = "20261122_1460"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("coupon_use", sa.Column("tier_fen", sa.BigInteger(), nullable=False, server_default="0"))
    op.alter_column("coupon_use", "tier_fen", server_default=None)
    op.add_column("coupon_use", sa.Column("waived", sa.String(length=32), nullable=True))
    op.create_check_constraint(op.f("ck_coupon_use_tier_fen"), "coupon_use", "tier_fen >= 0")
    op.add_column("coupon_hold", sa.Column("staff_id", sa.BigInteger(), nullable=True))
    op.add_column("coupon_hold", sa.Column("device_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_coupon_hold_staff_id"), "coupon_hold", "staff", ["staff_id"], ["id"])
    op.create_foreign_key(op.f("fk_coupon_hold_device_id"), "coupon_hold", "device", ["device_id"], ["id"])
    op.create_index("ix_coupon_hold_sold", "coupon_hold", ["store_id", "settled_at"], postgresql_where="state = 'confirmed'")
    op.add_column("purchase", sa.Column("pay_method", sa.String(length=16), nullable=True))
    op.add_column("purchase", sa.Column("pay_transaction_id", sa.String(length=64), nullable=True))
    op.add_column("purchase", sa.Column("pay_trade_no", sa.String(length=64), nullable=True))
    op.add_column("purchase", sa.Column("replaced_by_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_purchase_replaced_by_id"), "purchase", "purchase", ["replaced_by_id"], ["id"])
    op.create_check_constraint(op.f("ck_purchase_replaced_by"), "purchase", "replaced_by_id <> id")
    wechat = "pay_method = 'wechat_pay'"
    op.create_index("ix_purchase_wechat", "purchase", ["store_id", "total_fen", "paid_at"], postgresql_where=wechat)
    for table, column in (("purchase", "pay_transaction_id"), ("purchase", "pay_trade_no")):
        op.create_index(f"ix_{table}_{column}", table, [column], postgresql_where=f"{column} IS NOT NULL")
    op.add_column("pay_notice", sa.Column("out_trade_no", sa.String(length=64), nullable=True))
    op.create_index("ix_pay_notice_out_trade_no", "pay_notice", ["out_trade_no"], postgresql_where="out_trade_no IS NOT NULL")
    _add_value_terms()


def _add_value_terms() -> None:
    op.create_table(
        "value_terms",
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("confirm_over_fen", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("confirm_over_fen >= 0", name=op.f("ck_value_terms_confirm_over_fen")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_value_terms_programme_id")),
        sa.PrimaryKeyConstraint("programme_id", name=op.f("pk_value_terms")),
    )
    op.create_table(
        "value_consent",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_value_consent_amount_fen")),
        sa.CheckConstraint("state IN ('asked', 'agreed', 'declined', 'used')", name=op.f("ck_value_consent_state")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_value_consent_customer_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_value_consent_programme_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_value_consent_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_value_consent")),
        sa.UniqueConstraint("public_id", name=op.f("uq_value_consent_public_id")),
    )
    op.create_index("ix_value_consent_asked", "value_consent", ["customer_id"], postgresql_where="state = 'asked'")


def downgrade() -> None:
    op.drop_table("value_consent")
    op.drop_table("value_terms")
    op.drop_index("ix_pay_notice_out_trade_no", table_name="pay_notice")
    op.drop_column("pay_notice", "out_trade_no")
    for index in ("ix_purchase_pay_trade_no", "ix_purchase_pay_transaction_id", "ix_purchase_wechat"):
        op.drop_index(index, table_name="purchase")
    op.drop_constraint(op.f("ck_purchase_replaced_by"), "purchase")
    op.drop_constraint(op.f("fk_purchase_replaced_by_id"), "purchase")
    for column in ("replaced_by_id", "pay_trade_no", "pay_transaction_id", "pay_method"):
        op.drop_column("purchase", column)
    op.drop_index("ix_coupon_hold_sold", table_name="coupon_hold")
    for column in ("device_id", "staff_id"):
        op.drop_constraint(op.f(f"fk_coupon_hold_{column}"), "coupon_hold")
        op.drop_column("coupon_hold", column)
    op.drop_constraint(op.f("ck_coupon_use_tier_fen"), "coupon_use")
    op.drop_column("coupon_use", "waived")
    op.drop_column("coupon_use", "tier_fen")
