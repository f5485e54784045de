"""What tells two calls apart that might have the same answer."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from conduit.v1.cache_policy_pb2 import CACHE_SCOPE_ALL, CACHE_SCOPE_GROUP
from conduit.v1.call_pb2 import CallOptions
from conduit_providers.operation import AnyOperation, Requirements
from conduit_router.routing.cache_policy import CachePolicy
from conduit_router.routing.table import Caller, Route

# By `served_as`: what an answer follows from the request alone, and leaves nothing behind.
PURE = frozenset(
    {
        *("chat", "message", "response", "content", "completion"),
        *("embed", "rerank", "moderate"),
    }
)
# Members of requests that refer to what somebody else keeps, or have something kept.
_BOUND: Mapping[str, tuple[str, ...]] = {
    "response": ("previous_response_id", "conversation", "prompt", "background"),
    "chat": ("store",),
    "message": ("container", "mcp_servers"),
    "content": ("cachedContent", "cached_content"),
}
# The RPC says that, whatever stands in the body.
_STREAM = "stream"
# The options that an answer may depend on; all others are about time, attempts and reports.
_TELLING = (*("strict_parameters", "fallbacks", "providers", "betas", "anthropic_version"),)


class _NotCanonical(ValueError):
    """A text of which two readers may understand two things."""


class CacheableRequest(NamedTuple):
    """A request whose answer may be kept: all that its answer depends on."""

    served_as: str
    # Who asks whom, on which terms.
    terms: Sequence[object]
    document: dict[str, Any]

    @property
    def fingerprint(self) -> bytes:
        """Return the SHA-256 of all of it."""
        return digest([*self.terms, self.document])


def digest(parts: Sequence[object]) -> bytes:
    """Return the SHA-256 of values, by what they say: in whatever order members stand."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def asked_of(
    operation: AnyOperation,
    requirements: Requirements,
    body: bytes,
    *,
    caller: Caller,
    options: CallOptions | None,
    policy: CachePolicy,
    route: Route | None,
) -> CacheableRequest | None:
    """Return all that a call's answer depends on; None if it must not be kept.

    JSON counts by what it says, in whatever order and with whatever space its members are written.
    A body in which a member stands twice has no answer that is kept: who reads the first one would
    be given what was answered to the second.
    """
    served_as = operation.served_as
    if served_as not in PURE or requirements.resource or (options and options.account_key_id):
        return None
    try:
        asked = json.loads(body, object_pairs_hook=_members, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if not isinstance(asked, dict) or _is_bound(served_as, asked):
        return None
    asked.pop(_STREAM, None)
    terms = [
        served_as,
        requirements.model,
        requirements.stream,
        _holder(caller, policy),
        # Who may not be served by all instances gets no answer of theirs.
        caller.providers,
        policy.version,
        candidates_of(route),
        _said(options),
    ]
    return CacheableRequest(served_as, terms, asked)


def _is_bound(served_as: str, asked: Mapping[str, Any]) -> bool:
    if served_as == "response" and asked.get("store") is not False:
        # Kept unless it says otherwise.
        return True
    return any(asked.get(name) for name in _BOUND.get(served_as, ()))


def _holder(caller: Caller, policy: CachePolicy) -> list[object]:
    """Return whose answers a call may have."""
    if policy.scope == CACHE_SCOPE_ALL:
        return ["all"]
    if policy.scope == CACHE_SCOPE_GROUP and caller.group_id:
        return ["group", caller.group_id]
    return ["key", caller.virtual_key_id]


def candidates_of(route: Route | None) -> list[object]:
    """Return who serves an alias, by what: another one's answers are not this one's."""
    return [
        [each.provider_id, each.model, each.instance.provider.base_url, each.mapping_id]
        for each in (route.candidates if route is not None else ())
    ]


def _said(options: CallOptions | None) -> list[object]:
    if options is None:
        return []
    found = []
    for name in _TELLING:
        value = getattr(options, name)
        is_one = isinstance(value, str | bool)
        found.append([name, value if is_one else list(value)])
    return [each for each in found if each[1]]


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _NotCanonical
    return found


def _refuse(_: str) -> NoReturn:
    raise _NotCanonical
