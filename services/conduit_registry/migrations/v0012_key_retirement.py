"""Former values of rotated keys, which are kept for a time, and where values may be sent."""

import sqlalchemy as sa
from alembic import op

revision = "v0012"
down_revision = "v0011"


def upgrade() -> None:
    """Add when a key is removed: none is; and the destination, which the Registry finds out."""
    op.add_column("key_credentials", sa.Column("retires_at", sa.BigInteger()))
    destination = sa.Column("destination", sa.Text(), nullable=False, server_default="")
    op.add_column("key_credentials", destination)


def downgrade() -> None:
    """Remove them; former values stay, as keys like any other."""
    op.drop_column("key_credentials", "destination")
    op.drop_column("key_credentials", "retires_at")
