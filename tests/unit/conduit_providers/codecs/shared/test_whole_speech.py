"""Speech out of whole answers."""

import orjson
import pytest

from conduit_kernel.errors import UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs.shared import whole_speech
from conduit_providers.codecs.shared.whole_speech import Spoken, WholeSpeechDecoder, sound_in
from conduit_providers.operations.speak import speech_request
from conduit_providers.quantities import counted
from conduit_providers.speech import CHARACTER
from conduit_providers.wire import HttpResponse

USED = counted(((CHARACTER, 5),))


def decoder(**members: object) -> WholeSpeechDecoder:
    """Return a decoder of answers that are sound, of five characters."""
    json = orjson.dumps({"model": "m", "input": "Hello", **members})
    call = Call(speech_request(json=json), alias="m", model="m", provider="P")

    def read(response: HttpResponse) -> Spoken:
        return response.body, USED

    return WholeSpeechDecoder(call, read)


def test_sound_comes_once_all_of_it_is_there() -> None:
    """In one piece, with its type and what was used."""
    made = decoder(response_format="wav")
    assert [made.feed(b"RIFF"), made.feed(b"more")] == [None, None]
    assert not made.done
    found = made.close()
    assert found is not None
    assert (found.audio, found.content_type) == (b"RIFFmore", "audio/wav")
    assert (made.usage, made.done, made.has_finished) == (USED, True, True)
    assert made.emitted > 0


def test_events_end_with_what_was_used() -> None:
    """The sound is an event, and its end another one."""
    made = decoder(stream_format="sse")
    made.feed(b"sound")
    found = made.close()
    assert found is not None
    kinds = [piece.WhichOneof("event") for piece in found.pieces]
    assert kinds == ["speech_audio_delta", "speech_audio_done"]
    assert found.pieces[1].speech_audio_done.usage.input_characters == 5
    assert found.content_type == "text/event-stream"


def test_silence_is_an_error() -> None:
    """Nobody asked for it."""
    with pytest.raises(UpstreamError, match="it has no sound"):
        decoder().close()


def test_an_answer_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept in memory until it is whole."""
    monkeypatch.setattr(whole_speech, "MAX_ANSWER_BYTES", 8)
    made = decoder()
    assert made.feed(b"12345678") is None
    with pytest.raises(UpstreamError, match="more than 8 bytes"):
        made.feed(b"9")


@pytest.mark.parametrize("text", ["sound!", "a", "aGk", "aGk=\n"])
def test_what_is_no_base64_is_no_sound(text: str) -> None:
    """Nothing is left out of it."""
    with pytest.raises(UpstreamError, match="no base64"):
        sound_in(text, "P")
    assert sound_in("aGk=", "P") == b"hi"
