"""Where a call goes that is not plain: by its alias's policy, and by what its caller wishes."""

from collections.abc import Collection, Iterator

from conduit.v1 import decision_pb2 as pb
from conduit.v1.call_pb2 import CallOptions
from conduit_kernel.errors import InvalidRequest
from conduit_providers.operation import Requirements
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallerContext
from conduit_router.routing.decide import Decision, decide, joined, route_of
from conduit_router.routing.health_view import HealthView
from conduit_router.virtual_keys import check_model

# More of either help nobody, and cost everybody.
MAX_FALLBACKS = 16
MAX_PROVIDERS = 16
MAX_NAME = 200
MAX_AFFINITY_KEY = 256


def choose(
    runtime: CallRuntime,
    requirements: Requirements,
    options: CallOptions | None,
    caller: CallerContext,
    *,
    health: HealthView,
    seed: int,
) -> Decision:
    """Decide with policies and wishes. A ConduitError if they make no sense, or are not allowed."""
    if options is None:
        options = CallOptions()
    session = options.affinity_key or requirements.session
    if len(options.affinity_key) > MAX_AFFINITY_KEY:
        message = f"affinity_key must have at most {MAX_AFFINITY_KEY} characters"
        raise InvalidRequest(message, field="affinity_key")
    names = [requirements.model, *_fallbacks(requirements, options, caller)]
    only = _providers(options.providers)
    account_keys = _account_keys(runtime, options.account_key_id)
    decisions = []
    for name in names:
        route = route_of(runtime.table.routes, name)
        balance = runtime.balancer.balance(route, session, caller.caller.virtual_key_id)
        decisions.append(
            decide(
                route,
                requirements,
                health,
                seed,
                caller.peer,
                balance=balance,
                only=only,
                account_keys=account_keys,
            )
        )
    decision = joined(names, decisions)
    if only is not None and _has_none_of(decision):
        shown = ", ".join(options.providers)
        raise InvalidRequest(
            f"No provider of the model {requirements.model!r} is among those asked for: {shown}",
            field="providers",
        )
    return decision


def _fallbacks(
    requirements: Requirements, options: CallOptions, caller: CallerContext
) -> Iterator[str]:
    """Yield the other aliases that may serve a call, each once."""
    named = [*options.fallbacks, *(requirements.fallbacks or ())]
    if len(named) > MAX_FALLBACKS:
        message = f"fallbacks must have at most {MAX_FALLBACKS} items"
        raise InvalidRequest(message, field="fallbacks")
    for name in dict.fromkeys(named):
        if not 0 < len(name) <= MAX_NAME:
            message = f"fallbacks must be names of 1 to {MAX_NAME} characters"
            raise InvalidRequest(message, field="fallbacks")
        check_model(caller.caller, name)
        if name != requirements.model:
            yield name


def _providers(named: Collection[str]) -> frozenset[str] | None:
    """Return the instances that a caller asks for, by name without regard to case, or by id."""
    if len(named) > MAX_PROVIDERS:
        message = f"providers must have at most {MAX_PROVIDERS} items"
        raise InvalidRequest(message, field="providers")
    if any(len(name) > MAX_NAME for name in named):
        message = f"providers must be names of at most {MAX_NAME} characters, or ids"
        raise InvalidRequest(message, field="providers")
    return frozenset(name.strip().casefold() for name in named) if named else None


def _account_keys(runtime: CallRuntime, key_id: str) -> frozenset[str] | None:
    """Return the keys of the account that a caller names by one of them; None if by none."""
    if len(key_id) > MAX_NAME:
        message = f"account_key_id must have at most {MAX_NAME} characters"
        raise InvalidRequest(message, field="account_key_id")
    return runtime.accounts.keys_beside(key_id) if key_id else None


def _has_none_of(decision: Decision) -> bool:
    return not decision.candidates and {each.reason for each in decision.rejections} <= {
        pb.REJECTION_REASON_NOT_REQUESTED,
        pb.REJECTION_REASON_NOT_IN_CHAIN,
    }
