"""Typed claim codes, packs for friends, personal values, the blacklist, points that wait for a verdict, and coupons in WeChat's wallet."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "20261122_1490"
down_revision: str | None = "20261122_1480"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_JSON = postgresql.JSONB(astext_type=sa.Text())


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    _make_claiming()
    _make_block()
    _make_mirror()
    op.add_column("coupon_template", sa.Column("value_rule", _JSON, nullable=True))
    op.add_column("coupon_template", sa.Column("budget_fen", sa.BigInteger(), nullable=True))
    op.create_check_constraint(op.f("ck_coupon_template_personal"), "coupon_template", "(value_rule IS NULL) = (budget_fen IS NULL)")
    op.add_column("coupon", sa.Column("own_terms", _JSON, nullable=True))
    op.add_column("coupon", sa.Column("device", sa.BigInteger(), nullable=True))
    op.add_column("coupon_gift", sa.Column("pack_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_coupon_gift_pack_id"), "coupon_gift", "coupon_pack", ["pack_id"], ["id"])
    op.create_index("ix_coupon_gift_pack_id", "coupon_gift", ["pack_id"], unique=False, postgresql_where="pack_id IS NOT NULL")
    op.add_column("suspicion", sa.Column("purchase_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_suspicion_purchase_id"), "suspicion", "purchase", ["purchase_id"], ["id"])
    op.create_unique_constraint(op.f("uq_suspicion_purchase_id"), "suspicion", ["purchase_id"])


def _make_claiming() -> None:
    op.create_table(
        "claim_code",
        _id(),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("template_id", sa.BigInteger(), nullable=False),
        sa.Column("batch", sa.Uuid(), nullable=True),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        _moment("until", nullable=True),
        sa.Column("actor", sa.String(length=64), nullable=False),
        _moment("created_at"),
        _moment("closed_at", nullable=True),
        sa.CheckConstraint("most > 0 AND used BETWEEN 0 AND most", name=op.f("ck_claim_code_used")),
        sa.ForeignKeyConstraint(["template_id"], ["coupon_template.id"], name=op.f("fk_claim_code_template_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim_code")),
        sa.UniqueConstraint("code", name=op.f("uq_claim_code_code")),
        sa.UniqueConstraint("public_id", name=op.f("uq_claim_code_public_id")),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index("ix_claim_code_template_id", "claim_code", ["template_id"], unique=False)
    op.create_index("ix_claim_code_batch", "claim_code", ["batch"], unique=False, postgresql_where="batch IS NOT NULL")
    op.create_table(
        "coupon_pack",
        _id(),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("giver_id", sa.BigInteger(), nullable=False),
        sa.Column("template_id", sa.BigInteger(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        _moment("expires_at"),
        _moment("created_at"),
        _moment("recalled_at", nullable=True),
        sa.CheckConstraint("size > 1", name=op.f("ck_coupon_pack_size")),
        sa.ForeignKeyConstraint(["giver_id"], ["customer.id"], name=op.f("fk_coupon_pack_giver_id")),
        sa.ForeignKeyConstraint(["template_id"], ["coupon_template.id"], name=op.f("fk_coupon_pack_template_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupon_pack")),
        sa.UniqueConstraint("public_id", name=op.f("uq_coupon_pack_public_id")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_coupon_pack_token_hash")),
    )
    op.create_index("ix_coupon_pack_giver_id", "coupon_pack", ["giver_id"], unique=False)


def _make_block() -> None:
    op.create_table(
        "block",
        _id(),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("phone_lookup", sa.LargeBinary(), nullable=True),
        sa.Column("phone_lookup_next", sa.LargeBinary(), nullable=True),
        sa.Column("device", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        _moment("until", nullable=True),
        sa.Column("actor", sa.String(length=64), nullable=False),
        _moment("created_at"),
        _moment("lifted_at", nullable=True),
        sa.Column("lifted_by", sa.String(length=64), nullable=True),
        sa.Column("lifted_why", sa.String(length=200), nullable=False),
        sa.CheckConstraint(
            "(kind = 'customer' AND customer_id IS NOT NULL AND phone_sealed IS NULL AND device IS NULL)"
            " OR (kind = 'phone' AND customer_id IS NULL AND phone_sealed IS NOT NULL AND device IS NULL)"
            " OR (kind = 'device' AND customer_id IS NULL AND phone_sealed IS NULL AND device IS NOT NULL)",
            name=op.f("ck_block_kind"),
        ),
        sa.CheckConstraint("(phone_sealed IS NULL) = (phone_lookup IS NULL)", name=op.f("ck_block_phone")),
        sa.CheckConstraint("(lifted_at IS NULL) = (lifted_by IS NULL)", name=op.f("ck_block_lifted")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_block_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_block")),
        sa.UniqueConstraint("public_id", name=op.f("uq_block_public_id")),
    )
    for column in ("customer_id", "phone_lookup", "device"):
        where = f"lifted_at IS NULL AND {column} IS NOT NULL"
        op.create_index(f"ix_block_{column}", "block", [column], unique=False, postgresql_where=where)


def _make_mirror() -> None:
    op.create_table(
        "coupon_mirror",
        _id(),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("template_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=False),
        sa.Column("adapter", sa.String(length=16), nullable=False),
        sa.Column("card_id", sa.String(length=64), nullable=False),
        _moment("created_at"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_coupon_mirror_account_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_coupon_mirror_store_id")),
        sa.ForeignKeyConstraint(["template_id"], ["coupon_template.id"], name=op.f("fk_coupon_mirror_template_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupon_mirror")),
        sa.UniqueConstraint("account_id", "card_id", name=op.f("uq_coupon_mirror_account_id_card_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_coupon_mirror_public_id")),
    )
    op.create_index("ix_coupon_mirror_template_id", "coupon_mirror", ["template_id"], unique=False)
    op.create_table(
        "mirrored_coupon",
        _id(),
        sa.Column("mirror_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("coupon_id", sa.BigInteger(), nullable=True),
        _moment("asked_at", nullable=True),
        _moment("told_at", nullable=True),
        _moment("consumed_at", nullable=True),
        sa.Column("consumed_source", sa.String(length=32), nullable=False),
        sa.CheckConstraint("consumed_at IS NOT NULL OR consumed_source = ''", name=op.f("ck_mirrored_coupon_consumed")),
        sa.ForeignKeyConstraint(["coupon_id"], ["coupon.id"], name=op.f("fk_mirrored_coupon_coupon_id")),
        sa.ForeignKeyConstraint(["mirror_id"], ["coupon_mirror.id"], name=op.f("fk_mirrored_coupon_mirror_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mirrored_coupon")),
        sa.UniqueConstraint("mirror_id", "code", name=op.f("uq_mirrored_coupon_mirror_id_code")),
    )
    op.create_index(
        "ix_mirrored_coupon_coupon_id", "mirrored_coupon", ["coupon_id"], unique=False, postgresql_where="coupon_id IS NOT NULL"
    )


def downgrade() -> None:
    op.drop_table("mirrored_coupon")
    op.drop_table("coupon_mirror")
    op.drop_table("block")
    op.drop_constraint(op.f("uq_suspicion_purchase_id"), "suspicion", type_="unique")
    op.drop_column("suspicion", "purchase_id")
    op.drop_column("coupon_gift", "pack_id")
    op.drop_table("coupon_pack")
    op.drop_table("claim_code")
    op.drop_column("coupon", "device")
    op.drop_column("coupon", "own_terms")
    op.drop_constraint(op.f("ck_coupon_template_personal"), "coupon_template", type_="check")
    op.drop_column("coupon_template", "budget_fen")
    op.drop_column("coupon_template", "value_rule")
