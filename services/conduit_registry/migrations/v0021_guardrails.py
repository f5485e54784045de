"""Guardrails of aliases, virtual keys and their groups."""

import sqlalchemy as sa
from alembic import op

revision = "v0021"
down_revision = "v0020"

_TABLES = ("fallback_chains", "virtual_keys", "virtual_key_groups")


def upgrade() -> None:
    """Nothing looked at what there is."""
    for table in _TABLES:
        column: sa.Column[object] = sa.Column(
            "guardrails", sa.JSON(), nullable=False, server_default="[]"
        )
        op.add_column(table, column)


def downgrade() -> None:
    """Forget them."""
    for table in _TABLES:
        op.drop_column(table, "guardrails")
