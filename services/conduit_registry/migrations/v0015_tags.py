"""What calls of virtual keys belong to, and what their operators note of them."""

import sqlalchemy as sa
from alembic import op

revision = "v0015"
down_revision = "v0014"


def upgrade() -> None:
    """Add the columns; keys that there are have none of it, and all instances may serve them."""
    for name, empty in (("tags", "[]"), ("notes", "{}"), ("allowed_providers", "[]")):
        none = sa.Column(name, sa.JSON(), nullable=False, server_default=empty)
        op.add_column("virtual_keys", none)


def downgrade() -> None:
    """Remove the columns."""
    for name in ("allowed_providers", "notes", "tags"):
        op.drop_column("virtual_keys", name)
