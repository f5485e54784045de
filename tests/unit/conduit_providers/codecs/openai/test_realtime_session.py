"""A realtime session: names of models, responses, transcriptions."""

from base64 import b64encode
from typing import Any

import orjson
import pytest

from conduit.v1 import converse_requests_pb2 as pb
from conduit.v1.charge_pb2 import UNIT_AUDIO_INPUT_MILLISECOND
from conduit_kernel.errors import InvalidRequest, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs.openai.realtime_session import RealtimeTranslator
from conduit_providers.operations.converse import realtime_event, realtime_opening
from conduit_providers.quantities import (
    AUDIO_OUTPUT,
    INPUT,
    OUTPUT,
    Quantities,
    counted,
)

HEARD = "conversation.item.input_audio_transcription.completed"
# Of 50 ms of sound.
TOKEN = "A" * 3200


def translator() -> RealtimeTranslator:
    """Return a translator of a session."""
    return RealtimeTranslator(
        Call(realtime_opening("alias"), alias="alias", model="gpt-realtime", provider="Lumen")
    )


def heard(session: RealtimeTranslator, kind: str, /, **members: object) -> dict[str, Any]:
    """Return what a caller hears of an event."""
    (event,) = session.from_upstream(orjson.dumps({"type": kind, **members}).decode())
    return dict(orjson.loads(event.json))


def test_the_model_is_called_by_each_sides_name() -> None:
    """The provider speaks first."""
    session = translator()
    assert session.first_steps() == ()
    told = heard(session, "session.created", session={"model": "gpt-realtime"})
    assert session.is_open
    assert told["session"]["model"] == "alias"
    update = realtime_event(b'{"type":"session.update","session":{"model":"x","voice":"v"}}')
    (sent,) = session.to_upstream(update)
    assert isinstance(sent, str)
    assert orjson.loads(sent)["session"] == {"model": "gpt-realtime", "voice": "v"}
    assert session.to_upstream(realtime_event(b'{ "type":"x" }')) == ('{ "type":"x" }',)


def test_responses_are_summed() -> None:
    """Each is counted when it is done."""
    session = translator()
    for _ in range(2):
        heard(session, "response.created")
        heard(session, "response.done", response={"usage": {"input_tokens": 3, "output_tokens": 2}})
    assert session.usage == counted(((INPUT, 6), (OUTPUT, 4)))
    assert session.uncounted(1000) is None


def test_a_response_that_was_not_done_is_estimated() -> None:
    """By its words, and by the length of its sound; a part of a token is one."""
    session = translator()
    heard(session, "response.created")
    for _ in range(3):
        heard(session, "response.output_text.delta", delta="x")
    heard(session, "response.output_audio.delta", delta=TOKEN)
    assert session.uncounted(1000) == counted(((OUTPUT, 3), (AUDIO_OUTPUT, 2)))
    heard(session, "response.done", response={})
    assert session.uncounted(1000) is None
    assert session.usage == Quantities()


@pytest.mark.parametrize("kind", ["response.done", "response.output_text.delta"])
def test_a_response_that_never_began_leaves_nothing_uncounted(kind: str) -> None:
    """Providers may drop an event."""
    session = translator()
    heard(session, kind)
    assert session.uncounted(1000) is None


@pytest.mark.parametrize(
    ("transcription", "of_session", "others"),
    [
        ({"model": "whisper-1"}, 0, {"whisper-1": 1500}),
        ({"model": "gpt-realtime"}, 1500, {}),
        ({}, 1500, {}),
        ({"model": 7}, 1500, {}),
        (None, 1500, {}),
    ],
)
def test_transcriptions_are_counted_by_the_model_that_wrote_them(
    transcription: object, of_session: int, others: dict[str, int]
) -> None:
    """The session's own, where it names none."""
    session = translator()
    sound = {"input": {"transcription": transcription}}
    heard(session, "session.updated", session={"audio": sound})
    heard(session, HEARD, usage={"seconds": 1})
    heard(session, HEARD, usage={"seconds": 0.5})
    unit = int(UNIT_AUDIO_INPUT_MILLISECOND)
    assert session.usage.count(unit) == of_session
    assert {name: used.count(unit) for name, used in session.other_usage.items()} == others


def test_an_error_is_told_and_kept_until_the_next_event() -> None:
    """One says that the session has lasted too long."""
    session = translator()
    heard(session, "error", error={"message": "No."})
    assert session.failure is not None
    assert session.end_reason == pb.SESSION_END_REASON_UNSPECIFIED
    heard(session, "response.created")
    assert session.failure is None
    heard(session, "error", error={"message": "Over.", "code": "session_expired"})
    assert session.end_reason == pb.SESSION_END_REASON_EXPIRED


@pytest.mark.parametrize("error", [None, 7, "No.", {"code": "²"}, {"code": "9" * 5000}, []])
def test_errors_of_every_form_are_errors(error: object) -> None:
    """And crash nothing."""
    session = translator()
    heard(session, "error", error=error)
    assert isinstance(session.failure, UpstreamError)


@pytest.mark.parametrize("kind", ["session.created", "response.done", HEARD, "error"])
def test_events_that_cannot_be_read_make_no_sense(kind: str) -> None:
    """And change nothing."""
    session = translator()
    with pytest.raises(UpstreamError, match="Lumen sent"):
        session.from_upstream(f'{{"type":"{kind}","x":1e999}}')
    assert not session.is_open
    assert session.usage == Quantities()


def test_an_update_that_cannot_be_read_is_the_callers_error() -> None:
    """As another model might be hidden in it."""
    update = b'{"type":"session.update","session":{"model":"other","x":1e999}}'
    with pytest.raises(InvalidRequest, match="cannot be read"):
        translator().to_upstream(realtime_event(update))


def test_a_length_that_nobody_lives_ends_no_session() -> None:
    """It is marked."""
    session = translator()
    heard(session, HEARD, usage={"seconds": 1e306})
    assert not session.usage.is_consistent


def test_sound_whose_words_are_not_there_is_estimated() -> None:
    """Of a session that only transcribes: what was committed is worked on, and told at its end."""
    session = translator()
    heard(session, "session.created", session={"type": "transcription"})
    # As much as a second.
    say(session, 48_000)
    assert session.uncounted(1000) is None
    heard(session, "input_audio_buffer.committed")
    assert session.uncounted(1000) == counted(((UNIT_AUDIO_INPUT_MILLISECOND, 1000),))
    heard(session, HEARD, usage={"type": "duration", "seconds": 1.0})
    assert session.uncounted(1000) is None
    assert session.usage == counted(((UNIT_AUDIO_INPUT_MILLISECOND, 1000),))


def test_sound_of_which_the_provider_reports_nothing_is_measured() -> None:
    """Item by item, or it would cost nothing."""
    session = translator()
    heard(session, "session.created", session={"type": "transcription"})
    for _ in range(2):
        say(session, 48_000)
        heard(session, "input_audio_buffer.committed")
        heard(session, HEARD, transcript="one")
    assert session.usage == counted(((UNIT_AUDIO_INPUT_MILLISECOND, 2000),))
    assert session.uncounted(1000) is None


def test_a_session_that_answers_is_told_of_its_sound_by_responses() -> None:
    """So nothing is estimated of it."""
    session = translator()
    heard(session, "session.created", session={"type": "realtime"})
    say(session, 48_000)
    heard(session, "input_audio_buffer.committed")
    assert session.uncounted(1000) is None


def say(session: RealtimeTranslator, size: int) -> None:
    """Append so many bytes of sound."""
    audio = b64encode(bytes(size)).decode()
    said = orjson.dumps({"type": "input_audio_buffer.append", "audio": audio})
    session.to_upstream(realtime_event(said))
