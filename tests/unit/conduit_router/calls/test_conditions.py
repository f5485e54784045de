"""Who may serve a request that another could not, with attempts that fail as told."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.support.call_bench import CALLER, Bench, used
from tests.support.snapshots import ALIAS, compiled, first, mapping, provider, snapshot

from conduit.internal.v1.price_pb2 import Price
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackProvider
from conduit.v1.routing_policy_pb2 import (
    FALLBACK_CONDITION_CONTENT_POLICY,
    FALLBACK_CONDITION_CONTEXT_TOO_LONG,
    FALLBACK_CONDITION_UNSUPPORTED_PARAMETER,
    FallbackCondition,
)
from conduit_kernel.errors import (
    ConduitError,
    ContentPolicy,
    ContextTooLong,
    UnsupportedCapability,
    UnsupportedParameter,
    UpstreamRefused,
)
from conduit_providers.operations.chat import OPERATION, chat_request
from conduit_router.calls.attempts import run_attempts
from conduit_router.calls.call_scope import CallScope, admit
from conduit_router.routing.attempt_plan import Attempt

TOO_LONG = (FALLBACK_CONDITION_CONTEXT_TOO_LONG,)
POLICY = (FALLBACK_CONDITION_CONTENT_POLICY,)
PARAMETER = (FALLBACK_CONDITION_UNSUPPORTED_PARAMETER,)
# About 500 tokens.
BODY = b'{"model":"gpt","messages":[{"role":"user","content":"%b"}]}' % (b"word " * 400)
Conditions = Sequence[FallbackCondition.ValueType]


class Chained:
    """A call through a chain with these conditions, whose attempts fail with these errors."""

    def __init__(self, bench: Bench, conditions: Sequence[Conditions]) -> None:
        self.bench = bench
        self.asked: list[int] = []
        steps = [
            FallbackProvider(provider_id=number, priority=number, conditions=each)
            for number, each in enumerate(conditions, 1)
        ]
        self.options: CallOptions | None = None
        self.chain = FallbackChain(id=1, model_alias=ALIAS, is_enabled=True, providers=steps)
        providers = [provider(step.provider_id) for step in steps]
        table = compiled(snapshot(providers, chains=[self.chain]))
        bench.runtime.apply(first(table))

    def know_windows(self, *windows: int) -> None:
        """Let the contexts of the steps' models be known; zero for those that are not."""
        self.bench.recorder.prices.load(
            Price(provider_id=number, actual_model_name=f"model-{number}", context_window=window)
            for number, window in enumerate(windows, 1)
        )

    async def run(self, *failures: ConduitError) -> list[int]:
        """Return the instances that were asked; the last failure is raised if none answered."""
        left = list(failures)

        async def make(_scope: CallScope, attempt: Attempt) -> str:
            self.asked.append(attempt.candidate.provider_id)
            if left:
                raise left.pop(0)
            return "answer"

        form = chat_request(json=BODY)
        options = self.options
        with admit(self.bench.runtime, OPERATION, form, options, CALLER, stream=False) as scope:
            attempt, _ = await run_attempts(scope, make)
            attempt.consumption = used()
            scope.succeed(attempt)
        return self.asked


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a runtime."""
    return Bench(tmp_path)


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (ContextTooLong("long"), [1, 2]),
        (ContentPolicy("no"), [1, 3]),
        (UpstreamRefused("what?", upstream_code="unsupported_parameter"), [1, 4]),
    ],
)
async def test_a_refusal_goes_to_the_step_for_its_kind(
    bench: Bench, failure: ConduitError, expected: list[int]
) -> None:
    """And to no other."""
    chained = Chained(bench, [(), TOO_LONG, POLICY, PARAMETER, ()])
    assert await chained.run(failure) == expected


async def test_any_other_refusal_is_told_at_once(bench: Bench) -> None:
    """As words of callers are no evidence of anything."""
    chained = Chained(bench, [(), TOO_LONG, POLICY, PARAMETER, ()])
    with pytest.raises(UpstreamRefused):
        await chained.run(UpstreamRefused("your context is too long for the content policy"))
    assert chained.asked == [1]


async def test_a_parameter_that_a_dialect_cannot_say_goes_on_at_last(bench: Bench) -> None:
    """First to the steps without conditions, then to the one for it."""
    chained = Chained(bench, [(), PARAMETER, ()])
    failures = [UnsupportedParameter("n", parameter="n", provider="a") for _ in range(2)]
    assert await chained.run(*failures) == [1, 3, 2]
    capable = Chained(bench, [(), PARAMETER])
    with pytest.raises(UnsupportedCapability):
        await capable.run(UnsupportedCapability("no pictures"))
    assert capable.asked == [1]


async def test_every_step_for_a_condition_is_tried_once(bench: Bench) -> None:
    """By priority; then the last refusal is told."""
    chained = Chained(bench, [(), TOO_LONG, TOO_LONG, POLICY])
    with pytest.raises(ContextTooLong):
        await chained.run(*[ContextTooLong("long") for _ in range(9)])
    assert chained.asked == [1, 2, 3]
    other = Chained(bench, [(), TOO_LONG, POLICY])
    assert await other.run(ContextTooLong("long"), ContentPolicy("no")) == [1, 2, 3]


@pytest.mark.parametrize(
    "failure",
    [
        ContextTooLong("long"),
        ContentPolicy("no"),
        UpstreamRefused("what?", upstream_code="unsupported_parameter"),
    ],
)
async def test_a_callers_fallbacks_go_on_whatever_the_condition(
    bench: Bench, failure: ConduitError
) -> None:
    """In the caller's order, behind the steps of the alias's own chain, whatever the priorities."""
    chained = Chained(bench, [(), (*TOO_LONG, *POLICY, *PARAMETER)])
    providers = [provider(number, priority=number) for number in (1, 2, 3, 4)]
    mappings = [mapping(1, 1), mapping(2, 2), mapping(3, 3, model_alias="large")]
    mappings.append(mapping(4, 4, model_alias="spare"))
    source = snapshot(providers, mappings=mappings, chains=[chained.chain])
    bench.runtime.apply(first(compiled(source)))
    chained.options = CallOptions(fallbacks=["spare", "large"])
    with pytest.raises(type(failure)):
        await chained.run(*[failure] * 9)
    assert chained.asked == [1, 2, 4, 3]


@pytest.mark.parametrize(
    ("windows", "conditions", "expected"),
    [
        # Known to be larger: no condition is needed.
        ((400, 100_000), (), [1, 2]),
        # Not larger, or not known to be: the refusal is told.
        ((400, 400), (), [1]),
        ((0, 100_000), (), [1]),
        ((400, 0), (), [1]),
        ((100, 120), (), [1]),
        # Large enough by our estimate, which a larger model has disproved.
        ((100_000, 50_000), (), [1]),
        ((100_000, 50_000), TOO_LONG, [1]),
        # Named for it, but known to be too small for the request.
        ((100, 120), TOO_LONG, [1]),
        ((0, 120), TOO_LONG, [1]),
        ((0, 100_000), TOO_LONG, [1, 2]),
        ((400, 0), TOO_LONG, [1, 2]),
    ],
)
async def test_the_next_step_is_one_that_is_large_enough(
    bench: Bench, windows: tuple[int, int], conditions: Conditions, expected: list[int]
) -> None:
    """As far as the models' contexts are known."""
    chained = Chained(bench, [(), conditions])
    chained.know_windows(*windows)
    if expected == [1]:
        with pytest.raises(ContextTooLong):
            await chained.run(ContextTooLong("long"))
    else:
        await chained.run(ContextTooLong("long"))
    assert chained.asked == expected
