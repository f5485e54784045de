"""The configuration, compiled for decisions: one route per alias, one line per usable key."""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

from conduit.v1.decision_pb2 import Rejection
from conduit.v1.provider_pb2 import Provider
from conduit_kernel.http import Origin, PreparedRequest
from conduit_providers.auth import Signer
from conduit_providers.codec import ChatCodec, EmbedCodec
from conduit_providers.jobs import JobCodec
from conduit_providers.spec import ProviderSpec
from conduit_providers.target import Target
from conduit_providers.wire import Headers

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, eq=False)
class UpstreamKey:
    """A key of an instance, ready to carry calls."""

    # Empty for a type that needs no key.
    key_id: str
    account_group: str
    target: Target
    signer: Signer
    origin: Origin
    # Whether the address was given by an operator, not by the catalog, and so is not trusted.
    is_guarded: bool
    # The path of the base URL, without a slash at its end.
    base_path: str
    # When the key's value was last replaced, in nanoseconds since 1970; 0 if never.
    rotated_at: int = 0
    # The constant parts of requests, by method, path and headers.
    prepared: dict[tuple[str, str, Headers], PreparedRequest] = field(
        default_factory=dict[tuple[str, str, Headers], PreparedRequest], repr=False
    )
    # The constant parts of charges, by what they depend on.
    charges: dict[tuple[object, ...], bytes] = field(
        default_factory=dict[tuple[object, ...], bytes], repr=False
    )


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """A provider instance with its usable keys."""

    provider: Provider
    spec: ProviderSpec
    lines: tuple[UpstreamKey, ...]
    # Of keys that cannot be used, for explanations.
    rejections: tuple[Rejection, ...]
    networks: tuple[Network, ...]
    # None where the type does not serve the operation.
    chat_codec: ChatCodec | None
    embed_codec: EmbedCodec | None
    # The chat codec again, where chats are jobs.
    chat_job: JobCodec | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
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


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """Everything that may serve an alias, in order of priority, and what can not."""

    alias: str
    candidates: tuple[Candidate, ...]
    rejections: tuple[Rejection, ...]
    # When the alias was first mapped, in seconds since 1970.
    created: int


@dataclass(frozen=True, slots=True, eq=False)
class Caller:
    """A virtual key, as calls are checked against it."""

    virtual_key_id: int
    is_enabled: bool
    # In seconds since 1970; infinite if it never ends.
    expires_at: float
    # None means all models.
    allowed: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class RoutingTable:
    """A compiled snapshot."""

    revision: int
    routes: dict[str, Route]
    instances: dict[int, Instance]
    # By hash.
    callers: dict[bytes, Caller]


class FailureResets(NamedTuple):
    """What an operator mended, so that what was learnt about it before says nothing any more."""

    # Instances that have another address.
    provider_ids: frozenset[int]
    # Keys that have another value or address, or were just enabled.
    key_ids: frozenset[str]


def failure_resets(before: RoutingTable, after: RoutingTable) -> FailureResets:
    """Return what differs between two tables in such a way."""
    moved, keys = set[int](), set[str]()
    for number, instance in after.instances.items():
        old = before.instances.get(number)
        if old is None or old is instance:
            continue
        known = {line.key_id: line for line in old.lines}
        for line in instance.lines:
            was = known.get(line.key_id)
            has_moved = was is not None and was.target.base_url != line.target.base_url
            if has_moved:
                moved.add(number)
            if was is None or has_moved or was.rotated_at != line.rotated_at:
                keys.add(line.key_id)
    return FailureResets(frozenset(moved), frozenset(keys))


EMPTY_TABLE = RoutingTable(0, {}, {}, {})
