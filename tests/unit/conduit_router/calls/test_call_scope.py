"""A call's scope, with a clock of the test's own: attempts and calls end exactly once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from tests.support.snapshots import ALIAS, compiled, key, provider, snapshot

from conduit.internal.v1.call_tally_pb2 import CallTally
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.charge_pb2 import USAGE_SOURCE_ESTIMATE, USAGE_SOURCE_PROVIDER, Charge
from conduit_kernel.errors import DeadlineExceeded, StreamInterrupted, UpstreamError
from conduit_kernel.ids import IdSource
from conduit_providers.operations.chat import OPERATION, chat_request
from conduit_providers.quantities import plain
from conduit_router.accounting.charging import ChargeRecorder
from conduit_router.accounting.prices import PriceList
from conduit_router.accounting.spool import CHARGE, TALLY, Spool, read_segment
from conduit_router.calls.call_scope import CallScope, admit
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallerContext
from conduit_router.routing.attempt_plan import Attempt, Consumption
from conduit_router.routing.provider_state import ProviderState
from conduit_router.routing.table import Caller
from conduit_router.upstream.outcomes import Outcomes

CALLER = CallerContext(Caller(1, is_enabled=True, expires_at=1e18, allowed=None), "req_1", "")
BODY = b'{"model":"gpt","messages":[{"role":"user","content":"hello there"}]}'
Ending = tuple[CallScope, BaseException | None]


class Bench:
    """A runtime without transport; time is what the test says."""

    def __init__(self, folder: Path) -> None:
        self.now = 100.0
        self.endings: list[Ending] = []
        self.folder = folder
        self.spool = Spool(folder)
        clock = self._clock
        self.recorder = ChargeRecorder(self.spool, PriceList(), IdSource(clock), clock)
        self.state = ProviderState(clock)
        self.outcomes = Outcomes(clock)
        self.runtime = CallRuntime(
            transport=None,  # type: ignore[arg-type] # nothing is sent here
            media=None,  # type: ignore[arg-type] # nor fetched
            state=self.state,
            recorder=self.recorder,
            outcomes=self.outcomes,
            clock=clock,
            wall_clock=clock,
            draw_seed=lambda: 1,
            end_listeners=[self._ended],
        )
        chain = [provider(i, priority=i) for i in (1, 2)]
        self.runtime.table = compiled(snapshot(chain, keys=[key(i, i) for i in (1, 2)]))

    def _clock(self) -> float:
        return self.now

    def _ended(self, scope: CallScope, error: BaseException | None) -> None:
        self.endings.append((scope, error))

    def admit(self, *, stream: bool = False, seconds: int = 0) -> CallScope:
        """Admit a chat."""
        options = CallOptions(timeout=Duration(seconds=seconds)) if seconds else None
        form = chat_request(json=BODY)
        return admit(self.runtime, OPERATION, form, options, CALLER, stream=stream)

    def begun(self, scope: CallScope) -> Attempt:
        """Begin the next attempt."""
        attempt = scope.plan.next()
        assert attempt is not None
        scope.begin_attempt(attempt)
        return attempt

    def records(self) -> tuple[list[Charge], dict[int, CallTally]]:
        """Return all charges, and the attempts' counts by instance."""
        self.recorder.flush()
        records = [
            record for path in self.folder.rglob("*.spool") for record in read_segment(path).records
        ]
        tallies = [CallTally.FromString(message) for kind, message in records if kind == TALLY]
        charges = [Charge.FromString(message) for kind, message in records if kind == CHARGE]
        return charges, {tally.provider_id: tally for tally in tallies}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Return a runtime with a spool of its own."""
    made = Bench(tmp_path)
    yield made
    made.spool.close()


def used(*, is_complete: bool = True) -> Consumption:
    """Return what an attempt used."""
    return Consumption(plain(3, 5), USAGE_SOURCE_PROVIDER, is_complete)


def test_a_success_is_charged_and_counted_once(bench: Bench) -> None:
    """The attempt ends with `succeed`, the call when the scope is left."""
    with bench.admit() as scope:
        attempt = bench.begun(scope)
        bench.now += 0.5
        attempt.is_sent, attempt.waited, attempt.consumption = True, 0.4, used()
        summary = scope.succeed(attempt)
        assert bench.endings == []
    assert bench.endings == [(scope, None)]
    charges, tallies = bench.records()
    assert [charge.usage_source for charge in charges] == [USAGE_SOURCE_PROVIDER]
    assert (tallies[1].successes, tallies[1].failures) == (1, 0)
    assert (summary.attempts, summary.served_by.provider_id) == (1, 1)
    assert summary.overhead_ms == 100.0


def test_the_time_of_an_attempt_is_its_own(bench: Bench) -> None:
    """One instance's analytics must not show what another one took."""
    with bench.admit() as scope:
        first = bench.begun(scope)
        bench.now += 2.0
        failure = UpstreamError("silence")
        scope.end_attempt(first, failure)
        scope.plan.failed(failure, may_retry=False)
        second = bench.begun(scope)
        bench.now += 0.25
        second.waited, second.consumption = 0.25, used()
        scope.succeed(second)
    _, tallies = bench.records()
    assert (tallies[1].failures, tallies[1].duration_ms_sum) == (1, 2000)
    assert (tallies[2].successes, tallies[2].duration_ms_sum) == (1, 250)


@pytest.mark.parametrize(
    "error", [GeneratorExit(), DeadlineExceeded("late"), RuntimeError("ours")], ids=repr
)
def test_what_a_provider_may_have_is_charged_though_nobody_waits(
    bench: Bench, error: BaseException
) -> None:
    """The caller left, its time passed, or we crashed: an estimate, and nothing against anybody."""
    with pytest.raises(type(error)), bench.admit() as scope:  # noqa: PT012 # it must end in there
        bench.begun(scope).is_sent = True
        bench.now += 1.0
        raise error
    assert bench.endings == [(scope, error)]
    charges, tallies = bench.records()
    assert [(c.usage_source, c.is_complete) for c in charges] == [(USAGE_SOURCE_ESTIMATE, False)]
    assert tallies == {}
    assert bench.outcomes.take() == []


def test_what_was_never_sent_costs_nothing(bench: Bench) -> None:
    """A crash before anything left the process."""
    with pytest.raises(RuntimeError), bench.admit() as scope:  # noqa: PT012 # as above
        bench.begun(scope)
        raise RuntimeError
    assert bench.records() == ([], {})
    assert len(bench.endings) == 1


def test_a_cut_stream_is_charged_and_counts_against_its_instance(bench: Bench) -> None:
    """What was handed out stays handed out; five cuts in a row open the circuit."""
    for _ in range(5):
        with pytest.raises(StreamInterrupted), bench.admit(stream=True) as scope:  # noqa: PT012 # as above
            attempt = bench.begun(scope)
            attempt.is_sent, attempt.consumption = True, used(is_complete=False)
            raise StreamInterrupted("cut")
    charges, tallies = bench.records()
    assert [charge.is_complete for charge in charges] == [False] * 5
    assert tallies[1].failures == 5
    assert bench.state.view().open_circuits == {1}


def test_a_candidate_that_cannot_be_asked_was_no_attempt(bench: Bench) -> None:
    """It is not charged, not counted, and does not use up an attempt."""
    with bench.admit() as scope:
        first = bench.begun(scope)
        scope.abandon_attempt(first)
        scope.plan.rejected()
        second = bench.begun(scope)
        second.consumption = used()
        summary = scope.succeed(second)
    assert (summary.attempts, summary.fallbacks, summary.served_by.provider_id) == (1, 0, 2)
    _, tallies = bench.records()
    assert tallies.keys() == {2}


def test_an_attempt_after_the_deadline_is_not_begun(bench: Bench) -> None:
    """Nobody waits for it any more."""
    with pytest.raises(DeadlineExceeded), bench.admit(seconds=2) as scope:  # noqa: PT012 # as above
        assert bench.begun(scope).first_event == 2.0
        bench.now += 2.0
        scope.plan.again()
        bench.begun(scope)


def test_a_listener_that_raises_harms_nobody(bench: Bench) -> None:
    """The others hear of the end, and the caller of its answer."""

    def broken(*_: object) -> None:
        raise ValueError("no ears")

    bench.runtime.end_listeners = (broken, *bench.runtime.end_listeners)
    with bench.admit() as scope:
        attempt = bench.begun(scope)
        scope.succeed(attempt)
    assert bench.endings == [(scope, None)]


def test_the_alias_is_that_of_the_snapshot(bench: Bench) -> None:
    """The bench asks for what it configured."""
    assert bench.admit().requirements.model == ALIAS
