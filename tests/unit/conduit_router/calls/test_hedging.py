"""A second candidate beside a slow one, in virtual time: who wins, who is charged, how often."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from google.protobuf.duration_pb2 import Duration
from msgspec.structs import replace
from tests.support.call_bench import BODY, CALLER, PRINCIPAL, Bench, used
from tests.support.scripted_upstream import answer, hang, open_transport, serve
from tests.support.snapshots import ALIAS, compiled, key, provider, snapshot
from tests.support.stream_calls import WHOLE
from tests.support.stream_page import Page
from tests.support.virtual_time import run_virtually

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.charge_pb2 import USAGE_SOURCE_ESTIMATE, USAGE_SOURCE_PROVIDER
from conduit.v1.fallback_chain_pb2 import FallbackChain
from conduit.v1.routing_policy_pb2 import STREAM_FAILOVER_RESTART, Hedging
from conduit_kernel.errors import InvalidRequest, UpstreamError, UpstreamRefused, UpstreamTimeout
from conduit_providers.operations.chat import OPERATION, chat_request
from conduit_router.calls.attempts import run_attempts
from conduit_router.calls.call_scope import CallScope, admit
from conduit_router.calls.streaming import StreamingCalls
from conduit_router.calls.unary import UnaryCalls
from conduit_router.context import CallerContext
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.routing.hedges import LEAST_ANSWERS, RESERVE
from conduit_router.routing.policy import CallerCaps
from conduit_router.served_by import CallSummary

DELAY = 1.0
CHAT = (
    b'{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"hi"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'
)


class Step(NamedTuple):
    """What an instance does: answer or fail after so many seconds."""

    seconds: float
    error: Exception | None = None
    # How long it takes until the request is sent.
    prepared: float = 0.0


def hedged_table(bench: Bench, urls: Mapping[int, str], hedging: Hedging) -> None:
    """Serve the alias by instances in order, with a policy of hedging."""
    chain = FallbackChain(id=1, model_alias=ALIAS, is_enabled=True, hedging=hedging)
    providers = [provider(i, url, priority=i) for i, url in urls.items()]
    keys = [key(i, i) for i in urls]
    bench.runtime.table = compiled(snapshot(providers, keys=keys, chains=[chain]))


class World(Bench):
    """Instances under a policy of hedging, whose time passes as soon as everybody waits for it."""

    def __init__(self, folder: Path, *steps: Step, hedging: Hedging | None = None) -> None:
        super().__init__(folder)
        self.steps = steps
        urls = {i: f"http://127.0.0.1:1/{i}" for i, _ in enumerate(steps, 1)}
        hedging = hedging or Hedging(delay=Duration(seconds=int(DELAY)), budget=0.25)
        hedged_table(self, urls, hedging)
        # Instance and moment of each attempt, and the instances whose attempt was cancelled.
        self.asked: list[tuple[int, float]] = []
        self.cancelled: list[tuple[int, float]] = []
        self.summary: CallSummary | None = None
        # The instances whose attempts take their time over being cancelled.
        self.clinging: set[int] = set()

    def _clock(self) -> float:
        try:
            return asyncio.get_running_loop().time()
        except RuntimeError:
            return 0.0

    async def _make(self, scope: CallScope, attempt: Attempt) -> int:
        number, began = attempt.candidate.provider_id, scope.runtime.clock()
        self.asked.append((number, began))
        try:
            await asyncio.sleep(self.steps[number - 1].prepared)
            attempt.is_sent = True
            await asyncio.sleep(self.steps[number - 1].seconds)
        except asyncio.CancelledError:
            self.cancelled.append((number, scope.runtime.clock()))
            if number in self.clinging:
                await asyncio.sleep(5.0)
            raise
        attempt.waited = scope.runtime.clock() - began
        if (error := self.steps[number - 1].error) is not None:
            raise error
        return number

    async def call(self, options: CallOptions | None = None, caller: CallerContext = CALLER) -> int:
        """Make a call; return the instance that answered. Raises the last failure."""

        def drop(_: CallScope, attempt: Attempt, __: int) -> None:
            attempt.consumption = used()

        form = chat_request(json=BODY)
        with admit(self.runtime, OPERATION, form, options, caller, stream=False) as scope:
            attempt, answered = await run_attempts(scope, self._make, drop=drop)
            attempt.consumption = used()
            self.summary = scope.succeed(attempt)
        assert self.clinging or asyncio.all_tasks() == {asyncio.current_task()}
        return answered

    @property
    def charged(self) -> list[tuple[int, int]]:
        """Return the charges: the instance, and where the usage is from."""
        return sorted((c.provider_id, c.usage_source) for c in self.records()[0])


def told(world: World) -> tuple[int, int, int]:
    """Return who answered, after how many attempts and fallbacks, as the caller is told."""
    assert world.summary is not None
    assert world.summary.overhead_ms == pytest.approx(0.0, abs=1.0)
    served = world.summary.served_by.provider_id
    return served, world.summary.attempts, world.summary.fallbacks


def test_a_quick_first_candidate_is_alone(tmp_path: Path) -> None:
    """Within the delay nobody else is asked."""
    world = World(tmp_path, Step(0.9), Step(0.1))
    assert run_virtually(world.call()) == 1
    assert world.asked == [(1, 0.0)]
    assert told(world) == (1, 1, 0)


def test_the_second_is_asked_after_the_delay_and_wins(tmp_path: Path) -> None:
    """The first is cancelled at that moment, and charged for what it may have cost; no blame."""
    world = World(tmp_path, Step(60.0), Step(0.5))
    assert run_virtually(world.call()) == 2
    assert dict(world.asked) == pytest.approx({1: 0.0, 2: DELAY}, abs=1e-3)
    assert dict(world.cancelled) == pytest.approx({1: DELAY + 0.5}, abs=1e-3)
    assert world.charged == [(1, USAGE_SOURCE_ESTIMATE), (2, USAGE_SOURCE_PROVIDER)]
    assert told(world) == (2, 2, 1)
    assert [each for each in world.outcomes.drain() if each.reason] == []
    assert world.state.view(1).open_circuits == {}
    assert len(world.endings) == 1


def test_the_first_may_win_yet(tmp_path: Path) -> None:
    """Then it is the second that is cancelled, and no fallback was made."""
    world = World(tmp_path, Step(1.2), Step(5.0))
    assert run_virtually(world.call()) == 1
    assert dict(world.cancelled) == pytest.approx({2: 1.2}, abs=1e-3)
    assert world.charged == [(1, USAGE_SOURCE_PROVIDER), (2, USAGE_SOURCE_ESTIMATE)]
    assert told(world) == (1, 2, 0)


def test_of_two_answers_at_once_both_are_charged_as_they_are(tmp_path: Path) -> None:
    """One is the caller's; what the other used is known."""
    world = World(tmp_path, Step(2.0), Step(1.0 - 1e-9))
    run_virtually(world.call())
    sources = {source for _, source in world.charged}
    assert len(world.charged) == 2
    assert USAGE_SOURCE_PROVIDER in sources


@pytest.mark.parametrize(
    "error",
    [UpstreamError("oops", status="500"), UpstreamRefused("no"), RuntimeError("ours")],
    ids=["provider", "refusal", "crash"],
)
@pytest.mark.parametrize("failing", [1, 2])
def test_a_failure_is_no_good_answer(tmp_path: Path, error: Exception, failing: int) -> None:
    """The other one is waited for; who failed is counted, once."""
    steps = {1: Step(3.0), 2: Step(3.0)} | {failing: Step(1.1 if failing == 1 else 0.1, error)}
    world = World(tmp_path, steps[1], steps[2])
    assert run_virtually(world.call()) == 3 - failing
    assert world.cancelled == []
    _, tallies = world.records()
    if isinstance(error, UpstreamError):
        assert tallies[failing].failures == 1
    assert tallies[3 - failing].successes == 1


def test_what_no_dialect_can_say_was_no_attempt(tmp_path: Path) -> None:
    """The second's, which is neither charged nor counted."""
    world = World(tmp_path, Step(3.0), Step(0.1, InvalidRequest("cannot say it")))
    assert run_virtually(world.call()) == 1
    assert [number for number, _ in world.charged] == [1]
    assert told(world) == (1, 1, 0)


def test_a_request_that_is_not_sent_yet_is_not_slow(tmp_path: Path) -> None:
    """While what it names is fetched, no provider is waited for."""
    world = World(tmp_path, Step(0.1, prepared=3.0), Step(0.1))
    assert run_virtually(world.call()) == 1
    assert world.asked == [(1, 0.0)]


def test_no_first_event_is_told_of_who_did_not_answer(tmp_path: Path) -> None:
    """However long the loser was waited for."""
    world = World(tmp_path, Step(60.0), Step(0.5))
    world.runtime.balancer.is_measuring = True
    run_virtually(world.call())
    [end] = world.endings
    assert [(each.served_by.provider_id, each.first_event) for each in end.trail] == [(1, 0.0)]
    latency = world.runtime.balancer.load.latency((1, "model-1"))
    assert latency == pytest.approx(DELAY + 0.5, abs=1e-3)


def test_a_loser_out_of_time_says_how_long_it_was_waited_for(tmp_path: Path) -> None:
    """As any other attempt does that timed out."""
    silent = UpstreamTimeout("silence")
    world = World(tmp_path, Step(1.5, silent), Step(0.6))
    assert run_virtually(world.call()) == 2
    assert 1500 <= int(silent.metadata["waited_ms"]) <= 1600


def test_without_a_hedge_left_failures_are_followed_as_ever(tmp_path: Path) -> None:
    """The slow first one is retried once, not once more for each hedge that is not made."""
    busy = UpstreamError("busy", status="503")
    world = World(tmp_path, Step(2.0, busy), Step(0.1))
    while world.runtime.hedges.take([ALIAS]):
        pass
    assert run_virtually(world.call()) == 2
    assert [number for number, _ in world.asked] == [1, 1, 2]


def capped(hedging: float) -> CallerContext:
    """Return a caller with a budget of hedges."""
    caller = replace(CALLER.caller, caps=CallerCaps(hedging=hedging))
    return replace(CALLER, caller=caller)


def test_a_virtual_key_s_budget_bounds_its_hedges(tmp_path: Path) -> None:
    """Ten, and the share of its calls beyond; another key goes by the alias's budget alone."""
    hedging = Hedging(delay=Duration(seconds=int(DELAY)), budget=1.0)
    world = World(tmp_path, Step(60.0), Step(0.5), hedging=hedging)

    async def calls(caller: CallerContext) -> list[int]:
        return [await world.call(caller=caller) for _ in range(20)]

    assert sorted(run_virtually(calls(capped(0.125)))) == [1] * 8 + [2] * 12
    assert run_virtually(calls(CALLER)) == [2] * 20


def test_a_virtual_key_may_have_no_hedges(tmp_path: Path) -> None:
    """Not even the few that are given in any case."""
    world = World(tmp_path, Step(60.0), Step(0.5))
    assert run_virtually(world.call(caller=capped(0.0))) == 1
    assert run_virtually(world.call()) == 2


def test_where_both_fail_the_call_goes_on(tmp_path: Path) -> None:
    """To the third, and each failure counts once."""
    busy = UpstreamError("busy", status="503"), UpstreamError("busy", status="503")
    world = World(tmp_path, Step(2.0, busy[0]), Step(0.1, busy[1]), Step(0.1))
    assert run_virtually(world.call()) == 3
    _, tallies = world.records()
    assert tallies[1].failures == 1
    assert tallies[2].failures >= 1


def test_all_failures_are_told_as_ever(tmp_path: Path) -> None:
    """The last one's error leaves."""
    errors = UpstreamError("one", status="500"), UpstreamError("two", status="500")
    world = World(tmp_path, Step(2.0, errors[0]), Step(0.1, errors[1]))
    with pytest.raises(UpstreamError):
        run_virtually(world.call())
    assert len(world.endings) == 1


def test_a_call_of_one_attempt_has_no_second(tmp_path: Path) -> None:
    """Whoever limits attempts to one has one request made."""
    world = World(tmp_path, Step(5.0), Step(0.1))
    assert run_virtually(world.call(CallOptions(max_attempts=1))) == 1
    assert world.asked == [(1, 0.0)]


def test_an_only_candidate_is_waited_for(tmp_path: Path) -> None:
    """There is nobody to be asked as well."""
    world = World(tmp_path, Step(5.0))
    assert run_virtually(world.call()) == 1


def test_hedges_stay_a_share_of_the_calls(tmp_path: Path) -> None:
    """And a few in any case; the others wait for their first candidate."""
    world = World(tmp_path, Step(2.0), Step(0.1))

    async def main() -> None:
        for _ in range(100):
            await world.call()

    run_virtually(main())
    hedged = sum(number == 2 for number, _ in world.asked)
    assert RESERVE <= hedged <= RESERVE + 0.25 * 100
    assert len(world.asked) == 100 + hedged


def test_the_delay_is_learnt_from_the_last_answers(tmp_path: Path) -> None:
    """Without one, nobody is hedged before enough is known."""
    world = World(tmp_path, Step(0.2), Step(0.1), hedging=Hedging())

    async def main() -> None:
        for _ in range(LEAST_ANSWERS):
            await world.call()
        world.steps = (Step(30.0), Step(0.1))
        world.asked.clear()
        began = world.runtime.clock()
        assert await world.call() == 2
        assert world.asked[1][1] - began == pytest.approx(0.2, abs=1e-3)

    slow = World(tmp_path / "slow", Step(30.0), Step(0.1), hedging=Hedging())
    assert run_virtually(slow.call()) == 1
    run_virtually(main())


def test_who_will_not_be_cancelled_keeps_nobody_waiting(tmp_path: Path) -> None:
    """The caller has its answer, though the loser clings to its request."""
    world = World(tmp_path, Step(60.0), Step(0.5))
    world.clinging.add(1)

    async def main() -> float:
        await world.call()
        return world.runtime.clock()

    assert run_virtually(main()) == pytest.approx(DELAY + 0.6, abs=0.01)


def test_a_caller_who_leaves_ends_both(tmp_path: Path) -> None:
    """At once; both are charged for what they may have cost, and the call ends once."""
    world = World(tmp_path, Step(60.0), Step(60.0))

    async def main() -> None:
        call = asyncio.ensure_future(world.call())
        await asyncio.sleep(2.0)
        call.cancel()
        await asyncio.wait({call})
        assert call.cancelled()

    run_virtually(main())
    assert sorted(number for number, _ in world.cancelled) == [1, 2]
    assert world.charged == [(1, USAGE_SOURCE_ESTIMATE), (2, USAGE_SOURCE_ESTIMATE)]
    assert len(world.endings) == 1


def test_a_caller_who_leaves_while_the_loser_clings_to_its_request_ends_both(
    tmp_path: Path,
) -> None:
    """The loser is charged all the same."""
    world = World(tmp_path, Step(60.0), Step(0.5))
    world.clinging.add(1)

    async def main() -> None:
        call = asyncio.ensure_future(world.call())
        await asyncio.sleep(DELAY + 0.55)
        call.cancel()
        await asyncio.wait({call})
        assert call.cancelled()

    run_virtually(main())
    assert [number for number, _ in world.charged] == [1, 2]
    assert len(world.endings) == 1


@pytest.mark.parametrize("policy", [0, STREAM_FAILOVER_RESTART])
async def test_a_stream_has_its_first_token_from_the_second(tmp_path: Path, policy: int) -> None:
    """Whole, and of one candidate alone; the silent one loses its connection."""
    async with serve(hang) as slow, serve(WHOLE) as quick, open_transport() as transport:
        bench = Bench(tmp_path, transport=transport)
        hedging = Hedging(delay=Duration(nanos=100_000_000))
        hedged_table(bench, {1: slow.url, 2: quick.url}, hedging)
        calls, page = StreamingCalls(bench.runtime, OPERATION, pb.StreamChatResponse), Page()
        options = CallOptions(stream_failover=policy)  # type: ignore[arg-type] # one of its values
        await calls.plain(BODY, PRINCIPAL, "req_1", page.start, options)
        assert page.is_finished
        assert page.events.count(b"lo world!") == 1
        assert page.summaries[0].served_by.provider_id == 2
        assert (len(slow.paths), len(quick.paths)) == (1, 1)
    charges = sorted((c.provider_id, c.usage_source) for c in bench.records()[0])
    assert charges == [(1, USAGE_SOURCE_ESTIMATE), (2, USAGE_SOURCE_PROVIDER)]
    bench.spool.close()


async def test_a_whole_answer_comes_from_the_second(tmp_path: Path) -> None:
    """With no straight way for the first attempt, which would wait for it alone."""
    async with (
        serve(answer(CHAT), hang) as slow,
        serve(answer(CHAT)) as quick,
        open_transport() as transport,
    ):
        bench = Bench(tmp_path, transport=transport)
        hedging = Hedging(delay=Duration(nanos=100_000_000))
        hedged_table(bench, {1: slow.url, 2: quick.url}, hedging)
        calls = UnaryCalls(bench.runtime, OPERATION, pb.ChatResponse)
        served = []
        for _ in range(2):
            _, summary = await calls.plain(BODY, PRINCIPAL, "req_1")
            served.append(summary.served_by.provider_id)
        assert served == [1, 2]
    assert len(bench.records()[0]) == 3
    bench.spool.close()
