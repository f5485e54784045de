"""Which hooks a call has, as it is admitted."""

from typing import NamedTuple

from conduit.v1.call_pb2 import CallOptions
from conduit_router.caching.control import CacheUse, cache_use
from conduit_router.routing.table import Route


class CallHooks(NamedTuple):
    """The parts that look at one call and its answer; None of what does not."""

    cache: CacheUse | None = None


def hooks_of(route: Route | None, options: CallOptions | None) -> CallHooks | None:
    """Return the hooks of a call; None if it has none. InvalidRequest for wrong options."""
    policy = route.cache if route is not None else None
    use = cache_use(policy, options.cache if options is not None else "")
    return None if use is None else CallHooks(use)
