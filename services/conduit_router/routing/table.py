"""The configuration, compiled for decisions: one route per alias, and the keys of instances."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import msgspec

from conduit.v1.decision_pb2 import Rejection
from conduit.v1.maintenance_window_pb2 import MaintenanceWindow
from conduit.v1.provider_pb2 import ABORTED_STREAM_POLICY_ESTIMATE, Provider
from conduit.v1.routing_policy_pb2 import FallbackCondition
from conduit_kernel.access_rules import AccessRules
from conduit_kernel.addresses import Network
from conduit_kernel.http import Origin, PreparedRequest
from conduit_providers.auth import Signer
from conduit_providers.catalog.codec_types import LISTS
from conduit_providers.codec import StraightCodec
from conduit_providers.jobs import JobCodec, OneStepJobCodec
from conduit_providers.redaction import Redactor
from conduit_providers.spec import Endpoint, ProviderSpec
from conduit_providers.target import Target
from conduit_providers.wire import Headers, HttpRequest
from conduit_router.guardrails.policy import Guards
from conduit_router.routing.cache_policy import CachePolicy
from conduit_router.routing.policy import (
    NO_RETRIES,
    AttemptTimeouts,
    CallerCaps,
    Hedging,
    RetriesByClass,
    RoutingPolicy,
    UsagePolicy,
)
from conduit_router.served_by import ServedBy

_BEARER = "Bearer "

# Structs of which there are thousands are out of the garbage collector's sight (`gc=False`): what
# they refer to never refers back to them.


class StraightWay(NamedTuple):
    """The constant parts of a model's calls with a key, where only their bodies differ."""

    codec: StraightCodec[Any, Any]
    endpoint: Endpoint
    # With credentials, as they never change.
    request: PreparedRequest
    # The header with the provider's own id of a request.
    request_id_header: bytes
    served_by: ServedBy


@dataclass(frozen=True, slots=True, eq=False)
class UpstreamTarget:
    """An address of an instance, with the signer of one of its keys."""

    # Empty for a type that needs no key.
    key_id: str
    target: Target
    signer: Signer
    origin: Origin
    # The path of the base URL, without a slash at its end.
    base_path: str
    # Whether the address was given by an operator, not by the catalog, and so is not trusted.
    is_guarded: bool
    # How many gateways a request has passed when it arrives there.
    hops: int = 1
    # The header `traceparent` of its requests, where a call is traced; empty where it is not.
    traceparent: bytes = b""
    # Takes the key's value out of what the provider says.
    redactor: Redactor = field(default_factory=Redactor)
    # The constant parts of requests, by method, path and headers.
    prepared: dict[tuple[str, str, Headers], PreparedRequest] = field(
        default_factory=dict[tuple[str, str, Headers], PreparedRequest], repr=False
    )
    # By operation and model; None where calls are not that alike.
    straight_ways: dict[tuple[str, str], StraightWay | None] = field(
        default_factory=dict[tuple[str, str], StraightWay | None], repr=False
    )

    @property
    def provider_name(self) -> str:
        """Return the instance's name, as errors and reports give it."""
        return self.target.provider_name

    def signed(self, request: HttpRequest) -> HttpRequest:
        """Return a request with the proof of who calls; what it shows, the redactor knows then."""
        signed = self.signer.sign(request)
        for name, value in () if self.signer.is_static else signed.headers:
            if name == "authorization" and value.startswith(_BEARER):
                self.redactor.learn(value.removeprefix(_BEARER))
        return signed


@dataclass(frozen=True, slots=True, eq=False)
class UpstreamKey:
    """A key of an instance, ready to carry calls."""

    # Empty for a type that needs no key.
    key_id: str
    account_group: str
    provider_name: str
    # By operation; operations at the same address share one.
    targets: Mapping[str, UpstreamTarget]
    # When the key's value was last replaced, in nanoseconds since 1970; 0 if never.
    rotated_at: int = 0
    # Whether it is a former value, which is asked after all others.
    is_retiring: bool = False
    # Tells its account from others, as `Target` has it.
    account: str = ""
    # Takes the key's value out of what the provider says.
    redactor: Redactor = field(default_factory=Redactor)
    # The constant parts of charges, by what they depend on.
    charges: dict[tuple[object, ...], bytes] = field(
        default_factory=dict[tuple[object, ...], bytes], repr=False
    )

    # Who answers calls with this key, by instance and by model asked for.
    _serving: dict[tuple[int, str], ServedBy] = field(
        default_factory=dict[tuple[int, str], ServedBy], repr=False
    )
    # For requests that have passed gateways before, by how many: few, see `MAX_HOPS`.
    _after: dict[int, "UpstreamKey"] = field(default_factory=dict[int, "UpstreamKey"], repr=False)

    def serving(self, candidate: "Candidate") -> ServedBy:
        """Return who answers when a candidate is asked with this key."""
        place = candidate.provider_id, candidate.model
        found = self._serving.get(place)
        if found is None:
            found = ServedBy(place[0], self.provider_name, self.key_id, candidate.model)
            self._serving[place] = found
        return found

    def after(self, hops: int) -> "UpstreamKey":
        """Return the key for a request that has passed so many gateways before."""
        found = self._after.get(hops)
        if found is None:
            targets = {
                operation: replace(target, hops=hops + 1, prepared={}, straight_ways={})
                for operation, target in self.targets.items()
            }
            found = self._after[hops] = replace(self, targets=targets, _after={})
        return found

    def endpoint(self, operation: str) -> UpstreamTarget:
        """Return where calls of an operation go, which the instance's type must serve."""
        return self.targets[operation]


class ServedOperation(NamedTuple):
    """An operation as an instance's type serves it."""

    endpoint: Endpoint
    # Translates calls that are one exchange; a `StreamingCodec` where answers are streamed.
    codec: Any
    # The codec again, where calls are jobs; for one of gRPC or WebSockets what makes them jobs.
    job_codec: JobCodec[Any, Any, Any] | OneStepJobCodec[Any, Any, Any] | None
    # Whether calls that are answered whole are jobs.
    is_job: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """A provider instance with its usable keys."""

    provider: Provider
    spec: ProviderSpec
    keys: tuple[UpstreamKey, ...]
    # Of keys that cannot be used, for explanations.
    rejections: tuple[Rejection, ...]
    networks: tuple[Network, ...]
    # Whether it may not serve everybody.
    is_guarded: bool
    # By operation.
    served: Mapping[str, ServedOperation]
    # Why operations of its type are not served, by operation.
    unusable: Mapping[str, str]
    # Whether any of its keys is a former value.
    has_retiring_keys: bool = False
    # What is charged for streams that did not reach their end.
    aborted_streams: int = ABORTED_STREAM_POLICY_ESTIMATE


class Candidate(msgspec.Struct, frozen=True, eq=False, gc=False):
    """An instance that serves an alias, with the model it is asked for."""

    instance: Instance
    # The instance's, at hand because each call reads it several times.
    provider_id: int
    model: str
    priority: int
    weight: int
    # Seconds until the first byte; None means the default.
    timeout: float | None
    mapping_id: int
    is_strict: bool
    # None means whatever the endpoint can.
    capabilities: frozenset[str] | None
    # What it is drawn by among its equals; differs between two of an instance.
    lot: int
    # None where it has none of its own.
    timeouts: AttemptTimeouts | None
    # The failures of a request after which alone it is asked; empty for all that are not the
    # request's.
    conditions: frozenset[FallbackCondition.ValueType]
    # What its operator says of retries, by class of failure.
    retries: RetriesByClass = NO_RETRIES
    # When another one is asked beside it; None for never.
    hedging: Hedging | None = None

    def operations(self) -> frozenset[str]:
        """Return what its model is for: as its mapping says, or else as far as its type tells."""
        served = self.instance.served.keys() - LISTS.keys()
        named = served & (self.capabilities or frozenset())
        return frozenset(named or served & self.instance.spec.operations_of(self.model))


class Route(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Everything that may serve an alias, in order of priority, and what can not."""

    alias: str
    candidates: tuple[Candidate, ...]
    rejections: tuple[Rejection, ...]
    # When the alias was first mapped, in seconds since 1970.
    created: int
    # None where calls go as usual.
    policy: RoutingPolicy | None = None
    # Whether any candidate has conditions.
    has_conditions: bool = False
    # None where no answers are kept.
    cache: CachePolicy | None = None
    guards: Guards = ()
    # Whether it has any of these two.
    is_hooked: bool = False
    # The decisions of calls that leave no choice while nothing is amiss, by operation and
    # capabilities, as `decide_plainly` made them.
    sole_decisions: dict[tuple[str, frozenset[str]], Any] = msgspec.field(default_factory=dict)


class Caller(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A virtual key, as calls are checked against it."""

    virtual_key_id: int
    is_enabled: bool
    # In seconds since 1970; infinite if it never ends.
    expires_at: float
    # None means all models.
    allowed: tuple[str, ...] | None
    # What its groups allow, if there is more than one who says anything.
    also_allowed: tuple[tuple[str, ...], ...] = ()
    # What follows when a stream fails; zero where the key says nothing.
    stream_failover: int = 0
    # None where the key says nothing at all.
    caps: CallerCaps | None = None
    # From where it may be used; None for everywhere.
    rules: AccessRules | None = None
    # None where nothing limits its use.
    usage: UsagePolicy | None = None
    # What all of its calls belong to.
    tags: tuple[str, ...] = ()
    # The instances that may serve it, by patterns of names in folded case, or ids, at each level
    # that says anything; None for all.
    providers: tuple[tuple[str, ...], ...] | None = None
    # 0 where it is in none.
    group_id: int = 0
    # Its own, and those of its groups.
    guards: Guards = ()


class RoutingTable(msgspec.Struct, frozen=True, eq=False):
    """A compiled snapshot. A change makes a new one, which shares what stays the same."""

    revision: int
    # In order of alias.
    routes: dict[str, Route]
    instances: dict[int, Instance]
    # Why instances are missing above: those that could not be compiled.
    unusable: dict[int, Rejection]
    # By hash.
    callers: dict[bytes, Caller]
    # By id of the virtual key.
    hashes: dict[int, bytes]
    # By id, too: the hash of the value before, of those whose value was replaced.
    former_hashes: dict[int, bytes]
    # What is under maintenance, by instance; all of Conduit by 0.
    maintenance: dict[int, MaintenanceWindow] = {}


EMPTY_TABLE = RoutingTable(0, {}, {}, {}, {}, {}, {})


class TableChange(NamedTuple):
    """A table that takes the place of another, and where they may differ."""

    before: RoutingTable
    after: RoutingTable
    # Instances that were made, changed or removed.
    provider_ids: frozenset[int]
    # Aliases whose routes were made, changed or removed.
    aliases: frozenset[str]


class FailureResets(NamedTuple):
    """The instances and keys whose failure state a configuration change resets."""

    # Instances that have other addresses, or are gone.
    provider_ids: frozenset[int]
    # Keys that have another value or other addresses, or were just enabled.
    key_ids: frozenset[str]


def failure_resets(change: TableChange) -> FailureResets:
    """Return the instances and keys that an operator has mended with a change."""
    moved, keys = set[int](), set[str]()
    for number in change.provider_ids:
        old, new = change.before.instances.get(number), change.after.instances.get(number)
        if new is None:
            moved.add(number)
        if old is None or new is None or old is new:
            continue
        known = {key.key_id: key for key in old.keys}
        for key in new.keys:
            was = known.get(key.key_id)
            if was is key:
                continue
            has_moved = was is not None and _addresses(was) != _addresses(key)
            if has_moved:
                moved.add(number)
            if was is None or has_moved or was.rotated_at != key.rotated_at:
                keys.add(key.key_id)
    return FailureResets(frozenset(moved), frozenset(keys))


def _addresses(key: UpstreamKey) -> dict[str, str]:
    return {operation: there.target.base_url for operation, there in key.targets.items()}
