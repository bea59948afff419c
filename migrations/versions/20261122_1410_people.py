"""Staff, devices and idempotency."""

from collections.abc import Sequence

revision: str = "20261122_1410"
down_revision: str | None = "20261122_1405"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
