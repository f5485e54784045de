"""Where a call goes: by its alias's policy, and by what its caller wishes."""

from collections.abc import Iterator

from msgspec.structs import replace

from conduit.v1 import decision_pb2 as pb
from conduit.v1.call_pb2 import CallOptions
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.limits import check_items, check_length
from conduit_providers.operation import Requirements
from conduit_providers.tags import unique
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallerContext, has_wishes
from conduit_router.routing.balancing import mix
from conduit_router.routing.decide import Decision, decide, decide_plainly, joined, route_of
from conduit_router.routing.health_view import HEALTHY, HealthView
from conduit_router.routing.table import Route
from conduit_router.virtual_keys import check_model


def first_choice(
    runtime: CallRuntime,
    requirements: Requirements,
    options: CallOptions | None,
    caller: CallerContext,
    route: Route | None,
) -> Decision:
    """Decide where a call goes as it is admitted; `route` is of its alias, None if there is none.

    Raises as `choose` does.
    """
    is_given = options is not None and options.HasField("seed")
    seed = options.seed if options is not None and is_given else runtime.draw_seed()
    state = runtime.state
    health = HEALTHY if state.is_quiet else state.view(caller.caller.virtual_key_id)
    has_wish = options is not None and has_wishes(options)
    is_plain = not (has_wish or requirements.resource or requirements.fallbacks is not None)
    if is_plain and route is not None and route.policy is None:
        return decide_plainly(route, requirements, health, seed, caller)
    return choose(runtime, requirements, options, caller, health=health, seed=seed)


def tagged(requirements: Requirements, options: CallOptions) -> Requirements:
    """Return requirements with the tags that options have. InvalidRequest if those are too many."""
    if not options.tags:
        return requirements
    check_items(options, "tags")
    check_length(options, "tags")
    return replace(requirements, tags=unique([*options.tags, *requirements.tags]))


def choose(
    runtime: CallRuntime,
    requirements: Requirements,
    options: CallOptions | None,
    caller: CallerContext,
    *,
    health: HealthView,
    seed: int,
    turn: int | None = None,
) -> Decision:
    """Decide with policies and wishes. A ConduitError if they make no sense, or are not allowed.

    By round robin a call takes its turn, unless it has one; at other aliases, which may not be
    asked at all, it takes nobody's.
    """
    if options is None:
        options = CallOptions()
    session = options.affinity_key or requirements.session
    check_length(options, "affinity_key")
    names = [requirements.model, *_fallbacks(requirements, options, caller)]
    only = _providers(options)
    account_keys = _account_keys(runtime, options, requirements)
    decisions: list[Decision] = []
    for name in names:
        route = route_of(runtime.table.routes, name)
        balance = runtime.balancer.balance(
            route, session, caller.caller.virtual_key_id, turn=mix(seed) >> 1 if decisions else turn
        )
        decisions.append(
            decide(
                route,
                requirements,
                health,
                seed,
                caller,
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
    asked = CallOptions(fallbacks=(*options.fallbacks, *(requirements.fallbacks or ())))
    check_items(asked, "fallbacks")
    check_length(asked, "fallbacks")
    for name in dict.fromkeys(asked.fallbacks):
        check_model(caller.caller, name)
        if name != requirements.model:
            yield name


def _providers(options: CallOptions) -> frozenset[str] | None:
    """Return the instances that a caller asks for, by name without regard to case, or by id."""
    check_items(options, "providers")
    check_length(options, "providers")
    named = frozenset(name.strip().casefold() for name in options.providers)
    return named or None


def _account_keys(
    runtime: CallRuntime, options: CallOptions, requirements: Requirements
) -> frozenset[str] | None:
    """Return the keys of the account that a call is bound to; None if it is bound to none.

    A caller names it by one of its keys, or by what belongs to it.
    """
    check_length(options, "account_key_id")
    accounts, named = runtime.accounts, options.account_key_id
    keys = accounts.keys_beside(named) if named else None
    own = accounts.keys_of(requirements.resource) if requirements.resource else None
    return keys if own is None else own if keys is None else own & keys


def _has_none_of(decision: Decision) -> bool:
    return not decision.candidates and {each.reason for each in decision.rejections} <= {
        pb.REJECTION_REASON_NOT_REQUESTED,
        pb.REJECTION_REASON_NOT_IN_CHAIN,
    }
