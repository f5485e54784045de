"""The limits of a call: what callers may ask for, and what makes no sense."""

import pytest
from google.protobuf.duration_pb2 import Duration

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.call_pb2 import CallOptions
from conduit_kernel.errors import InvalidRequest, LoopDetected
from conduit_router.context import (
    CALL_SECONDS,
    MAX_CALL_SECONDS,
    CallCaps,
    CallLimits,
    limits_of,
    options_of,
    steers,
)
from conduit_router.routing.policy import AttemptTimeouts, CallerCaps

LIMITS = (
    "timeout",
    "connect_timeout",
    "first_token_timeout",
    "idle_timeout",
    "attempt_timeout",
)


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize(
    "timeout",
    [
        Duration(),
        Duration(seconds=-1),
        Duration(nanos=-1),
        Duration(nanos=999),
        Duration(seconds=int(MAX_CALL_SECONDS), nanos=1000),
        Duration(seconds=10**11),
        Duration(seconds=2**62),
        Duration(seconds=-(2**62)),
    ],
    ids=[
        "zero",
        "negative",
        "just negative",
        "below a microsecond",
        "above an hour",
        "10^11",
        "huge",
        "hugely negative",
    ],
)
def test_a_time_that_makes_no_sense_is_refused(timeout: Duration, name: str) -> None:
    """By the field's name, however far off it is: no number of a caller's makes us crash."""
    with pytest.raises(InvalidRequest) as refused:
        limits_of(CallOptions(**{name: timeout}))  # type: ignore[arg-type] # a limit's name
    assert refused.value.metadata == {"field": name}


def test_limits_of_attempts_are_those_that_were_asked_for() -> None:
    """The others stay unset, and so do all where none was."""
    asked = limits_of(
        CallOptions(connect_timeout=Duration(seconds=2), idle_timeout=Duration(nanos=1000))
    )
    assert asked.attempt == AttemptTimeouts(connect=2.0, idle=1e-6)
    assert limits_of(CallOptions(timeout=Duration(seconds=2))).attempt is None


def test_betas_go_with_the_call() -> None:
    """In the caller's order; without any there are none."""
    assert limits_of(CallOptions(betas=["b", "a"])).betas == ("b", "a")
    assert limits_of(CallOptions()).betas == CallLimits().betas == ()


def test_no_attempt_at_all_is_refused() -> None:
    """A call without an attempt is none."""
    with pytest.raises(InvalidRequest) as refused:
        limits_of(CallOptions(max_attempts=0))
    assert refused.value.metadata == {"field": "max_attempts"}


@pytest.mark.parametrize("asked", [16, 17, 2**31 - 1])
def test_attempts_are_bounded_whatever_is_asked_for(asked: int) -> None:
    """One caller's header does not make a provider answer thousands of times."""
    assert limits_of(CallOptions(max_attempts=asked)).attempts == 16


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [(Duration(nanos=1000), 1e-6), (Duration(seconds=int(MAX_CALL_SECONDS)), MAX_CALL_SECONDS)],
    ids=["a microsecond", "an hour"],
)
def test_the_bounds_themselves_are_taken(timeout: Duration, seconds: float) -> None:
    """Above zero, and an hour at most."""
    assert limits_of(CallOptions(timeout=timeout)).total == seconds


def test_what_is_not_asked_for_has_its_default() -> None:
    """Each by itself: strictness alone changes neither time nor attempts."""
    assert limits_of(CallOptions()) == CallLimits()
    strict = limits_of(CallOptions(strict_parameters=True))
    assert (strict.total, strict.attempts, strict.is_strict) == (CALL_SECONDS, None, True)


def test_the_usual_limits_are_those_that_are_documented() -> None:
    """Ten minutes for all of a call, five seconds for a connection, three gateways on the way."""
    usual = limits_of(None)
    assert (usual.total, usual.connect) == (600.0, 5.0)
    assert limits_of(CallOptions(hops=2)).hops == 2
    with pytest.raises(LoopDetected):
        limits_of(CallOptions(hops=3))


def test_the_operators_own_limits_cap_what_is_asked_for() -> None:
    """And what is usual."""
    caps = CallCaps(seconds=60.0, attempts=3)
    asked = limits_of(CallOptions(timeout=Duration(seconds=90), max_attempts=9), caps)
    assert (asked.total, asked.attempts) == (60.0, 3)
    assert limits_of(CallOptions(), caps).total == 60.0
    less = limits_of(CallOptions(timeout=Duration(seconds=9), max_attempts=2), caps)
    assert (less.total, less.attempts) == (9.0, 2)


def test_a_virtual_key_s_own_limits_cap_what_its_callers_ask_for() -> None:
    """And what is usual, as far as they are the lesser ones; number by number."""
    caps = CallCaps(seconds=60.0, attempts=3)
    options = CallOptions(timeout=Duration(seconds=90), max_attempts=9)
    asked = limits_of(options, caps, CallerCaps(attempts=2, seconds=30.0))
    assert (asked.total, asked.attempts, asked.most_attempts) == (30.0, 3, 2)
    usual = limits_of(None, caps, CallerCaps(attempts=2))
    assert (usual.total, usual.attempts, usual.most_attempts) == (60.0, None, 2)
    assert limits_of(options, caps, CallerCaps(seconds=3000.0)).total == 60.0
    assert limits_of(options, own=CallerCaps(seconds=3000.0)).total == 90.0


def test_a_request_without_options_has_none() -> None:
    """Not empty ones, which would be looked at for each call."""
    assert options_of(pb.ChatRequest()) is None
    request = pb.ChatRequest(options=CallOptions(max_attempts=2))
    assert options_of(request) == request.options


def test_a_seed_is_a_say_in_where_a_call_goes() -> None:
    """As are instances by name; what else is asked for leaves that open."""
    assert steers(CallOptions(seed=0))
    assert steers(CallOptions(providers=["east"]))
    assert not steers(CallOptions(anthropic_version="2023-06-01", affinity_key="s"))
