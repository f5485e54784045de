"""Why a call with an idempotency key is neither made nor answered.

* ConduitError
  * IdempotencyKeyReused, IdempotentCallUnderWay, IdempotentResultNotKept
"""

from conduit_kernel.errors import ConduitError


class IdempotencyKeyReused(ConduitError):
    """The idempotency key came before with another request. Metadata: `field`."""

    reason = "IDEMPOTENCY_KEY_REUSED"


class IdempotentCallUnderWay(ConduitError):
    """A call with the idempotency key has not ended yet. Metadata: `retry_after_ms`."""

    reason = "IDEMPOTENT_CALL_UNDER_WAY"


class IdempotentResultNotKept(ConduitError):
    """The answer to a call with the idempotency key is not there to be had again."""

    reason = "IDEMPOTENT_RESULT_NOT_KEPT"
