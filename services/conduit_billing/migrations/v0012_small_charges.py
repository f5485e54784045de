"""Charges in a quarter of the bytes: ids in binary, lines and what many share no rows of each."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from alembic import op

from conduit_kernel.ids import pack_id, unpack_id

revision = "v0012"
down_revision = "v0011"

Row = dict[str, Any]
_PIECE = 5_000
_COMMON = (
    "provider_id",
    "provider_type",
    "key_id",
    "account_group",
    "model_alias",
    "actual_model_name",
    "operation",
    "price_version",
)
_OWN = (
    "occurred_at",
    "virtual_key_id",
    "cost",
    "usage_source",
    "is_complete",
    "duration_ms",
    "qualifiers",
    "tags",
    "provider_cost",
)
_CHARGE_INDEXES = {
    "ix_billing_charges_request": ["request_id"],
    "ix_billing_charges_virtual_key": ["virtual_key_id", "id"],
}
# Of few charges each.
_PARTIAL_INDEXES = {
    "ix_billing_charges_unpriced": sa.text("cost IS NULL"),
    "ix_billing_charges_provider_cost": sa.text("provider_cost IS NOT NULL"),
}
_CHARGE_IDS = ("id", "request_id", "posting_id", "lease_id")


def upgrade() -> None:
    """Rewrite charges, postings, entries and leases."""
    _make_attributions()
    for name in (*_CHARGE_INDEXES, *_PARTIAL_INDEXES):
        op.drop_index(name, table_name="billing_charges")
    _make_charges("billing_new_charges", sa.LargeBinary(), of_old=False)
    _copy_charges_up()
    op.drop_table("billing_charge_lines")
    op.drop_table("billing_charges")
    op.rename_table("billing_new_charges", "billing_charges")
    _move_ledger(sa.LargeBinary(), pack_id)
    _make_indexes({**_CHARGE_INDEXES, "ix_billing_charges_attribution": ["attribution_id", "id"]})


def downgrade() -> None:
    """Write them as they were."""
    op.drop_index("ix_billing_charges_attribution", table_name="billing_charges")
    for name in (*_CHARGE_INDEXES, *_PARTIAL_INDEXES):
        op.drop_index(name, table_name="billing_charges")
    op.rename_table("billing_charges", "billing_small_charges")
    _move_ledger(sa.String(40), unpack_id)
    _make_charges("billing_charges", sa.String(40), of_old=True)
    op.execute(
        "ALTER TABLE billing_charges "
        "ADD COLUMN posting_id VARCHAR(40) REFERENCES billing_postings (id)"
    )
    _make_lines()
    _copy_charges_down()
    op.drop_table("billing_small_charges")
    op.drop_table("billing_attributions")
    _make_indexes({**_CHARGE_INDEXES, "ix_billing_charges_provider": ["provider_id", "id"]})


def _make_attributions() -> None:
    op.create_table(
        "billing_attributions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        *_common_columns(),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )


def _common_columns() -> Iterator[sa.Column[Any]]:
    lengths = (None, 100, 40, 200, 200, 500, 40, 100)
    for name, length in zip(_COMMON, lengths, strict=True):
        kind = sa.BigInteger() if length is None else sa.String(length)
        yield sa.Column(name, kind, nullable=False)


def _make_charges(name: str, kind: sa.types.TypeEngine[Any], *, of_old: bool) -> None:
    """Make a table of charges with ids of a kind."""
    of_form: Iterable[sa.Column[Any]] = (
        _common_columns()
        if of_old
        else (
            sa.Column("attribution_id", sa.BigInteger(), nullable=False),
            sa.Column("lines", sa.Text(), nullable=False),
        )
    )
    none = "" if of_old else None
    op.create_table(
        name,
        sa.Column("id", kind, nullable=False),
        sa.Column("request_id", sa.String(200) if of_old else kind, nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("virtual_key_id", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=True),
        sa.Column("usage_source", sa.SmallInteger(), nullable=False),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("qualifiers", sa.String(1500), nullable=False, server_default=none),
        *([] if of_old else [sa.Column("posting_id", kind, nullable=True)]),
        sa.Column("lease_id", kind, nullable=False, server_default=none),
        sa.Column("tags", sa.Text(), nullable=False, server_default=none),
        sa.Column("provider_cost", sa.BigInteger(), nullable=True),
        *of_form,
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )


def _make_lines() -> None:
    op.create_table(
        "billing_charge_lines",
        sa.Column("charge_id", sa.String(40), nullable=False),
        sa.Column("position", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("unit", sa.SmallInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["charge_id"], ["billing_charges.id"]),
        sa.PrimaryKeyConstraint("charge_id", "position"),
        sqlite_with_rowid=False,
    )


def _make_indexes(indexes: Mapping[str, list[str]]) -> None:
    for name, columns in indexes.items():
        op.create_index(name, "billing_charges", columns)
    for name, there in _PARTIAL_INDEXES.items():
        op.create_index(name, "billing_charges", ["id"], sqlite_where=there, postgresql_where=there)


def _move_ledger(kind: sa.types.TypeEngine[Any], write: Callable[[Any], Any]) -> None:
    """Make postings, entries and leases anew, with ids of another kind."""
    _make_postings(kind)
    # Holds first, which their endings name.
    for there in ("hold_id IS NULL", "hold_id IS NOT NULL"):
        _copy("billing_postings", "billing_new_postings", ("id", "hold_id"), write, there)
    op.create_table(
        "billing_new_entries",
        sa.Column("posting_id", kind, nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["billing_accounts.id"]),
        sa.ForeignKeyConstraint(["posting_id"], ["billing_new_postings.id"]),
        sa.PrimaryKeyConstraint("posting_id", "account_id"),
        sqlite_with_rowid=False,
    )
    _copy("billing_entries", "billing_new_entries", ("posting_id",), write)
    op.drop_table("billing_entries")
    op.rename_table("billing_new_entries", "billing_entries")
    op.drop_table("billing_postings")
    op.rename_table("billing_new_postings", "billing_postings")
    op.drop_index("ix_billing_leases_open", table_name="billing_leases")
    op.create_table(
        "billing_new_leases",
        sa.Column("id", kind, nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=is_nullable)
            for name, is_nullable in (
                ("virtual_key_id", False),
                ("amount", False),
                ("spent", False),
                ("final", True),
            )
        ),
        sa.Column("holds", sa.SmallInteger(), nullable=False),
        sa.Column("acquired_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    _copy("billing_leases", "billing_new_leases", ("id",), write)
    op.drop_table("billing_leases")
    op.rename_table("billing_new_leases", "billing_leases")
    op.create_index("ix_billing_leases_open", "billing_leases", ["ended_at", "expires_at"])


def _make_postings(kind: sa.types.TypeEngine[Any]) -> None:
    name = "uq_billing_postings_hold"
    if op.get_bind().dialect.name == "postgresql":
        # There is one of a name.
        op.drop_constraint(name, "billing_postings")
    op.create_table(
        "billing_new_postings",
        sa.Column("id", kind, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("posted_at", sa.BigInteger(), nullable=False),
        sa.Column("hold_id", kind, nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["hold_id"], ["billing_new_postings.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("hold_id", name=name),
        sqlite_with_rowid=False,
    )


def _copy(
    source: str,
    target: str,
    ids: Sequence[str],
    write: Callable[[Any], Any],
    there: str = "1 = 1",
) -> None:
    """Copy rows, with their ids written anew."""
    keys = ("posting_id", "account_id") if source == "billing_entries" else ("id",)
    for rows in _pieces(f"SELECT * FROM {source}", keys, there):  # noqa: S608 # our own names
        for row in rows:
            row |= {name: write(row[name]) for name in ids if row[name] is not None}
        _insert(target, rows)


def _copy_charges_up() -> None:
    ids: dict[tuple[Any, ...], int] = {}
    of_charge = "(SELECT {} FROM billing_charge_lines WHERE charge_id = billing_charges.id)"
    of_charge = of_charge.format(_LINES[op.get_bind().dialect.name])
    for rows in _pieces(f"SELECT *, {of_charge} AS lines FROM billing_charges", ["id"]):  # noqa: S608 # our own names
        _add_attributions(rows, ids)
        made = []
        for row in rows:
            new = {name: row[name] for name in _OWN}
            packed = {name: pack_id(row[name]) for name in _CHARGE_IDS if row[name] is not None}
            common = tuple(row[name] for name in _COMMON)
            found = sorted(orjson.loads(row["lines"] or "[]"))
            lines = ",".join(
                f"{unit}x{count}" if price is None else f"{unit}x{count}@{price}"
                for _, unit, count, price in found
            )
            new |= {"posting_id": None, **packed, "lines": lines, "attribution_id": ids[common]}
            made.append(new)
        _insert("billing_new_charges", made)


# A charge's lines as JSON.
_LINES = {
    "sqlite": "json_group_array(json_array(position, unit, quantity, price))",
    "postgresql": "CAST(json_agg(json_build_array(position, unit, quantity, price)) AS TEXT)",
}


def _add_attributions(rows: Iterable[Row], ids: dict[tuple[Any, ...], int]) -> None:
    """Make the attributions that are missing; add their ids."""
    fresh = {tuple(row[name] for name in _COMMON) for row in rows} - ids.keys()
    made = []
    for common in sorted(fresh):
        ids[common] = len(ids) + 1
        digest = hashlib.sha256(orjson.dumps(common)).digest()[:16]
        made.append({"digest": digest, **dict(zip(_COMMON, common, strict=True))})
    # They are counted from one, in the order in which they are made.
    _insert("billing_attributions", made)


def _copy_charges_down() -> None:
    columns = ", ".join((*_COMMON, *_OWN, "lines", *_CHARGE_IDS[1:]))
    query = (
        f"SELECT charges.id AS id, {columns} FROM billing_attributions AS common "  # noqa: S608 # our own names
        "JOIN billing_small_charges AS charges ON common.id = attribution_id"
    )
    for rows in _pieces(query, ["charges.id"]):
        made = []
        lines: list[Row] = []
        for row in rows:
            new = {name: row[name] for name in (*_COMMON, *_OWN)}
            ids = {name: unpack_id(row[name]) for name in _CHARGE_IDS if row[name] is not None}
            made.append({"posting_id": None, **new, **ids})
            lines += _lines_down(ids["id"], row["lines"])
        _insert("billing_charges", made)
        _insert("billing_charge_lines", lines)


def _lines_down(charge_id: str, text: str) -> Iterator[Row]:
    for position, line in enumerate(text.split(",") if text else ()):
        used, _, price = line.partition("@")
        unit, _, quantity = used.partition("x")
        yield {
            "charge_id": charge_id,
            "position": position,
            "unit": int(unit),
            "quantity": int(quantity),
            "price": int(price) if price else None,
        }


def _pieces(query: str, keys: Sequence[str], there: str = "1 = 1") -> Iterator[list[Row]]:
    """Yield what a query finds, some rows at a time, in the order of its keys."""
    order = ", ".join(keys)
    beyond = f"({order}) > ({', '.join(f':last{at}' for at in range(len(keys)))})"
    last: Row | None = None
    while True:
        behind = "1 = 1" if last is None else beyond
        text = f"{query} WHERE {there} AND {behind} ORDER BY {order} LIMIT {_PIECE}"
        values = (
            {}
            if last is None
            else {f"last{at}": last[key.rpartition(".")[2]] for at, key in enumerate(keys)}
        )
        found = op.get_bind().execute(sa.text(text), values).mappings().all()
        if not found:
            return
        # Before the rows are written anew.
        last = dict(found[-1])
        yield [dict(row) for row in found]


def _insert(table: str, rows: Sequence[Row]) -> None:
    if rows:
        names = list(rows[0])
        columns, values = (
            ", ".join(f'"{name}"' for name in names),
            ", ".join(f":{name}" for name in names),
        )
        statement = f"INSERT INTO {table} ({columns}) VALUES ({values})"  # noqa: S608 # our own names
        op.get_bind().execute(sa.text(statement), list(rows))
