"""Who calls, and the limits within which a call is made."""

from typing import Any, NamedTuple

import msgspec

from conduit.v1.call_pb2 import CallOptions
from conduit_kernel.errors import LoopDetected
from conduit_kernel.limits import MICROSECONDS, number_of, span_of
from conduit_router.routing.policy import NO_CAPS, AttemptTimeouts, CallerCaps
from conduit_router.routing.table import Caller

CALL_SECONDS = 600.0
MAX_CALL_SECONDS = 3600.0
MAX_ATTEMPTS = 4
# A request that has passed so many gateways is refused.
MAX_HOPS = 3
# More than this many attempts help nobody, whoever asks for them.
MAX_CALLER_ATTEMPTS = 16


class CallerContext(msgspec.Struct, frozen=True):
    """The caller: the virtual key, the request's id, the address, the client certificate's name."""

    caller: Caller
    request_id: str
    peer: str
    certificate: str = ""
    # Whether it is a call for a guardrail of another one, which none looks at.
    is_judging: bool = False

    @property
    def is_free(self) -> bool:
        """Return whether neither models nor a hard budget bind the virtual key."""
        usage = self.caller.usage
        return self.caller.allowed is None and (usage is None or not usage.has_budget)

    @property
    def providers(self) -> tuple[tuple[str, ...], ...] | None:
        """Return the instances that may serve the virtual key; None for all."""
        return self.caller.providers


class CallLimits(msgspec.Struct, frozen=True):
    """The limits of a call; one value for all of its parts, times in seconds."""

    # The whole call, with all of its attempts and with the body to its end.
    total: float = CALL_SECONDS
    # Until a connection is had, where nobody says so.
    connect: float = 5.0
    # What the caller asks for each attempt; None where that is nothing.
    attempt: AttemptTimeouts | None = None
    # None for so many as are usual, and one for each candidate at least.
    attempts: int | None = None
    # The most of them that the virtual key allows, also where its caller asks for none.
    most_attempts: int = NO_CAPS.attempts
    # How many gateways the request has passed before.
    hops: int = 0
    # Whether what a provider does not take is refused rather than left out.
    is_strict: bool = False
    # Betas of a provider's, by its names, and the version of its API.
    betas: tuple[str, ...] = ()
    version: str = ""


class CallCaps(NamedTuple):
    """The most that the operator lets callers ask for."""

    seconds: float = MAX_CALL_SECONDS
    attempts: int = MAX_CALLER_ATTEMPTS
    # Of a virtual key, under way at the same time; 0 for any number.
    calls: int = 0


UNCAPPED = CallCaps()


def options_of(request: Any) -> CallOptions | None:  # noqa: ANN401 # any RPC that makes calls
    """Return the options of an RPC's request, None if it has none."""
    options: CallOptions | None = request.options if request.HasField("options") else None
    return options


def has_wishes(options: CallOptions) -> bool:
    """Return whether a caller does not leave it to the Router alone where a call goes."""
    return bool(options.fallbacks or options.providers or options.account_key_id)


def steers(options: CallOptions) -> bool:
    """Return whether a caller has a say in where a call goes, if only by the seed of the choice."""
    return has_wishes(options) or options.HasField("seed")


def limits_of(
    options: CallOptions | None, caps: CallCaps = UNCAPPED, own: CallerCaps | None = None
) -> CallLimits:
    """Return the limits that a caller asks for, capped for all and for the virtual key.

    InvalidRequest if they make no sense.
    """
    options, own, attempts = options or CallOptions(), own or NO_CAPS, None
    total = min(_seconds(options, "timeout") or CALL_SECONDS, caps.seconds, own.seconds)
    if options.HasField("max_attempts"):
        attempts = min(number_of(options, "max_attempts"), caps.attempts)
    if not 0 <= options.hops < MAX_HOPS:
        message = "The request has passed too many gateways, or this one again and again"
        raise LoopDetected(message, hops=str(options.hops))
    return CallLimits(
        total=total,
        attempt=_attempt_timeouts(options),
        attempts=attempts,
        most_attempts=own.attempts,
        hops=options.hops,
        is_strict=options.strict_parameters,
        betas=tuple(options.betas),
        version=options.anthropic_version,
    )


def _attempt_timeouts(options: CallOptions) -> AttemptTimeouts | None:
    names = "connect_timeout", "first_token_timeout", "idle_timeout", "attempt_timeout"
    asked = AttemptTimeouts(*(_seconds(options, name) for name in names))
    return asked if any(asked) else None


def _seconds(options: CallOptions, name: str) -> float | None:
    """Return the seconds of a limit, None where it is unset. InvalidRequest if out of range."""
    if not options.HasField(name):  # type: ignore[arg-type] # one of its fields
        return None
    return span_of(options, name) / MICROSECONDS
