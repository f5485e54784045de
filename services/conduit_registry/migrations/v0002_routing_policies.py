"""How calls of an alias are spread, repeated and timed; the same instance twice in a chain."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from conduit.v1.routing_policy_pb2 import AFFINITY_KEY_NONE, BALANCING_STRATEGY_WEIGHTED

revision = "v0002"
down_revision = "v0001"

_STEPS = "fallback_chain_steps"
_FORMER = ("chain_id", "provider_id", "position", "priority", "timeout")


def upgrade() -> None:
    """Add the columns; what there is goes on as it did."""
    op.add_column("model_mappings", _json("timeouts", "{}"))
    op.add_column("virtual_keys", sa.Column("stream_failover", sa.BigInteger()))
    for column in (
        _number("strategy", BALANCING_STRATEGY_WEIGHTED),
        _number("affinity", AFFINITY_KEY_NONE),
        sa.Column("stream_failover", sa.BigInteger()),
        _json("retries", "[]"),
        sa.Column("prefer_primary_for", sa.BigInteger()),
    ):
        op.add_column("fallback_chains", column)
    added: list[sa.Column[Any]] = [
        sa.Column("actual_model_name", sa.Text(), nullable=False, server_default=""),
        _json("conditions", "[]"),
        _json("timeouts", "{}"),
    ]
    _make_steps_again("position", added)


def downgrade() -> None:
    """Remove the columns, and of several steps with one instance all but the first."""
    _make_steps_again("provider_id", [])
    for name in ("strategy", "affinity", "stream_failover", "retries", "prefer_primary_for"):
        op.drop_column("fallback_chains", name)
    op.drop_column("virtual_keys", "stream_failover")
    op.drop_column("model_mappings", "timeouts")


def _make_steps_again(key: str, added: list[sa.Column[Any]]) -> None:
    """Replace the table of steps by one with another primary key: SQLite changes none."""
    table = sa.table(_STEPS, *(sa.column(name) for name in _FORMER))
    rows = op.get_bind().execute(sa.select(table).order_by("chain_id", "position")).mappings()
    kept = {(row["chain_id"], row[key]): dict(row) for row in reversed(rows.all())}
    op.drop_table(_STEPS)
    op.create_table(
        _STEPS,
        _reference("chain_id", "fallback_chains.id", primary_key=True),
        _reference("provider_id", "providers.id", primary_key=key == "provider_id"),
        sa.Column(
            "position",
            sa.BigInteger(),
            primary_key=key == "position",
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("priority", sa.BigInteger(), nullable=False),
        sa.Column("timeout", sa.BigInteger()),
        *added,
    )
    op.create_index("ix_fallback_chain_steps_provider_id", _STEPS, ["provider_id"])
    op.bulk_insert(table, [*kept.values()])


def _reference(name: str, target: str, *, primary_key: bool) -> sa.Column[int]:
    return sa.Column(
        name,
        sa.BigInteger(),
        sa.ForeignKey(target, ondelete="CASCADE"),
        primary_key=primary_key,
        autoincrement=False,
        nullable=False,
    )


def _json(name: str, value: str) -> sa.Column[object]:
    return sa.Column(name, sa.JSON(), nullable=False, server_default=value)


def _number(name: str, value: int) -> sa.Column[object]:
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default=str(value))
