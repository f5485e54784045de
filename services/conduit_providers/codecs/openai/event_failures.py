"""What events of a stream say of a failure."""

import msgspec

from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.openai.bursts import read_bare
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.json_reading import parsed


def failure_in(data: bytes, provider: str) -> UpstreamError:
    """Return the failure that an event tells."""
    try:
        failure = parsed(data)
    except msgspec.DecodeError:
        failure = data.decode()
    if isinstance(failure, dict):
        failure = failure.get("error") or failure
    return error_in_stream(failure, provider)


def failure_without_choices(data: bytes, provider: str) -> UpstreamError:
    """Return the failure that an event without choices is: an error, or nonsense."""
    if isinstance(read_bare(data).message, str):
        return failure_in(data, provider)
    return malformed(provider, "an event has no choices")
