"""The ground: accounts, customers, followers, consents, inbound keys, facts, reactions, dead letters, imports."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "20261122_1300"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("appid", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("token_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("aes_key_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("retention", sa.String(length=16), nullable=False),
        sa.Column("client_msg_id_trusted", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("per_second", sa.Integer(), nullable=False),
        sa.Column("per_minute", sa.Integer(), nullable=False),
        sa.Column("per_day", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('service', 'subscription', 'mini')", name=op.f("ck_account_kind")),
        sa.CheckConstraint("mode IN ('plain', 'compatible', 'safe')", name=op.f("ck_account_mode")),
        sa.CheckConstraint("retention IN ('erase', 'keep')", name=op.f("ck_account_retention")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("appid", name=op.f("uq_account_appid")),
        sa.UniqueConstraint("public_id", name=op.f("uq_account_public_id")),
    )
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("object_type", sa.String(length=32), nullable=False),
        sa.Column("object_id", sa.String(length=64), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index(op.f("ix_audit_entry_at"), "audit_entry", ["at"], unique=False)
    op.create_table(
        "business_unit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_business_unit")),
        sa.UniqueConstraint("name", name=op.f("uq_business_unit_name")),
        sa.UniqueConstraint("public_id", name=op.f("uq_business_unit_public_id")),
    )
    op.create_table(
        "consent",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("unionid_digest", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
        sa.UniqueConstraint("unionid_digest", "purpose", "granted_at", name=op.f("uq_consent_unionid_digest_purpose_granted_at")),
    )
    op.create_table(
        "customer",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("joined_into_id", sa.BigInteger(), nullable=True),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("phone_lookup", sa.LargeBinary(), nullable=True),
        sa.Column("phone_lookup_next", sa.LargeBinary(), nullable=True),
        sa.Column("email_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("email_lookup", sa.LargeBinary(), nullable=True),
        sa.Column("email_lookup_next", sa.LargeBinary(), nullable=True),
        sa.Column("address_sealed", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "email_sealed IS NOT NULL OR (email_lookup IS NULL AND email_lookup_next IS NULL)", name=op.f("ck_customer_email_lookup")
        ),
        sa.CheckConstraint(
            "phone_sealed IS NOT NULL OR (phone_lookup IS NULL AND phone_lookup_next IS NULL)", name=op.f("ck_customer_phone_lookup")
        ),
        sa.ForeignKeyConstraint(["joined_into_id"], ["customer.id"], name=op.f("fk_customer_joined_into_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer")),
        sa.UniqueConstraint("public_id", name=op.f("uq_customer_public_id")),
    )
    op.create_index("ix_customer_email_lookup", "customer", ["email_lookup"], unique=False, postgresql_where="email_lookup IS NOT NULL")
    op.create_index(
        "ix_customer_email_lookup_next", "customer", ["email_lookup_next"], unique=False, postgresql_where="email_lookup_next IS NOT NULL"
    )
    op.create_index(op.f("ix_customer_joined_into_id"), "customer", ["joined_into_id"], unique=False)
    op.create_index("ix_customer_phone_lookup", "customer", ["phone_lookup"], unique=False, postgresql_where="phone_lookup IS NOT NULL")
    op.create_index(
        "ix_customer_phone_lookup_next", "customer", ["phone_lookup_next"], unique=False, postgresql_where="phone_lookup_next IS NOT NULL"
    )
    op.create_table(
        "dead_letter",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("stream_id", sa.String(length=40), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("buried_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replays", sa.Integer(), nullable=False),
        sa.Column("replayed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letter")),
        sa.UniqueConstraint("stream_id", name=op.f("uq_dead_letter_stream_id")),
    )
    op.create_index(op.f("ix_dead_letter_buried_at"), "dead_letter", ["buried_at"], unique=False)
    op.create_table(
        "follower",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("openid", sa.String(length=64), nullable=True),
        sa.Column("openid_digest", sa.String(length=64), nullable=False),
        sa.Column("unionid", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("state_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("subscribed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("subscribe_scene", sa.String(length=48), nullable=True),
        sa.Column("last_interaction_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('following', 'gone', 'unknown')", name=op.f("ck_follower_state")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_follower_account_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_follower_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follower")),
        sa.UniqueConstraint("account_id", "openid_digest", name=op.f("uq_follower_account_id_openid_digest")),
    )
    op.create_index(op.f("ix_follower_customer_id"), "follower", ["customer_id"], unique=False)
    op.create_index("ix_follower_unionid", "follower", ["unionid"], unique=False, postgresql_where="unionid IS NOT NULL")
    op.create_table(
        "follower_import",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("next_openid", sa.String(length=64), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("listed", sa.Integer(), nullable=False),
        sa.Column("read", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_follower_import_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_follower_import")),
    )
    op.create_table(
        "inbound",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_inbound_account_id")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_inbound")),
    )
    op.create_table(
        "store",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("business_unit_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["business_unit_id"], ["business_unit.id"], name=op.f("fk_store_business_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_store")),
        sa.UniqueConstraint("business_unit_id", "code", name=op.f("uq_store_business_unit_id_code")),
        sa.UniqueConstraint("public_id", name=op.f("uq_store_public_id")),
    )
    op.create_table(
        "fact",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("kind", sa.String(length=48), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("follower_id", sa.BigInteger(), nullable=True),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_fact_account_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_fact_customer_id")),
        sa.ForeignKeyConstraint(["follower_id"], ["follower.id"], name=op.f("fk_fact_follower_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fact")),
        sa.UniqueConstraint("key", name=op.f("uq_fact_key")),
    )
    op.create_index("ix_fact_account_kind_occurred", "fact", ["account_id", "kind", "occurred_at"], unique=False)
    op.create_index("ix_fact_customer_kind_occurred", "fact", ["customer_id", "kind", "occurred_at"], unique=False)
    op.create_index("ix_fact_follower", "fact", ["follower_id"], unique=False)
    op.create_table(
        "reaction",
        sa.Column("fact_key", sa.String(length=160), nullable=False),
        sa.Column("name", sa.String(length=48), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("run_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["fact_key"], ["fact.key"], name=op.f("fk_reaction_fact_key")),
        sa.PrimaryKeyConstraint("fact_key", "name", name=op.f("pk_reaction")),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index("ix_reaction_due", "reaction", ["run_after"], unique=False, postgresql_where="state IN ('pending', 'sending')")


def downgrade() -> None:
    op.drop_index("ix_reaction_due", table_name="reaction", postgresql_where="state IN ('pending', 'sending')")
    op.drop_table("reaction")
    op.drop_index("ix_fact_follower", table_name="fact")
    op.drop_index("ix_fact_customer_kind_occurred", table_name="fact")
    op.drop_index("ix_fact_account_kind_occurred", table_name="fact")
    op.drop_table("fact")
    op.drop_table("store")
    op.drop_table("inbound")
    op.drop_table("follower_import")
    op.drop_index("ix_follower_unionid", table_name="follower", postgresql_where="unionid IS NOT NULL")
    op.drop_index(op.f("ix_follower_customer_id"), table_name="follower")
    op.drop_table("follower")
    op.drop_index(op.f("ix_dead_letter_buried_at"), table_name="dead_letter")
    op.drop_table("dead_letter")
    op.drop_index("ix_customer_phone_lookup_next", table_name="customer", postgresql_where="phone_lookup_next IS NOT NULL")
    op.drop_index("ix_customer_phone_lookup", table_name="customer", postgresql_where="phone_lookup IS NOT NULL")
    op.drop_index(op.f("ix_customer_joined_into_id"), table_name="customer")
    op.drop_index("ix_customer_email_lookup_next", table_name="customer", postgresql_where="email_lookup_next IS NOT NULL")
    op.drop_index("ix_customer_email_lookup", table_name="customer", postgresql_where="email_lookup IS NOT NULL")
    op.drop_table("customer")
    op.drop_table("consent")
    op.drop_table("business_unit")
    op.drop_index(op.f("ix_audit_entry_at"), table_name="audit_entry")
    op.drop_table("audit_entry")
    op.drop_table("account")
