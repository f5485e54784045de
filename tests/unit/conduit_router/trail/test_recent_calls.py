"""What a router remembers of calls is bounded, and found."""

from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from tests.support.call_bench import CALLER, Bench, used
from tests.support.snapshots import ALIAS, compiled, provider, snapshot

from conduit.internal.v1.request_lookup_pb2 import RequestLookup
from conduit.v1.request_record_pb2 import (
    REQUEST_STATUS_CALLER_GONE,
    REQUEST_STATUS_FAILED,
    REQUEST_STATUS_SUCCEEDED,
    RequestStatus,
)
from conduit_kernel.errors import ConduitError, DeadlineExceeded, UpstreamError
from conduit_router.calls.attempt_ends import end_failed
from conduit_router.routing.table import TableChange
from conduit_router.trail.call_end import CallEnd, EndListener, PlainEnd
from conduit_router.trail.recent_calls import CALL_BYTES, MAX_FOUND, RecentCalls


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a bench whose calls are all made at their own second."""
    return Bench(tmp_path)


def succeed(bench: Bench) -> None:
    """Make a call that is answered."""
    bench.now += 1
    with bench.admit() as scope:
        attempt = bench.begun(scope)
        attempt.consumption = used()
        scope.succeed(attempt)


def fail(bench: Bench, error: BaseException) -> None:
    """Make a call that is not."""
    bench.now += 1
    with pytest.raises(type(error)), bench.admit():
        raise error


def remembering(bench: Bench, most: int = 100, max_bytes: int = 1_000_000) -> RecentCalls:
    """Have a bench's calls remembered."""
    recent = RecentCalls(most, max_bytes)
    bench.runtime.end_listeners = (recent.listener,)
    return recent


def ends(recent: RecentCalls, **fields: object) -> list[float]:
    """Return when the calls ended that are found, in seconds."""
    lookup = RequestLookup(**{"limit": 1000, **fields})  # type: ignore[arg-type] # checked by protobuf
    found = [each.record for each in recent.find(lookup)]
    return [each.started_at.seconds + each.duration_ms / 1000 for each in found]


def test_successes_displace_no_failures(bench: Bench) -> None:
    """The last of each kind are there, newest first."""
    recent = remembering(bench, most=2)
    fail(bench, DeadlineExceeded("late"))
    for _ in range(5):
        succeed(bench)
    assert ends(recent) == [106.0, 105.0, 101.0]
    for _ in range(5):
        fail(bench, GeneratorExit())
    assert ends(recent) == [111.0, 110.0, 106.0, 105.0]


def test_successes_of_an_outage_displace_no_calls_that_took_turns(bench: Bench) -> None:
    """They are as everyday as all others, though the router knows of a failure somewhere."""
    recent = remembering(bench, most=2)
    bench.now += 1
    with bench.admit() as scope:
        end_failed(scope, bench.begun(scope), UpstreamError("busy"))
        scope.plan.crashed()
        scope.succeed(bench.begun(scope))
    bench.state.set_unhealthy(frozenset({2}))
    for _ in range(5):
        succeed(bench)
    assert ends(recent) == [106.0, 105.0, 101.0]


def test_bytes_are_bounded_as_well_as_calls(bench: Bench) -> None:
    """A few bytes hold few calls, of whatever kind; a call that is larger than all is let go."""
    recent = remembering(bench, most=1000, max_bytes=3 * CALL_BYTES)
    for _ in range(10):
        succeed(bench)
        fail(bench, DeadlineExceeded("late"))
    assert 2 <= len(ends(recent, status=REQUEST_STATUS_SUCCEEDED)) <= 3
    assert 1 <= len(ends(recent, status=REQUEST_STATUS_FAILED)) <= 3
    nothing = remembering(bench, max_bytes=10)
    fail(bench, DeadlineExceeded("late"))
    succeed(bench)
    assert ends(nothing) == []


def test_large_decisions_weigh_more(bench: Bench) -> None:
    """Whoever maps an alias to hundreds of instances does not have the memory of hundreds."""
    bench.runtime.table = compiled(snapshot([provider(number) for number in range(1, 400)]))
    recent = remembering(bench, most=1000, max_bytes=300_000)
    for _ in range(20):
        succeed(bench)
        fail(bench, DeadlineExceeded("late"))
    assert 1 <= len(ends(recent, status=REQUEST_STATUS_SUCCEEDED)) <= 3
    assert 1 <= len(ends(recent, status=REQUEST_STATUS_FAILED)) <= 3


def test_nothing_is_remembered_where_nobody_wants_it(bench: Bench) -> None:
    """Zero is none, not as many as there are."""
    recent = remembering(bench, most=0)
    succeed(bench)
    fail(bench, DeadlineExceeded("late"))
    assert ends(recent) == []


@pytest.mark.parametrize(
    ("status", "at"),
    [
        (REQUEST_STATUS_SUCCEEDED, 101.0),
        (REQUEST_STATUS_FAILED, 102.0),
        (REQUEST_STATUS_CALLER_GONE, 103.0),
    ],
)
def test_a_list_goes_by_status(bench: Bench, status: RequestStatus.ValueType, at: float) -> None:
    """And by model."""
    recent = remembering(bench)
    succeed(bench)
    fail(bench, DeadlineExceeded("late"))
    fail(bench, GeneratorExit())
    assert ends(recent, status=status) == [at]
    assert ends(recent, model_alias="gpt") == [103.0, 102.0, 101.0]
    assert ends(recent, model_alias="other") == []


def test_a_list_goes_on_behind_a_place(bench: Bench) -> None:
    """As far as its limit, which has one."""
    recent = remembering(bench, most=3000, max_bytes=100_000_000)
    for _ in range(4):
        succeed(bench)
    first = recent.find(RequestLookup(limit=2))
    assert ends(recent, limit=2, after=first[-1].place) == [102.0, 101.0]
    for _ in range(MAX_FOUND):
        succeed(bench)
    assert len(recent.find(RequestLookup(limit=2_000_000))) == MAX_FOUND
    assert recent.find(RequestLookup(limit=-1)) == []


def test_the_last_request_of_an_id_is_found_whole(bench: Bench) -> None:
    """Callers may use an id more than once; one that nobody used finds nothing."""
    recent = remembering(bench)
    fail(bench, DeadlineExceeded("late"))
    succeed(bench)
    [found] = recent.find(RequestLookup(request_id=CALLER.request_id))
    assert found.record.status == REQUEST_STATUS_SUCCEEDED
    assert len(found.record.attempts) == len(found.record.decisions) == 1
    assert recent.find(RequestLookup(request_id="req_2")) == []


def changed(bench: Bench, *provider_ids: int) -> TableChange:
    """Return a change of the table by which these instances are there, made anew but for 2."""
    table = bench.runtime.table
    fresh = compiled(snapshot([provider(i, priority=i) for i in provider_ids]))
    instances = fresh.instances | {2: table.instances[2]}
    after = replace(fresh, revision=table.revision + 1, instances=instances)
    return TableChange(table, after, frozenset(provider_ids), frozenset({ALIAS}))


async def test_instances_that_have_changed_are_let_go_and_nothing_is_forgotten(
    bench: Bench,
) -> None:
    """So that no key stays in memory that an operator has taken away."""
    recent = remembering(bench)
    ended = list[CallEnd | PlainEnd]()
    bench.runtime.end_listeners += (EndListener(ended.append, ended.append),)
    succeed(bench)
    fail(bench, DeadlineExceeded("late"))
    before = [recent.find(RequestLookup(limit=9)), recent.find(RequestLookup(request_id="req_1"))]
    table = bench.runtime.table
    recent.apply(TableChange(table, table, frozenset(), frozenset()))
    await recent.settle()
    assert all(each.decision is not None for each in ended)
    recent.apply(changed(bench, 1))
    assert recent.stale.is_set()
    await recent.settle()
    assert "sk-1" not in repr([msgspec.structs.asdict(each) for each in ended])
    assert all(each.decision is None for each in ended)
    after = [recent.find(RequestLookup(limit=9)), recent.find(RequestLookup(request_id="req_1"))]
    assert after == before


@pytest.mark.parametrize("error", [None, DeadlineExceeded("late")])
async def test_a_call_that_outlasts_its_instance_keeps_it_from_nobody(
    bench: Bench, error: ConduitError | None
) -> None:
    """What it refers to is let go when it ends, however it ends; its record says all the same."""
    recent = remembering(bench)
    ended = list[CallEnd | PlainEnd]()
    bench.runtime.end_listeners += (EndListener(ended.append, ended.append),)
    with suppress(DeadlineExceeded), bench.admit() as scope:
        attempt = bench.begun(scope)
        change = changed(bench, 1)
        bench.runtime.apply(change)
        recent.apply(change)
        await recent.settle()
        if error is not None:
            raise error
        scope.succeed(attempt)
    [end] = ended
    assert end.decision is None
    [found] = recent.find(RequestLookup(request_id="req_1"))
    assert len(found.record.decisions) == 1
