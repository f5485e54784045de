"""Where a request goes, as a pure function.

The same route, requirements, health view and seed always give the same decision, so a stored one
can be replayed and explained.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple, Protocol

import msgspec

from conduit.v1 import decision_pb2 as pb
from conduit.v1.provider_pb2 import Provider
from conduit_kernel.access_rules import is_within
from conduit_kernel.errors import ProviderUnhealthy
from conduit_kernel.not_found_errors import ModelNotFound
from conduit_providers.operation import SUBSTITUTED, Requirements
from conduit_router.routing.balancing import (
    EVEN,
    MASK,
    Balance,
    Place,
    in_order,
    keys_in_order,
    mix,
)
from conduit_router.routing.health_view import HEALTHY, HealthView, Subject
from conduit_router.routing.table import Candidate, Instance, Route, UpstreamKey

_OPEN = "failed too often; its circuit is open"


class CandidateKeys(msgspec.Struct, frozen=True, gc=False):
    """A candidate with its keys in the order in which they are tried."""

    candidate: Candidate
    keys: tuple[UpstreamKey, ...]
    # Whether its circuit is open, and it may be asked only when nobody else is left.
    is_last: bool = False
    # The alias that it serves, where that is not the one asked for but a fallback of the caller's.
    alias: str = ""


class Resting(NamedTuple):
    """Something that would serve a request but is not asked for a while, and why."""

    # The instance, and its model.
    place: Place
    until: float
    # The reason of its failure in the contract.
    reason: str
    message: str
    provider_name: str
    key_id: str = ""


class Decision(msgspec.Struct, frozen=True, gc=False):
    """The candidates of a request, and the reasons against all others."""

    candidates: tuple[CandidateKeys, ...]
    rejections: tuple[pb.Rejection, ...]
    seed: int
    # What would serve but rests.
    resting: tuple[Resting, ...] = ()
    # What it was made from, as `decide` takes it.
    health: HealthView = HEALTHY
    # Those that are asked only after a failure of the request that they are for.
    conditional: tuple[CandidateKeys, ...] = ()
    balance: Balance = EVEN
    only: frozenset[str] | None = None
    # The aliases that are the caller's fallbacks, each with its own balance.
    fallbacks: tuple[tuple[str, Balance], ...] = ()
    account_keys: frozenset[str] | None = None

    @property
    def at(self) -> float:
        """Return the moment that it was made for, in seconds of the router's clock."""
        return self.health.at


def route_of(routes: Mapping[str, Route], model: str) -> Route:
    """Return the route of an alias. ModelNotFound if nothing is mapped to it."""
    route = routes.get(model)
    if route is None:
        raise ModelNotFound(f"The model {model!r} does not exist", model=model)
    return route


class Sender(Protocol):
    """The caller of a request, as far as instances may mind."""

    @property
    def peer(self) -> str:
        """The address; empty where it is not known."""
        ...

    @property
    def certificate(self) -> str:
        """The name of the client certificate that was shown; empty if none."""
        ...

    @property
    def providers(self) -> tuple[tuple[str, ...], ...] | None:
        """The instances that may serve it, as `Caller` has them; None for all."""
        ...


class SentFrom(NamedTuple):
    """Somebody of whom no more is known."""

    peer: str = ""
    certificate: str = ""
    providers: tuple[tuple[str, ...], ...] | None = None


NOBODY = SentFrom()


def decide(
    route: Route,
    requirements: Requirements,
    health: HealthView,
    seed: int,
    sender: Sender = NOBODY,
    *,
    balance: Balance = EVEN,
    only: frozenset[str] | None = None,
    account_keys: frozenset[str] | None = None,
) -> Decision:
    """Choose the candidates of a request and their order.

    Lower priority numbers come first; equals share by weight, drawn with the seed, or as the
    balance says. Those that lack what their codec makes up for come after the others, whatever
    their priority. Instances that are unhealthy come last, and behind them those whose circuit is
    open, where its step is over. An account that alone can read some of the request comes first.
    `only` are the names, in folded case, and the ids of the instances that are asked for,
    `account_keys` those of the account that the request is bound to; None means all.
    """
    chosen: list[CandidateKeys] = []
    last: list[CandidateKeys] = []
    resting: list[Resting] = []
    rejections: list[pb.Rejection] = []
    for candidate in route.candidates:
        why = _obstacle(candidate, requirements, sender, only)
        if why is not None:
            rejections.append(why)
            continue
        keys = candidate.instance.keys
        if health.cooldowns or health.open_circuits or account_keys is not None:
            keys = _available(candidate, health, account_keys, rejections, resting)
        if len(keys) > 1:
            keys = _in_order(candidate, keys, seed, balance, requirements.account)
        if keys and health.open_circuits and health.circuit(candidate.provider_id, candidate.model):
            last.append(CandidateKeys(candidate, keys, is_last=True))
        elif keys:
            chosen.append(CandidateKeys(candidate, keys))
    if len(chosen) > 1:
        chosen = _order(chosen, requirements, health, seed, balance)
    if last:
        chosen += _order(last, requirements, health, seed, balance)
    conditional: tuple[CandidateKeys, ...] = ()
    if route.has_conditions:
        conditional = tuple(each for each in chosen if each.candidate.conditions)
        chosen = [each for each in chosen if not each.candidate.conditions]
    return Decision(
        tuple(chosen),
        (*route.rejections, *rejections),
        seed,
        tuple(resting),
        health,
        conditional,
        balance,
        only,
        account_keys=account_keys,
    )


def decide_plainly(
    route: Route, requirements: Requirements, health: HealthView, seed: int, sender: Sender
) -> Decision:
    """Choose without policies and wishes; what leaves no choice is the same for calls alike.

    Of capabilities that a candidate has there are few, whatever callers write.
    """
    decision = decide(route, requirements, health, seed, sender)
    if health is HEALTHY and decision.candidates and _is_without_choice(route):
        route.sole_decisions[requirements.operation, requirements.capabilities] = decision
    return decision


def _is_without_choice(route: Route) -> bool:
    """Return whether neither the seed nor who calls makes a difference."""
    if len(route.candidates) != 1 or route.has_conditions:
        return False
    instance = route.candidates[0].instance
    return len(instance.keys) == 1 and not instance.is_guarded


def joined(names: Sequence[str], decisions: Sequence[Decision]) -> Decision:
    """Return the decisions of several aliases as one, in their order."""
    first, *others = decisions
    if not others:
        return first
    candidates = [*first.candidates]
    for name, decision in zip(names[1:], others, strict=True):
        candidates += (msgspec.structs.replace(each, alias=name) for each in decision.candidates)
    return msgspec.structs.replace(
        first,
        candidates=tuple(candidates),
        conditional=tuple(each for decision in decisions for each in decision.conditional),
        rejections=tuple(why for decision in decisions for why in decision.rejections),
        resting=tuple(rest for decision in decisions for rest in decision.resting),
        fallbacks=tuple(zip(names[1:], (each.balance for each in others), strict=True)),
    )


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
    candidate: Candidate, requirements: Requirements, sender: Sender, only: frozenset[str] | None
) -> pb.Rejection | None:
    if only is not None and not _is_among(only, candidate):
        return rejection(
            candidate, pb.REJECTION_REASON_NOT_REQUESTED, "the caller asked for others"
        )
    instance = candidate.instance
    served = instance.served.get(requirements.operation)
    if served is None:
        return _unserved(candidate, requirements.operation)
    if requirements.capabilities:
        able = candidate.capabilities
        if able is None:
            able = served.endpoint.capabilities
        if missing := requirements.capabilities - able - SUBSTITUTED:
            return rejection(
                candidate,
                pb.REJECTION_REASON_CAPABILITY_MISSING,
                f"cannot do {', '.join(sorted(missing))}",
            )
    is_guarded = instance.is_guarded or sender.providers is not None
    if is_guarded and (why := refusal_of(instance, sender)):
        return rejection(candidate, pb.REJECTION_REASON_CALLER_NOT_ALLOWED, why)
    return None


def _unserved(candidate: Candidate, operation: str) -> pb.Rejection:
    instance = candidate.instance
    if why := instance.unusable.get(operation):
        return rejection(candidate, pb.REJECTION_REASON_MISCONFIGURED, why)
    why = f"{instance.spec.name} does not serve {operation}"
    return rejection(candidate, pb.REJECTION_REASON_CAPABILITY_MISSING, why)


def _is_among(only: frozenset[str], candidate: Candidate) -> bool:
    name = candidate.instance.provider.name.casefold()
    return name in only or str(candidate.provider_id) in only


def _may_serve(levels: tuple[tuple[str, ...], ...], provider: Provider) -> bool:
    name, number = provider.name.casefold(), str(provider.id)
    return all(
        any(number == each or fnmatchcase(name, each) for each in patterns) for patterns in levels
    )


def refusal_of(instance: Instance, sender: Sender) -> str:
    """Return why an instance does not serve callers like this one; empty if it does."""
    if sender.providers is not None and not _may_serve(sender.providers, instance.provider):
        return "the virtual key may not be served by this instance"
    if instance.networks and not is_within(sender.peer, instance.networks):
        return "the caller's address is outside the instance's allowedIPs"
    if instance.provider.security.require_mtls and not sender.certificate:
        return "the instance requires a client certificate of callers, and this one showed none"
    return ""


def _in_order(
    candidate: Candidate, keys: tuple[UpstreamKey, ...], seed: int, balance: Balance, account: str
) -> tuple[UpstreamKey, ...]:
    ordered = keys_in_order(keys, seed, balance)
    if account:
        ordered = tuple(sorted(ordered, key=lambda key: key.account != account))
    if candidate.instance.has_retiring_keys:
        ordered = tuple(sorted(ordered, key=_is_retiring))
    return ordered


def _is_retiring(key: UpstreamKey) -> bool:
    return key.is_retiring


def _available(
    candidate: Candidate,
    health: HealthView,
    account_keys: frozenset[str] | None,
    rejections: list[pb.Rejection],
    resting: list[Resting],
) -> tuple[UpstreamKey, ...]:
    """Return the keys that may be asked just now; add why the others, or all of them, may not."""
    keys = candidate.instance.keys
    if account_keys is not None:
        own = tuple(key for key in keys if key.key_id in account_keys)
        others = [key.key_id for key in keys if key.key_id not in account_keys] if own else [""]
        rejections += [_other_account(candidate, key_id) for key_id in others]
        keys = own
    rest = _rest_of_model(candidate, health) if keys else None
    found = [rest] if rest is not None else []
    available = []
    for key in () if found else keys:
        rest = _rest_of_key(candidate, key.key_id, health)
        if rest is None:
            available.append(key)
        else:
            found.append(rest)
    resting += found
    rejections += [_rejection_of(candidate, each) for each in found]
    return tuple(available)


def _other_account(candidate: Candidate, key_id: str) -> pb.Rejection:
    why = "belongs to another account than the one that the request is bound to"
    return rejection(candidate, pb.REJECTION_REASON_OTHER_ACCOUNT, why, key_id)


def _rejection_of(candidate: Candidate, rest: Resting) -> pb.Rejection:
    reason, detail = pb.REJECTION_REASON_MODEL_COOLING_DOWN, f"cools down: {rest.message}"
    if rest.reason == ProviderUnhealthy.reason:
        reason, detail = pb.REJECTION_REASON_CIRCUIT_OPEN, rest.message
    elif rest.key_id or not candidate.instance.keys[0].key_id:
        reason = pb.REJECTION_REASON_KEY_COOLING_DOWN
    return rejection(candidate, reason, detail, rest.key_id)


def _rest_of_model(candidate: Candidate, health: HealthView) -> Resting | None:
    """Say why the model at the instance is not asked just now, whatever the key."""
    name, place = candidate.instance.provider.name, (candidate.provider_id, candidate.model)
    circuit = health.circuit(*place)
    if circuit is not None and circuit.last_until > health.at:
        return Resting(place, circuit.last_until, ProviderUnhealthy.reason, _OPEN, name)
    cooldown = health.cooldowns.get(Subject(*place))
    if cooldown is not None:
        return Resting(place, cooldown.until, cooldown.reason, cooldown.message, name)
    return None


def _rest_of_key(candidate: Candidate, key_id: str, health: HealthView) -> Resting | None:
    name, place = candidate.instance.provider.name, (candidate.provider_id, candidate.model)
    cooldown = health.cooldown(*place, key_id)
    if cooldown is not None:
        return Resting(place, cooldown.until, cooldown.reason, cooldown.message, name, key_id)
    circuit = health.open_circuits.get(Subject(candidate.provider_id, "", key_id))
    if circuit is not None and key_id:
        return Resting(place, circuit.until, ProviderUnhealthy.reason, _OPEN, name, key_id)
    return None


def _order(
    chosen: list[CandidateKeys],
    requirements: Requirements,
    health: HealthView,
    seed: int,
    balance: Balance,
) -> list[CandidateKeys]:
    def comes_last(candidate: Candidate) -> bool:
        is_unhealthy = candidate.provider_id in health.unhealthy
        return is_unhealthy or _is_held_back(candidate, health, seed)

    def is_second(entry: CandidateKeys) -> tuple[bool, bool]:
        served = entry.candidate.instance.served[requirements.operation]
        lacking = preferred - served.endpoint.capabilities
        return comes_last(entry.candidate), bool(lacking)

    ordered = in_order(chosen, comes_last, seed, balance)
    if account := requirements.account:
        ordered.sort(key=lambda e: (comes_last(e.candidate), e.keys[0].account != account))
    if preferred := requirements.capabilities & SUBSTITUTED:
        ordered.sort(key=is_second)
    return ordered


def _is_held_back(candidate: Candidate, health: HealthView, seed: int) -> bool:
    """Tell whether a request is not among those that come back first, after a circuit closed."""
    if not health.returning:
        return False
    share = health.share(candidate.provider_id, candidate.model)
    return mix(mix(seed) ^ candidate.provider_id) / (MASK + 1) >= share
