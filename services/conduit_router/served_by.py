"""Who answers calls of a kind."""

import msgspec

from conduit_router.spending.standing import Standing


class ServedBy(msgspec.Struct):
    """A key of an instance, asked for a model: the same object for each call that it answers.

    So whoever reads it can keep what it made of it.
    """

    provider_id: int
    provider_name: str
    key_id: str
    actual_model_name: str
    # What its reader made of the fields above; empty until then.
    notes: bytes = b""


class CallSummary(msgspec.Struct, gc=False):
    """The Router's report of a call: a CallReport inside of the process."""

    served_by: ServedBy
    request_id: str
    attempts: int
    fallbacks: int
    overhead_ms: float
    cost_nano_usd: int | None
    dropped: list[str]
    upstream_request_id: str
    # What each attempt did, where the caller asked for it.
    trace: str = ""
    # How the limits of the virtual key stand, where it has any.
    standings: tuple[Standing, ...] = ()
    # What the cache had to do with it; how old an answer from there is, in seconds.
    cache: str = ""
    cache_age: int | None = None
    # The guardrails that found something, and what they did.
    guardrails: tuple[str, ...] = ()
