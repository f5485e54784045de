"""The tokens that an attempt used, as spans and metrics tell them."""

from typing import NamedTuple

from conduit_providers.quantities import CACHE_READS, CACHE_WRITES, REASONING
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.trail.telling import read_and_written


class Tokens(NamedTuple):
    """The tokens that an attempt used; those of all kinds are within the first two."""

    input: int
    output: int
    cache_read: int
    cache_write: int
    reasoning: int


def tokens_of(attempt: Attempt) -> Tokens | None:
    """Return what an attempt used, None where nobody has said or estimated it."""
    if attempt.consumption is None:
        return None
    usage = attempt.consumption.usage
    cached = usage.count(*CACHE_READS), usage.count(*CACHE_WRITES)
    return Tokens(*read_and_written(usage), *cached, usage.count(REASONING))
