"""What callers are told of a call that failed is what its report would have told."""

from pathlib import Path

import pytest
from tests.support.call_bench import Bench

from conduit.v1.call_pb2 import CallReport
from conduit_kernel.errors import InvalidRequest, UpstreamError
from conduit_router.calls.call_report import failure_report, fill_report


def test_an_error_tells_who_was_asked_last(tmp_path: Path) -> None:
    """And how often; what the error says itself stays."""
    bench = Bench(tmp_path)
    with pytest.raises(UpstreamError) as raised, bench.admit() as scope:  # noqa: PT012 # the scope ends with it
        attempt = bench.begun(scope)
        attempt.upstream_request_id = "up-1"
        raise UpstreamError("broken", provider="Mine", attempts="7")
    told = raised.value.metadata
    assert told["attempts"] == "7"
    assert (told["provider"], told["provider_id"], told["key_id"]) == ("Mine", "1", "key_1")
    assert (told["actual_model_name"], told["upstream_request_id"]) == ("model-1", "up-1")


def test_a_call_that_asked_nobody_tells_so(tmp_path: Path) -> None:
    """No provider is named that knows nothing of it."""
    bench = Bench(tmp_path)
    with pytest.raises(InvalidRequest) as raised, bench.admit():
        raise InvalidRequest("no", field="x")
    assert raised.value.metadata == {"field": "x", "attempts": "0"}


def test_an_errors_names_are_those_of_the_report(tmp_path: Path) -> None:
    """So that whoever reads one reads the other."""
    bench = Bench(tmp_path)
    with bench.admit() as scope:
        attempt = bench.begun(scope)
        attempt.upstream_request_id = "up-1"
        summary = scope.succeed(attempt)
        scope.plan.fallbacks = 1
    report = CallReport()
    fill_report(report, summary)
    told = failure_report(scope.plan, scope.ended)
    for name, value in told.items():
        assert name in CallReport.DESCRIPTOR.fields_by_name
        if name != "fallbacks":
            assert str(getattr(report, name)) == value
