"""What a batch does about a request that failed."""

from typing import Any

import orjson
import pytest

from conduit.v1.call_pb2 import CallOptions
from conduit_kernel.errors import (
    BudgetExceeded,
    ConduitError,
    ContextTooLong,
    InvalidRequest,
    ModelNotAllowed,
    NoProviderAvailable,
    RateLimited,
    ServiceUnavailable,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
)
from conduit_router.batches.calls import (
    LONGEST_PAUSE_SECONDS,
    BatchCalls,
    LineAnswer,
    endpoint_paths,
    unmade,
    written,
)
from conduit_router.context import CallerContext
from conduit_router.service import OPERATOR

CALLER = CallerContext(OPERATOR, "batch_a_1", "")


def failed(error: ConduitError) -> LineAnswer:
    """Return the answer of a request that failed."""
    return LineAnswer(error.failure.http_status, b"{}", error)


@pytest.mark.parametrize(
    ("error", "may_pass", "is_waited_out"),
    [
        (InvalidRequest("x"), False, False),
        (ModelNotAllowed("x"), False, False),
        (ContextTooLong("x"), False, False),
        (BudgetExceeded("x"), False, False),
        (ConduitError("x"), False, False),
        (UpstreamError("x"), True, False),
        (UpstreamTimeout("x"), True, False),
        (UpstreamRateLimited("x"), True, True),
        (RateLimited("x"), True, True),
        (NoProviderAvailable("x"), True, True),
        (ServiceUnavailable("x"), True, True),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, ConduitError) else "",
)
def test_what_may_pass_is_tried_again(
    error: ConduitError, *, may_pass: bool, is_waited_out: bool
) -> None:
    """What nobody was asked for, for as long as the batch has time."""
    answer = failed(error)
    assert (answer.may_pass, answer.is_waited_out) == (may_pass, is_waited_out)


def test_an_answer_is_not_asked_for_again() -> None:
    """Whatever it says."""
    assert not LineAnswer(200, b"{}").may_pass
    assert not LineAnswer(200, b"{}").is_waited_out


def test_pauses_grow_and_are_as_long_as_was_asked() -> None:
    """To a minute, whatever somebody asks."""
    plain = failed(UpstreamError("x"))
    assert [plain.pause(tries) for tries in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert plain.pause(10**9) == LONGEST_PAUSE_SECONDS
    for asked, seconds in (("2500", 2.5), ("10", 1.0), ("99999999", 60.0), ("soon", 1.0)):
        assert failed(RateLimited("x", retry_after_ms=asked)).pause(0) == seconds


def test_the_routes_of_batches_are_those_that_answer_whole() -> None:
    """Of JSON, by a model; none that streams, takes files, or begins a task."""
    paths = endpoint_paths()
    assert {
        "/v1/chat/completions",
        "/v1/responses",
        "/v1/embeddings",
        "/v1/completions",
        "/v1/moderations",
        "/v1/images/generations",
        "/v1/messages",
        "/v1/rerank",
    } <= set(paths)
    assert not {"/v1/audio/speech", "/v1/images/edits", "/v1/images/generations/async"} & set(paths)
    assert not any("{" in path or path.startswith("/api") for path in paths)
    assert len(paths) == len(set(paths))


async def test_a_fault_of_ours_is_that_requests_failure() -> None:
    """All others are made; nothing of it is told."""

    async def breaks(*_: object) -> None:
        raise ZeroDivisionError("a secret")

    calls = BatchCalls(_Everything(breaks))
    answer = await calls.make("/v1/embeddings", b'{"model": "m"}', CallOptions(), CALLER)
    assert answer.status == 500
    assert b"secret" not in answer.body


class _Everything(dict[str, Any]):
    """RPCs that are all the same."""

    def __init__(self, rpc: Any) -> None:  # noqa: ANN401 # any RPC
        super().__init__()
        self._rpc = rpc

    def __missing__(self, name: str) -> Any:  # noqa: ANN401 # as above
        return self._rpc


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_an_answer_is_one_line_however_its_provider_wrote_it(end: bytes) -> None:
    """OpenAI puts an end of a line between any two values; within texts none stands as it is."""
    body = b'{"id": "c",' + end + b'"text": "a\\nb"' + end + b"}"
    line = written("l", "a", "r", LineAnswer(200, body))
    assert line.endswith(b"}\n")
    assert len(line.splitlines()) == 1
    assert orjson.loads(line)["response"]["body"] == {"id": "c", "text": "a\nb"}


def test_lines_are_openais() -> None:
    """An answer has its body as it was written; what was not made has none."""
    answer = LineAnswer(200, b'{"seed":12345678901234567890}')
    assert written("l", "a", "r", answer) == (
        b'{"id":"l","custom_id":"a","response":{"status_code":200,"request_id":"r",'
        b'"body":{"seed":12345678901234567890}},"error":null}\n'
    )
    assert unmade("l", "a", "batch_expired", "late") == (
        b'{"id":"l","custom_id":"a","response":null,'
        b'"error":{"code":"batch_expired","message":"late"}}\n'
    )
