"""What an order used is found by the order; a consent's withdrawal outlives the erasure of who said it."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_1530"
down_revision: str | None = "20261122_1520"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_index(
        "ix_coupon_hold_settled", "coupon_hold", ["order_key"], unique=False, postgresql_where="state IN ('confirmed', 'reversed')"
    )
    op.add_column("follower", sa.Column("join_revoked_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "consent_withdrawal",
        sa.Column("unionid_digest", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("unionid_digest", "purpose", name=op.f("pk_consent_withdrawal")),
    )
    # Withdrawals that are on record already, under their followers and, where a unionid is known, under the person.
    op.execute(
        """
        UPDATE follower SET join_revoked_at = said.at
        FROM (SELECT follower_id, max(occurred_at) AS at FROM fact
              WHERE kind = 'consent.revoked' AND follower_id IS NOT NULL AND coalesce(data ->> 'purpose', 'join_accounts') = 'join_accounts'
              GROUP BY follower_id) AS said
        WHERE follower.id = said.follower_id
        """
    )
    op.execute(
        """
        INSERT INTO consent_withdrawal (unionid_digest, purpose, revoked_at)
        SELECT unionid_digest, purpose, max(revoked_at) FROM consent WHERE revoked_at IS NOT NULL GROUP BY unionid_digest, purpose
        """
    )


def downgrade() -> None:
    op.drop_table("consent_withdrawal")
    op.drop_column("follower", "join_revoked_at")
    op.drop_index("ix_coupon_hold_settled", table_name="coupon_hold")
