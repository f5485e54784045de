"""What each revision touched, apart from the audit log: neither is kept for the other's sake."""

import sqlalchemy as sa
from alembic import op

revision = "v0003"
down_revision = "v0002"


def upgrade() -> None:
    """Take what watchers may still ask for over from the audit log."""
    op.create_table(
        "changes",
        sa.Column("revision", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("resources", sa.JSON(), nullable=False),
    )
    op.execute(
        "INSERT INTO changes (revision, resources) SELECT revision, touched FROM audit_entries"
    )
    op.drop_column("audit_entries", "touched")


def downgrade() -> None:
    """Give it back; lines whose change is forgotten touched nothing that anybody asks for."""
    column = sa.Column("touched", sa.JSON(), nullable=False, server_default="[]")
    op.add_column("audit_entries", column)
    op.execute(
        "UPDATE audit_entries SET touched = changes.resources FROM changes"
        " WHERE changes.revision = audit_entries.revision"
    )
    op.drop_table("changes")
