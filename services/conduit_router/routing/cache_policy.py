"""The policy by which answers of an alias are kept, compiled from its fallback chain."""

from typing import NamedTuple

from conduit.v1.cache_policy_pb2 import (
    CACHE_SCOPE_UNSPECIFIED,
    CACHE_SCOPE_VIRTUAL_KEY,
    CacheScope,
    SemanticCache,
)
from conduit.v1.fallback_chain_pb2 import FallbackChain

TTL_SECONDS = 300.0
# What is less alike is not the same.
THRESHOLD = 0.95
EMBEDDING_SECONDS = 1.0


class SemanticPolicy(NamedTuple):
    """That answers are given to what is asked in other words, too."""

    # The alias that embeds texts.
    model: str
    # The least similarity, from 0.5 to 1.
    threshold: float = THRESHOLD
    # How long a call waits for a vector.
    seconds: float = EMBEDDING_SECONDS
    # Whether a caller chose it, who then must be allowed to use the alias.
    is_of_caller: bool = False


class CachePolicy(NamedTuple):
    """The terms on which answers are kept: how long, for whom, and what one of them costs."""

    # In seconds.
    ttl: float = TTL_SECONDS
    scope: CacheScope.ValueType = CACHE_SCOPE_VIRTUAL_KEY
    # Of the price, from 0 to 1.
    charged_share: float = 0.0
    # Answers of other versions are not given again.
    version: str = ""
    # None where answers are given to what is asked in the same words alone.
    semantic: SemanticPolicy | None = None


def cache_policy_of(chain: FallbackChain) -> CachePolicy | None:
    """Return how answers are kept; None where they are not."""
    if not chain.HasField("cache"):
        return None
    own, scope = chain.cache, chain.cache.scope
    if scope == CACHE_SCOPE_UNSPECIFIED:
        scope = CACHE_SCOPE_VIRTUAL_KEY
    # The Registry takes none of zero, so that is what is unset.
    ttl = own.ttl.ToMicroseconds() / 1e6 or TTL_SECONDS
    semantic = _semantic(own.semantic) if own.HasField("semantic") else None
    return CachePolicy(ttl, scope, own.charged_share, own.version, semantic)


def _semantic(own: SemanticCache) -> SemanticPolicy:
    threshold = own.threshold if own.HasField("threshold") else THRESHOLD
    # As with the time above.
    seconds = own.timeout.ToMicroseconds() / 1e6 or EMBEDDING_SECONDS
    return SemanticPolicy(own.embedding_model, threshold, seconds)
