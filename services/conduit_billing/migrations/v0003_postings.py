"""Postings apart from charges: what is held, ended, paid in and corrected has entries, too."""

import sqlalchemy as sa
from alembic import op

revision = "v0003"
down_revision = "v0002"

# As the ledger's numbers were when this was written.
_CHARGE = 1
_EXPENSE, _PAYABLE = 1, 2


def upgrade() -> None:
    """Give each charge that cost something a posting of its own, and accounts a type."""
    _make_billing_postings()
    op.execute(
        "INSERT INTO billing_postings (id, kind, posted_at) "  # noqa: S608 # numbers of our own
        f"SELECT id, {_CHARGE}, occurred_at FROM billing_charges "
        "WHERE id IN (SELECT charge_id FROM billing_entries)"
    )
    op.execute(
        "ALTER TABLE billing_charges "
        "ADD COLUMN posting_id VARCHAR(40) REFERENCES billing_postings (id)"
    )
    op.execute(
        "UPDATE billing_charges SET posting_id = id "
        "WHERE id IN (SELECT charge_id FROM billing_entries)"
    )
    _replace_entries("charge_id", "posting_id", sa.String(length=40), "billing_postings")
    op.add_column(
        "billing_accounts", sa.Column("type", sa.SmallInteger(), nullable=False, server_default="0")
    )
    op.execute(
        "UPDATE billing_accounts SET type = "  # noqa: S608 # numbers of our own
        f"CASE WHEN code LIKE 'expense:%' THEN {_EXPENSE} ELSE {_PAYABLE} END"
    )
    _rename_statistics("billing_tallies", "billing_attempt_stats")


def downgrade() -> None:
    """Keep the charges and their entries; holds, top-ups and corrections are lost."""
    _rename_statistics("billing_attempt_stats", "billing_tallies")
    op.execute("DELETE FROM billing_entries")
    op.execute(f"DELETE FROM billing_accounts WHERE type NOT IN ({_EXPENSE}, {_PAYABLE})")  # noqa: S608 # numbers of our own
    op.drop_column("billing_accounts", "type")
    _replace_entries("posting_id", "charge_id", sa.String(length=26), "billing_charges")
    _enter("cost", _EXPENSE_CODE)
    _enter("-cost", _PAYABLE_CODE)
    op.execute(
        "UPDATE billing_accounts SET balance = COALESCE((SELECT SUM(amount) FROM billing_entries "
        "WHERE account_id = billing_accounts.id), 0)"
    )
    op.drop_column("billing_charges", "posting_id")
    op.drop_table("billing_postings")


_EXPENSE_CODE = (
    "CASE virtual_key_id WHEN 0 THEN 'expense:internal' "
    "ELSE 'expense:virtual-key:' || CAST(virtual_key_id AS VARCHAR(20)) END"
)
_PAYABLE_CODE = "'payable:' || CAST(provider_id AS VARCHAR(20)) || ':' || account_group"


def _make_billing_postings() -> None:
    op.create_table(
        "billing_postings",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("posted_at", sa.BigInteger(), nullable=False),
        sa.Column("hold_id", sa.String(length=40), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["hold_id"], ["billing_postings.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("hold_id", name="uq_billing_postings_hold"),
        sqlite_with_rowid=False,
    )


def _replace_entries(old: str, new: str, kind: sa.String, parent: str) -> None:
    """Make entries belong to a row of another table, with the same id."""
    op.create_table(
        "billing_new_entries",
        sa.Column(new, kind, nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["billing_accounts.id"]),
        sa.ForeignKeyConstraint([new], [f"{parent}.id"]),
        sa.PrimaryKeyConstraint(new, "account_id"),
        sqlite_with_rowid=False,
    )
    op.execute(
        f"INSERT INTO billing_new_entries ({new}, account_id, amount) "  # noqa: S608 # names of our own
        f"SELECT {old}, account_id, amount FROM billing_entries"
    )
    op.drop_table("billing_entries")
    op.rename_table("billing_new_entries", "billing_entries")


def _enter(amount: str, code: str) -> None:
    """Enter what each charge cost into an account."""
    op.execute(
        "INSERT INTO billing_entries (charge_id, account_id, amount) "  # noqa: S608 # parts of our own
        f"SELECT billing_charges.id, billing_accounts.id, {amount} FROM billing_charges "
        f"JOIN billing_accounts ON billing_accounts.code = {code} WHERE cost > 0"
    )


def _rename_statistics(old: str, new: str) -> None:
    op.drop_index(f"ix_{old}_started_at", table_name=old)
    op.rename_table(old, new)
    op.create_index(f"ix_{new}_started_at", new, ["started_at"], unique=False)
