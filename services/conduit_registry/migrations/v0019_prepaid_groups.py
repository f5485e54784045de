"""Groups of virtual keys that are paid for in advance."""

import sqlalchemy as sa
from alembic import op

revision = "v0019"
down_revision = "v0018"


def upgrade() -> None:
    """No group that there is was."""
    column: sa.Column[bool] = sa.Column(
        "is_prepaid", sa.Boolean(), nullable=False, server_default=sa.false()
    )
    op.add_column("virtual_key_groups", column)


def downgrade() -> None:
    """Forget it."""
    op.drop_column("virtual_key_groups", "is_prepaid")
