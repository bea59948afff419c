"""Members: fixed days of expiry, tiers that are bought or given, old card numbers, wishes and consents, stages of life, festivals."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "20261122_1480"
down_revision: str | None = "20261122_1470"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    _expiry(("never", "rolling", "year_end", "fixed_day"))
    op.add_column("programme", sa.Column("expiry_day", sa.String(length=5), nullable=True))
    op.create_check_constraint(op.f("ck_programme_expiry_day"), "programme", "(expiry = 'fixed_day') = (expiry_day IS NOT NULL)")
    op.alter_column("tier", "threshold", existing_type=sa.BigInteger(), nullable=True)
    op.add_column("tier", sa.Column("sku", sa.String(length=64), nullable=True))
    op.add_column("tier", sa.Column("term_days", sa.Integer(), nullable=True))
    op.create_check_constraint(op.f("ck_tier_sku"), "tier", "(sku IS NULL) = (term_days IS NULL)")
    op.create_check_constraint(op.f("ck_tier_term_days"), "tier", "term_days BETWEEN 1 AND 3660")
    op.create_unique_constraint(op.f("uq_tier_programme_id_sku"), "tier", ["programme_id", "sku"])
    _why("'opened', 'qualified', 'period_ended', 'override', 'override_ended', 'granted', 'imported', 'joined'")
    op.add_column("tier_override", sa.Column("way", sa.String(length=8), nullable=False, server_default="hand"))
    op.alter_column("tier_override", "way", server_default=None)
    op.add_column("tier_override", sa.Column("source", sa.String(length=160), nullable=True))
    op.create_check_constraint(op.f("ck_tier_override_way"), "tier_override", "way IN ('hand', 'paid', 'invited')")
    op.create_unique_constraint(op.f("uq_tier_override_source"), "tier_override", ["source"])
    op.drop_index("uq_tier_override_open", table_name="tier_override")
    op.create_index(
        "uq_tier_override_open", "tier_override", ["card_id"], unique=True, postgresql_where="ended_at IS NULL AND way = 'hand'"
    )
    op.create_index("ix_tier_override_granted", "tier_override", ["card_id"], postgresql_where="ended_at IS NULL AND way <> 'hand'")
    _old_numbers()
    _contact()
    _lifecycle()


def downgrade() -> None:
    for table in ("festival_day", "customer_lifecycle", "lifecycle_stage", "email_consent", "contact_wish", "old_card_number"):
        op.drop_table(table)
    op.drop_index("ix_tier_override_granted", table_name="tier_override")
    op.drop_index("uq_tier_override_open", table_name="tier_override")
    op.execute("DELETE FROM tier_override WHERE way <> 'hand'")
    op.create_index("uq_tier_override_open", "tier_override", ["card_id"], unique=True, postgresql_where="ended_at IS NULL")
    op.drop_constraint(op.f("uq_tier_override_source"), "tier_override", type_="unique")
    op.drop_constraint(op.f("ck_tier_override_way"), "tier_override", type_="check")
    op.drop_column("tier_override", "source")
    op.drop_column("tier_override", "way")
    op.execute("UPDATE tier_change SET why = 'override' WHERE why = 'granted'")
    _why("'opened', 'qualified', 'period_ended', 'override', 'override_ended', 'imported', 'joined'")
    op.drop_constraint(op.f("uq_tier_programme_id_sku"), "tier", type_="unique")
    op.drop_constraint(op.f("ck_tier_term_days"), "tier", type_="check")
    op.drop_constraint(op.f("ck_tier_sku"), "tier", type_="check")
    op.drop_column("tier", "term_days")
    op.drop_column("tier", "sku")
    # A tier that nobody earns has no place in the older shape: it is kept far out of reach.
    op.execute("UPDATE tier SET threshold = 1000000000000 + rank WHERE threshold IS NULL")
    op.alter_column("tier", "threshold", existing_type=sa.BigInteger(), nullable=False)
    op.drop_constraint(op.f("ck_programme_expiry_day"), "programme", type_="check")
    op.execute("UPDATE programme SET expiry = 'year_end' WHERE expiry = 'fixed_day'")
    op.drop_column("programme", "expiry_day")
    _expiry(("never", "rolling", "year_end"))


def _expiry(kinds: Sequence[str]) -> None:
    op.drop_constraint(op.f("ck_programme_expiry"), "programme", type_="check")
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    op.create_check_constraint(op.f("ck_programme_expiry"), "programme", f"expiry IN ({listed})")


def _why(listed: str) -> None:
    op.drop_constraint(op.f("ck_tier_change_why"), "tier_change", type_="check")
    op.create_check_constraint(op.f("ck_tier_change_why"), "tier_change", f"why IN ({listed})")


def _old_numbers() -> None:
    op.create_table(
        "old_card_number",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("card_id", sa.BigInteger(), nullable=False),
        sa.Column("number_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("number_lookup", sa.LargeBinary(), nullable=False),
        sa.Column("number_lookup_next", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["card_id"], ["member_card.id"], name=op.f("fk_old_card_number_card_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_old_card_number_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_old_card_number")),
        sa.UniqueConstraint("programme_id", "number_lookup", name=op.f("uq_old_card_number_programme_id_number_lookup")),
        sa.UniqueConstraint("public_id", name=op.f("uq_old_card_number_public_id")),
    )
    op.create_index(op.f("ix_old_card_number_card_id"), "old_card_number", ["card_id"], unique=False)
    op.create_index(
        "ix_old_card_number_number_lookup_next",
        "old_card_number",
        ["number_lookup_next"],
        unique=False,
        postgresql_where="number_lookup_next IS NOT NULL",
    )


def _contact() -> None:
    op.create_table(
        "contact_wish",
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("topic", sa.String(length=8), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("channel IN ('service', 'email')", name=op.f("ck_contact_wish_channel")),
        sa.CheckConstraint("topic IN ('expiry', 'greeting', 'tier')", name=op.f("ck_contact_wish_topic")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_contact_wish_customer_id")),
        sa.PrimaryKeyConstraint("customer_id", "topic", "channel", name=op.f("pk_contact_wish")),
    )
    op.create_table(
        "email_consent",
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=16), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_email_consent_customer_id")),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_email_consent")),
    )


def _lifecycle() -> None:
    op.create_table(
        "lifecycle_stage",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("name_en", sa.String(length=32), nullable=False),
        sa.Column("conditions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("rank BETWEEN 0 AND 99", name=op.f("ck_lifecycle_stage_rank")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_lifecycle_stage_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lifecycle_stage")),
        sa.UniqueConstraint("programme_id", "name", name=op.f("uq_lifecycle_stage_programme_id_name")),
        sa.UniqueConstraint("programme_id", "rank", name=op.f("uq_lifecycle_stage_programme_id_rank")),
        sa.UniqueConstraint("public_id", name=op.f("uq_lifecycle_stage_public_id")),
    )
    op.create_table(
        "customer_lifecycle",
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("stage_id", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_customer_lifecycle_customer_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_customer_lifecycle_programme_id")),
        sa.ForeignKeyConstraint(["stage_id"], ["lifecycle_stage.id"], name=op.f("fk_customer_lifecycle_stage_id")),
        sa.PrimaryKeyConstraint("programme_id", "customer_id", name=op.f("pk_customer_lifecycle")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("ix_customer_lifecycle_stage_id", "customer_lifecycle", ["stage_id", "customer_id"], unique=False)
    op.create_table(
        "festival_day",
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("words", sa.String(length=100), nullable=False),
        sa.Column("words_en", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_festival_day_programme_id")),
        sa.PrimaryKeyConstraint("programme_id", "day", name=op.f("pk_festival_day")),
    )
