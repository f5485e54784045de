"""What was done to prices, until it is in the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "v0004"
down_revision = "v0003"


def upgrade() -> None:
    """Make the outbox."""
    op.create_table(
        "billing_audit_outbox",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
        ),
        sa.Column("record", sa.LargeBinary(), nullable=False),
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("billing_audit_outbox")
