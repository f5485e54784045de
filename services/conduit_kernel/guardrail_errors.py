"""What guardrails stop.

* ConduitError
  * ContentBlocked
"""

from conduit_kernel.errors import ConduitError


class ContentBlocked(ConduitError):
    """A guardrail lets a request or an answer not pass. Metadata: `guardrail`, `stage`, `kind`."""

    reason = "CONTENT_BLOCKED"
