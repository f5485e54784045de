"""Where a request goes, as a pure function.

The same route, requirements, health view and seed always give the same decision, so a stored one
can be replayed and explained.
"""

import math
from collections.abc import Mapping
from ipaddress import ip_address

import msgspec

from conduit.v1 import decision_pb2 as pb
from conduit_kernel.errors import ModelNotFound
from conduit_providers.operation import Requirements
from conduit_router.routing.provider_state import HealthView
from conduit_router.routing.table import Candidate, Instance, Route, UpstreamKey

_MASK = (1 << 64) - 1


class CandidateKeys(msgspec.Struct, frozen=True):
    """A candidate with its keys in the order in which they are tried."""

    candidate: Candidate
    keys: tuple[UpstreamKey, ...]


class Decision(msgspec.Struct, frozen=True):
    """The candidates of a request, and the reasons against all others."""

    candidates: tuple[CandidateKeys, ...]
    rejections: tuple[pb.Rejection, ...]
    seed: int


def decide_for(
    routes: Mapping[str, Route],
    requirements: Requirements,
    health: HealthView,
    seed: int,
    peer: str = "",
) -> Decision:
    """Return where a request goes. ModelNotFound if nothing is mapped to its alias."""
    route = routes.get(requirements.model)
    if route is None:
        raise ModelNotFound(
            f"The model {requirements.model!r} does not exist", model=requirements.model
        )
    return decide(route, requirements, health, seed, peer)


def decide(
    route: Route, requirements: Requirements, health: HealthView, seed: int, peer: str = ""
) -> Decision:
    """Choose the candidates of a request and their order.

    Lower priority numbers come first; equals share by weight, drawn with the seed. Instances that
    are unhealthy come last.
    """
    chosen: list[CandidateKeys] = []
    rejections: list[pb.Rejection] = []
    for candidate in route.candidates:
        why = _obstacle(candidate, requirements, health, peer)
        if why is not None:
            rejections.append(why)
            continue
        keys = candidate.instance.keys
        if health.cooldowns:
            keys, cooling = _available(candidate, health)
            rejections += cooling
        if keys:
            chosen.append(CandidateKeys(candidate, _rotate(keys, seed)))
    if len(chosen) > 1:
        chosen = _order(chosen, health, seed)
    return Decision(tuple(chosen), (*route.rejections, *rejections), seed)


def rejection(
    candidate: Candidate, reason: pb.RejectionReason.ValueType, detail: str, key_id: str = ""
) -> pb.Rejection:
    """Say why a candidate, or one of its keys, is left out."""
    return pb.Rejection(
        provider_id=candidate.provider_id,
        provider_name=candidate.instance.provider.name,
        mapping_id=candidate.mapping_id,
        key_id=key_id,
        reason=reason,
        detail=detail,
    )


def _obstacle(
    candidate: Candidate, requirements: Requirements, health: HealthView, peer: str
) -> pb.Rejection | None:
    instance = candidate.instance
    served = instance.served.get(requirements.operation)
    if served is None:
        return _unserved(candidate, requirements.operation)
    if requirements.capabilities:
        able = candidate.capabilities
        if able is None:
            able = served.endpoint.capabilities
        if missing := requirements.capabilities - able:
            return rejection(
                candidate,
                pb.REJECTION_REASON_CAPABILITY_MISSING,
                f"cannot do {', '.join(sorted(missing))}",
            )
    if candidate.provider_id in health.open_circuits:
        return rejection(
            candidate, pb.REJECTION_REASON_CIRCUIT_OPEN, "failed too often; its circuit is open"
        )
    if instance.networks and not _is_inside(instance, peer):
        return rejection(
            candidate,
            pb.REJECTION_REASON_CALLER_NOT_ALLOWED,
            "the caller's address is outside the instance's allowedIPs",
        )
    return None


def _unserved(candidate: Candidate, operation: str) -> pb.Rejection:
    instance = candidate.instance
    if why := instance.unusable.get(operation):
        return rejection(candidate, pb.REJECTION_REASON_MISCONFIGURED, why)
    why = f"{instance.spec.name} does not serve {operation}"
    return rejection(candidate, pb.REJECTION_REASON_CAPABILITY_MISSING, why)


def _is_inside(instance: Instance, peer: str) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in instance.networks)


def _available(
    candidate: Candidate, health: HealthView
) -> tuple[tuple[UpstreamKey, ...], list[pb.Rejection]]:
    available, cooling = [], []
    for key in candidate.instance.keys:
        cooldown = health.cooldowns.get(key.key_id)
        if cooldown is None:
            available.append(key)
        else:
            cooling.append(
                rejection(
                    candidate,
                    pb.REJECTION_REASON_KEY_COOLING_DOWN,
                    f"cools down: {cooldown.reason}",
                    key.key_id,
                )
            )
    return tuple(available), cooling


def _rotate(keys: tuple[UpstreamKey, ...], seed: int) -> tuple[UpstreamKey, ...]:
    # Keys share the load, and the next one is at hand when one fails.
    if len(keys) == 1:
        return keys
    start = _mix(seed) % len(keys)
    return keys[start:] + keys[:start]


def _order(chosen: list[CandidateKeys], health: HealthView, seed: int) -> list[CandidateKeys]:
    # Weighted sampling without replacement: https://doi.org/10.1016/j.ipl.2005.11.003
    def rank(entry: CandidateKeys) -> tuple[bool, int, float]:
        candidate = entry.candidate
        # Apart from its place in the list, so that a new candidate moves no other.
        share = (_mix(seed ^ _mix(candidate.provider_id)) + 1) / (_MASK + 2)
        return (
            candidate.provider_id in health.unhealthy,
            candidate.priority,
            -math.log(share) / candidate.weight,
        )

    return sorted(chosen, key=rank)


def _mix(value: int) -> int:
    # splitmix64: https://prng.di.unimi.it/splitmix64.c
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
