"""Questions to the group's CRM; claim pages in versions with their pictures, and the page a coupon was taken on."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "20261122_1520"
down_revision: str | None = "20261122_1510"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_JSON = postgresql.JSONB(astext_type=sa.Text())


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    _make_questions()
    _make_pages()
    op.create_table(
        "page_picture",
        _id(),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=16), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        _moment("created_at"),
        sa.CheckConstraint("media_type IN ('image/jpeg', 'image/png')", name=op.f("ck_page_picture_media_type")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_page_picture")),
        sa.UniqueConstraint("digest", name=op.f("uq_page_picture_digest")),
    )
    op.add_column("coupon", sa.Column("page_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_coupon_page_id"), "coupon", "claim_page", ["page_id"], ["id"])
    op.create_index("ix_coupon_page_id", "coupon", ["page_id"], unique=False, postgresql_where="page_id IS NOT NULL")


def _make_questions() -> None:
    op.create_table(
        "crm_question",
        _id(),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("card_id", sa.BigInteger(), nullable=False),
        sa.Column("proved", sa.Boolean(), nullable=False),
        sa.Column("number_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        _moment("created_at"),
        _moment("run_after"),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        _moment("tried_at", nullable=True),
        sa.Column("away", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=80), nullable=True),
        sa.Column("points", sa.BigInteger(), nullable=True),
        _moment("settled_at", nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'brought', 'known', 'nobody', 'unproved', 'parked')", name=op.f("ck_crm_question_state")),
        sa.CheckConstraint("tries >= 0 AND turn >= tries", name=op.f("ck_crm_question_tries")),
        sa.CheckConstraint("(state = 'waiting') = (settled_at IS NULL)", name=op.f("ck_crm_question_settled")),
        sa.ForeignKeyConstraint(["card_id"], ["member_card.id"], name=op.f("fk_crm_question_card_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_question")),
        sa.UniqueConstraint("card_id", name=op.f("uq_crm_question_card_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_crm_question_public_id")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("ix_crm_question_due", "crm_question", ["run_after", "id"], unique=False, postgresql_where="state = 'waiting'")
    op.create_index("ix_crm_question_trouble", "crm_question", ["id"], unique=False, postgresql_where="reason IS NOT NULL")


def _make_pages() -> None:
    op.create_table(
        "claim_page",
        _id(),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("slug", sa.String(length=48), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.Column("live_number", sa.Integer(), nullable=True),
        _moment("created_at"),
        _moment("changed_at"),
        sa.CheckConstraint("state IN ('draft', 'published', 'closed')", name=op.f("ck_claim_page_state")),
        sa.CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'", name=op.f("ck_claim_page_slug")),
        sa.CheckConstraint("live_number BETWEEN 1 AND last_number", name=op.f("ck_claim_page_live")),
        sa.CheckConstraint("state <> 'published' OR live_number IS NOT NULL", name=op.f("ck_claim_page_published")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_claim_page_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim_page")),
        sa.UniqueConstraint("public_id", name=op.f("uq_claim_page_public_id")),
        sa.UniqueConstraint("slug", name=op.f("uq_claim_page_slug")),
    )
    op.create_index("ix_claim_page_programme_id", "claim_page", ["programme_id", "id"], unique=False)
    op.create_table(
        "claim_page_version",
        _id(),
        sa.Column("page_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=40), nullable=False),
        _moment("from_at", nullable=True),
        _moment("until_at", nullable=True),
        sa.Column("blocks", _JSON, nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        _moment("created_at"),
        sa.CheckConstraint("number > 0", name=op.f("ck_claim_page_version_number")),
        sa.CheckConstraint("until_at > from_at", name=op.f("ck_claim_page_version_period")),
        sa.ForeignKeyConstraint(["page_id"], ["claim_page.id"], name=op.f("fk_claim_page_version_page_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim_page_version")),
        sa.UniqueConstraint("page_id", "number", name=op.f("uq_claim_page_version_page_id_number")),
    )


def downgrade() -> None:
    op.drop_index("ix_coupon_page_id", table_name="coupon", postgresql_where="page_id IS NOT NULL")
    op.drop_constraint(op.f("fk_coupon_page_id"), "coupon", type_="foreignkey")
    op.drop_column("coupon", "page_id")
    op.drop_table("page_picture")
    op.drop_table("claim_page_version")
    op.drop_index("ix_claim_page_programme_id", table_name="claim_page")
    op.drop_table("claim_page")
    op.drop_index("ix_crm_question_trouble", table_name="crm_question", postgresql_where="reason IS NOT NULL")
    op.drop_index("ix_crm_question_due", table_name="crm_question", postgresql_where="state = 'waiting'")
    op.drop_table("crm_question")
