"""OpenAI's realtime events, as they are written for other providers."""

import orjson

from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.shared.realtime_events import RealtimeEvents


def test_events_have_names_that_count_up() -> None:
    """Each is JSON with its type."""
    events = RealtimeEvents()
    first, second = events.write("a", x=1), events.write("b")
    assert orjson.loads(first.json) == {"type": "a", "event_id": "event_1", "x": 1}
    assert orjson.loads(second.json) == {"type": "b", "event_id": "event_2"}


def test_a_refusal_names_the_member_and_the_event() -> None:
    """As OpenAI's errors do."""
    told = RealtimeEvents().refusal(InvalidRequest("No.", field="session.type"), "mine")
    assert orjson.loads(told.json)["error"] == {
        "type": "invalid_request_error",
        "code": "invalid_value",
        "message": "No.",
        "param": "session.type",
        "event_id": "mine",
    }
