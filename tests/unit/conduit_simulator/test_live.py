"""Live sessions of the simulator, event by event."""

from base64 import b64decode, b64encode
from itertools import count
from typing import Any

import pytest

from conduit_simulator.live import LiveSession
from conduit_simulator.realtime import BYTES_PER_SECOND

Json = dict[str, Any]


class Clock:
    """Stands still until a test moves it."""

    now = 1000.0

    def __call__(self) -> float:
        """Return seconds since 1970."""
        return self.now


def begun(clock: Clock) -> LiveSession:
    """Return a session that has started."""
    numbers = count(1)
    session = LiveSession(lambda: str(next(numbers)), clock)
    assert [*session.opening()] == []
    (started,) = heard(session, "session.start", event_id="mine", session={"model": "echo"})
    assert (started["type"], started["client_event_id"]) == ("session.started", "mine")
    assert started["session"]["model"] == "echo"
    return session


def heard(session: LiveSession, kind: str, /, **members: object) -> list[Json]:
    """Return what answers an event."""
    return list(session.hear({"type": kind, **members}))


def test_each_second_that_it_hears_is_a_second_that_it_hums() -> None:
    """However the sound is cut."""
    session = begun(Clock())
    half = b64encode(bytes(BYTES_PER_SECOND // 2)).decode()
    assert heard(session, "session.input_audio.append", audio=half) == []
    events = heard(session, "session.input_audio.append", audio=half)
    assert {each["type"] for each in events} == {"session.output_audio.delta"}
    assert sum(len(b64decode(each["delta"])) for each in events) == BYTES_PER_SECOND


def test_it_tells_how_long_it_was() -> None:
    """Once it is closed, and then it is over."""
    clock = Clock()
    session = begun(clock)
    clock.now += 61.5
    (closed,) = heard(session, "session.close")
    assert (closed["type"], closed["reason"]) == ("session.closed", "close_requested")
    assert closed["usage"] == {"seconds": 61.5}
    assert session.is_over


@pytest.mark.parametrize(
    "event",
    [
        {"type": "session.start", "session": {"model": "echo"}},
        {"type": "session.input_audio.append", "audio": "?"},
        {"type": "dance"},
    ],
)
def test_what_makes_no_sense_is_told(event: Json) -> None:
    """And the session goes on."""
    session = begun(Clock())
    assert [each["type"] for each in session.hear(event)] == ["error"]
    assert not session.is_over


@pytest.mark.parametrize(
    "event",
    [
        {"type": "session.close"},
        {"type": "session.start"},
        {"type": "session.start", "session": {"model": "nobody"}},
    ],
)
def test_a_session_begins_with_a_model(event: Json) -> None:
    """One that there is."""
    session = LiveSession(lambda: "1", Clock())
    assert [each["type"] for each in session.hear(event)] == ["error"]


def test_what_is_updated_is_told() -> None:
    """Nothing of it changes."""
    (updated,) = heard(begun(Clock()), "session.update", session={})
    assert updated["type"] == "session.updated"
