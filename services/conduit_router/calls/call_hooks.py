"""Which hooks a call has, as it is admitted."""

from collections.abc import Sequence
from typing import NamedTuple

from conduit.v1.call_pb2 import CallOptions
from conduit_providers.operation import Requirements
from conduit_router.caching.control import CacheUse, cache_use
from conduit_router.context import CallerContext
from conduit_router.guardrails.policy import Guards
from conduit_router.routing.table import RoutingTable


class CallHooks(NamedTuple):
    """The cache and the guardrails of one call; None and empty where it has none."""

    cache: CacheUse | None = None
    guards: Guards = ()


def hooks_of(
    table: RoutingTable,
    requirements: Requirements,
    options: CallOptions | None,
    caller: CallerContext,
) -> CallHooks | None:
    """Return the hooks of a call; None if it has none. InvalidRequest for wrong options.

    Guardrails are those of the virtual key and of all aliases that may serve the call, so that
    naming another one as a fallback is no way around them.
    """
    if caller.is_judging:
        return None
    route = table.routes.get(requirements.model)
    policy = route.cache if route is not None else None
    use = cache_use(policy, options.cache if options is not None else "")
    guards = list(caller.caller.guards)
    for name in _aliases(requirements, options):
        found = table.routes.get(name)
        guards += found.guards if found is not None else ()
    return CallHooks(use, tuple(guards)) if use is not None or guards else None


def _aliases(requirements: Requirements, options: CallOptions | None) -> Sequence[str]:
    named = [requirements.model, *(requirements.fallbacks or ())]
    named += options.fallbacks if options is not None else ()
    return [*dict.fromkeys(named)]
