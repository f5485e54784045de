"""Sessions with Amazon Transcribe: what the wire cases do not show."""

from base64 import b64encode

import orjson
import pytest
from botocore.eventstream import EventStreamBuffer
from tests.support.eventstream import event
from tests.support.transcribe_upstream import exception, words
from tests.support.translators import kinds, said, translator

from conduit.v1.charge_pb2 import UNIT_AUDIO_INPUT_MILLISECOND
from conduit_kernel.errors import UpstreamError, UpstreamRateLimited, UpstreamRefused
from conduit_providers.codecs.aws.transcribe_session import LEAST_MILLISECONDS, MOST_BYTES
from conduit_providers.session_codec import SessionEvent, SessionTranslator, Step

_MILLISECOND = int(UNIT_AUDIO_INPUT_MILLISECOND)
COMMIT = said("input_audio_buffer.commit")


def session() -> SessionTranslator:
    """Return a session that is open."""
    found = translator("AWS", "transcribe", region="eu-west-1")
    assert kinds(found.first_steps()) == ["created"]
    return found


def sound(milliseconds: int) -> SessionEvent:
    """Return an event with sound."""
    return said("input_audio_buffer.append", audio=b64encode(bytes(48 * milliseconds)).decode())


def sizes(steps: list[Step]) -> list[int]:
    """Return how much sound each frame has, as AWS's own library reads it."""
    found = []
    for frame in steps:
        if isinstance(frame, bytes):
            buffer = EventStreamBuffer()
            buffer.add_data(frame)
            found += [len(each.payload) for each in buffer]
    return found


def test_sound_is_cut_into_events_that_are_taken() -> None:
    """However much a caller sends at once."""
    steps = session().to_upstream(sound(1000))
    assert sizes(list(steps)) == [MOST_BYTES, 48_000 - MOST_BYTES]


def test_a_commit_is_a_pause() -> None:
    """A second of silence, since the provider is not told otherwise; its result ends the item."""
    open_ = session()
    open_.to_upstream(sound(1000))
    steps = open_.to_upstream(COMMIT)
    assert kinds(steps) == ["committed"]
    assert sum(sizes(list(steps))) == 48_000
    assert kinds(open_.from_upstream(words("Hello.", 0.9))) == ["delta", "completed"]


def test_a_commit_of_nothing_is_an_item_without_words() -> None:
    """Nothing would come of it."""
    steps = session().to_upstream(COMMIT)
    assert kinds(steps) == ["committed", "completed"]


def test_guesses_say_no_more_than_is_sure() -> None:
    """Until the words are there for good."""
    open_ = session()
    open_.to_upstream(sound(1000))
    steps = open_.from_upstream(words("Hello", 0.4, is_partial=True))
    assert kinds(steps) == ["speech_started"]
    assert kinds(open_.from_upstream(words("Hello there.", 0.9)))[-1] == "completed"
    assert open_.usage.count(_MILLISECOND) == 900


def test_at_least_fifteen_seconds_are_paid() -> None:
    """Unless there was no sound."""
    open_ = session()
    assert open_.uncounted(5000) is None
    open_.to_upstream(sound(1000))
    open_.from_upstream(words("Hello.", 0.9))
    rest = open_.uncounted(5000)
    assert rest is not None
    assert rest.count(_MILLISECOND) == LEAST_MILLISECONDS - 900
    open_.from_upstream(words("Bye.", 20.0))
    assert open_.uncounted(20_000) is None


@pytest.mark.parametrize(
    ("name", "error", "kind"),
    [
        ("BadRequestException", UpstreamRefused, "invalid_request_error"),
        ("LimitExceededException", UpstreamRateLimited, "server_error"),
        ("InternalFailureException", UpstreamError, "server_error"),
    ],
)
def test_a_failure_is_told(name: str, error: type[UpstreamError], kind: str) -> None:
    """Behind what was heard before it."""
    open_ = session()
    open_.to_upstream(sound(1000))
    steps = open_.from_upstream(words("Hello.", 0.9) + exception(name, "No more."))
    assert kinds(steps)[-2:] == ["completed", "error"]
    assert type(open_.failure) is error
    told = steps[-1]
    assert not isinstance(told, str | bytes | tuple)
    assert orjson.loads(told.json)["error"]["type"] == kind


@pytest.mark.parametrize(
    "frame", ["{}", b"\0", words("Hello.", 0.9)[:-1], event("TranscriptEvent", b"[7]")]
)
def test_what_is_no_event_makes_no_sense(frame: str | bytes) -> None:
    """A message has an event, and all of it."""
    with pytest.raises(UpstreamError) as raised:
        session().from_upstream(frame)
    assert raised.value.metadata["kind"] == "malformed"


def test_silence_keeps_the_session() -> None:
    """Without sound for 15 s AWS hangs up."""
    kept = session().keep_alive
    assert kept is not None
    assert kept.seconds < 15
    assert sizes([kept.frame]) == [4800]
