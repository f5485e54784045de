"""The Registry's tables."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from conduit_registry.mcp_values import McpGrant
from conduit_registry.policy_values import CachePolicy, Guardrail
from conduit_registry.store.columns import (
    BudgetList,
    CachePolicyColumn,
    GuardrailList,
    HedgingColumn,
    McpGrantList,
    NumberList,
    RetryPolicyList,
    TextList,
    TimeoutsColumn,
    UsageLimitsColumn,
)
from conduit_registry.values import (
    Budget,
    Hedging,
    RetryPolicy,
    Step,
    Timeouts,
    UsageLimits,
)


class Base(DeclarativeBase):
    """Base of the Registry's tables. Names have a prefix where another service may use them."""

    type_annotation_map = {  # noqa: RUF012 # SQLAlchemy's own declaration
        int: sa.BigInteger,
        float: sa.Double,
        str: sa.Text,
        bytes: sa.LargeBinary,
        tuple[str, ...]: TextList,
        tuple[int, ...]: NumberList,
        tuple[RetryPolicy, ...]: RetryPolicyList,
        tuple[Budget, ...]: BudgetList,
        tuple[Guardrail, ...]: GuardrailList,
        tuple[McpGrant, ...]: McpGrantList,
        Timeouts: TimeoutsColumn,
        UsageLimits: UsageLimitsColumn,
        Hedging: HedgingColumn,
        CachePolicy: CachePolicyColumn,
        Mapping[str, object]: sa.JSON,
        Mapping[str, str]: sa.JSON,
    }


class StateRow(Base):
    """One row. Who changes the configuration locks it first, so revisions appear in order."""

    __tablename__ = "registry_state"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epoch: Mapped[str]
    revision: Mapped[int]


class CounterRow(Base):
    """The last id given to each kind of thing; ids are never used again."""

    __tablename__ = "registry_counters"

    kind: Mapped[str] = mapped_column(primary_key=True)
    last_id: Mapped[int]


class Row(Base):
    """The columns that the kinds of things have in common."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    created_at: Mapped[int]
    updated_at: Mapped[int]


class ProviderRow(Row):
    """A provider instance."""

    __tablename__ = "providers"

    name: Mapped[str]
    # Folded, because databases fold only ASCII or depend on their locale.
    folded_name: Mapped[str] = mapped_column(unique=True)
    provider_type: Mapped[str] = mapped_column(index=True)
    is_enabled: Mapped[bool]
    description: Mapped[str]
    base_url: Mapped[str]
    settings: Mapped[Mapping[str, object]]
    weight: Mapped[int]
    priority: Mapped[int]
    enable_model_discovery: Mapped[bool]
    discovery_interval_hours: Mapped[int]
    allowed_ips: Mapped[tuple[str, ...]]
    require_mtls: Mapped[bool]
    key_rotation_days: Mapped[int]
    audit_level: Mapped[int]
    health_check: Mapped[Mapping[str, object]]
    aborted_streams: Mapped[int]


def _provider() -> sa.ForeignKey:
    return sa.ForeignKey("providers.id", ondelete="CASCADE")


class KeyRow(Row):
    """A key of an instance, sealed."""

    __tablename__ = "key_credentials"

    provider_id: Mapped[int] = mapped_column(_provider(), index=True)
    name: Mapped[str]
    masked_api_key: Mapped[str]
    provider_account_group: Mapped[str]
    is_enabled: Mapped[bool]
    base_url: Mapped[str]
    organization: Mapped[str]
    project: Mapped[str]
    last_used: Mapped[int | None]
    rotated_at: Mapped[int | None]
    retires_at: Mapped[int | None]
    encryption_key_id: Mapped[str] = mapped_column(index=True)
    wrapped_data_key: Mapped[bytes]
    ciphertext: Mapped[bytes]
    destination: Mapped[str] = mapped_column(server_default="")


class ModelMappingRow(Row):
    """An alias served by an instance."""

    __tablename__ = "model_mappings"
    __table_args__ = (sa.UniqueConstraint("model_alias", "provider_id"),)

    model_alias: Mapped[str]
    provider_id: Mapped[int] = mapped_column(_provider(), index=True)
    actual_model_name: Mapped[str]
    is_enabled: Mapped[bool]
    weight: Mapped[int | None]
    priority: Mapped[int | None]
    capabilities: Mapped[tuple[str, ...]]
    strict_parameters: Mapped[bool]
    timeouts: Mapped[Timeouts]


class StepRow(Base):
    """One step of a chain."""

    __tablename__ = "fallback_chain_steps"

    chain_id: Mapped[int] = mapped_column(
        sa.ForeignKey("fallback_chains.id", ondelete="CASCADE"), primary_key=True
    )
    # The operator's order among steps of equal priority.
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    provider_id: Mapped[int] = mapped_column(_provider(), index=True)
    priority: Mapped[int]
    timeout: Mapped[int | None]
    actual_model_name: Mapped[str]
    conditions: Mapped[tuple[int, ...]]
    timeouts: Mapped[Timeouts]
    retries: Mapped[tuple[RetryPolicy, ...]]


class FallbackChainRow(Row):
    """The routing policy of an alias."""

    __tablename__ = "fallback_chains"

    model_alias: Mapped[str] = mapped_column(unique=True)
    is_enabled: Mapped[bool]
    strategy: Mapped[int]
    affinity: Mapped[int]
    stream_failover: Mapped[int | None]
    retries: Mapped[tuple[RetryPolicy, ...]]
    prefer_primary_for: Mapped[int | None]
    hedging: Mapped[Hedging | None]
    cache: Mapped[CachePolicy | None]
    guardrails: Mapped[tuple[Guardrail, ...]]
    steps: Mapped[list[StepRow]] = relationship(
        lazy="selectin", cascade="all, delete-orphan", order_by=StepRow.position
    )

    @property
    def providers(self) -> tuple[Step, ...]:
        """The steps, in order."""
        return tuple(Step(*(getattr(row, name) for name in Step._fields)) for row in self.steps)

    @providers.setter
    def providers(self, steps: Sequence[Step]) -> None:
        kept = {row.position: row for row in self.steps}
        self.steps = [
            _placed(kept.get(position) or StepRow(), step, position)
            for position, step in enumerate(steps)
        ]


def _placed(row: StepRow, step: Step, position: int) -> StepRow:
    row.position = position
    for name, value in step._asdict().items():
        setattr(row, name, value)
    return row


class VirtualKeyGroupRow(Row):
    """Virtual keys that share budgets and limits."""

    __tablename__ = "virtual_key_groups"

    name: Mapped[str]
    folded_name: Mapped[str] = mapped_column(unique=True)
    is_enabled: Mapped[bool]
    covers_all: Mapped[bool]
    is_prepaid: Mapped[bool]
    allowed_models: Mapped[tuple[str, ...]]
    allowed_providers: Mapped[tuple[str, ...]]
    expires_at: Mapped[int | None]
    allowed_ips: Mapped[tuple[str, ...]]
    require_mtls: Mapped[bool]
    client_certificates: Mapped[tuple[str, ...]]
    budgets: Mapped[tuple[Budget, ...]]
    usage_limits: Mapped[UsageLimits]
    tags: Mapped[tuple[str, ...]]
    notes: Mapped[Mapping[str, str]]
    refuse_unpriced: Mapped[bool]
    guardrails: Mapped[tuple[Guardrail, ...]]


class McpServerRow(Row):
    """A server of the Model Context Protocol, the headers that it gets sealed."""

    __tablename__ = "mcp_servers"

    name: Mapped[str] = mapped_column(unique=True)
    url: Mapped[str]
    is_enabled: Mapped[bool]
    description: Mapped[str]
    header_names: Mapped[tuple[str, ...]]
    grants: Mapped[tuple[McpGrant, ...]]
    timeout: Mapped[int | None]
    encryption_key_id: Mapped[str]
    wrapped_data_key: Mapped[bytes]
    ciphertext: Mapped[bytes]
    destination: Mapped[str]


class MaintenanceWindowRow(Row):
    """Maintenance under way: of an instance, or of all where that is 0."""

    __tablename__ = "maintenance_windows"

    # No foreign key: that of all of Conduit names no instance.
    provider_id: Mapped[int] = mapped_column(unique=True)
    message: Mapped[str]
    expected_end: Mapped[int | None]


class VirtualKeyRow(Row):
    """A key that callers hold, as its hash."""

    __tablename__ = "virtual_keys"

    name: Mapped[str]
    folded_name: Mapped[str] = mapped_column(unique=True)
    key_prefix: Mapped[str]
    hash: Mapped[bytes] = mapped_column(unique=True)
    is_enabled: Mapped[bool]
    allowed_models: Mapped[tuple[str, ...]]
    expires_at: Mapped[int | None]
    budget_nano_usd: Mapped[int | None]
    stream_failover: Mapped[int | None]
    max_attempts: Mapped[int | None]
    timeout: Mapped[int | None]
    hedging_budget: Mapped[float | None]
    allowed_ips: Mapped[tuple[str, ...]]
    require_mtls: Mapped[bool]
    client_certificates: Mapped[tuple[str, ...]]
    budgets: Mapped[tuple[Budget, ...]]
    outage_allowance_nano_usd: Mapped[int | None]
    rotated_at: Mapped[int | None]
    former_hash: Mapped[bytes | None]
    former_key_until: Mapped[int | None]
    # Groups are not removed while keys are in them.
    group_id: Mapped[int | None] = mapped_column(index=True)
    usage_limits: Mapped[UsageLimits]
    tags: Mapped[tuple[str, ...]]
    notes: Mapped[Mapping[str, str]]
    allowed_providers: Mapped[tuple[str, ...]]
    refuse_unpriced: Mapped[bool]
    guardrails: Mapped[tuple[Guardrail, ...]]


class AdministratorRow(Row):
    """Somebody who administers, with the hash of their token."""

    __tablename__ = "administrators"

    name: Mapped[str]
    folded_name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[int]
    token_prefix: Mapped[str]
    hash: Mapped[bytes] = mapped_column(unique=True)
    is_enabled: Mapped[bool]
    expires_at: Mapped[int | None]
    rotated_at: Mapped[int | None]
    former_hash: Mapped[bytes | None]
    former_token_until: Mapped[int | None]
    allowed_ips: Mapped[tuple[str, ...]]
    require_mtls: Mapped[bool]
    client_certificates: Mapped[tuple[str, ...]]


class AdministratorSessionRow(Row):
    """Somebody who has logged in, in one browser."""

    __tablename__ = "administrator_sessions"

    subject: Mapped[str]
    name: Mapped[str]
    role: Mapped[int]
    address: Mapped[str]
    expires_at: Mapped[int]


class DiscoveryRow(Base):
    """The time and result of an instance's last discovery."""

    __tablename__ = "discoveries"

    provider_id: Mapped[int] = mapped_column(_provider(), primary_key=True, autoincrement=False)
    attempted_at: Mapped[int]
    succeeded: Mapped[bool]


class DiscoveredModelRow(Base):
    """A model that the last discovery found."""

    __tablename__ = "discovered_models"

    provider_id: Mapped[int] = mapped_column(_provider(), primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(primary_key=True)
    discovered_at: Mapped[int]


class AuditRow(Base):
    """One line of the audit log."""

    __tablename__ = "audit_entries"
    __table_args__ = (sa.Index("ix_audit_entries_resource", "resource_kind", "resource_id"),)

    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    occurred_at: Mapped[int] = mapped_column(index=True)
    actor: Mapped[str]
    peer: Mapped[str]
    action: Mapped[int]
    resource_kind: Mapped[str]
    resource_id: Mapped[str]
    changes: Mapped[Mapping[str, object]]
    request_id: Mapped[str]
    # None for lines from before there was a chain.
    hash: Mapped[bytes | None]
    # Of what another service did; None for all else.
    record_id: Mapped[str | None] = mapped_column(unique=True)


class AuditChainRow(Base):
    """One row: where the chain of the audit log begins and ends, signed."""

    __tablename__ = "audit_chain"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    # Of the line before the first one that is kept.
    base_revision: Mapped[int]
    base_hash: Mapped[bytes]
    # Of the last line.
    head_revision: Mapped[int]
    head_hash: Mapped[bytes]
    signature: Mapped[bytes]


class ChangeRow(Base):
    """The things that a revision touched; there is a row for each of the last revisions."""

    __tablename__ = "changes"

    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    # Pairs of kind and id.
    resources: Mapped[list[list[Any]]] = mapped_column(sa.JSON)


BaseT = TypeVar("BaseT", bound=Base)
