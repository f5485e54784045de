"""Which malformed events of a stream are left out, so that the rest of the answer still comes."""

import re
from copy import copy

from conduit_kernel.errors import StreamInterrupted, UpstreamError

# More than that is a provider that makes no sense, not a slip.
MAX_SKIPPED = 1
# What calls of tools come in: without a piece, arguments may be JSON still, and say something else.
_OF_CALLS = re.compile(rb"tool|function|partial_json", re.IGNORECASE)


def may_skip(error: UpstreamError, data: bytes, skipped: int) -> bool:
    """Return whether an event that failed so is left out, after so many others.

    Only to be asked once the answer has begun: before that another candidate does better.
    """
    is_malformed = error.metadata.get("kind") == "malformed"
    return is_malformed and skipped < MAX_SKIPPED and not _OF_CALLS.search(data)


def interruption(provider: str, skipped_for: UpstreamError | None) -> UpstreamError:
    """Return the failure that an early end is: that of an event left out, if there was one."""
    if skipped_for is not None:
        return copy(skipped_for)
    return StreamInterrupted(
        f"{provider} ended the stream before the answer was complete", provider=provider
    )
