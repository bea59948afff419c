"""Orders, earning rules and settlement."""

from collections.abc import Sequence

revision: str = "20261122_1430"
down_revision: str | None = "20261122_1420"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
