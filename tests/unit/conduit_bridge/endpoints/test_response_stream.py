"""Streams of Responses that fail end with the event that says so."""

from typing import Any, cast

import orjson
import pytest
from openai.types.responses import ResponseFailedEvent

from conduit_bridge.endpoints.response_stream import ResponseStream, failed_event
from conduit_kernel.errors import ContextTooLong, UpstreamRateLimited
from conduit_kernel.http import Stream

Json = dict[str, Any]
ERROR = UpstreamRateLimited("the provider asked us to slow down", request_id="req_1")
BEGUN: Json = {
    "id": "resp_7",
    "object": "response",
    "created_at": 5,
    "status": "in_progress",
    "error": None,
    "model": "m",
    "output": [],
    "tools": [],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
}


class Written:
    """A stream that keeps what was written."""

    def __init__(self) -> None:
        self.data = b""
        self.is_quiet = False
        self.has_ended = False

    def write(self, data: bytes) -> bool:
        """Keep it."""
        self.data += data
        return False

    def finish(self, last: bytes = b"") -> None:
        """Keep the last of it."""
        self.data += last
        self.has_ended = True


def failed(*written: bytes) -> Json:
    """Return the last event of a stream that fails after these writes."""
    inner = Written()
    stream = ResponseStream(cast("Stream", inner))
    for each in written:
        stream.write(each)
    stream.fail(ERROR)
    assert stream.has_ended
    assert inner.data.startswith(b"".join(written))
    name, data = inner.data.removeprefix(b"".join(written)).splitlines()[:2]
    assert name == b"event: response.failed"
    event: Json = orjson.loads(data[5:])
    ResponseFailedEvent.model_validate(event)
    return event


def sse(kind: str, number: int, **members: object) -> bytes:
    """Return an event."""
    event = {"type": kind, "sequence_number": number, **members}
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps(event))


def test_it_is_the_response_that_was_begun() -> None:
    """SDKs refuse another one's end; its numbers go on."""
    event = failed(
        sse("response.created", 0, response=BEGUN) + sse("response.in_progress", 1, response=BEGUN),
        b": keep-alive\n\n",
        sse("response.output_text.delta", 2, delta="sequence_number"),
    )
    assert event["sequence_number"] == 3
    error = event["response"].pop("error")
    kept = {name: value for name, value in BEGUN.items() if name != "error"}
    assert event["response"] == kept | {"status": "failed"}
    assert (error["code"], error["message"]) == ("rate_limit_exceeded", ERROR.message)


@pytest.mark.parametrize("written", [(), (b": keep-alive\n\n",), (b"event: x\ndata: {\n\n",)])
def test_a_response_of_which_nothing_is_known_has_the_calls_id(written: tuple[bytes, ...]) -> None:
    """The call had begun to wait."""
    event = failed(*written)
    assert (event["sequence_number"], event["response"]["id"]) == (0, "resp_req_1")


def test_codes_are_those_that_agents_look_for() -> None:
    """Codex, for one, tells a full context by its code."""
    event = failed_event(ContextTooLong("too long"), BEGUN, 4)
    response = cast("Json", event["response"])
    assert response["error"]["code"] == "context_length_exceeded"
