"""A call that went as usual is remembered in less, and says the same."""

from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import asdict, replace
from tests.support.call_bench import CALLER, Bench, used

from conduit_router.trail.call_end import MAX_NAME, CallEnd, EndListener, PlainEnd
from conduit_router.trail.records import record_of
from conduit_router.trail.telling import EndedCalls


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a bench."""
    return Bench(tmp_path)


def ended(
    bench: Bench, *, request_id: str = "req_1", own: str = "", cost: int | None = None
) -> object:
    """Make a call that is answered; return how a listener sees its end."""
    seen = list[object]()
    bench.runtime.end_listeners = (EndListener(seen.append, seen.append),)
    scope = bench.admit()
    scope.caller = replace(CALLER, request_id=request_id, peer="10.0.0.1", certificate="ann")
    with scope:
        bench.now += 1
        attempt = bench.begun(scope)
        attempt.consumption, attempt.upstream_request_id, attempt.waited = used(), own, 0.25
        bench.now += 2
        scope.succeed(attempt)
        attempt.cost = cost
        bench.now += 1
    [end] = seen
    return end


@pytest.mark.parametrize("cost", [None, 0, 2**63 - 1])
@pytest.mark.parametrize("request_id", ["", "req_1", "r" * 4096, "ré"])
@pytest.mark.parametrize("own", ["", "chatcmpl-1", "ÿ" * 300])
def test_a_plain_end_says_what_the_end_of_any_call_says(
    bench: Bench, request_id: str, own: str, cost: int | None
) -> None:
    """The same call, ended while another provider is unwell, is told at length."""
    plain = ended(bench, request_id=request_id, own=own, cost=cost)
    assert isinstance(plain, PlainEnd)
    bench.now = 100.0
    bench.state.set_unhealthy(frozenset({9}))
    usual = ended(bench, request_id=request_id, own=own, cost=cost)
    assert isinstance(usual, CallEnd)
    whole = plain.whole()
    assert whole.answered is not None
    assert whole.answered.upstream_request_id == own[:MAX_NAME]
    assert (whole.decision, usual.decision) != (None, None)
    # The one thing that differs: what the second decision knew of the provider that is unwell.
    assert asdict(whole) | {"decision": None} == asdict(usual) | {"decision": None}


def test_what_was_written_down_stays_written_down(bench: Bench) -> None:
    """A record that was made before its instance went is what is found."""
    plain = ended(bench)
    assert isinstance(plain, PlainEnd)
    record = record_of(plain.whole())
    plain.record, plain.decision = record.SerializeToString(), None
    assert record_of(plain.whole()) == record


def test_an_id_is_looked_for_without_reading_the_rest(bench: Bench) -> None:
    """Another id is told apart, but for one that only begins so."""
    plain = ended(bench, request_id="req_12")
    assert isinstance(plain, PlainEnd)
    assert plain.may_be(b"req_12")
    assert plain.may_be(b"req_1")
    assert not plain.may_be(b"req_2")


async def test_the_first_of_the_calls_that_are_taken_together_is_told(bench: Bench) -> None:
    """The others wait for whoever takes them; the next one after that is a first one again."""
    calls = EndedCalls()
    plain = ended(bench)
    assert isinstance(plain, PlainEnd)
    assert not calls.come.is_set()
    hears = calls.listener
    for add in (partial(hears.plain, plain), partial(hears.eventful, plain.whole())):
        calls.begin()
        add()
        assert calls.come.is_set()
        calls.come.clear()
        add()
        assert not calls.come.is_set()
    assert (len(calls.plain), len(calls.others)) == (2, 2)
