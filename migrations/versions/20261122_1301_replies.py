"""Replies, keywords and menus."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "20261122_1301"
down_revision: str | None = "20261122_1300"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "reply_rule",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("public_id", sa.Uuid(), nullable=False, unique=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("account_id", sa.BigInteger(), sa.ForeignKey("account.id")),
        sa.Column("trigger", sa.String(16), nullable=False),
        sa.Column("match", sa.String(16), nullable=False),
        sa.Column("pattern", sa.String(256), nullable=False),
        sa.Column("reply", postgresql.JSONB(none_as_null=True)),
        sa.Column("records", sa.String(32)),
        sa.Column("consent_version", sa.String(32)),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("trigger IN ('follow', 'keyword', 'menu', 'scan', 'default')", name="trigger"),
        sa.CheckConstraint("match IN ('exact', 'contains', 'regex')", name="match"),
        sa.CheckConstraint("records IN ('consent.granted', 'consent.revoked')", name="records"),
        sa.CheckConstraint("records IS NULL OR consent_version IS NOT NULL", name="consent_version"),
        sa.CheckConstraint("reply IS NOT NULL OR records IS NOT NULL", name="says_or_records"),
        sa.CheckConstraint("trigger IN ('follow', 'scan', 'default') OR pattern <> ''", name="pattern"),
    )
    op.create_index("ix_reply_rule_account_id", "reply_rule", ["account_id"])
    op.create_table(
        "menu",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("public_id", sa.Uuid(), nullable=False, unique=True),
        sa.Column("account_id", sa.BigInteger(), sa.ForeignKey("account.id"), nullable=False),
        sa.Column("wechat_tag_id", sa.Integer()),
        sa.Column("buttons", postgresql.JSONB(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("pushed_at", sa.DateTime(timezone=True)),
        sa.Column("pushed_digest", sa.String(64)),
        sa.Column("pushed_menu_id", sa.String(32)),
        sa.UniqueConstraint("account_id", "wechat_tag_id", postgresql_nulls_not_distinct=True),
    )


def downgrade() -> None:
    op.drop_table("menu")
    op.drop_table("reply_rule")
