"""What is told of a call: its attempts with their times, and how it ended."""

from pathlib import Path

import pytest
from tests.support.call_bench import BODY, CALLER, Bench, used

from conduit.v1.request_record_pb2 import (
    REQUEST_STATUS_CALLER_GONE,
    REQUEST_STATUS_FAILED,
    REQUEST_STATUS_SUCCEEDED,
)
from conduit_kernel.errors import InvalidRequest, UpstreamError
from conduit_kernel.not_found_errors import ModelNotFound
from conduit_providers.operations.chat import OPERATION, chat_request
from conduit_router.calls.attempt_ends import end_failed
from conduit_router.calls.call_scope import CallScope, admit
from conduit_router.context import CallerContext
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.trail.records import record_of, status_of, summary_of


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a bench with two instances, each with a key."""
    return Bench(tmp_path)


def answered(bench: Bench, scope: CallScope, attempt: Attempt) -> None:
    """Have an attempt succeed after a second, its first event having come after half of it."""
    bench.now += 1.0
    attempt.is_sent, attempt.waited, attempt.consumption = True, 0.5, used()
    attempt.upstream_request_id = "up_2"
    scope.succeed(attempt)


def test_each_attempt_has_its_times_and_what_it_met(bench: Bench) -> None:
    """The pause before it, its first event, its whole; the next candidate's follows."""
    with bench.admit() as scope:
        first = bench.begun(scope)
        first.is_sent = True
        bench.now += 0.25
        said = {"status": "503", "upstream_code": "overloaded", "upstream_request_id": "up_1"}
        error = UpstreamError("some words", **said)
        scope.end_attempt(first, error)
        scope.plan.failed(error, may_retry=False)
        bench.now += 2.0
        answered(bench, scope, bench.begun(scope))
    [end] = bench.endings
    record = record_of(end)
    failed, good = record.attempts
    assert (failed.provider_id, failed.key_id, failed.code) == (1, "key_1", "PROVIDER_ERROR")
    assert (failed.upstream_status, failed.upstream_code) == (503, "overloaded")
    assert (failed.upstream_request_id, failed.is_sent) == ("up_1", True)
    assert (failed.pause_ms, failed.duration_ms) == (0.0, 250.0)
    assert not failed.HasField("first_event_ms")
    assert (good.provider_id, good.code, good.upstream_request_id) == (2, "", "up_2")
    assert (good.pause_ms, good.first_event_ms, good.duration_ms) == (2000.0, 500.0, 1000.0)
    assert (record.duration_ms, record.attempt_count, record.fallbacks) == (3250.0, 2, 1)
    assert (record.status, record.provider_id) == (REQUEST_STATUS_SUCCEEDED, 2)
    assert (record.started_at.seconds, record.seed, record.revision) == (100, 1, 7)


def test_a_candidate_that_could_not_be_asked_is_told_apart(bench: Bench) -> None:
    """It was no attempt, and nothing was sent."""
    with bench.admit() as scope:
        first = bench.begun(scope)
        end_failed(scope, first, InvalidRequest("it has no such thing"))
        scope.plan.rejected()
        answered(bench, scope, bench.begun(scope))
    [end] = bench.endings
    record = record_of(end)
    assert [(each.code, each.is_sent) for each in record.attempts] == [
        ("INVALID_REQUEST", False),
        ("", True),
    ]
    assert record.attempt_count == 1


def test_a_call_that_is_not_admitted_has_no_attempts(bench: Bench) -> None:
    """It is told why, and of a name that nobody has no more than a part."""
    name = "n" * 5000
    form = chat_request(json=BODY.replace(b"gpt", name.encode()))
    with pytest.raises(ModelNotFound):
        admit(bench.runtime, OPERATION, form, None, CALLER, stream=True)
    with pytest.raises(InvalidRequest):
        admit(bench.runtime, OPERATION, chat_request(json=b"{"), None, CALLER, stream=False)
    unknown, malformed = map(record_of, bench.endings)
    assert (unknown.status, unknown.code) == (REQUEST_STATUS_FAILED, "MODEL_NOT_FOUND")
    assert (unknown.model_alias, unknown.is_streamed) == (name[:200], True)
    assert (unknown.http_status, unknown.operation) == (404, "chat")
    assert (malformed.code, malformed.model_alias) == ("MALFORMED_JSON", "")
    assert len(unknown.attempts) == len(unknown.decisions) == unknown.provider_id == 0


def test_a_caller_who_leaves_is_no_failure(bench: Bench) -> None:
    """Its attempt has the same reason."""
    with pytest.raises(GeneratorExit), bench.admit() as scope:  # noqa: PT012 # it must end in there
        bench.begun(scope).is_sent = True
        bench.now += 1.0
        raise GeneratorExit
    [end] = bench.endings
    record = record_of(end)
    assert status_of(end) == record.status == REQUEST_STATUS_CALLER_GONE
    assert [each.code for each in record.attempts] == [record.code] == ["CALLER_GONE"]


def test_a_call_that_waited_has_both_decisions(bench: Bench) -> None:
    """The one by which it was admitted, and the one by which it went on; lists have neither."""
    with bench.admit() as scope:
        bench.now += 1.0
        scope.decide_again()
        answered(bench, scope, bench.begun(scope))
    [end] = bench.endings
    assert len(record_of(end).decisions) == 2
    summary = summary_of(end)
    assert len(summary.attempts) == len(summary.decisions) == 0
    end.record, end.decision = record_of(end).SerializeToString(), None
    assert summary_of(end) == summary


def test_requests_have_their_callers(bench: Bench) -> None:
    """By the id of the virtual key, and their own."""
    caller = CallerContext(CALLER.caller, "req_9", "127.0.0.1")
    form = chat_request(json=BODY)
    with admit(bench.runtime, OPERATION, form, None, caller, stream=False) as scope:
        answered(bench, scope, bench.begun(scope))
    record = record_of(bench.endings[0])
    assert (record.id, record.virtual_key_id) == ("req_9", 1)
    assert record.decisions[0].inputs.caller_address == "127.0.0.1"
