"""The ledger, the prices, and the sums for reports."""

import sqlalchemy as sa
from alembic import op

revision = "v0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    _make_billing_accounts()
    _make_billing_charges()
    _make_billing_days()
    _make_billing_hour_buckets()
    _make_billing_hours()
    _make_billing_model_costs()
    _make_billing_providers()
    _make_billing_tallies()
    _make_billing_charge_lines()
    _make_billing_entries()


def downgrade() -> None:
    """Remove the tables."""
    op.drop_table("billing_entries")
    op.drop_table("billing_charge_lines")
    op.drop_table("billing_tallies")
    op.drop_table("billing_providers")
    op.drop_table("billing_model_costs")
    op.drop_table("billing_hours")
    op.drop_table("billing_hour_buckets")
    op.drop_table("billing_days")
    op.drop_table("billing_charges")
    op.drop_table("billing_accounts")


def _make_billing_accounts() -> None:
    op.create_table(
        "billing_accounts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.String(length=300), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )


def _make_billing_charges() -> None:
    op.create_table(
        "billing_charges",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("request_id", sa.String(length=200), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=False),
        sa.Column("provider_type", sa.String(length=100), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("account_group", sa.String(length=200), nullable=False),
        sa.Column("virtual_key_id", sa.BigInteger(), nullable=False),
        sa.Column("model_alias", sa.String(length=200), nullable=False),
        sa.Column("actual_model_name", sa.String(length=500), nullable=False),
        sa.Column("operation", sa.String(length=40), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=True),
        sa.Column("price_version", sa.String(length=100), nullable=False),
        sa.Column("usage_source", sa.SmallInteger(), nullable=False),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_billing_charges_provider", "billing_charges", ["provider_id", "id"], unique=False
    )
    op.create_index("ix_billing_charges_request", "billing_charges", ["request_id"], unique=False)
    op.create_index(
        "ix_billing_charges_virtual_key", "billing_charges", ["virtual_key_id", "id"], unique=False
    )


def _make_billing_days() -> None:
    op.create_table(
        "billing_days",
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("provider_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_group", sa.String(length=200), nullable=False),
        sa.Column("virtual_key_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("model_alias", sa.String(length=200), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("unpriced_requests", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "day", "provider_id", "account_group", "virtual_key_id", "model_alias"
        ),
        sqlite_with_rowid=False,
    )


def _make_billing_hour_buckets() -> None:
    op.create_table(
        "billing_hour_buckets",
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("provider_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "provider_id", "bucket"),
        sqlite_with_rowid=False,
    )


def _make_billing_hours() -> None:
    op.create_table(
        "billing_hours",
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("provider_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("successes", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms_sum", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "provider_id"),
        sqlite_with_rowid=False,
    )


def _make_billing_model_costs() -> None:
    op.create_table(
        "billing_model_costs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=False),
        sa.Column("model_pattern", sa.String(length=200), nullable=False),
        sa.Column("input_per_1k", sa.BigInteger(), nullable=True),
        sa.Column("output_per_1k", sa.BigInteger(), nullable=True),
        sa.Column("cached_input_per_1k", sa.BigInteger(), nullable=True),
        sa.Column("per_unit", sa.BigInteger(), nullable=True),
        sa.Column("calculation", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("provider_id", "model_pattern", name="uq_billing_model_costs_pattern"),
        sqlite_autoincrement=True,
    )


def _make_billing_providers() -> None:
    op.create_table(
        "billing_providers",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _make_billing_tallies() -> None:
    op.create_table(
        "billing_tallies",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_billing_tallies_started_at"), "billing_tallies", ["started_at"], unique=False
    )


def _make_billing_charge_lines() -> None:
    op.create_table(
        "billing_charge_lines",
        sa.Column("charge_id", sa.String(length=26), nullable=False),
        sa.Column("position", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("unit", sa.SmallInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["charge_id"],
            ["billing_charges.id"],
        ),
        sa.PrimaryKeyConstraint("charge_id", "position"),
        sqlite_with_rowid=False,
    )


def _make_billing_entries() -> None:
    op.create_table(
        "billing_entries",
        sa.Column("charge_id", sa.String(length=26), nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["billing_accounts.id"],
        ),
        sa.ForeignKeyConstraint(
            ["charge_id"],
            ["billing_charges.id"],
        ),
        sa.PrimaryKeyConstraint("charge_id", "account_id"),
        sqlite_with_rowid=False,
    )
