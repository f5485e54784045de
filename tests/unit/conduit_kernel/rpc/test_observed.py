"""Each gRPC call is counted and has its line."""

from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.support.clock import Clock

from conduit_kernel.ended_call import ENDED_CALL
from conduit_kernel.not_found_errors import ModelNotFound
from conduit_kernel.rpc.observed import ObservedRpcs

CHAT = "/conduit.v1.RouterService/Chat"


def lines_of(end: Any) -> tuple[ObservedRpcs, list[Any]]:  # noqa: ANN401 # takes a call
    """Observe a call of 30 ms, and end it so; return what was counted and logged."""
    clock = Clock()
    with capture_logs() as logs:
        rpcs = ObservedRpcs(clock)
        call = rpcs.begin(CHAT)
        assert rpcs.counts[CHAT].under_way == 1
        clock.now += 0.03
        end(call)
    assert rpcs.counts[CHAT].under_way == 0
    assert sum(rpcs.counts[CHAT].buckets) == 1
    return rpcs, logs


def test_a_line_has_what_the_router_left_of_the_call() -> None:
    """Once: the next call in the same context has nothing of it."""
    ENDED_CALL.set({"request_id": "req_1", "model": "echo", "input_tokens": 3})
    rpcs, [line] = lines_of(lambda call: call.end("", is_whole=True))
    assert rpcs.counts[CHAT].codes == {"OK": 1}
    assert line == {
        "event": "grpc_request",
        "log_level": "info",
        "method": CHAT,
        "grpc_status": "OK",
        "ms": pytest.approx(30.0),
        "request_id": "req_1",
        "model": "echo",
        "input_tokens": 3,
    }
    assert ENDED_CALL.get() is None


def test_a_failure_has_its_code_and_the_id_that_the_caller_was_told() -> None:
    """Whether it was admitted or not."""

    def end(call: Any) -> None:  # noqa: ANN401 # as above
        call.failed_by = ModelNotFound("no model", model="x", request_id="req_9")
        call.end("", is_whole=False)

    rpcs, [line] = lines_of(end)
    assert rpcs.counts[CHAT].codes == {"NOT_FOUND": 1}
    assert (line["grpc_status"], line["code"]) == ("NOT_FOUND", "MODEL_NOT_FOUND")
    assert line["request_id"] == "req_9"


def test_what_is_neither_whole_nor_failed_was_cancelled() -> None:
    """By the caller, or by the end of the process."""
    rpcs, [line] = lines_of(lambda call: call.end("r-1", is_whole=False))
    assert rpcs.counts[CHAT].codes == {"CANCELLED": 1}
    assert (line["grpc_status"], line["request_id"]) == ("CANCELLED", "r-1")


def test_our_own_services_are_heard_by_those_who_ask_for_more() -> None:
    """They call each other each second."""

    def end(call: Any) -> None:  # noqa: ANN401 # as above
        call.is_internal = True
        call.end("", is_whole=True)

    _, [line] = lines_of(end)
    assert line["log_level"] == "debug"
