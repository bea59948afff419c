"""Member cards and tiers."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_1420"
down_revision: str | None = "20261122_1410"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "card_mirror",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("adapter", sa.String(length=32), nullable=False),
        sa.Column("card_id", sa.String(length=64), nullable=True),
        sa.Column("shows_value", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_card_mirror_account_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_card_mirror_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card_mirror")),
        sa.UniqueConstraint("account_id", "card_id", name=op.f("uq_card_mirror_account_id_card_id")),
        sa.UniqueConstraint("programme_id", "account_id", name=op.f("uq_card_mirror_programme_id_account_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_card_mirror_public_id")),
    )
    op.create_table(
        "import_run",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("vendor", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("members", sa.Integer(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("value_fen", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('tried', 'running', 'done')", name=op.f("ck_import_run_state")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_import_run_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_run")),
        sa.UniqueConstraint("programme_id", "digest", name=op.f("uq_import_run_programme_id_digest")),
        sa.UniqueConstraint("public_id", name=op.f("uq_import_run_public_id")),
    )
    op.create_table(
        "opening_gift",
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("business_unit_id", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("points > 0", name=op.f("ck_opening_gift_points")),
        sa.ForeignKeyConstraint(["business_unit_id"], ["business_unit.id"], name=op.f("fk_opening_gift_business_unit_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_opening_gift_programme_id")),
        sa.PrimaryKeyConstraint("programme_id", name=op.f("pk_opening_gift")),
    )
    op.create_table(
        "tier",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("name_en", sa.String(length=32), nullable=False),
        sa.Column("threshold", sa.BigInteger(), nullable=False),
        sa.Column("face", sa.String(length=32), nullable=False),
        sa.Column("discount_percent", sa.Integer(), nullable=False),
        sa.Column("multiplier_percent", sa.Integer(), nullable=False),
        sa.Column("birthday_multiplier_percent", sa.Integer(), nullable=False),
        sa.Column("benefits", sa.Text(), nullable=False),
        sa.Column("benefits_en", sa.Text(), nullable=False),
        sa.CheckConstraint("birthday_multiplier_percent BETWEEN 0 AND 1000", name=op.f("ck_tier_birthday_multiplier_percent")),
        sa.CheckConstraint("discount_percent BETWEEN 0 AND 90", name=op.f("ck_tier_discount_percent")),
        sa.CheckConstraint("multiplier_percent BETWEEN 0 AND 1000", name=op.f("ck_tier_multiplier_percent")),
        sa.CheckConstraint("rank BETWEEN 0 AND 99", name=op.f("ck_tier_rank")),
        sa.CheckConstraint("threshold >= 0", name=op.f("ck_tier_threshold")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_tier_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tier")),
        sa.UniqueConstraint("programme_id", "name", name=op.f("uq_tier_programme_id_name")),
        sa.UniqueConstraint("programme_id", "rank", name=op.f("uq_tier_programme_id_rank")),
        sa.UniqueConstraint("programme_id", "threshold", name=op.f("uq_tier_programme_id_threshold")),
        sa.UniqueConstraint("public_id", name=op.f("uq_tier_public_id")),
    )
    op.create_table(
        "tier_rule",
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("measure", sa.String(length=32), nullable=False),
        sa.Column("window_kind", sa.String(length=8), nullable=False),
        sa.Column("window_days", sa.Integer(), nullable=False),
        sa.Column("grace_days", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(length=4), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("step IN ('one', 'full')", name=op.f("ck_tier_rule_step")),
        sa.CheckConstraint("window_kind IN ('rolling', 'calendar')", name=op.f("ck_tier_rule_window_kind")),
        sa.CheckConstraint("grace_days BETWEEN 0 AND 365", name=op.f("ck_tier_rule_grace_days")),
        sa.CheckConstraint("window_days BETWEEN 1 AND 1100", name=op.f("ck_tier_rule_window_days")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_tier_rule_programme_id")),
        sa.PrimaryKeyConstraint("programme_id", name=op.f("pk_tier_rule")),
    )
    op.create_table(
        "member_card",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.String(length=8), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=True),
        sa.Column("staff_id", sa.BigInteger(), nullable=True),
        sa.Column("tier_id", sa.BigInteger(), nullable=True),
        sa.Column("tier_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tier_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("mirror_id", sa.BigInteger(), nullable=True),
        sa.Column("mirror_code", sa.String(length=32), nullable=True),
        sa.Column("shown_points", sa.BigInteger(), nullable=True),
        sa.Column("shown_value_fen", sa.BigInteger(), nullable=True),
        sa.Column("birthday_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("birthday_lookup", sa.LargeBinary(), nullable=True),
        sa.Column("birthday_lookup_next", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("number ~ '^[0-9]{16}$'", name=op.f("ck_member_card_number")),
        sa.CheckConstraint("opened_by IN ('h5', 'qr', 'one_tap', 'clerk', 'mini', 'import')", name=op.f("ck_member_card_opened_by")),
        sa.CheckConstraint("state IN ('active', 'merged')", name=op.f("ck_member_card_state")),
        sa.CheckConstraint("(mirror_id IS NULL) = (mirror_code IS NULL)", name=op.f("ck_member_card_mirror")),
        sa.CheckConstraint(
            "birthday_sealed IS NOT NULL OR (birthday_lookup IS NULL AND birthday_lookup_next IS NULL)",
            name=op.f("ck_member_card_birthday_lookup"),
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_member_card_customer_id")),
        sa.ForeignKeyConstraint(["mirror_id"], ["card_mirror.id"], name=op.f("fk_member_card_mirror_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_member_card_programme_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_member_card_staff_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_member_card_store_id")),
        sa.ForeignKeyConstraint(["tier_id"], ["tier.id"], name=op.f("fk_member_card_tier_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member_card")),
        sa.UniqueConstraint("number", name=op.f("uq_member_card_number")),
        sa.UniqueConstraint("public_id", name=op.f("uq_member_card_public_id")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index(
        "ix_member_card_birthday_lookup",
        "member_card",
        ["birthday_lookup", "id"],
        unique=False,
        postgresql_where="birthday_lookup IS NOT NULL",
    )
    op.create_index(
        "ix_member_card_birthday_lookup_next",
        "member_card",
        ["birthday_lookup_next", "id"],
        unique=False,
        postgresql_where="birthday_lookup_next IS NOT NULL",
    )
    op.create_index(
        "ix_member_card_due",
        "member_card",
        ["tier_until", "customer_id"],
        unique=False,
        postgresql_where="state = 'active' AND tier_until IS NOT NULL",
    )
    op.create_index(
        "ix_member_card_programme_id_customer_id",
        "member_card",
        ["programme_id", "customer_id"],
        unique=False,
        postgresql_where="state = 'active'",
    )
    op.create_index(
        "ix_member_card_store_id_opened_at", "member_card", ["store_id", "opened_at"], unique=False, postgresql_where="store_id IS NOT NULL"
    )
    op.create_index("ix_member_card_tier_id", "member_card", ["tier_id"], unique=False)
    op.create_index(
        "uq_member_card_customer_id_programme_id",
        "member_card",
        ["customer_id", "programme_id"],
        unique=True,
        postgresql_where="state = 'active'",
    )
    op.create_index(
        "uq_member_card_mirror", "member_card", ["mirror_id", "mirror_code"], unique=True, postgresql_where="mirror_id IS NOT NULL"
    )
    op.create_table(
        "imported_member",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("vendor", sa.String(length=32), nullable=False),
        sa.Column("external_id", sa.String(length=64), nullable=False),
        sa.Column("card_id", sa.BigInteger(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["card_id"], ["member_card.id"], name=op.f("fk_imported_member_card_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_imported_member_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imported_member")),
        sa.UniqueConstraint("programme_id", "vendor", "external_id", name=op.f("uq_imported_member_programme_id_vendor_external_id")),
    )
    op.create_index(op.f("ix_imported_member_card_id"), "imported_member", ["card_id"], unique=False)
    op.create_table(
        "tier_change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("card_id", sa.BigInteger(), nullable=False),
        sa.Column("from_tier_id", sa.BigInteger(), nullable=True),
        sa.Column("to_tier_id", sa.BigInteger(), nullable=True),
        sa.Column("why", sa.String(length=16), nullable=False),
        sa.Column("measured", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "why IN ('opened', 'qualified', 'period_ended', 'override', 'override_ended', 'imported', 'joined')",
            name=op.f("ck_tier_change_why"),
        ),
        sa.ForeignKeyConstraint(["card_id"], ["member_card.id"], name=op.f("fk_tier_change_card_id")),
        sa.ForeignKeyConstraint(["from_tier_id"], ["tier.id"], name=op.f("fk_tier_change_from_tier_id")),
        sa.ForeignKeyConstraint(["to_tier_id"], ["tier.id"], name=op.f("fk_tier_change_to_tier_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tier_change")),
        sa.UniqueConstraint("public_id", name=op.f("uq_tier_change_public_id")),
    )
    op.create_index("ix_tier_change_card_id_at", "tier_change", ["card_id", "at"], unique=False)
    op.create_table(
        "tier_override",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("card_id", sa.BigInteger(), nullable=False),
        sa.Column("tier_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_tier_override_reason")),
        sa.CheckConstraint("ends_at > from_at", name=op.f("ck_tier_override_ends_at")),
        sa.ForeignKeyConstraint(["card_id"], ["member_card.id"], name=op.f("fk_tier_override_card_id")),
        sa.ForeignKeyConstraint(["tier_id"], ["tier.id"], name=op.f("fk_tier_override_tier_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tier_override")),
        sa.UniqueConstraint("public_id", name=op.f("uq_tier_override_public_id")),
    )
    op.create_index("uq_tier_override_open", "tier_override", ["card_id"], unique=True, postgresql_where="ended_at IS NULL")


def downgrade() -> None:
    op.drop_index("uq_tier_override_open", table_name="tier_override", postgresql_where="ended_at IS NULL")
    op.drop_table("tier_override")
    op.drop_index("ix_tier_change_card_id_at", table_name="tier_change")
    op.drop_table("tier_change")
    op.drop_index(op.f("ix_imported_member_card_id"), table_name="imported_member")
    op.drop_table("imported_member")
    op.drop_index("uq_member_card_mirror", table_name="member_card", postgresql_where="mirror_id IS NOT NULL")
    op.drop_index("uq_member_card_customer_id_programme_id", table_name="member_card", postgresql_where="state = 'active'")
    op.drop_index("ix_member_card_tier_id", table_name="member_card")
    op.drop_index("ix_member_card_store_id_opened_at", table_name="member_card", postgresql_where="store_id IS NOT NULL")
    op.drop_index("ix_member_card_programme_id_customer_id", table_name="member_card", postgresql_where="state = 'active'")
    op.drop_index("ix_member_card_due", table_name="member_card", postgresql_where="state = 'active' AND tier_until IS NOT NULL")
    op.drop_index("ix_member_card_birthday_lookup_next", table_name="member_card", postgresql_where="birthday_lookup_next IS NOT NULL")
    op.drop_index("ix_member_card_birthday_lookup", table_name="member_card", postgresql_where="birthday_lookup IS NOT NULL")
    op.drop_table("member_card")
    op.drop_table("tier_rule")
    op.drop_table("tier")
    op.drop_table("opening_gift")
    op.drop_table("import_run")
    op.drop_table("card_mirror")
