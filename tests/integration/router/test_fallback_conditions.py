"""Steps for requests that others cannot serve, through a running router with the simulator."""

from collections.abc import Sequence

import orjson
import pytest
from tests.integration.router.conftest import Runner, instances, text
from tests.support.scripted_upstream import serve, stream
from tests.support.snapshots import ALIAS

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackProvider
from conduit.v1.routing_policy_pb2 import (
    FALLBACK_CONDITION_CONTENT_POLICY,
    FALLBACK_CONDITION_CONTEXT_TOO_LONG,
    FallbackCondition,
)
from conduit_kernel.errors import ContentPolicy, ContextTooLong, UpstreamError

LONG = [{"role": "user", "content": "word " * 300}]
TOO_LONG = (FALLBACK_CONDITION_CONTEXT_TOO_LONG,)
POLICY = (FALLBACK_CONDITION_CONTENT_POLICY,)
Step = tuple[str, Sequence[FallbackCondition.ValueType]]


def chain(base_url: str, *steps: Step) -> Snapshot:
    """Return an alias whose steps are instances that behave so, and their conditions."""
    policy = FallbackChain(
        id=1,
        model_alias=ALIAS,
        is_enabled=True,
        providers=[
            FallbackProvider(provider_id=number, priority=number, conditions=conditions)
            for number, (_, conditions) in enumerate(steps, 1)
        ],
    )
    return instances(base_url, *(behaviour for behaviour, _ in steps), chain=policy)


async def test_a_request_that_is_too_long_goes_to_the_step_for_it(
    bench: Runner, upstream: str
) -> None:
    """Whole and streamed; one that is not too long never does."""
    run = await bench(chain(upstream, ("context-50", ()), ("echo", TOO_LONG)))
    assert (await run.chat()).report.provider_id == 1
    response = await run.chat(messages=LONG)
    assert text(response).startswith("word word")
    report = response.report
    assert (report.provider_id, report.attempts, report.fallbacks) == (2, 2, 1)
    assert (await run.stream(messages=LONG))[0].started.provider_id == 2


@pytest.mark.parametrize(
    "event",
    [
        # As SGLang and DashScope were reported to say so, under a head that says all is well.
        {
            "code": 400,
            "message": "Input length (600013 tokens) exceeds the maximum allowed length "
            "(536826 tokens). Use a shorter input or enable --allow-auto-truncate.",
            "type": "BAD_REQUEST",
        },
        {
            "message": "Input data may contain inappropriate content.",
            "code": "data_inspection_failed",
        },
    ],
)
async def test_a_stream_that_begins_with_a_refusal_goes_to_the_step_for_it(
    bench: Runner, upstream: str, event: dict[str, object]
) -> None:
    """Nothing was said yet, so that it is no other than one with a status of its own."""
    said = b"data: %b\n\ndata: [DONE]\n\n" % orjson.dumps({"error": event})
    async with serve(stream(said)) as refusing:
        source = chain(upstream, ("echo", ()), ("echo", (*TOO_LONG, *POLICY)))
        source.providers[0].base_url = f"{refusing.url}/v1"
        run = await bench(source)
        assert (await run.stream())[0].started.provider_id == 2
        assert len(refusing.bodies) == 1
        # The instance is well: the next request finds it so.
        assert (await run.stream())[0].started.provider_id == 2
        assert len(refusing.bodies) == 2


async def test_a_refusal_by_policy_goes_on_where_the_operator_says_so(
    bench: Runner, upstream: str
) -> None:
    """And nowhere else."""
    run = await bench(
        chain(upstream, ("policy", ()), ("echo", ()), ("echo", TOO_LONG), ("echo-slow-1ms", POLICY))
    )
    assert (await run.chat()).report.provider_id == 4
    other = await bench(chain(upstream, ("policy", ()), ("echo", ()), ("echo", TOO_LONG)))
    with pytest.raises(ContentPolicy):
        await other.chat()


async def test_a_failure_of_a_provider_goes_past_the_steps_with_conditions(
    bench: Runner, upstream: str
) -> None:
    """To the next step without any; where there is none the failure is told."""
    run = await bench(chain(upstream, ("status-503", ()), ("echo", TOO_LONG), ("echo", ())))
    assert (await run.chat()).report.provider_id == 3
    last = await bench(chain(upstream, ("status-503", ()), ("echo", TOO_LONG)))
    with pytest.raises(UpstreamError):
        await last.chat()


async def test_each_step_for_a_condition_is_tried_once_and_then_the_error_is_told(
    bench: Runner, upstream: str
) -> None:
    """What was refused for its length at every step is the request's own fault."""
    run = await bench(
        chain(upstream, ("context-50", ()), ("context-60", TOO_LONG), ("context-70", TOO_LONG))
    )
    with pytest.raises(ContextTooLong) as caught:
        await run.chat(messages=LONG)
    assert caught.value.metadata["provider"] == "provider-3"


async def test_two_conditions_may_follow_each_other(bench: Runner, upstream: str) -> None:
    """The larger model's own refusal goes to the step for that."""
    run = await bench(chain(upstream, ("context-50", ()), ("policy", TOO_LONG), ("echo", POLICY)))
    assert (await run.chat(messages=LONG)).report.provider_id == 3


async def test_a_caller_s_fallback_takes_what_the_model_refuses(
    bench: Runner, upstream: str
) -> None:
    """Its length or its content, as the caller asked for it."""
    for model in ("context-50", "policy"):
        source = instances(upstream, model, "echo")
        source.mappings[1].model_alias = "spare"
        run = await bench(source)
        response = await run.chat(messages=LONG, fallbacks=["spare"])
        assert response.report.provider_id == 2
