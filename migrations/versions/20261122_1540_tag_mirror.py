"""Which tags are carried to WeChat, account by account."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_1540"
down_revision: str | None = "20261122_1530"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "tag_mirror",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tag_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("wechat_tag_id", sa.Integer(), nullable=False),
        sa.Column("members", sa.Integer(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("problem", sa.String(length=200), nullable=False),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_tag_mirror_account_id")),
        sa.ForeignKeyConstraint(["tag_id"], ["tag.id"], name=op.f("fk_tag_mirror_tag_id")),
        sa.PrimaryKeyConstraint("account_id", "tag_id", name=op.f("pk_tag_mirror")),
    )
    op.create_index(op.f("ix_tag_mirror_tag_id"), "tag_mirror", ["tag_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_tag_mirror_tag_id"), table_name="tag_mirror")
    op.drop_table("tag_mirror")
