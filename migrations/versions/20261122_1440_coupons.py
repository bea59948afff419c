"""Coupons: templates, pools, coupons, batches, gifts, guards, uses, holds, attempts, accepted codes and suspicions."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "20261122_1440"
down_revision: str | None = "20261122_1430"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "accepted_code",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("bearer", sa.String(length=64), nullable=False),
        sa.Column("spent", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_accepted_code")),
    )
    op.create_index("ix_accepted_code_at", "accepted_code", ["at"], unique=False)
    op.create_table(
        "coupon_guard",
        sa.Column("scope", sa.String(length=48), nullable=False),
        sa.Column("subject", sa.BigInteger(), nullable=False),
        sa.Column("slot", sa.String(length=16), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("used >= 0", name=op.f("ck_coupon_guard_used")),
        sa.PrimaryKeyConstraint("scope", "subject", "slot", name=op.f("pk_coupon_guard")),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index("ix_coupon_guard_subject", "coupon_guard", ["subject"], unique=False)
    op.create_table(
        "coupon_pool",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("stock", sa.Integer(), nullable=True),
        sa.Column("per_person", sa.Integer(), nullable=True),
        sa.Column("per_person_day", sa.Integer(), nullable=True),
        sa.Column("per_day", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("least(stock, per_person, per_person_day, per_day) >= 0", name=op.f("ck_coupon_pool_limits")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_coupon_pool_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupon_pool")),
        sa.UniqueConstraint("name", name=op.f("uq_coupon_pool_name")),
        sa.UniqueConstraint("public_id", name=op.f("uq_coupon_pool_public_id")),
    )
    op.create_table(
        "coupon_template",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column("pool_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=24), nullable=False),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("stock", sa.Integer(), nullable=True),
        sa.Column("per_person", sa.Integer(), nullable=True),
        sa.Column("per_person_day", sa.Integer(), nullable=True),
        sa.Column("per_day", sa.Integer(), nullable=True),
        sa.Column("store_ids", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("skus", sa.ARRAY(sa.String(length=64)), nullable=False),
        sa.Column("categories", sa.ARRAY(sa.String(length=64)), nullable=False),
        sa.Column("minimum_fen", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("days_wait", sa.Integer(), nullable=False),
        sa.Column("days_valid", sa.Integer(), nullable=True),
        sa.Column("stacking_class", sa.String(length=24), nullable=False),
        sa.Column("giveable", sa.Boolean(), nullable=False),
        sa.Column("claimable", sa.Boolean(), nullable=False),
        sa.Column("claim_on", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("claim_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claim_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("audience", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("price_points", sa.BigInteger(), nullable=False),
        sa.Column("reward_points", sa.BigInteger(), nullable=False),
        sa.Column("offline", sa.String(length=8), nullable=False),
        sa.Column("offline_fen", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("offline IN ('never', 'up_to', 'always')", name=op.f("ck_coupon_template_offline")),
        sa.CheckConstraint("state IN ('draft', 'open', 'closed')", name=op.f("ck_coupon_template_state")),
        sa.CheckConstraint("days_valid > 0", name=op.f("ck_coupon_template_days_valid")),
        sa.CheckConstraint("days_valid IS NOT NULL OR valid_until IS NOT NULL", name=op.f("ck_coupon_template_validity")),
        sa.CheckConstraint(
            "least(minimum_fen, price_points, reward_points, offline_fen, days_wait) >= 0", name=op.f("ck_coupon_template_amounts")
        ),
        sa.CheckConstraint("least(stock, per_person, per_person_day, per_day) >= 0", name=op.f("ck_coupon_template_limits")),
        sa.ForeignKeyConstraint(["pool_id"], ["coupon_pool.id"], name=op.f("fk_coupon_template_pool_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_coupon_template_programme_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["business_unit.id"], name=op.f("fk_coupon_template_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupon_template")),
        sa.UniqueConstraint("public_id", name=op.f("uq_coupon_template_public_id")),
    )
    op.create_index("ix_coupon_template_pool_id", "coupon_template", ["pool_id"], unique=False, postgresql_where="pool_id IS NOT NULL")
    op.create_index("ix_coupon_template_programme_id", "coupon_template", ["programme_id"], unique=False)
    op.create_table(
        "coupon_batch",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("template_id", sa.BigInteger(), nullable=False),
        sa.Column("tree", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("issued", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('running', 'done', 'out_of_stock', 'recalled')", name=op.f("ck_coupon_batch_state")),
        sa.ForeignKeyConstraint(["template_id"], ["coupon_template.id"], name=op.f("fk_coupon_batch_template_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupon_batch")),
        sa.UniqueConstraint("public_id", name=op.f("uq_coupon_batch_public_id")),
    )
    op.create_index("ix_coupon_batch_template_id", "coupon_batch", ["template_id"], unique=False)
    op.create_table(
        "coupon_hold",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("order_key", sa.String(length=128), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("quote", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("points_txn_id", sa.BigInteger(), nullable=True),
        sa.Column("value_txn_id", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('open', 'confirmed', 'released', 'reversed')", name=op.f("ck_coupon_hold_state")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_coupon_hold_customer_id")),
        sa.ForeignKeyConstraint(["points_txn_id"], ["points_txn.id"], name=op.f("fk_coupon_hold_points_txn_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_coupon_hold_store_id")),
        sa.ForeignKeyConstraint(["value_txn_id"], ["points_txn.id"], name=op.f("fk_coupon_hold_value_txn_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupon_hold")),
        sa.UniqueConstraint("public_id", name=op.f("uq_coupon_hold_public_id")),
    )
    op.create_index("ix_coupon_hold_due", "coupon_hold", ["expires_at"], unique=False, postgresql_where="state = 'open'")
    op.create_index("ix_coupon_hold_order", "coupon_hold", ["order_key"], unique=True, postgresql_where="state = 'open'")
    op.create_table(
        "coupon",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("template_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("cause_key", sa.String(length=160), nullable=False),
        sa.Column("path", sa.String(length=16), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=True),
        sa.Column("given_from_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uses_total", sa.Integer(), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("hold_id", sa.BigInteger(), nullable=True),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(state = 'held') = (hold_id IS NOT NULL)", name=op.f("ck_coupon_held")),
        sa.CheckConstraint("state <> 'used' OR uses_left = 0", name=op.f("ck_coupon_used")),
        sa.CheckConstraint("state IN ('issued', 'held', 'used', 'expired', 'voided', 'given')", name=op.f("ck_coupon_state")),
        sa.CheckConstraint("state NOT IN ('issued', 'held') OR uses_left > 0", name=op.f("ck_coupon_usable")),
        sa.CheckConstraint("expires_at > valid_from", name=op.f("ck_coupon_validity")),
        sa.CheckConstraint("uses_left BETWEEN 0 AND uses_total", name=op.f("ck_coupon_uses")),
        sa.ForeignKeyConstraint(["batch_id"], ["coupon_batch.id"], name=op.f("fk_coupon_batch_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_coupon_customer_id")),
        sa.ForeignKeyConstraint(["given_from_id"], ["coupon.id"], name=op.f("fk_coupon_given_from_id")),
        sa.ForeignKeyConstraint(["hold_id"], ["coupon_hold.id"], name=op.f("fk_coupon_hold_id")),
        sa.ForeignKeyConstraint(["template_id"], ["coupon_template.id"], name=op.f("fk_coupon_template_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupon")),
        sa.UniqueConstraint("cause_key", name=op.f("uq_coupon_cause_key")),
        sa.UniqueConstraint("code", name=op.f("uq_coupon_code")),
        sa.UniqueConstraint("given_from_id", name=op.f("uq_coupon_given_from_id")),
        sa.UniqueConstraint("number", name=op.f("uq_coupon_number")),
        sa.UniqueConstraint("public_id", name=op.f("uq_coupon_public_id")),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index("ix_coupon_batch_id", "coupon", ["batch_id"], unique=False, postgresql_where="batch_id IS NOT NULL")
    op.create_index("ix_coupon_customer_id_expires_at", "coupon", ["customer_id", "expires_at"], unique=False)
    op.create_index("ix_coupon_due", "coupon", ["expires_at"], unique=False, postgresql_where="state IN ('issued', 'held')")
    op.create_index("ix_coupon_hold_id", "coupon", ["hold_id"], unique=False, postgresql_where="hold_id IS NOT NULL")
    op.create_index("ix_coupon_template_id", "coupon", ["template_id"], unique=False)
    op.create_table(
        "coupon_gift",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("coupon_id", sa.BigInteger(), nullable=False),
        sa.Column("giver_id", sa.BigInteger(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('offered', 'taken', 'recalled', 'lapsed')", name=op.f("ck_coupon_gift_state")),
        sa.ForeignKeyConstraint(["coupon_id"], ["coupon.id"], name=op.f("fk_coupon_gift_coupon_id")),
        sa.ForeignKeyConstraint(["giver_id"], ["customer.id"], name=op.f("fk_coupon_gift_giver_id")),
        sa.ForeignKeyConstraint(["taken_by_id"], ["customer.id"], name=op.f("fk_coupon_gift_taken_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupon_gift")),
        sa.UniqueConstraint("public_id", name=op.f("uq_coupon_gift_public_id")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_coupon_gift_token_hash")),
    )
    op.create_index("ix_coupon_gift_due", "coupon_gift", ["expires_at"], unique=False, postgresql_where="state = 'offered'")
    op.create_index("ix_coupon_gift_giver_id", "coupon_gift", ["giver_id"], unique=False)
    op.create_index("ix_coupon_gift_open", "coupon_gift", ["coupon_id"], unique=True, postgresql_where="state = 'offered'")
    op.create_table(
        "coupon_use",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=4), nullable=False),
        sa.Column("coupon_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.String(length=160), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("reverses_id", sa.BigInteger(), nullable=True),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("order_key", sa.String(length=128), nullable=True),
        sa.Column("total_fen", sa.BigInteger(), nullable=True),
        sa.Column("discount_fen", sa.BigInteger(), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=False),
        sa.Column("staff_id", sa.BigInteger(), nullable=True),
        sa.Column("device_id", sa.BigInteger(), nullable=True),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("reward_txn_id", sa.BigInteger(), nullable=True),
        sa.Column("device_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(kind = 'undo') = (reverses_id IS NOT NULL)", name=op.f("ck_coupon_use_reverses")),
        sa.CheckConstraint("kind IN ('use', 'undo')", name=op.f("ck_coupon_use_kind")),
        sa.CheckConstraint("times > 0 AND discount_fen >= 0", name=op.f("ck_coupon_use_amounts")),
        sa.ForeignKeyConstraint(["coupon_id"], ["coupon.id"], name=op.f("fk_coupon_use_coupon_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_coupon_use_device_id")),
        sa.ForeignKeyConstraint(["reverses_id"], ["coupon_use.id"], name=op.f("fk_coupon_use_reverses_id")),
        sa.ForeignKeyConstraint(["reward_txn_id"], ["points_txn.id"], name=op.f("fk_coupon_use_reward_txn_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_coupon_use_staff_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_coupon_use_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupon_use")),
        sa.UniqueConstraint("coupon_id", "purpose", "round", name=op.f("uq_coupon_use_coupon_id_purpose_round")),
        sa.UniqueConstraint("public_id", name=op.f("uq_coupon_use_public_id")),
        sa.UniqueConstraint("reverses_id", name=op.f("uq_coupon_use_reverses_id")),
    )
    op.create_index("ix_coupon_use_order_key", "coupon_use", ["order_key"], unique=False, postgresql_where="order_key IS NOT NULL")
    op.create_index("ix_coupon_use_staff_id_at", "coupon_use", ["staff_id", "at"], unique=False)
    op.create_index("ix_coupon_use_store_id_at", "coupon_use", ["store_id", "at"], unique=False)
    op.create_table(
        "suspicion",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("staff_id", sa.BigInteger(), nullable=True),
        sa.Column("device_id", sa.BigInteger(), nullable=True),
        sa.Column("store_id", sa.BigInteger(), nullable=True),
        sa.Column("coupon_id", sa.BigInteger(), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("judged_by", sa.String(length=64), nullable=True),
        sa.Column("verdict", sa.String(length=200), nullable=True),
        sa.CheckConstraint("state IN ('open', 'cleared', 'confirmed')", name=op.f("ck_suspicion_state")),
        sa.ForeignKeyConstraint(["coupon_id"], ["coupon.id"], name=op.f("fk_suspicion_coupon_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_suspicion_customer_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_suspicion_device_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_suspicion_staff_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_suspicion_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suspicion")),
        sa.UniqueConstraint("public_id", name=op.f("uq_suspicion_public_id")),
    )
    op.create_index(op.f("ix_suspicion_customer_id"), "suspicion", ["customer_id"], unique=False)
    op.create_index("ix_suspicion_open", "suspicion", ["at"], unique=False, postgresql_where="state = 'open'")
    op.create_index(op.f("ix_suspicion_staff_id"), "suspicion", ["staff_id"], unique=False)
    op.create_table(
        "redeem_attempt",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("act", sa.String(length=12), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=False),
        sa.Column("staff_id", sa.BigInteger(), nullable=True),
        sa.Column("device_id", sa.BigInteger(), nullable=True),
        sa.Column("coupon_id", sa.BigInteger(), nullable=True),
        sa.Column("use_id", sa.BigInteger(), nullable=True),
        sa.Column("shown", sa.String(length=32), nullable=False),
        sa.Column("offline", sa.Boolean(), nullable=False),
        sa.Column("device_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["coupon_id"], ["coupon.id"], name=op.f("fk_redeem_attempt_coupon_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_redeem_attempt_device_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_redeem_attempt_staff_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_redeem_attempt_store_id")),
        sa.ForeignKeyConstraint(["use_id"], ["coupon_use.id"], name=op.f("fk_redeem_attempt_use_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_redeem_attempt")),
    )
    op.create_index("ix_redeem_attempt_attempt_id", "redeem_attempt", ["attempt_id"], unique=False)
    op.create_index("ix_redeem_attempt_coupon_id", "redeem_attempt", ["coupon_id"], unique=False, postgresql_where="coupon_id IS NOT NULL")
    op.create_index("ix_redeem_attempt_device_id_at", "redeem_attempt", ["device_id", "at"], unique=False)
    op.create_index("ix_redeem_attempt_staff_id_at", "redeem_attempt", ["staff_id", "at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_redeem_attempt_staff_id_at", table_name="redeem_attempt")
    op.drop_index("ix_redeem_attempt_device_id_at", table_name="redeem_attempt")
    op.drop_index("ix_redeem_attempt_coupon_id", table_name="redeem_attempt", postgresql_where="coupon_id IS NOT NULL")
    op.drop_index("ix_redeem_attempt_attempt_id", table_name="redeem_attempt")
    op.drop_table("redeem_attempt")
    op.drop_index(op.f("ix_suspicion_staff_id"), table_name="suspicion")
    op.drop_index("ix_suspicion_open", table_name="suspicion", postgresql_where="state = 'open'")
    op.drop_index(op.f("ix_suspicion_customer_id"), table_name="suspicion")
    op.drop_table("suspicion")
    op.drop_index("ix_coupon_use_store_id_at", table_name="coupon_use")
    op.drop_index("ix_coupon_use_staff_id_at", table_name="coupon_use")
    op.drop_index("ix_coupon_use_order_key", table_name="coupon_use", postgresql_where="order_key IS NOT NULL")
    op.drop_table("coupon_use")
    op.drop_index("ix_coupon_gift_open", table_name="coupon_gift", postgresql_where="state = 'offered'")
    op.drop_index("ix_coupon_gift_giver_id", table_name="coupon_gift")
    op.drop_index("ix_coupon_gift_due", table_name="coupon_gift", postgresql_where="state = 'offered'")
    op.drop_table("coupon_gift")
    op.drop_index("ix_coupon_template_id", table_name="coupon")
    op.drop_index("ix_coupon_hold_id", table_name="coupon", postgresql_where="hold_id IS NOT NULL")
    op.drop_index("ix_coupon_due", table_name="coupon", postgresql_where="state IN ('issued', 'held')")
    op.drop_index("ix_coupon_customer_id_expires_at", table_name="coupon")
    op.drop_index("ix_coupon_batch_id", table_name="coupon", postgresql_where="batch_id IS NOT NULL")
    op.drop_table("coupon")
    op.drop_index("ix_coupon_hold_order", table_name="coupon_hold", postgresql_where="state = 'open'")
    op.drop_index("ix_coupon_hold_due", table_name="coupon_hold", postgresql_where="state = 'open'")
    op.drop_table("coupon_hold")
    op.drop_index("ix_coupon_batch_template_id", table_name="coupon_batch")
    op.drop_table("coupon_batch")
    op.drop_index("ix_coupon_template_programme_id", table_name="coupon_template")
    op.drop_index("ix_coupon_template_pool_id", table_name="coupon_template", postgresql_where="pool_id IS NOT NULL")
    op.drop_table("coupon_template")
    op.drop_table("coupon_pool")
    op.drop_index("ix_coupon_guard_subject", table_name="coupon_guard")
    op.drop_table("coupon_guard")
    op.drop_index("ix_accepted_code_at", table_name="accepted_code")
    op.drop_table("accepted_code")
