"""Requests that went as usual, many in a row."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "v0009"
down_revision = "v0008"


def upgrade() -> None:
    """Make the table."""
    name = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
    op.create_table(
        "storage_request_blocks",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("newest", sa.BigInteger(), nullable=False),
        sa.Column("oldest", sa.BigInteger(), nullable=False),
        sa.Column("kind_id", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first_id", name, nullable=False),
        sa.Column("last_id", name, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("sizes", sa.LargeBinary(), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    for index, *columns in (
        ("ix_storage_request_blocks_newest", "newest", "kind_id", "count"),
        ("ix_storage_request_blocks_ids", "first_id", "last_id"),
    ):
        op.create_index(index, "storage_request_blocks", columns)


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("storage_request_blocks")
