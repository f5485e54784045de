"""Each line of the audit log names the one before it, so that none can be taken out."""

import sqlalchemy as sa
from alembic import op

revision = "v0008"
down_revision = "v0007"


def upgrade() -> None:
    """Add the chain, which begins with the next line."""
    op.add_column("audit_entries", sa.Column("hash", sa.LargeBinary()))
    op.create_table(
        "audit_chain",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("base_revision", sa.BigInteger(), nullable=False),
        sa.Column("base_hash", sa.LargeBinary(), nullable=False),
        sa.Column("head_revision", sa.BigInteger(), nullable=False),
        sa.Column("head_hash", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
    )


def downgrade() -> None:
    """Remove the chain."""
    op.drop_table("audit_chain")
    op.drop_column("audit_entries", "hash")
