"""From the mappings and chains of an alias to its route."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from conduit.v1 import decision_pb2 as pb
from conduit.v1.fallback_chain_pb2 import FallbackChain
from conduit.v1.maintenance_window_pb2 import MaintenanceWindow
from conduit.v1.model_mapping_pb2 import ModelMapping
from conduit_kernel.snapshot import SnapshotState
from conduit_router.guardrails.policy import guards_of
from conduit_router.routing.balancing import affinity_of
from conduit_router.routing.cache_policy import cache_policy_of
from conduit_router.routing.compile import Pieces
from conduit_router.routing.decide import rejection
from conduit_router.routing.policy import (
    NO_RETRIES,
    Hedging,
    RetriesByClass,
    hedging_of,
    policy_of,
    retries_of,
    timeouts_of,
)
from conduit_router.routing.table import Candidate, Instance, Route

# An instance, or why it could not be compiled; None if there is no such instance.
Instances = Mapping[int, Instance]
Unusable = Mapping[int, pb.Rejection]


def compile_route(
    alias: str, state: SnapshotState, instances: Instances, unusable: Unusable
) -> Pieces[Route | None]:
    """Return what may serve an alias, and what cannot with a reason; None if nothing names it."""
    mappings = {mapping.provider_id: mapping for mapping in state.mappings_of(alias)}
    policies = [chain for chain in state.chains_of(alias) if chain.is_enabled]
    chain = next((each for each in policies if each.providers), None)
    if not mappings and chain is None:
        return None
    retries = retries_of(policies[0].retries) if policies else NO_RETRIES
    hedging = hedging_of(policies[0]) if policies else None
    mapped: dict[int, Candidate] = {}
    for provider_id, mapping in mappings.items():
        if (instance := instances.get(provider_id)) is not None:
            mapped[provider_id] = _mapped(mapping, instance, retries, hedging)
        yield
    candidates: list[Candidate] = []
    resting = state.maintenance()
    rejections: list[pb.Rejection] = []
    for why in _unusable(mappings, chain, unusable):
        rejections.append(why)
        yield
    for candidate in _chained(chain, alias, mapped, instances) if chain else mapped.values():
        rejections += candidate.instance.rejections
        own = mappings.get(candidate.provider_id)
        obstacle = _static_obstacle(candidate, own, chain) or _rest(candidate, resting)
        if obstacle is None:
            candidates.append(candidate)
        else:
            rejections.append(obstacle)
        yield
    if chain is not None:
        for why in _outside(chain, mapped.values()):
            rejections.append(why)
            yield
    created = min((mapping.created_at.seconds for mapping in mappings.values()), default=0)
    if len(candidates) > 1:
        candidates.sort(key=lambda c: (c.priority, c.provider_id))
    policy = policy_of(policies[0]) if policies else None
    has_conditions = any(candidate.conditions for candidate in candidates)
    cache = cache_policy_of(policies[0]) if policies else None
    guards = guards_of(policies[0].guardrails) if policies else ()
    return Route(
        alias,
        tuple(candidates),
        tuple(rejections),
        created,
        policy,
        has_conditions,
        cache,
        guards,
        cache is not None or bool(guards),
    )


def _mapped(
    mapping: ModelMapping, instance: Instance, retries: RetriesByClass, hedging: Hedging | None
) -> Candidate:
    own, timeouts = instance.provider, timeouts_of(mapping.timeouts, None)
    return Candidate(
        instance=instance,
        provider_id=own.id,
        model=mapping.actual_model_name or mapping.model_alias,
        priority=mapping.priority if mapping.HasField("priority") else own.priority,
        weight=mapping.weight if mapping.HasField("weight") else own.weight,
        timeout=timeouts.first_event if timeouts else None,
        mapping_id=mapping.id,
        is_strict=mapping.strict_parameters,
        capabilities=frozenset(mapping.capabilities) or None,
        lot=own.id,
        timeouts=timeouts,
        conditions=frozenset(),
        retries=retries,
        hedging=hedging,
    )


def _chained(
    chain: FallbackChain, alias: str, mapped: Mapping[int, Candidate], instances: Instances
) -> Iterator[Candidate]:
    shared, hedging = retries_of(chain.retries), hedging_of(chain)
    for step in chain.providers:
        instance = instances.get(step.provider_id)
        if instance is None:
            continue
        known = mapped.get(step.provider_id)
        timeout = step.timeout.ToTimedelta().total_seconds() if step.HasField("timeout") else None
        timeouts = timeouts_of(step.timeouts, known.timeouts if known else None)
        model = step.actual_model_name
        yield Candidate(
            instance=instance,
            provider_id=step.provider_id,
            model=model or (known.model if known else alias),
            priority=step.priority,
            # A chain names its steps on purpose: weight only shares among equals.
            weight=max(1, known.weight if known else instance.provider.weight),
            timeout=timeout or (timeouts.first_event if timeouts else None),
            mapping_id=known.mapping_id if known else 0,
            is_strict=known.is_strict if known else False,
            capabilities=known.capabilities if known else None,
            lot=affinity_of(step.provider_id, model) if model else step.provider_id,
            timeouts=timeouts,
            conditions=frozenset(step.conditions),
            retries=retries_of(step.retries, shared),
            hedging=hedging,
        )


def _unusable(
    mappings: Mapping[int, ModelMapping], chain: FallbackChain | None, unusable: Unusable
) -> Iterator[pb.Rejection]:
    if not unusable:
        return
    named: Sequence[int] = (
        [step.provider_id for step in chain.providers] if chain else list(mappings)
    )
    for provider_id in named:
        why = unusable.get(provider_id)
        if why is not None:
            mapping = mappings.get(provider_id)
            yield pb.Rejection(
                provider_id=provider_id,
                provider_name=why.provider_name,
                mapping_id=mapping.id if mapping else 0,
                reason=why.reason,
                detail=why.detail,
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
    return None


def _rest(candidate: Candidate, resting: Mapping[int, MaintenanceWindow]) -> pb.Rejection | None:
    window = resting.get(candidate.provider_id)
    if window is None:
        return None
    return rejection(candidate, pb.REJECTION_REASON_MAINTENANCE, window.message)


def _outside(chain: FallbackChain, mapped: Iterable[Candidate]) -> Iterator[pb.Rejection]:
    named = {step.provider_id for step in chain.providers}
    for candidate in mapped:
        if candidate.provider_id not in named:
            yield rejection(
                candidate,
                pb.REJECTION_REASON_NOT_IN_CHAIN,
                "the alias has a fallback chain without it",
            )
