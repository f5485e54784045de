"""From a snapshot to a routing table; off the hot path, once per change."""

from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_network
from math import inf
from urllib.parse import urlsplit

import structlog

from conduit.v1 import decision_pb2 as pb
from conduit.v1.fallback_chain_pb2 import FallbackChain
from conduit.v1.model_mapping_pb2 import ModelMapping
from conduit.v1.provider_pb2 import Provider
from conduit.v1.snapshot_pb2 import SnapshotKey, SnapshotVirtualKey
from conduit_kernel.errors import ConduitError
from conduit_kernel.http import Origin
from conduit_kernel.secrets import Vault
from conduit_kernel.snapshot import SnapshotState
from conduit_providers.auth import Signer, resolve_secret, signer_for
from conduit_providers.catalog import Catalog
from conduit_providers.codecs import codec_named
from conduit_providers.jobs import JobCodec
from conduit_providers.operations import operation as operation_named
from conduit_providers.redaction import Redactor
from conduit_providers.spec import ProviderSpec
from conduit_providers.target import Target
from conduit_router.routing.decide import rejection
from conduit_router.routing.table import (
    Caller,
    Candidate,
    Instance,
    Route,
    RoutingTable,
    ServedOperation,
    UpstreamKey,
    UpstreamTarget,
)

_PORTS = {"http": 80, "https": 443}


class Compiler:
    """Makes routing tables, reusing the instances that did not change."""

    def __init__(
        self,
        catalog: Catalog,
        vault: Vault,
        env: Mapping[str, str],
        read_file: Callable[[str], str],
    ) -> None:
        self._catalog = catalog
        self._vault = vault
        # Where the secrets are that keys only refer to.
        self._env = env
        self._read_file = read_file
        self._log = structlog.get_logger("router")
        # By instance id, with what it was made from.
        self._made: dict[int, tuple[bytes, Instance]] = {}

    def compile(self, state: SnapshotState) -> RoutingTable:
        """Return the table of a snapshot. What cannot be used is left out with a reason."""
        instances = {p.id: self._instance(p, state) for p in state.providers.values()}
        self._made = {i: made for i, made in self._made.items() if i in instances}
        usable = {i: made for i, made in instances.items() if made is not None}
        aliases = sorted(
            {m.model_alias for m in state.mappings.values()}
            | {c.model_alias for c in state.fallback_chains.values() if c.is_enabled}
        )
        return RoutingTable(
            revision=state.revision,
            routes={alias: _route(alias, state, usable) for alias in aliases},
            instances=usable,
            callers={v.hash: _caller(v) for v in state.virtual_keys.values()},
        )

    def _instance(self, provider: Provider, state: SnapshotState) -> Instance | None:
        keys = state.keys_of(provider.id)
        source = provider.SerializeToString(deterministic=True) + b"".join(
            k.SerializeToString(deterministic=True) for k in keys
        )
        known = self._made.get(provider.id)
        if known is not None and known[0] == source:
            return known[1]
        try:
            spec = self._catalog.find(provider.provider_type)
        except ConduitError:
            self._log.warning("provider_type_unknown", provider_id=provider.id)
            return None
        instance = self._build(provider, spec, keys)
        self._made[provider.id] = (source, instance)
        return instance

    def _build(self, provider: Provider, spec: ProviderSpec, keys: list[SnapshotKey]) -> Instance:
        usable, problems = [], []
        for key in keys:
            if not key.credential.is_enabled:
                continue
            try:
                usable.append(self._key(provider, spec, key))
            except (ConduitError, ValueError, OSError) as error:
                self._log.warning("key_unusable", key_id=key.credential.id, reason=str(error))
                problems.append(
                    pb.Rejection(
                        provider_id=provider.id,
                        provider_name=provider.name,
                        key_id=key.credential.id,
                        reason=pb.REJECTION_REASON_KEY_UNREADABLE,
                        detail=str(error),
                    )
                )
        if not keys and spec.auth.is_optional:
            usable.append(self._key(provider, spec, None))
        networks = tuple(ip_network(n, strict=False) for n in provider.security.allowed_ips)
        return Instance(
            provider=provider,
            spec=spec,
            keys=tuple(usable),
            rejections=tuple(problems),
            networks=networks,
            served=dict(_served(spec)),
        )

    def _key(self, provider: Provider, spec: ProviderSpec, key: SnapshotKey | None) -> UpstreamKey:
        credential = key.credential if key else None
        secret = ""
        if key is not None:
            text = self._vault.open(key.secret, key.credential.id)
            secret = resolve_secret(text, self._env, self._read_file)
        key_id = credential.id if credential else ""
        is_guarded = bool(provider.base_url or (credential and credential.base_url))
        redactor = Redactor(secret)
        made: dict[str, UpstreamTarget] = {}
        targets: dict[str, UpstreamTarget] = {}
        for operation, target in self._catalog.targets(provider, credential).items():
            # Models are listed from the table, not by the provider.
            if operation == "models":
                continue
            there = made.get(target.base_url)
            if there is None:
                signer = signer_for(spec.auth, secret, target)
                there = made[target.base_url] = _upstream_target(
                    key_id, target, signer, redactor, is_guarded=is_guarded
                )
            targets[operation] = there
        return UpstreamKey(
            key_id=key_id,
            account_group=credential.provider_account_group if credential else "",
            provider_name=provider.name,
            targets=targets,
            rotated_at=credential.rotated_at.ToNanoseconds() if credential else 0,
            redactor=redactor,
        )


def _upstream_target(
    key_id: str, target: Target, signer: Signer, redactor: Redactor, *, is_guarded: bool
) -> UpstreamTarget:
    url = urlsplit(target.base_url)
    return UpstreamTarget(
        key_id=key_id,
        target=target,
        signer=signer,
        origin=Origin(url.scheme, url.hostname or "", url.port or _PORTS[url.scheme]),
        base_path=url.path.rstrip("/"),
        is_guarded=is_guarded,
        redactor=redactor,
    )


def _served(spec: ProviderSpec) -> Iterator[tuple[str, ServedOperation]]:
    for name, endpoint in spec.endpoints.items():
        if operation_named(name) is not None:
            codec = codec_named(endpoint.codec)
            job_codec = codec if isinstance(codec, JobCodec) else None
            yield name, ServedOperation(endpoint, codec, job_codec)


def _route(alias: str, state: SnapshotState, instances: dict[int, Instance]) -> Route:
    mappings = {m.provider_id: m for m in state.mappings.values() if m.model_alias == alias}
    chain = next(
        (
            c
            for c in state.fallback_chains.values()
            if c.is_enabled and c.model_alias == alias and c.providers
        ),
        None,
    )
    if chain is None:
        considered = list(_mapped(mappings, instances))
    else:
        considered = list(_chained(chain, alias, mappings, instances))
    candidates: list[Candidate] = []
    rejections: list[pb.Rejection] = []
    for candidate in considered:
        why = _static_obstacle(candidate, mappings.get(candidate.provider_id), chain)
        rejections += candidate.instance.rejections
        if why is None:
            candidates.append(candidate)
        else:
            rejections.append(why)
    if chain is not None:
        named = {step.provider_id for step in chain.providers}
        rejections += [
            rejection(
                c, pb.REJECTION_REASON_NOT_IN_CHAIN, "the alias has a fallback chain without it"
            )
            for c in _mapped(mappings, instances)
            if c.provider_id not in named
        ]
    created = min((m.created_at.seconds for m in mappings.values()), default=0)
    candidates.sort(key=lambda c: (c.priority, c.provider_id))
    return Route(alias, tuple(candidates), tuple(rejections), created)


def _mapped(
    mappings: dict[int, ModelMapping], instances: dict[int, Instance]
) -> Iterator[Candidate]:
    for mapping in mappings.values():
        instance = instances.get(mapping.provider_id)
        if instance is None:
            continue
        own = instance.provider
        yield Candidate(
            instance=instance,
            provider_id=instance.provider.id,
            model=mapping.actual_model_name or mapping.model_alias,
            priority=mapping.priority if mapping.HasField("priority") else own.priority,
            weight=mapping.weight if mapping.HasField("weight") else own.weight,
            timeout=None,
            mapping_id=mapping.id,
            is_strict=mapping.strict_parameters,
            capabilities=frozenset(mapping.capabilities) or None,
        )


def _chained(
    chain: FallbackChain,
    alias: str,
    mappings: dict[int, ModelMapping],
    instances: dict[int, Instance],
) -> Iterator[Candidate]:
    by_mapping = {c.provider_id: c for c in _mapped(mappings, instances)}
    for step in chain.providers:
        instance = instances.get(step.provider_id)
        if instance is None:
            continue
        mapped = by_mapping.get(step.provider_id)
        timeout = step.timeout.ToTimedelta().total_seconds() if step.HasField("timeout") else None
        yield Candidate(
            instance=instance,
            provider_id=instance.provider.id,
            model=mapped.model if mapped else alias,
            priority=step.priority,
            # A chain names its steps on purpose: weight only shares among equals.
            weight=max(1, mapped.weight if mapped else instance.provider.weight),
            timeout=timeout,
            mapping_id=mapped.mapping_id if mapped else 0,
            is_strict=mapped.is_strict if mapped else False,
            capabilities=mapped.capabilities if mapped else None,
        )


def _static_obstacle(
    candidate: Candidate, mapping: ModelMapping | None, chain: FallbackChain | None
) -> pb.Rejection | None:
    provider = candidate.instance.provider
    if not provider.is_enabled:
        return rejection(
            candidate, pb.REJECTION_REASON_PROVIDER_DISABLED, "the instance is disabled"
        )
    if mapping is not None and not mapping.is_enabled:
        return rejection(candidate, pb.REJECTION_REASON_MAPPING_DISABLED, "the mapping is disabled")
    if not candidate.instance.keys:
        return rejection(candidate, pb.REJECTION_REASON_NO_KEY, "the instance has no usable key")
    if candidate.weight <= 0 and chain is None:
        return rejection(candidate, pb.REJECTION_REASON_ZERO_WEIGHT, "its weight is zero")
    if provider.security.require_mtls:
        return rejection(
            candidate,
            pb.REJECTION_REASON_CALLER_NOT_ALLOWED,
            "the instance wants callers with a client certificate, which this server cannot see",
        )
    return None


def _caller(entry: SnapshotVirtualKey) -> Caller:
    key = entry.virtual_key
    return Caller(
        virtual_key_id=key.id,
        is_enabled=key.is_enabled,
        expires_at=key.expires_at.ToNanoseconds() / 1e9 if key.HasField("expires_at") else inf,
        allowed=tuple(key.allowed_models) or None,
    )
