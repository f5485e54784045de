"""What the Registry keeps, as plain values. Times are microseconds since 1970, UTC."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any, NamedTuple

from conduit.internal.v1.snapshot_pb2 import SealedSecret
from conduit.v1.provider_pb2 import ABORTED_STREAM_POLICY_UNSPECIFIED, AUDIT_LEVEL_BASIC
from conduit.v1.routing_policy_pb2 import AFFINITY_KEY_NONE, BALANCING_STRATEGY_WEIGHTED
from conduit_registry.mcp_values import McpServer
from conduit_registry.policy_values import CachePolicy, Guardrail

DEFAULT_INTERVAL_HOURS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider instance."""

    id: int = 0
    name: str
    provider_type: str
    is_enabled: bool = True
    description: str = ""
    base_url: str = ""
    settings: Mapping[str, object] = field(default_factory=dict[str, object])
    weight: int = 1
    priority: int = 1
    enable_model_discovery: bool = False
    discovery_interval_hours: int = DEFAULT_INTERVAL_HOURS
    allowed_ips: tuple[str, ...] = ()
    require_mtls: bool = False
    key_rotation_days: int = 0
    audit_level: int = AUDIT_LEVEL_BASIC
    # By the contract's names; what is not there is as for all others.
    health_check: Mapping[str, object] = field(default_factory=dict[str, object])
    aborted_streams: int = ABORTED_STREAM_POLICY_UNSPECIFIED
    created_at: int = 0
    updated_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key of an instance, sealed."""

    id: int = 0
    provider_id: int
    name: str = ""
    masked_api_key: str = ""
    provider_account_group: str = ""
    is_enabled: bool = True
    base_url: str = ""
    organization: str = ""
    project: str = ""
    last_used: int | None = None
    created_at: int = 0
    updated_at: int = 0
    rotated_at: int | None = None
    # Of a former value: when it is removed.
    retires_at: int | None = None
    encryption_key_id: str = ""
    wrapped_data_key: bytes = field(default=b"", repr=False)
    ciphertext: bytes = field(default=b"", repr=False)
    # Where the value may be sent; empty for what was sealed before there were any.
    destination: str = ""

    @property
    def api_id(self) -> str:
        """Return the id as the API spells it; also the owner under which the value is sealed."""
        return key_id(self.id)

    @property
    def secret(self) -> SealedSecret:
        """Return the sealed value."""
        return SealedSecret(
            encryption_key_id=self.encryption_key_id,
            wrapped_data_key=self.wrapped_data_key,
            ciphertext=self.ciphertext,
            destination=self.destination,
        )

    def with_secret(self, sealed: SealedSecret) -> "Key":
        """Return the key with another sealed value."""
        return replace(
            self,
            encryption_key_id=sealed.encryption_key_id,
            wrapped_data_key=sealed.wrapped_data_key,
            ciphertext=sealed.ciphertext,
            destination=sealed.destination,
        )


class Timeouts(NamedTuple):
    """The limits of an attempt, in microseconds; None means the Router's default."""

    connect: int | None = None
    first_token: int | None = None
    idle: int | None = None
    total: int | None = None


NO_TIMEOUTS = Timeouts()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMapping:
    """An alias served by an instance."""

    id: int = 0
    model_alias: str
    provider_id: int
    actual_model_name: str
    is_enabled: bool = True
    weight: int | None = None
    priority: int | None = None
    capabilities: tuple[str, ...] = ()
    strict_parameters: bool = False
    timeouts: Timeouts = NO_TIMEOUTS
    created_at: int = 0
    updated_at: int = 0


class RetryPolicy(NamedTuple):
    """Limits of retries after a class of failures. Times are microseconds; None means default."""

    # Of the contract's `FailureClass`.
    failure: int
    attempts: int | None = None
    wait: int | None = None
    max_wait: int | None = None


class Step(NamedTuple):
    """One step of a chain. The timeout is in microseconds; None means the Router's default."""

    provider_id: int
    priority: int
    timeout: int | None = None
    # Empty for the mapping's.
    actual_model_name: str = ""
    # Of the contract's `FallbackCondition`.
    conditions: tuple[int, ...] = ()
    timeouts: Timeouts = NO_TIMEOUTS
    retries: tuple[RetryPolicy, ...] = ()


class Hedging(NamedTuple):
    """The delay and the budget of a second candidate; None means the Router's default."""

    # In microseconds.
    delay: int | None = None
    # A share of the calls.
    budget: float | None = None


class Budget(NamedTuple):
    """The most that may be spent in each of a series of periods."""

    limit_nano_usd: int
    # Of the contract's `BudgetPeriod`.
    period: int
    is_hard: bool = True
    # Of the IANA database; empty means UTC.
    time_zone: str = ""
    # Of a rolling one alone; zero of others.
    rolling_hours: int = 0


class UsageLimits(NamedTuple):
    """The most that may be used in a minute, and at a time; None for any number."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_requests: int | None = None


NO_USAGE_LIMITS = UsageLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackChain:
    """The routing policy of an alias: the instances that serve it, in order, and how."""

    id: int = 0
    model_alias: str
    # Empty for the mappings of the alias.
    providers: tuple[Step, ...] = ()
    is_enabled: bool = True
    strategy: int = BALANCING_STRATEGY_WEIGHTED
    affinity: int = AFFINITY_KEY_NONE
    stream_failover: int | None = None
    retries: tuple[RetryPolicy, ...] = ()
    # In microseconds.
    prefer_primary_for: int | None = None
    # None where nobody else is asked.
    hedging: Hedging | None = None
    # None where no answers are kept.
    cache: CachePolicy | None = None
    guardrails: tuple[Guardrail, ...] = ()
    created_at: int = 0
    updated_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualKeyGroup:
    """Virtual keys that share budgets and limits."""

    id: int = 0
    name: str
    is_enabled: bool = True
    covers_all: bool = False
    is_prepaid: bool = False
    allowed_models: tuple[str, ...] = ()
    allowed_providers: tuple[str, ...] = ()
    expires_at: int | None = None
    allowed_ips: tuple[str, ...] = ()
    require_mtls: bool = False
    client_certificates: tuple[str, ...] = ()
    budgets: tuple[Budget, ...] = ()
    usage_limits: UsageLimits = NO_USAGE_LIMITS
    tags: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict[str, str])
    refuse_unpriced: bool = False
    guardrails: tuple[Guardrail, ...] = ()
    created_at: int = 0
    updated_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualKey:
    """A key that callers hold, as its hash."""

    id: int = 0
    name: str
    key_prefix: str = ""
    hash: bytes = field(default=b"", repr=False)
    is_enabled: bool = True
    allowed_models: tuple[str, ...] = ()
    expires_at: int | None = None
    budget_nano_usd: int | None = None
    stream_failover: int | None = None
    max_attempts: int | None = None
    # In microseconds.
    timeout: int | None = None
    hedging_budget: float | None = None
    allowed_ips: tuple[str, ...] = ()
    require_mtls: bool = False
    client_certificates: tuple[str, ...] = ()
    budgets: tuple[Budget, ...] = ()
    outage_allowance_nano_usd: int | None = None
    rotated_at: int | None = None
    # Of the value before, which counts until then as well; both None if there is none.
    former_hash: bytes | None = field(default=None, repr=False)
    former_key_until: int | None = None
    group_id: int | None = None
    usage_limits: UsageLimits = NO_USAGE_LIMITS
    tags: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict[str, str])
    allowed_providers: tuple[str, ...] = ()
    refuse_unpriced: bool = False
    guardrails: tuple[Guardrail, ...] = ()
    created_at: int = 0
    updated_at: int = 0

    @property
    def is_imported(self) -> bool:
        """Return whether another gateway made the value: nothing of it is known but its hash."""
        return not self.key_prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class Administrator:
    """Somebody who administers, with the hash of their token."""

    id: int = 0
    name: str
    # Of the contract's `Role`.
    role: int
    token_prefix: str = ""
    hash: bytes = field(default=b"", repr=False)
    is_enabled: bool = True
    expires_at: int | None = None
    rotated_at: int | None = None
    # Of the token before, which counts until then as well; both None if there is none.
    former_hash: bytes | None = field(default=None, repr=False)
    former_token_until: int | None = None
    allowed_ips: tuple[str, ...] = ()
    require_mtls: bool = False
    client_certificates: tuple[str, ...] = ()
    created_at: int = 0
    updated_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AdministratorSession:
    """Somebody who has logged in, in one browser."""

    id: int = 0
    # The login provider's own id of them, and the name for the audit log.
    subject: str
    name: str
    # Of the contract's `Role`.
    role: int
    address: str = ""
    expires_at: int
    created_at: int = 0
    updated_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceWindow:
    """Maintenance under way."""

    id: int = 0
    # 0 for all of Conduit.
    provider_id: int = 0
    message: str
    expected_end: int | None = None
    created_at: int = 0
    updated_at: int = 0


Resource = (
    Provider
    | McpServer
    | MaintenanceWindow
    | Key
    | ModelMapping
    | FallbackChain
    | VirtualKey
    | VirtualKeyGroup
    | Administrator
    | AdministratorSession
)


class ChangedResource(NamedTuple):
    """A thing that a revision made, changed or removed: its kind's name and its id."""

    kind: str
    id: int


@dataclass(frozen=True, slots=True)
class DiscoveredModel:
    """A model that discovery found, and when it first did."""

    name: str
    discovered_at: int


class State(NamedTuple):
    """The epoch and the revision of the configuration."""

    epoch: str
    revision: int


def defaults_of(kind: type[Resource]) -> dict[str, dict[str, Any]]:
    """Return what each field of a kind of resource is when nobody says; without those required."""
    known = {}
    for each in fields(kind):
        if each.default is not MISSING:
            known[each.name] = {each.name: each.default}
        elif each.default_factory is not MISSING:
            known[each.name] = {each.name: each.default_factory()}
    return known


def key_id(number: int) -> str:
    """Return a key's id as the API spells it."""
    return f"key_{number}"
