"""What the Registry keeps, as plain values. Times are microseconds since 1970, UTC."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, NamedTuple

from conduit.internal.v1.snapshot_pb2 import SealedSecret
from conduit.v1.provider_pb2 import AUDIT_LEVEL_BASIC

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
    encryption_key_id: str = ""
    wrapped_data_key: bytes = field(default=b"", repr=False)
    ciphertext: bytes = field(default=b"", repr=False)

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
        )


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
    created_at: int = 0
    updated_at: int = 0


class Step(NamedTuple):
    """One step of a chain. The timeout is in microseconds; None means the Router's default."""

    provider_id: int
    priority: int
    timeout: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackChain:
    """The instances that serve an alias, in order."""

    id: int = 0
    model_alias: str
    providers: tuple[Step, ...]
    is_enabled: bool = True
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
    created_at: int = 0
    updated_at: int = 0


Resource = Provider | Key | ModelMapping | FallbackChain | VirtualKey


class ChangedResource(NamedTuple):
    """A thing that a revision made, changed or removed: its kind's name and its id."""

    kind: str
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One line of the audit log."""

    revision: int
    occurred_at: int
    actor: str
    peer: str
    action: int
    resource_kind: str
    resource_id: str
    changes: Mapping[str, object]
    request_id: str
    touched: tuple[ChangedResource, ...] = ()


@dataclass(frozen=True, slots=True)
class DiscoveredModel:
    """A model that discovery found, and when it first did."""

    name: str
    discovered_at: int


class State(NamedTuple):
    """The epoch and the revision of the configuration."""

    epoch: str
    revision: int


class Origin(NamedTuple):
    """The author of a change, for the audit log."""

    actor: str
    peer: str = ""
    request_id: str = ""


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
