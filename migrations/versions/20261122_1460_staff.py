"""Departments, where devices stand and when they were last seen, staff bound to WeChat, their scans, and the audit's look-ups."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_1460"
down_revision: str | None = "20261122_1450"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_PLACE, _PLACE_OLD = "uq_staff_position_place", "uq_staff_position_staff_id_business_unit_id_store_id_role"


def upgrade() -> None:
    op.create_table(
        "department",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_department_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_department")),
        sa.UniqueConstraint("public_id", name=op.f("uq_department_public_id")),
        sa.UniqueConstraint("store_id", "code", name=op.f("uq_department_store_id_code")),
    )
    op.add_column("staff", sa.Column("wechat_digest", sa.String(length=64), nullable=True))
    op.add_column("staff", sa.Column("wechat_bound_at", sa.DateTime(timezone=True), nullable=True))
    op.create_unique_constraint(op.f("uq_staff_wechat_digest"), "staff", ["wechat_digest"])
    op.add_column("device", sa.Column("department_id", sa.BigInteger(), nullable=True))
    op.add_column("device", sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True))
    op.create_foreign_key(op.f("fk_device_department_id"), "device", "department", ["department_id"], ["id"])
    op.create_index("ix_device_department_id", "device", ["department_id"])
    op.add_column("staff_position", sa.Column("department_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_staff_position_department_id"), "staff_position", "department", ["department_id"], ["id"])
    op.create_index("ix_staff_position_department_id", "staff_position", ["department_id"])
    _set_place("num_nonnulls(business_unit_id, store_id, department_id) <= 1")
    op.drop_constraint(_PLACE_OLD, "staff_position", type_="unique")
    places = ["staff_id", "business_unit_id", "store_id", "department_id", "role"]
    op.create_unique_constraint(_PLACE, "staff_position", places, postgresql_nulls_not_distinct=True)
    op.create_table(
        "staff_scan",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("state_hash", sa.LargeBinary(), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.String(length=8), nullable=False),
        sa.Column("staff_id", sa.BigInteger(), nullable=True),
        sa.Column("by_session_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("purpose IN ('log_in', 'bind')", name=op.f("ck_staff_scan_purpose")),
        sa.CheckConstraint("purpose = 'log_in' OR (staff_id IS NOT NULL AND by_session_id IS NOT NULL)", name=op.f("ck_staff_scan_bind")),
        sa.CheckConstraint("used_at IS NULL OR claimed_at IS NOT NULL", name=op.f("ck_staff_scan_used_at")),
        sa.ForeignKeyConstraint(["by_session_id"], ["staff_session.id"], name=op.f("fk_staff_scan_by_session_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_staff_scan_device_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_scan_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_scan")),
        sa.UniqueConstraint("browser_hash", name=op.f("uq_staff_scan_browser_hash")),
        sa.UniqueConstraint("state_hash", name=op.f("uq_staff_scan_state_hash")),
    )
    op.create_index("ix_staff_scan_expires_at", "staff_scan", ["expires_at"])
    op.create_index("ix_audit_entry_object", "audit_entry", ["object_type", "object_id"])


def downgrade() -> None:
    op.drop_index("ix_audit_entry_object", table_name="audit_entry")
    op.drop_table("staff_scan")
    # A position in a department has no meaning in the schema before: it is taken away, never widened to the whole group.
    op.execute("DELETE FROM staff_position WHERE department_id IS NOT NULL")
    op.drop_constraint(_PLACE, "staff_position", type_="unique")
    places = ["staff_id", "business_unit_id", "store_id", "role"]
    op.create_unique_constraint(_PLACE_OLD, "staff_position", places, postgresql_nulls_not_distinct=True)
    _set_place("business_unit_id IS NULL OR store_id IS NULL")
    op.drop_index("ix_staff_position_department_id", table_name="staff_position")
    op.drop_column("staff_position", "department_id")
    op.drop_index("ix_device_department_id", table_name="device")
    op.drop_column("device", "seen_at")
    op.drop_column("device", "department_id")
    op.drop_constraint(op.f("uq_staff_wechat_digest"), "staff", type_="unique")
    op.drop_column("staff", "wechat_bound_at")
    op.drop_column("staff", "wechat_digest")
    op.drop_table("department")


def _set_place(condition: str) -> None:
    op.drop_constraint(op.f("ck_staff_position_place"), "staff_position", type_="check")
    op.create_check_constraint(op.f("ck_staff_position_place"), "staff_position", condition)
