"""Tags, rules, evidence, channels and segments."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "20261122_1302"
down_revision: str | None = "20261122_1301"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "segment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=False),
        sa.Column("tree", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counted", sa.BigInteger(), nullable=True),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment")),
        sa.UniqueConstraint("name", name=op.f("uq_segment_name")),
        sa.UniqueConstraint("public_id", name=op.f("uq_segment_public_id")),
    )
    op.create_table(
        "tag_group",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("exclusive", sa.Boolean(), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag_group")),
        sa.UniqueConstraint("name", name=op.f("uq_tag_group_name")),
        sa.UniqueConstraint("public_id", name=op.f("uq_tag_group_public_id")),
    )
    op.create_table(
        "channel",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("scene", sa.String(length=64, collation="C"), nullable=False),
        sa.Column("permanent", sa.Boolean(), nullable=False),
        sa.Column("life_s", sa.Integer(), nullable=True),
        sa.Column("welcome", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("ticket", sa.String(length=255), nullable=True),
        sa.Column("url", sa.String(length=255), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reassigned_to_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("char_length(scene) BETWEEN 1 AND 64", name=op.f("ck_channel_scene")),
        sa.CheckConstraint(
            "permanent = (life_s IS NULL) AND (life_s IS NULL OR life_s BETWEEN 60 AND 2592000)", name=op.f("ck_channel_life_s")
        ),
        sa.CheckConstraint("reassigned_to_id IS NULL OR retired_at IS NOT NULL", name=op.f("ck_channel_reassigned")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_channel_account_id")),
        sa.ForeignKeyConstraint(["reassigned_to_id"], ["channel.id"], name=op.f("fk_channel_reassigned_to_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel")),
        sa.UniqueConstraint("public_id", name=op.f("uq_channel_public_id")),
    )
    op.create_index(
        "ix_channel_expires", "channel", ["expires_at"], unique=False, postgresql_where="expires_at IS NOT NULL AND retired_at IS NULL"
    )
    op.create_index(op.f("ix_channel_reassigned_to_id"), "channel", ["reassigned_to_id"], unique=False)
    op.create_index(
        "ix_channel_reusable",
        "channel",
        ["account_id", "retired_at"],
        unique=False,
        postgresql_where="permanent AND retired_at IS NOT NULL",
    )
    op.create_index("ix_channel_scene", "channel", ["account_id", "scene", "created_at"], unique=False)
    op.create_index("uq_channel_open_name", "channel", ["account_id", "name"], unique=True, postgresql_where="retired_at IS NULL")
    op.create_index("uq_channel_open_scene", "channel", ["account_id", "scene"], unique=True, postgresql_where="retired_at IS NULL")
    op.create_table(
        "qr_allowance",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.CheckConstraint("used BETWEEN 0 AND 100000", name=op.f("ck_qr_allowance_used")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_qr_allowance_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_qr_allowance")),
    )
    op.create_table(
        "tag",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("colour", sa.String(length=7), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=False),
        sa.Column("sensitive", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("colour ~ '^#[0-9a-f]{6}$'", name=op.f("ck_tag_colour")),
        sa.ForeignKeyConstraint(["group_id"], ["tag_group.id"], name=op.f("fk_tag_group_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag")),
        sa.UniqueConstraint("name", name=op.f("uq_tag_name")),
        sa.UniqueConstraint("public_id", name=op.f("uq_tag_public_id")),
    )
    op.create_index(op.f("ix_tag_group_id"), "tag", ["group_id"], unique=False)
    op.create_table(
        "channel_day",
        sa.Column("channel_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("scans", sa.Integer(), nullable=False),
        sa.Column("follows", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_channel_day_channel_id")),
        sa.PrimaryKeyConstraint("channel_id", "day", name=op.f("pk_channel_day")),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "channel_tag",
        sa.Column("channel_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tag_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_channel_tag_channel_id")),
        sa.ForeignKeyConstraint(["tag_id"], ["tag.id"], name=op.f("fk_channel_tag_tag_id")),
        sa.PrimaryKeyConstraint("channel_id", "tag_id", name=op.f("pk_channel_tag")),
    )
    op.create_index(op.f("ix_channel_tag_tag_id"), "channel_tag", ["tag_id"], unique=False)
    op.create_table(
        "channel_visit",
        sa.Column("channel_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("follower_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("visits", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_channel_visit_channel_id")),
        sa.ForeignKeyConstraint(["follower_id"], ["follower.id"], name=op.f("fk_channel_visit_follower_id")),
        sa.PrimaryKeyConstraint("channel_id", "follower_id", name=op.f("pk_channel_visit")),
    )
    op.create_index("ix_channel_visit_follower", "channel_visit", ["follower_id"], unique=False)
    op.create_table(
        "customer_tag",
        sa.Column("tag_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_customer_tag_customer_id")),
        sa.ForeignKeyConstraint(["tag_id"], ["tag.id"], name=op.f("fk_customer_tag_tag_id")),
        sa.PrimaryKeyConstraint("tag_id", "customer_id", name="pk_customer_tag", postgresql_include=["expires_at"]),
    )
    op.create_index("ix_customer_tag_customer", "customer_tag", ["customer_id"], unique=False)
    op.create_index("ix_customer_tag_expires", "customer_tag", ["expires_at"], unique=False, postgresql_where="expires_at IS NOT NULL")
    op.create_table(
        "tag_evidence",
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tag_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("follower_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_key", sa.String(length=160, collation="C"), nullable=False),
        sa.Column("last_key", sa.String(length=160, collation="C"), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("half_life_s", sa.Integer(), nullable=True),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_tag_evidence_customer_id")),
        sa.ForeignKeyConstraint(["tag_id"], ["tag.id"], name=op.f("fk_tag_evidence_tag_id")),
        sa.PrimaryKeyConstraint("customer_id", "tag_id", "source", "follower_id", name=op.f("pk_tag_evidence")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("ix_tag_evidence_expires", "tag_evidence", ["expires_at"], unique=False, postgresql_where="expires_at IS NOT NULL")
    op.create_index("ix_tag_evidence_follower", "tag_evidence", ["follower_id"], unique=False, postgresql_where="follower_id <> 0")
    op.create_index("ix_tag_evidence_tag", "tag_evidence", ["tag_id", "customer_id"], unique=False)
    op.create_table(
        "tag_removal",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("tag_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("why IN ('hand', 'exclusive', 'expired', 'erased', 'joined', 'split')", name=op.f("ck_tag_removal_why")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_tag_removal_customer_id")),
        sa.ForeignKeyConstraint(["tag_id"], ["tag.id"], name=op.f("fk_tag_removal_tag_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag_removal")),
    )
    op.create_index("ix_tag_removal_customer_at", "tag_removal", ["customer_id", "at"], unique=False)
    op.create_index("ix_tag_removal_hand", "tag_removal", ["customer_id", "tag_id", "at"], unique=False, postgresql_where="why = 'hand'")
    op.create_table(
        "tag_rule",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("params", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tag_id", sa.BigInteger(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("half_life_s", sa.Integer(), nullable=True),
        sa.Column("expires_after_s", sa.Integer(), nullable=True),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("expires_after_s > 0", name=op.f("ck_tag_rule_expires_after_s")),
        sa.CheckConstraint("half_life_s > 0", name=op.f("ck_tag_rule_half_life_s")),
        sa.CheckConstraint("weight > 0 AND weight <= 1000", name=op.f("ck_tag_rule_weight")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_tag_rule_account_id")),
        sa.ForeignKeyConstraint(["tag_id"], ["tag.id"], name=op.f("fk_tag_rule_tag_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag_rule")),
        sa.UniqueConstraint("name", name=op.f("uq_tag_rule_name")),
        sa.UniqueConstraint("public_id", name=op.f("uq_tag_rule_public_id")),
    )
    op.create_index(op.f("ix_tag_rule_account_id"), "tag_rule", ["account_id"], unique=False)
    op.create_index(op.f("ix_tag_rule_tag_id"), "tag_rule", ["tag_id"], unique=False)
    op.create_table(
        "touch",
        sa.Column("follower_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_channel_id", sa.BigInteger(), nullable=False),
        sa.Column("first_key", sa.String(length=160, collation="C"), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_channel_id", sa.BigInteger(), nullable=False),
        sa.Column("last_key", sa.String(length=160, collation="C"), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["first_channel_id"], ["channel.id"], name=op.f("fk_touch_first_channel_id")),
        sa.ForeignKeyConstraint(["follower_id"], ["follower.id"], name=op.f("fk_touch_follower_id")),
        sa.ForeignKeyConstraint(["last_channel_id"], ["channel.id"], name=op.f("fk_touch_last_channel_id")),
        sa.PrimaryKeyConstraint("follower_id", name=op.f("pk_touch")),
    )
    op.create_index("ix_touch_first_channel", "touch", ["first_channel_id", "follower_id"], unique=False)
    op.create_index("ix_touch_last_channel", "touch", ["last_channel_id", "follower_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_touch_last_channel", table_name="touch")
    op.drop_index("ix_touch_first_channel", table_name="touch")
    op.drop_table("touch")
    op.drop_index(op.f("ix_tag_rule_tag_id"), table_name="tag_rule")
    op.drop_index(op.f("ix_tag_rule_account_id"), table_name="tag_rule")
    op.drop_table("tag_rule")
    op.drop_index("ix_tag_removal_hand", table_name="tag_removal", postgresql_where="why = 'hand'")
    op.drop_index("ix_tag_removal_customer_at", table_name="tag_removal")
    op.drop_table("tag_removal")
    op.drop_index("ix_tag_evidence_tag", table_name="tag_evidence")
    op.drop_index("ix_tag_evidence_follower", table_name="tag_evidence", postgresql_where="follower_id <> 0")
    op.drop_index("ix_tag_evidence_expires", table_name="tag_evidence", postgresql_where="expires_at IS NOT NULL")
    op.drop_table("tag_evidence")
    op.drop_index("ix_customer_tag_expires", table_name="customer_tag", postgresql_where="expires_at IS NOT NULL")
    op.drop_index("ix_customer_tag_customer", table_name="customer_tag")
    op.drop_table("customer_tag")
    op.drop_index("ix_channel_visit_follower", table_name="channel_visit")
    op.drop_table("channel_visit")
    op.drop_index(op.f("ix_channel_tag_tag_id"), table_name="channel_tag")
    op.drop_table("channel_tag")
    op.drop_table("channel_day")
    op.drop_index(op.f("ix_tag_group_id"), table_name="tag")
    op.drop_table("tag")
    op.drop_table("qr_allowance")
    op.drop_index("uq_channel_open_scene", table_name="channel", postgresql_where="retired_at IS NULL")
    op.drop_index("uq_channel_open_name", table_name="channel", postgresql_where="retired_at IS NULL")
    op.drop_index("ix_channel_scene", table_name="channel")
    op.drop_index("ix_channel_reusable", table_name="channel", postgresql_where="permanent AND retired_at IS NOT NULL")
    op.drop_index(op.f("ix_channel_reassigned_to_id"), table_name="channel")
    op.drop_index("ix_channel_expires", table_name="channel", postgresql_where="expires_at IS NOT NULL AND retired_at IS NULL")
    op.drop_table("channel")
    op.drop_table("tag_group")
    op.drop_table("segment")
