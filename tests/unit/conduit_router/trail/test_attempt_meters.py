"""Metrics of attempts, by the conventions of this year and of the last one."""

from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from tests.support.call_bench import Bench, used
from tests.support.written_spans import writing_spans
from tests.unit.conduit_router.trail.test_attempt_facts import call_twice

from conduit_router.trail.attempt_meters import AttemptMeters
from conduit_router.trail.attempt_notes import AttemptNotes

NEW = {
    "gen_ai.client.inference.duration",
    "gen_ai.client.inference.usage.input_tokens",
    "gen_ai.client.inference.usage.output_tokens",
}
OLD = {"gen_ai.client.operation.duration", "gen_ai.client.token.usage"}


@pytest.mark.parametrize(("is_dup", "names"), [(False, NEW), (True, NEW | OLD)])
def test_each_attempt_is_measured_once(tmp_path: Path, *, is_dup: bool, names: set[str]) -> None:
    """The failed one by its error; tokens are those of whoever was paid."""
    bench, reader = Bench(tmp_path), InMemoryMetricReader()
    meter = MeterProvider([reader]).get_meter("test")
    meters, clock = AttemptMeters(meter, tells_old_names=is_dup), bench.runtime.clock
    with writing_spans() as written:
        notes = AttemptNotes(written.notes, None, meters, clock, clock)
        bench.runtime.observers = (notes,)
        call_twice(bench, bench.admit())
    data: Any = reader.get_metrics_data()
    found = {
        m.name: m.data for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics
    }
    assert set(found) == names
    seconds = {
        point.attributes.get("error.type", ""): point.sum
        for point in found["gen_ai.client.inference.duration"].data_points
    }
    assert sorted(seconds.values()) == [2.0, 4.0]
    assert seconds[""] == 4.0
    [spent] = found["gen_ai.client.inference.usage.input_tokens"].data_points
    assert spent.value == used().usage.input_tokens
