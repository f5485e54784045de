"""How instances were."""

import sqlalchemy as sa
from alembic import op

revision = "v0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    _make_health_moments()


def downgrade() -> None:
    """Remove the tables."""
    op.drop_table("health_moments")


def _make_health_moments() -> None:
    op.create_table(
        "health_moments",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("response_time_ms", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("is_probe", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_health_moments_at"), "health_moments", ["at"], unique=False)
    op.create_index(
        "ix_health_moments_provider", "health_moments", ["provider_id", "at"], unique=False
    )
