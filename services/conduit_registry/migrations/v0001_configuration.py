"""The configuration, its audit log and what discovery found."""

import sqlalchemy as sa
from alembic import op

from conduit_kernel.ids import IdSource

revision = "v0001"
down_revision = None


def upgrade() -> None:
    """Make the tables, at revision 0 of a fresh epoch."""
    state = op.create_table(
        "registry_state",
        _id(),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
    )
    counters = op.create_table(
        "registry_counters",
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
    )
    op.bulk_insert(state, [{"id": 1, "epoch": IdSource().next(), "revision": 0}])
    kinds = ("provider", "key", "mapping", "fallback_chain", "virtual_key")
    op.bulk_insert(counters, [{"kind": kind, "last_id": 0} for kind in kinds])
    _create_providers()
    _create_keys()
    _create_mappings()
    _create_chains()
    _create_virtual_keys()
    _create_discoveries()
    _create_audit_log()


def downgrade() -> None:
    """Remove the tables."""
    for table in (
        "audit_entries",
        "discovered_models",
        "discoveries",
        "virtual_keys",
        "fallback_chain_steps",
        "fallback_chains",
        "model_mappings",
        "key_credentials",
        "providers",
        "registry_counters",
        "registry_state",
    ):
        op.drop_table(table)


def _create_providers() -> None:
    op.create_table(
        "providers",
        _id(),
        *_times(),
        *_texts("name", "folded_name", "provider_type", "description", "base_url"),
        *_numbers("weight", "priority", "discovery_interval_hours"),
        *_numbers("key_rotation_days", "audit_level"),
        *_flags("is_enabled", "enable_model_discovery", "require_mtls"),
        *_lists("settings", "allowed_ips"),
        sa.UniqueConstraint("folded_name"),
    )
    op.create_index("ix_providers_provider_type", "providers", ["provider_type"])


def _create_keys() -> None:
    op.create_table(
        "key_credentials",
        _id(),
        *_times(),
        _provider_id(),
        *_texts("name", "masked_api_key", "provider_account_group"),
        *_texts("base_url", "organization", "project", "encryption_key_id"),
        *_flags("is_enabled"),
        sa.Column("last_used", sa.BigInteger()),
        sa.Column("rotated_at", sa.BigInteger()),
        sa.Column("wrapped_data_key", sa.LargeBinary(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_key_credentials_provider_id", "key_credentials", ["provider_id"])
    op.create_index(
        "ix_key_credentials_encryption_key_id", "key_credentials", ["encryption_key_id"]
    )


def _create_mappings() -> None:
    op.create_table(
        "model_mappings",
        _id(),
        *_times(),
        _provider_id(),
        *_texts("model_alias", "actual_model_name"),
        *_flags("is_enabled", "strict_parameters"),
        *_lists("capabilities"),
        sa.Column("weight", sa.BigInteger()),
        sa.Column("priority", sa.BigInteger()),
        sa.UniqueConstraint("model_alias", "provider_id"),
    )
    op.create_index("ix_model_mappings_provider_id", "model_mappings", ["provider_id"])


def _create_chains() -> None:
    op.create_table(
        "fallback_chains",
        _id(),
        *_times(),
        *_texts("model_alias"),
        *_flags("is_enabled"),
        sa.UniqueConstraint("model_alias"),
    )
    op.create_table(
        "fallback_chain_steps",
        sa.Column(
            "chain_id",
            sa.BigInteger(),
            sa.ForeignKey("fallback_chains.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        _provider_id(primary_key=True),
        *_numbers("position", "priority"),
        sa.Column("timeout", sa.BigInteger()),
    )
    op.create_index("ix_fallback_chain_steps_provider_id", "fallback_chain_steps", ["provider_id"])


def _create_virtual_keys() -> None:
    op.create_table(
        "virtual_keys",
        _id(),
        *_times(),
        *_texts("name", "folded_name", "key_prefix"),
        *_flags("is_enabled"),
        *_lists("allowed_models"),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("budget_nano_usd", sa.BigInteger()),
        sa.UniqueConstraint("folded_name"),
        sa.UniqueConstraint("hash"),
    )


def _create_discoveries() -> None:
    op.create_table(
        "discoveries",
        _provider_id(primary_key=True),
        *_numbers("attempted_at"),
        *_flags("succeeded"),
    )
    op.create_table(
        "discovered_models",
        _provider_id(primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        *_numbers("discovered_at"),
    )


def _create_audit_log() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("revision", sa.BigInteger(), primary_key=True, autoincrement=False),
        *_numbers("occurred_at", "action"),
        *_texts("actor", "peer", "resource_kind", "resource_id", "request_id"),
        *_lists("changes", "touched"),
    )
    op.create_index("ix_audit_entries_occurred_at", "audit_entries", ["occurred_at"])
    op.create_index("ix_audit_entries_resource", "audit_entries", ["resource_kind", "resource_id"])


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False)


def _provider_id(*, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(
        "provider_id",
        sa.BigInteger(),
        sa.ForeignKey("providers.id", ondelete="CASCADE"),
        primary_key=primary_key,
        autoincrement=False,
        nullable=False,
    )


def _times() -> list[sa.Column[int]]:
    return _numbers("created_at", "updated_at")


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _flags(*names: str) -> list[sa.Column[bool]]:
    return [sa.Column(name, sa.Boolean(), nullable=False) for name in names]


def _lists(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.JSON(), nullable=False) for name in names]
