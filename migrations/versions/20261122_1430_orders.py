"""Orders, earning rules, settlement and the clients of the open API."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "20261122_1430"
down_revision: str | None = "20261122_1420"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "api_client",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("business_unit_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["business_unit_id"], ["business_unit.id"], name=op.f("fk_api_client_business_unit_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_api_client_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_client")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_client_key_hash")),
        sa.UniqueConstraint("name", name=op.f("uq_api_client_name")),
        sa.UniqueConstraint("public_id", name=op.f("uq_api_client_public_id")),
    )
    op.create_table(
        "bonus_ladder",
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("rungs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_bonus_ladder_programme_id")),
        sa.PrimaryKeyConstraint("programme_id", name=op.f("pk_bonus_ladder")),
    )
    op.create_table(
        "check_in",
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("streak", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("streak > 0", name=op.f("ck_check_in_streak")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_check_in_customer_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_check_in_programme_id")),
        sa.PrimaryKeyConstraint("customer_id", "programme_id", "day", name=op.f("pk_check_in")),
    )
    op.create_table(
        "earning_group",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("pick", sa.String(length=8), nullable=False),
        sa.CheckConstraint("pick IN ('first', 'best', 'all')", name=op.f("ck_earning_group_pick")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_earning_group_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_earning_group")),
        sa.UniqueConstraint("programme_id", "name", name=op.f("uq_earning_group_programme_id_name")),
    )
    op.create_table(
        "settlement_pair",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("issuing_unit_id", sa.BigInteger(), nullable=False),
        sa.Column("redeeming_unit_id", sa.BigInteger(), nullable=False),
        sa.Column("price_microfen", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.String(length=16), nullable=False),
        sa.Column("issuer_percent", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.String(length=7), nullable=False),
        sa.CheckConstraint("rule IN ('group_bears', 'issuer_pays', 'share')", name=op.f("ck_settlement_pair_rule")),
        sa.CheckConstraint("issuer_percent BETWEEN 0 AND 100", name=op.f("ck_settlement_pair_issuer_percent")),
        sa.CheckConstraint("price_microfen BETWEEN 0 AND 1000000000000", name=op.f("ck_settlement_pair_price_microfen")),
        sa.ForeignKeyConstraint(["issuing_unit_id"], ["business_unit.id"], name=op.f("fk_settlement_pair_issuing_unit_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_settlement_pair_programme_id")),
        sa.ForeignKeyConstraint(["redeeming_unit_id"], ["business_unit.id"], name=op.f("fk_settlement_pair_redeeming_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement_pair")),
        sa.UniqueConstraint(
            "programme_id",
            "issuing_unit_id",
            "redeeming_unit_id",
            "valid_from",
            name=op.f("uq_settlement_pair_programme_id_issuing_unit_id_redeeming_unit_id_valid_from"),
        ),
    )
    op.create_table(
        "settlement_period",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_by", sa.String(length=64), nullable=False),
        sa.Column("matrix", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_settlement_period_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement_period")),
        sa.UniqueConstraint("programme_id", "month", name=op.f("uq_settlement_period_programme_id_month")),
        sa.UniqueConstraint("public_id", name=op.f("uq_settlement_period_public_id")),
    )
    op.create_table(
        "sku",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("business_unit_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("category", sa.String(length=64), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["business_unit_id"], ["business_unit.id"], name=op.f("fk_sku_business_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sku")),
        sa.UniqueConstraint("business_unit_id", "code", name=op.f("uq_sku_business_unit_id_code")),
    )
    op.create_table(
        "till_terms",
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_till_terms_programme_id")),
        sa.PrimaryKeyConstraint("programme_id", name=op.f("pk_till_terms")),
    )
    op.create_table(
        "earning_rule",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("business_unit_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["business_unit_id"], ["business_unit.id"], name=op.f("fk_earning_rule_business_unit_id")),
        sa.ForeignKeyConstraint(["group_id"], ["earning_group.id"], name=op.f("fk_earning_rule_group_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_earning_rule_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_earning_rule")),
        sa.UniqueConstraint("programme_id", "name", name=op.f("uq_earning_rule_programme_id_name")),
        sa.UniqueConstraint("public_id", name=op.f("uq_earning_rule_public_id")),
    )
    op.create_table(
        "purchase",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("order_no", sa.String(length=64), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("phone_lookup", sa.LargeBinary(), nullable=True),
        sa.Column("phone_lookup_next", sa.LargeBinary(), nullable=True),
        sa.Column("store_id", sa.BigInteger(), nullable=False),
        sa.Column("business_unit_id", sa.BigInteger(), nullable=False),
        sa.Column("terminal", sa.String(length=32), nullable=True),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("total_fen", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.CheckConstraint("source IN ('pos', 'mall', 'tmall', 'jd', 'app', 'wechat_pay')", name=op.f("ck_purchase_source")),
        sa.CheckConstraint(
            "phone_sealed IS NOT NULL OR (phone_lookup IS NULL AND phone_lookup_next IS NULL)", name=op.f("ck_purchase_phone_lookup")
        ),
        sa.CheckConstraint("total_fen >= 0", name=op.f("ck_purchase_total_fen")),
        sa.ForeignKeyConstraint(["business_unit_id"], ["business_unit.id"], name=op.f("fk_purchase_business_unit_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_purchase_customer_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_purchase_programme_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_purchase_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase")),
        sa.UniqueConstraint("public_id", name=op.f("uq_purchase_public_id")),
        sa.UniqueConstraint("source", "order_no", name=op.f("uq_purchase_source_order_no")),
    )
    op.create_index(
        "ix_purchase_customer_id_paid_at", "purchase", ["customer_id", "paid_at"], unique=False, postgresql_where="customer_id IS NOT NULL"
    )
    op.create_index("ix_purchase_store_id_paid_at", "purchase", ["store_id", "paid_at"], unique=False)
    op.create_index(
        "ix_purchase_waiting",
        "purchase",
        ["phone_lookup"],
        unique=False,
        postgresql_where="customer_id IS NULL AND phone_lookup IS NOT NULL",
    )
    op.create_index(
        "ix_purchase_waiting_next",
        "purchase",
        ["phone_lookup_next"],
        unique=False,
        postgresql_where="customer_id IS NULL AND phone_lookup_next IS NOT NULL",
    )
    op.create_table(
        "earning_use",
        sa.Column("rule_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("span", sa.String(length=16), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.CheckConstraint("points >= 0", name=op.f("ck_earning_use_points")),
        sa.CheckConstraint("times >= 0", name=op.f("ck_earning_use_times")),
        sa.ForeignKeyConstraint(["rule_id"], ["earning_rule.id"], name=op.f("fk_earning_use_rule_id")),
        sa.PrimaryKeyConstraint("rule_id", "customer_id", "span", name=op.f("pk_earning_use")),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_table(
        "earning_version",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("rule_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("params", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("caps", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_earning_version_valid_to")),
        sa.ForeignKeyConstraint(["rule_id"], ["earning_rule.id"], name=op.f("fk_earning_version_rule_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_earning_version")),
        sa.UniqueConstraint("rule_id", "number", name=op.f("uq_earning_version_rule_id_number")),
        sa.UniqueConstraint("rule_id", "valid_from", name=op.f("uq_earning_version_rule_id_valid_from")),
    )
    op.create_table(
        "purchase_line",
        sa.Column("purchase_id", sa.BigInteger(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("sku", sa.String(length=64), nullable=False),
        sa.Column("category", sa.String(length=64), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("discount_fen", sa.BigInteger(), nullable=False),
        sa.Column("is_reward", sa.Boolean(), nullable=False),
        sa.Column("returned_qty", sa.Integer(), nullable=False),
        sa.CheckConstraint("amount_fen >= 0", name=op.f("ck_purchase_line_amount_fen")),
        sa.CheckConstraint("discount_fen BETWEEN 0 AND amount_fen", name=op.f("ck_purchase_line_discount_fen")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_purchase_line_quantity")),
        sa.CheckConstraint("returned_qty BETWEEN 0 AND quantity", name=op.f("ck_purchase_line_returned_qty")),
        sa.ForeignKeyConstraint(["purchase_id"], ["purchase.id"], name=op.f("fk_purchase_line_purchase_id")),
        sa.PrimaryKeyConstraint("purchase_id", "line_no", name=op.f("pk_purchase_line")),
    )
    op.create_table(
        "purchase_return",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("purchase_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("return_no", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refund_fen", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["purchase_id"], ["purchase.id"], name=op.f("fk_purchase_return_purchase_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase_return")),
        sa.UniqueConstraint("public_id", name=op.f("uq_purchase_return_public_id")),
        sa.UniqueConstraint("source", "return_no", name=op.f("uq_purchase_return_source_return_no")),
    )
    op.create_index("ix_purchase_return_purchase_id", "purchase_return", ["purchase_id"], unique=False)
    op.create_table(
        "earning_award",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("purchase_id", sa.BigInteger(), nullable=True),
        sa.Column("txn_id", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("taken_back", sa.BigInteger(), nullable=False),
        sa.Column("shares", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("spans", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("points > 0", name=op.f("ck_earning_award_points")),
        sa.CheckConstraint("taken_back BETWEEN 0 AND points", name=op.f("ck_earning_award_taken_back")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_earning_award_customer_id")),
        sa.ForeignKeyConstraint(["purchase_id"], ["purchase.id"], name=op.f("fk_earning_award_purchase_id")),
        sa.ForeignKeyConstraint(["txn_id"], ["points_txn.id"], name=op.f("fk_earning_award_txn_id")),
        sa.ForeignKeyConstraint(["version_id"], ["earning_version.id"], name=op.f("fk_earning_award_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_earning_award")),
        sa.UniqueConstraint("txn_id", name=op.f("uq_earning_award_txn_id")),
    )
    op.create_index("ix_earning_award_customer_id", "earning_award", ["customer_id"], unique=False)
    op.create_index(
        "ix_earning_award_purchase_id", "earning_award", ["purchase_id"], unique=False, postgresql_where="purchase_id IS NOT NULL"
    )
    op.create_index("ix_earning_award_version_id", "earning_award", ["version_id"], unique=False)
    op.create_table(
        "purchase_return_line",
        sa.Column("return_id", sa.BigInteger(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("before_qty", sa.Integer(), nullable=False),
        sa.CheckConstraint("before_qty >= 0", name=op.f("ck_purchase_return_line_before_qty")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_purchase_return_line_quantity")),
        sa.ForeignKeyConstraint(["return_id"], ["purchase_return.id"], name=op.f("fk_purchase_return_line_return_id")),
        sa.PrimaryKeyConstraint("return_id", "line_no", name=op.f("pk_purchase_return_line")),
    )


def downgrade() -> None:
    op.drop_table("purchase_return_line")
    op.drop_index("ix_earning_award_version_id", table_name="earning_award")
    op.drop_index("ix_earning_award_purchase_id", table_name="earning_award", postgresql_where="purchase_id IS NOT NULL")
    op.drop_index("ix_earning_award_customer_id", table_name="earning_award")
    op.drop_table("earning_award")
    op.drop_index("ix_purchase_return_purchase_id", table_name="purchase_return")
    op.drop_table("purchase_return")
    op.drop_table("purchase_line")
    op.drop_table("earning_version")
    op.drop_table("earning_use")
    op.drop_index(
        "ix_purchase_waiting_next", table_name="purchase", postgresql_where="customer_id IS NULL AND phone_lookup_next IS NOT NULL"
    )
    op.drop_index("ix_purchase_waiting", table_name="purchase", postgresql_where="customer_id IS NULL AND phone_lookup IS NOT NULL")
    op.drop_index("ix_purchase_store_id_paid_at", table_name="purchase")
    op.drop_index("ix_purchase_customer_id_paid_at", table_name="purchase", postgresql_where="customer_id IS NOT NULL")
    op.drop_table("purchase")
    op.drop_table("earning_rule")
    op.drop_table("till_terms")
    op.drop_table("sku")
    op.drop_table("settlement_period")
    op.drop_table("settlement_pair")
    op.drop_table("earning_group")
    op.drop_table("check_in")
    op.drop_table("bonus_ladder")
    op.drop_table("api_client")
