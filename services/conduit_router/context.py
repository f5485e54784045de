"""Who calls, and the limits within which a call is made."""

from typing import Any

import msgspec

from conduit.v1.call_pb2 import CallOptions
from conduit_kernel.errors import InvalidRequest
from conduit_router.routing.table import Caller

CALL_SECONDS = 600.0
MAX_CALL_SECONDS = 3600.0
MAX_ATTEMPTS = 4
# More than this many attempts help nobody, whoever asks for them.
MAX_CALLER_ATTEMPTS = 16


class CallerContext(msgspec.Struct, frozen=True):
    """The caller: the virtual key, the request's id, the address."""

    caller: Caller
    request_id: str
    peer: str


class CallLimits(msgspec.Struct, frozen=True):
    """The limits of a call; one value for all of its parts, times in seconds."""

    # The whole call, with all of its attempts and with the body to its end.
    total: float = CALL_SECONDS
    # Until a connection is had.
    connect: float = 10.0
    # Until the head of an answer, or the first event of a stream; a chain's step may say less.
    first_event: float = 300.0
    # Between two pieces of an answer.
    idle: float = 120.0
    # None for so many as are usual, and one for each candidate at least.
    attempts: int | None = None
    # Whether what a provider does not take is refused rather than left out.
    is_strict: bool = False


DEFAULT_LIMITS = CallLimits()


def options_of(request: Any) -> CallOptions | None:  # noqa: ANN401 # any RPC that makes calls
    """Return the options of an RPC's request, None if it has none."""
    options: CallOptions | None = request.options if request.HasField("options") else None
    return options


def limits_of(options: CallOptions) -> CallLimits:
    """Return the limits that a caller asks for. InvalidRequest if they make no sense."""
    total, attempts = CALL_SECONDS, None
    if options.HasField("timeout"):
        # Not as a timedelta, which overflows where callers send nonsense.
        total = options.timeout.seconds + options.timeout.nanos / 1e9
        if not 0 < total <= MAX_CALL_SECONDS:
            raise InvalidRequest(
                f"timeout must be above 0 and at most {MAX_CALL_SECONDS:.0f}s", field="timeout"
            )
    if options.HasField("max_attempts"):
        if options.max_attempts < 1:
            raise InvalidRequest("max_attempts must be at least 1", field="max_attempts")
        attempts = min(options.max_attempts, MAX_CALLER_ATTEMPTS)
    return CallLimits(total=total, attempts=attempts, is_strict=options.strict_parameters)
