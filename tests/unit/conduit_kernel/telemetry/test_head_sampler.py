"""The sampler, against the SDK's own."""

import random

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision

from conduit_kernel.telemetry.head_sampler import head_sampler

NAMES = ("always_on", "always_off", "traceidratio")


@pytest.mark.parametrize("name", [*NAMES, *(f"parentbased_{name}" for name in NAMES), "none"])
@pytest.mark.parametrize("share", ["", "0", "0.25", "1", "much"])
def test_decisions_are_those_of_the_sdk(
    monkeypatch: pytest.MonkeyPatch, name: str, share: str
) -> None:
    """For each trace, whether its caller has decided or not."""
    env = {"OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": share}
    for variable, said in env.items():
        monkeypatch.setenv(variable, said)
    theirs, ours, draw = (
        TracerProvider(shutdown_on_exit=False).sampler,
        head_sampler(env),
        random.Random(7),  # noqa: S311 # the same traces each time
    )
    for _ in range(50):
        trace_id = draw.getrandbits(128)
        for is_callers in (None, False, True):
            parent = None
            if is_callers is not None:
                flags = trace.TraceFlags(is_callers)
                context = trace.SpanContext(trace_id, 1, is_remote=True, trace_flags=flags)
                parent = trace.set_span_in_context(trace.NonRecordingSpan(context))
            result = theirs.should_sample(parent, trace_id, "name")
            is_sampled = result.decision is Decision.RECORD_AND_SAMPLE
            assert ours.is_sampled(trace_id, is_callers=is_callers) == is_sampled


@pytest.mark.parametrize("share", ["-0.1", "1.1", "nan", "inf"])
def test_a_share_that_is_none_is_refused(share: str) -> None:
    """Rather than to record nothing, or all."""
    env = {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": share}
    with pytest.raises(ValueError, match="must be from 0 to 1"):
        head_sampler(env)
