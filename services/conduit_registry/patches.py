"""Changes to what the Registry keeps: the fields that somebody gave, and none of the others.

A field that is missing stays as it is; in a new thing it is the value's default.
"""

from collections.abc import Mapping
from typing import Any, TypedDict, TypeVar, cast

from conduit_registry.mcp_values import McpGrant
from conduit_registry.policy_values import CachePolicy, Guardrail
from conduit_registry.values import (
    Budget,
    Hedging,
    RetryPolicy,
    Step,
    Timeouts,
    UsageLimits,
)


class ProviderSecurityPatch(TypedDict, total=False):
    """The rules of an instance, which are set together."""

    allowed_ips: tuple[str, ...]
    require_mtls: bool
    key_rotation_days: int
    audit_level: int


class CallerSecurityPatch(TypedDict, total=False):
    """The rules of a credential, which are set together."""

    allowed_ips: tuple[str, ...]
    require_mtls: bool
    client_certificates: tuple[str, ...]


class ProviderPatch(ProviderSecurityPatch, total=False):
    """Fields of a provider instance."""

    name: str
    provider_type: str
    is_enabled: bool
    description: str
    base_url: str
    settings: Mapping[str, object]
    weight: int
    priority: int
    enable_model_discovery: bool
    discovery_interval_hours: int
    health_check: Mapping[str, object]
    aborted_streams: int


class KeyFields(TypedDict, total=False):
    """Fields of a key, but for its value, which is sealed apart."""

    name: str
    provider_account_group: str
    is_enabled: bool
    base_url: str
    organization: str
    project: str


class KeyPatch(KeyFields, total=False):
    """Fields of a key, and its value."""

    api_key: str


class MappingPatch(TypedDict, total=False):
    """Fields of a mapping."""

    model_alias: str
    provider_id: int
    actual_model_name: str
    is_enabled: bool
    weight: int | None
    priority: int | None
    capabilities: tuple[str, ...]
    strict_parameters: bool
    timeouts: Timeouts


class ChainPatch(TypedDict, total=False):
    """Fields of a fallback chain."""

    model_alias: str
    providers: tuple[Step, ...]
    is_enabled: bool
    strategy: int
    affinity: int
    stream_failover: int | None
    retries: tuple[RetryPolicy, ...]
    prefer_primary_for: int | None
    hedging: Hedging | None
    cache: CachePolicy | None
    guardrails: tuple[Guardrail, ...]


class VirtualKeyPatch(CallerSecurityPatch, total=False):
    """Fields of a virtual key."""

    name: str
    # Of a value that another gateway made.
    hash: bytes
    is_enabled: bool
    allowed_models: tuple[str, ...]
    expires_at: int | None
    budget_nano_usd: int | None
    stream_failover: int | None
    max_attempts: int | None
    timeout: int | None
    hedging_budget: float | None
    budgets: tuple[Budget, ...]
    outage_allowance_nano_usd: int | None
    group_id: int | None
    usage_limits: UsageLimits
    tags: tuple[str, ...]
    notes: Mapping[str, str]
    allowed_providers: tuple[str, ...]
    refuse_unpriced: bool
    guardrails: tuple[Guardrail, ...]


class VirtualKeyGroupPatch(CallerSecurityPatch, total=False):
    """Fields of a group of virtual keys."""

    name: str
    is_enabled: bool
    covers_all: bool
    is_prepaid: bool
    allowed_models: tuple[str, ...]
    allowed_providers: tuple[str, ...]
    expires_at: int | None
    budgets: tuple[Budget, ...]
    usage_limits: UsageLimits
    tags: tuple[str, ...]
    notes: Mapping[str, str]
    refuse_unpriced: bool
    guardrails: tuple[Guardrail, ...]


class MaintenanceWindowPatch(TypedDict, total=False):
    """Fields of maintenance."""

    provider_id: int
    message: str
    expected_end: int | None


class McpServerFields(TypedDict, total=False):
    """Fields of an MCP server, but for what its headers say, which is sealed apart."""

    name: str
    url: str
    is_enabled: bool
    description: str
    grants: tuple[McpGrant, ...]
    timeout: int | None


class McpServerPatch(McpServerFields, total=False):
    """Fields of an MCP server."""

    headers: Mapping[str, str]


def without_headers(given: McpServerPatch) -> McpServerFields:
    """Return the fields that are kept as they are given."""
    return cast("McpServerFields", {name: v for name, v in given.items() if name != "headers"})


class AdministratorPatch(CallerSecurityPatch, total=False):
    """Fields of an administrator."""

    name: str
    role: int
    is_enabled: bool
    expires_at: int | None


PatchT = TypeVar("PatchT", bound=Mapping[str, object])


def without_value(given: KeyPatch) -> KeyFields:
    """Return the fields of a key without its value."""
    return cast("KeyFields", {name: each for name, each in given.items() if name != "api_key"})


def with_taken_back(given: PatchT, taken_back: Mapping[str, Any]) -> PatchT:
    """Return a patch that also sets the fields which an update takes back, to their defaults."""
    return cast("PatchT", {**given, **taken_back})


def with_defaults(given: PatchT, defaults: Mapping[str, Any]) -> PatchT:
    """Return a patch that sets everything: what it leaves out, to the defaults."""
    return cast("PatchT", {**defaults, **given})
