"""Lines of the audit log about what other services did, each once."""

import sqlalchemy as sa
from alembic import op

revision = "v0009"
down_revision = "v0008"


def upgrade() -> None:
    """Add by which such a line is known."""
    with op.batch_alter_table("audit_entries") as table:
        table.add_column(sa.Column("record_id", sa.Text()))
        table.create_unique_constraint("uq_audit_entries_record_id", ["record_id"])


def downgrade() -> None:
    """Remove it."""
    with op.batch_alter_table("audit_entries") as table:
        table.drop_constraint("uq_audit_entries_record_id", type_="unique")
        table.drop_column("record_id")
