"""Consents that callers have stored, to voices made of speakers."""

import sqlalchemy as sa
from alembic import op

revision = "v0003"
down_revision = "v0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "storage_voice_consents",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("virtual_key_id", sa.BigInteger(), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=False),
        sa.Column("account_group", sa.Text(), nullable=False),
        sa.Column("upstream_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    columns = ["virtual_key_id", "id"]
    name = "ix_storage_voice_consents_of_key"
    op.create_index(name, "storage_voice_consents", columns, unique=False)


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("storage_voice_consents")
