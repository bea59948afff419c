"""Broadcasts, deliveries and receipts."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.core.db import Moment

revision: str = "20261122_1303"
down_revision: str | None = "20261122_1302"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

DELIVERY_STATES = "'pending', 'sending', 'sent', 'delivered', 'blocked', 'failed', 'unknown', 'undecided', 'left_out'"


def upgrade() -> None:
    _broadcast()
    _parts()
    _delivery()
    _parked_receipt()


def downgrade() -> None:
    op.drop_table("parked_receipt")
    op.drop_table("delivery")
    op.drop_table("broadcast_lane")
    op.drop_table("broadcast_account")
    op.drop_table("broadcast")


def _broadcast() -> None:
    op.create_table(
        "broadcast",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("key_digest", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("carrier", sa.String(32), nullable=False),
        sa.Column("segment", postgresql.JSONB(), nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("control_percent", sa.SmallInteger(), nullable=False),
        sa.Column("lanes", sa.SmallInteger(), nullable=False),
        sa.Column("quiet_from_min", sa.SmallInteger()),
        sa.Column("quiet_to_min", sa.SmallInteger()),
        sa.Column("grace_s", sa.Integer(), nullable=False),
        sa.Column("wave", sa.SmallInteger(), nullable=False),
        sa.Column("frozen_wave", sa.SmallInteger(), nullable=False),
        sa.Column("planned_at", Moment(timezone=True), nullable=False),
        sa.Column("planned_by", sa.String(64), nullable=False),
        sa.Column("scheduled_at", Moment(timezone=True)),
        sa.Column("frozen_at", Moment(timezone=True)),
        sa.Column("paused_at", Moment(timezone=True)),
        sa.Column("paused_why", sa.String(32)),
        sa.Column("cancelled_at", Moment(timezone=True)),
        sa.Column("refused_at", Moment(timezone=True)),
        sa.CheckConstraint("purpose IN ('service', 'marketing')", name=op.f("ck_broadcast_purpose")),
        sa.CheckConstraint("control_percent BETWEEN 0 AND 50", name=op.f("ck_broadcast_control_percent")),
        sa.CheckConstraint("(quiet_from_min IS NULL) = (quiet_to_min IS NULL)", name=op.f("ck_broadcast_quiet_pair")),
        sa.CheckConstraint("quiet_from_min BETWEEN 0 AND 1439 AND quiet_to_min BETWEEN 0 AND 1439", name=op.f("ck_broadcast_quiet_range")),
        sa.CheckConstraint("frozen_wave BETWEEN 0 AND wave", name=op.f("ck_broadcast_frozen_wave")),
        sa.CheckConstraint("lanes BETWEEN 1 AND 4", name=op.f("ck_broadcast_lanes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broadcast")),
        sa.UniqueConstraint("public_id", name=op.f("uq_broadcast_public_id")),
        sa.UniqueConstraint("key", name=op.f("uq_broadcast_key")),
    )
    op.create_index(
        "ix_broadcast_scheduled",
        "broadcast",
        ["scheduled_at"],
        postgresql_where=sa.text("frozen_wave < wave AND cancelled_at IS NULL"),
    )


def _parts() -> None:
    op.create_table(
        "broadcast_account",
        sa.Column("broadcast_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("template_id", sa.String(64), nullable=False),
        sa.Column("fields", postgresql.JSONB(), nullable=False),
        sa.Column("message", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["broadcast_id"], ["broadcast.id"], name=op.f("fk_broadcast_account_broadcast_id")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_broadcast_account_account_id")),
        sa.PrimaryKeyConstraint("broadcast_id", "account_id", name=op.f("pk_broadcast_account")),
    )
    op.create_table(
        "broadcast_lane",
        sa.Column("broadcast_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("owner", sa.Uuid(), nullable=False),
        sa.Column("lease_until", Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["broadcast_id"], ["broadcast.id"], name=op.f("fk_broadcast_lane_broadcast_id")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_broadcast_lane_account_id")),
        sa.PrimaryKeyConstraint("broadcast_id", "account_id", "lane", name=op.f("pk_broadcast_lane")),
    )


def _delivery() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("broadcast_id", sa.BigInteger(), nullable=False),
        sa.Column("wave", sa.SmallInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger()),
        sa.Column("follower_id", sa.BigInteger()),
        sa.Column("account_id", sa.BigInteger()),
        sa.Column("openid", sa.String(64)),
        sa.Column("bucket", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("left_out_why", sa.String(32)),
        sa.Column("error_code", sa.Integer()),
        sa.Column("error_why", sa.String(32)),
        sa.Column("rid", sa.String(64)),
        sa.Column("msgid", sa.String(64)),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("doubtful", sa.Boolean(), nullable=False),
        sa.Column("lease_owner", sa.Uuid()),
        sa.Column("next_at", Moment(timezone=True)),
        sa.Column("first_attempt_at", Moment(timezone=True)),
        sa.Column("frozen_at", Moment(timezone=True), nullable=False),
        sa.Column("sent_at", Moment(timezone=True)),
        sa.Column("settled_at", Moment(timezone=True)),
        sa.CheckConstraint(f"state IN ({DELIVERY_STATES})", name=op.f("ck_delivery_state")),
        sa.CheckConstraint("(state = 'left_out') = (left_out_why IS NOT NULL)", name=op.f("ck_delivery_left_out_why")),
        sa.CheckConstraint("state = 'left_out' OR account_id IS NOT NULL", name=op.f("ck_delivery_account")),
        sa.ForeignKeyConstraint(["broadcast_id"], ["broadcast.id"], name=op.f("fk_delivery_broadcast_id")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_delivery_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("broadcast_id", "wave", "customer_id", name=op.f("uq_delivery_broadcast_id_wave_customer_id")),
        postgresql_with={
            "fillfactor": "70",
            "autovacuum_vacuum_scale_factor": "0.02",
            "autovacuum_vacuum_threshold": "2000",
            "autovacuum_analyze_scale_factor": "0.02",
            "autovacuum_vacuum_cost_delay": "0",
        },
    )
    op.create_index("ix_delivery_pending", "delivery", ["broadcast_id", "account_id", "id"], postgresql_where=sa.text("state = 'pending'"))
    op.create_index(
        "ix_delivery_open",
        "delivery",
        ["broadcast_id", "account_id", "next_at"],
        postgresql_where=sa.text("state IN ('sending', 'unknown', 'undecided')"),
    )
    op.create_index("ix_delivery_account_id_msgid", "delivery", ["account_id", "msgid"], postgresql_where=sa.text("msgid IS NOT NULL"))
    op.create_index("ix_delivery_follower_id", "delivery", ["follower_id"], postgresql_where=sa.text("follower_id IS NOT NULL"))


def _parked_receipt() -> None:
    op.create_table(
        "parked_receipt",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("msgid", sa.String(64), nullable=False),
        sa.Column("follower_id", sa.BigInteger()),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("occurred_at", Moment(timezone=True), nullable=False),
        sa.Column("parked_at", Moment(timezone=True), nullable=False),
        sa.CheckConstraint("outcome IN ('delivered', 'blocked', 'failed')", name=op.f("ck_parked_receipt_outcome")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_parked_receipt_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parked_receipt")),
        sa.UniqueConstraint("account_id", "msgid", name=op.f("uq_parked_receipt_account_id_msgid")),
    )
    op.create_index("ix_parked_receipt_follower_id", "parked_receipt", ["follower_id"], postgresql_where=sa.text("follower_id IS NOT NULL"))
    op.create_index("ix_parked_receipt_parked_at", "parked_receipt", ["parked_at"])
