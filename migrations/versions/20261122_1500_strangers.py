"""Followers that were never looked up are found without reading the others."""

from collections.abc import Sequence

from alembic import op

revision: str = "20261122_1500"
down_revision: str | None = "20261122_1490"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_index(
        "ix_follower_stranger",
        "follower",
        ["account_id", "id"],
        unique=False,
        postgresql_where="synced_at IS NULL AND openid IS NOT NULL AND state = 'following'",
    )


def downgrade() -> None:
    op.drop_index("ix_follower_stranger", table_name="follower")
