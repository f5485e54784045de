"""What a caller says of the cache, in the words of HTTP's `Cache-Control` (RFC 9111, 5.2.1)."""

import re
from typing import NamedTuple

from conduit_kernel.errors import InvalidRequest
from conduit_router.routing.cache_policy import CachePolicy, SemanticPolicy

FIELD = "cache"
# A month, as long as any policy keeps an answer.
MOST_SECONDS = 2_592_000
_MAX_AGE = re.compile(r"max-age=(\d{1,9})")
_NO_CACHE, _NO_STORE = "no-cache", "no-store"
# No answer to what is asked in other words; and one, by the vectors of a model.
_EXACT = "exact"
_SEMANTIC = re.compile(r"semantic=([!-~]{1,90})", re.IGNORECASE)


class CacheUse(NamedTuple):
    """The use that one call makes of the cache."""

    policy: CachePolicy
    # Whether it may be answered from there, by an answer of at most so many seconds.
    reads: bool
    max_age: float
    # Whether its answer is kept.
    writes: bool


def cache_use(policy: CachePolicy | None, said: str) -> CacheUse | None:
    """Return how a call uses the cache, by its alias's policy and by what its caller says.

    None where it does not. InvalidRequest for what is no such word.
    """
    parts = [word.strip() for word in said.split(",")]
    models = [found[1] for part in parts if (found := _SEMANTIC.fullmatch(part))]
    words = {part.lower() for part in parts if not _SEMANTIC.fullmatch(part)} - {""}
    ages = [found for word in words if (found := _MAX_AGE.fullmatch(word))]
    if unknown := words - {_NO_CACHE, _NO_STORE, _EXACT, *(found[0] for found in ages)}:
        message = (
            f"{FIELD} takes max-age=SECONDS, {_NO_CACHE}, {_NO_STORE}, semantic=MODEL "
            f"and {_EXACT}, not {min(unknown)!r}"
        )
        raise InvalidRequest(message, field=FIELD)
    if policy is None and not (words or models):
        return None
    age = min((float(found[1]) for found in ages), default=None)
    if policy is None:
        policy = CachePolicy() if age is None else CachePolicy(ttl=min(age, MOST_SECONDS))
    reads = words.isdisjoint({_NO_CACHE, _NO_STORE}) and age != 0
    policy = policy._replace(semantic=_semantic(policy, models, is_exact=_EXACT in words))
    return CacheUse(policy, reads, policy.ttl if age is None else age, _NO_STORE not in words)


def _semantic(policy: CachePolicy, models: list[str], *, is_exact: bool) -> SemanticPolicy | None:
    """Return how a call is answered by what is much alike; None where it is not.

    The alias's own way counts before a caller's.
    """
    if is_exact:
        return None
    if policy.semantic is not None or not models:
        return policy.semantic
    return SemanticPolicy(models[0], is_of_caller=True)
