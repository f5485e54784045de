"""A stream of OpenAI's Responses, which ends as such where it fails.

https://platform.openai.com/docs/api-reference/responses-streaming: the event `response.failed` has
the response that was begun, and goes on with the numbers of its events.
"""

import re

import orjson

from conduit_kernel.errors import ConduitError
from conduit_kernel.http import Stream
from conduit_kernel.openai_errors import error_object

_NUMBER = re.compile(rb'"sequence_number"\s*:\s*(\d{1,18})')
_DATA = b"data:"


class ResponseStream:
    """A stream that remembers what it began with, and what it wrote last."""

    __slots__ = ("_first", "_last", "_stream")

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._first = b""
        self._last = b""

    @property
    def has_ended(self) -> bool:
        """Return whether it was finished or aborted."""
        return self._stream.has_ended

    @property
    def is_quiet(self) -> bool:
        """Return whether nothing was written since this was set."""
        return self._stream.is_quiet

    @is_quiet.setter
    def is_quiet(self, value: bool) -> None:
        self._stream.is_quiet = value

    def write(self, data: bytes) -> bool:
        """Send some of the body, now; return whether `drain` has to be awaited before more."""
        if data.startswith(b"event:"):
            self._first, self._last = self._first or data, data
        return self._stream.write(data)

    async def drain(self) -> None:
        """Return at once, or when a slow caller has caught up. Raises CallerGone."""
        await self._stream.drain()

    def finish(self, last: bytes = b"") -> None:
        """Send the last of the body and its end."""
        self._stream.finish(last)

    def abort(self) -> None:
        """Cut the connection, so that the broken answer cannot look whole."""
        self._stream.abort()

    def fail(self, error: ConduitError) -> None:
        """End it with the event that says why the response failed."""
        numbers = _NUMBER.findall(self._last)
        event = failed_event(
            error, _response_in(self._first), int(numbers[-1]) + 1 if numbers else 0
        )
        self._stream.finish(b"event: response.failed\ndata: %b\n\n" % orjson.dumps(event))


def failed_event(
    error: ConduitError, response: dict[str, object] | None, number: int
) -> dict[str, object]:
    """Return the event, given the response that was begun, if one was."""
    begun = response or _unbegun(error)
    failed = {**begun, "status": "failed", "error": error_object(error)}
    return {"type": "response.failed", "sequence_number": number, "response": failed}


def _unbegun(error: ConduitError) -> dict[str, object]:
    """Return a response of which nothing is known."""
    request_id = error.metadata.get("request_id", "")
    return {
        "id": f"resp_{request_id}",
        "object": "response",
        "created_at": 0,
        "incomplete_details": None,
        "model": "",
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


def _response_in(events: bytes) -> dict[str, object] | None:
    """Return the response of the first event that was written, if it has one."""
    line = next((each for each in events.splitlines() if each.startswith(_DATA)), b"")
    try:
        event = orjson.loads(line[len(_DATA) :])
    except orjson.JSONDecodeError:
        return None
    response = event.get("response") if isinstance(event, dict) else None
    return response if isinstance(response, dict) else None
