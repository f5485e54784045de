"""By what the answer to a call is found in the cache."""

import msgspec

from conduit_router.caching.control import CacheUse
from conduit_router.caching.fingerprint import CacheableRequest, asked_of
from conduit_router.caching.similar import AskedText
from conduit_router.calls.call_scope import CallScope


class CacheKey(msgspec.Struct, eq=False):
    """The key of a call's answer: the same request, or a text that is much alike."""

    asked: CacheableRequest
    fingerprint: bytes
    # Once its text has a vector; None also where it has none.
    text: AskedText | None = None


def cache_key(scope: CallScope, use: CacheUse) -> CacheKey | None:
    """Return by what a call's answer is found; None if it has nothing to do with the cache."""
    if not (use.reads or use.writes):
        return None
    asked = asked_of(
        scope.operation,
        scope.requirements,
        scope.form.json_at_hand or msgspec.structs.replace(scope.form).json,
        caller=scope.caller.caller,
        options=scope.options,
        policy=use.policy,
        route=scope.runtime.table.routes.get(scope.requirements.model),
    )
    return None if asked is None else CacheKey(asked, asked.fingerprint)
