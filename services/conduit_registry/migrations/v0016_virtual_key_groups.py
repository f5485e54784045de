"""Groups of virtual keys."""

import sqlalchemy as sa
from alembic import op

revision = "v0016"
down_revision = "v0015"

_COUNTERS = sa.table("registry_counters", sa.column("kind"), sa.column("last_id"))


def upgrade() -> None:
    """Make the table; keys that there are are in no group."""
    op.create_table(
        "virtual_key_groups",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded_name", sa.Text(), nullable=False, unique=True),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("covers_all", sa.Boolean(), nullable=False),
        *(
            sa.Column(name, sa.JSON(), nullable=False)
            for name in ("allowed_models", "budgets", "usage_limits", "tags", "notes")
        ),
    )
    op.bulk_insert(_COUNTERS, [{"kind": "virtual_key_group", "last_id": 0}])
    op.add_column("virtual_keys", sa.Column("group_id", sa.BigInteger()))
    op.create_index("ix_virtual_keys_group_id", "virtual_keys", ["group_id"])


def downgrade() -> None:
    """Remove the table; keys are in no group."""
    op.drop_index("ix_virtual_keys_group_id", table_name="virtual_keys")
    op.drop_column("virtual_keys", "group_id")
    op.execute(_COUNTERS.delete().where(_COUNTERS.c.kind == "virtual_key_group"))
    op.drop_table("virtual_key_groups")
