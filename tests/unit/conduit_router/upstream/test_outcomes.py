"""Outcomes are bounded, taken once, and each is told of the instance and key that it is of."""

import pytest
from tests.support.snapshots import ALIAS, compiled, provider, snapshot

from conduit.v1 import error_reason_pb2
from conduit_kernel import errors
from conduit_kernel.errors import UpstreamError
from conduit_kernel.http import Headers
from conduit_router.routing.table import Candidate, UpstreamKey
from conduit_router.upstream.outcomes import MAX_FAILURES, Outcomes

NO_HEADERS = Headers.of(())


class Bench:
    """Outcomes at a time that the test sets, of two instances with a key each."""

    def __init__(self) -> None:
        self.now = 100.0
        self.outcomes = Outcomes(lambda: self.now)
        table = compiled(snapshot([provider(1), provider(2)]))
        self._candidates = {c.provider_id: c for c in table.routes[ALIAS].candidates}

    def of(self, number: int) -> tuple[Candidate, UpstreamKey]:
        """Return an instance with its key."""
        candidate = self._candidates[number]
        return candidate, candidate.instance.keys[0]

    def failed(self, number: int, error: UpstreamError | None = None) -> None:
        """Note a failure."""
        self.outcomes.failed(*self.of(number), error or UpstreamError("broken"))

    def succeeded(self, number: int, headers: Headers = NO_HEADERS, ms: float = 5.0) -> None:
        """Note an answer."""
        self.outcomes.succeeded(*self.of(number), ms, headers)


def upstream_errors(cls: type[UpstreamError] = UpstreamError) -> list[type[UpstreamError]]:
    """Return all classes of what a provider can do to us."""
    return [cls, *(each for sub in cls.__subclasses__() for each in upstream_errors(sub))]


@pytest.mark.parametrize("cls", upstream_errors(), ids=lambda cls: cls.__name__)
def test_every_failure_of_a_provider_can_be_reported(cls: type[UpstreamError]) -> None:
    """A class without a reason in the contract would end the call that met it."""
    bench = Bench()
    bench.failed(1, cls("broken", status="418"))
    [outcome] = bench.outcomes.drain()
    assert error_reason_pb2.ErrorReason.Name(outcome.reason) == f"ERROR_REASON_{cls.reason}"
    assert (outcome.http_status, outcome.detail) == (418, "broken")
    assert issubclass(cls, errors.ConduitError)


def test_successes_of_a_key_are_one_outcome_with_their_number() -> None:
    """The last one's time counts; it is told once."""
    bench = Bench()
    bench.succeeded(1, ms=1.0)
    bench.now = 101.0
    bench.succeeded(1, ms=9.0)
    bench.succeeded(2)
    first, second = bench.outcomes.drain()
    assert (first.provider_id, first.count, first.response_time_ms) == (1, 2, 9)
    assert (second.provider_id, second.count) == (2, 1)
    assert first.ended_at.seconds == 101
    assert bench.outcomes.drain() == []


def test_failures_beyond_the_bound_are_counted_where_they_belong() -> None:
    """One instance's storm is not put down to the instance that failed once."""
    bench = Bench()
    for _ in range(MAX_FAILURES):
        bench.failed(1)
    for _ in range(7):
        bench.failed(2)
        bench.failed(1)
    taken = bench.outcomes.drain()
    totals = {number: sum(o.count for o in taken if o.provider_id == number) for number in (1, 2)}
    assert totals == {1: MAX_FAILURES + 7, 2: 7}
    assert len(taken) <= MAX_FAILURES + 2
    bench.failed(2)
    assert [outcome.count for outcome in bench.outcomes.drain()] == [1]


def test_the_use_of_a_key_is_its_last_whether_it_failed_or_not() -> None:
    """A failure that came after a success is later than it."""
    bench = Bench()
    bench.succeeded(1)
    bench.now = 200.0
    bench.failed(1)
    bench.outcomes.drain()
    assert bench.outcomes.used.is_set()
    [use] = bench.outcomes.drain_uses()
    assert (use.key_id, use.used_at.seconds, use.count) == ("key_1", 200, 2)
    assert bench.outcomes.drain_uses() == []


def test_limits_are_read_from_the_last_answer() -> None:
    """An answer that says nothing of them reports none."""
    bench = Bench()
    fields = [
        (b"x-ratelimit-limit-requests", b"60"),
        (b"x-ratelimit-remaining-requests", b"59"),
    ]
    bench.succeeded(1, Headers.of(fields))
    bench.succeeded(2)
    received, silent = bench.outcomes.drain()
    assert received.rate_limits.requests_per_minute.limit == 60
    assert received.rate_limits.key_id == "key_1"
    assert not silent.HasField("rate_limits")
