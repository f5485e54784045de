"""The policy by which answers of an alias are kept, compiled from its fallback chain."""

from typing import NamedTuple

from conduit.v1.cache_policy_pb2 import (
    CACHE_SCOPE_UNSPECIFIED,
    CACHE_SCOPE_VIRTUAL_KEY,
    CacheScope,
)
from conduit.v1.fallback_chain_pb2 import FallbackChain

TTL_SECONDS = 300.0


class CachePolicy(NamedTuple):
    """The terms on which answers are kept: how long, for whom, and what one of them costs."""

    # In seconds.
    ttl: float = TTL_SECONDS
    scope: CacheScope.ValueType = CACHE_SCOPE_VIRTUAL_KEY
    # Of the price, from 0 to 1.
    charged_share: float = 0.0
    # Answers of other versions are not given again.
    version: str = ""


def cache_policy_of(chain: FallbackChain) -> CachePolicy | None:
    """Return how answers are kept; None where they are not."""
    if not chain.HasField("cache"):
        return None
    own, scope = chain.cache, chain.cache.scope
    if scope == CACHE_SCOPE_UNSPECIFIED:
        scope = CACHE_SCOPE_VIRTUAL_KEY
    # The Registry takes none of zero, so that is what is unset.
    ttl = own.ttl.ToMicroseconds() / 1e6 or TTL_SECONDS
    return CachePolicy(ttl, scope, own.charged_share, own.version)
