"""What a router counts of calls and attempts since it started, for `/metrics`: plain numbers."""

import asyncio

import msgspec

from conduit_kernel.errors import ConduitError
from conduit_kernel.http import CallerGone
from conduit_router.routing.attempt_plan import Outrun

# Milliseconds. From a simulator beside us to the longest that a model may think.
ATTEMPT_BOUNDS = (
    *(5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0),
    *(1_000.0, 2_500.0, 5_000.0, 10_000.0, 30_000.0, 60_000.0, 120_000.0, 300_000.0),
)
# So many series of a kind; what comes later is counted as one.
MAX_COUNTS = 10_000
OTHERS = "(others)"
# How a call ended whose caller left, and an attempt that another one was faster than.
GONE, OUTRUN = "CALLER_GONE", "OUTRUN"


def _buckets() -> list[int]:
    return [0] * (len(ATTEMPT_BOUNDS) + 1)


class AttemptCounts(msgspec.Struct):
    """The attempts of one operation at an instance's model with a key.

    The instance has the name that it had when it was first asked.
    """

    provider: str
    provider_type: str
    model: str
    key_id: str
    operation: str
    # By reason of failure, empty for successes.
    outcomes: dict[str, int] = {}
    # By how long they took, and of streams that began by how long that took.
    buckets: list[int] = msgspec.field(default_factory=_buckets)
    ms: float = 0.0
    first_buckets: list[int] = msgspec.field(default_factory=_buckets)
    first_ms: float = 0.0
    # What was charged, by unit of the contract.
    units: dict[int, int] = {}
    nano_usd: int = 0
    # Charges without a known price.
    unpriced: int = 0


class CallCounts(msgspec.Struct):
    """The calls of one operation of an alias."""

    outcomes: dict[str, int] = {}
    fallbacks: int = 0


def outcome_of(error: BaseException | None) -> str:
    """Return what a call or an attempt came to: the reason of its error, empty for none."""
    match error:
        case None:
            return ""
        case ConduitError():
            return error.reason
        case CallerGone() | GeneratorExit() | asyncio.CancelledError():
            return GONE
        case Outrun():
            return OUTRUN
        case _:
            return ConduitError.reason
