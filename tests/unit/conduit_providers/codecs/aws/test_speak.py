"""What of a wish for speech Amazon Polly is told, and how its samples are handed out."""

import io
import wave

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Call
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs.aws.speak import CODEC
from conduit_providers.operations.speak import SpeakCall, speech_request
from conduit_providers.target import Target

ENDPOINT = load_catalog().find("AWS").endpoints["speak"]
TARGET = Target("P", "AWS", "https://polly.example", {"region": "eu-west-1"})


def call(**members: object) -> SpeakCall:
    """Return a call of the neural engine."""
    json = orjson.dumps({"model": "m", "input": "Hello", "voice": "Joanna", **members})
    return Call(speech_request(json=json), alias="m", model="polly-neural", provider="P")


def body(made: SpeakCall) -> dict[str, object]:
    """Return what Polly is told."""
    return dict(orjson.loads(CODEC.to_upstream(made, ENDPOINT, TARGET).body))


@pytest.mark.parametrize("voice", ["", 7, None, {}, {"id": ""}])
def test_a_wish_without_a_voice_is_refused(voice: object) -> None:
    """Polly has no usual one."""
    with pytest.raises(InvalidRequest, match="a voice that is named by its id") as raised:
        body(call(voice=voice))
    assert raised.value.metadata["field"] == "voice"


def test_the_engine_the_text_and_the_voice_go_by_no_other_name() -> None:
    """Routes, limits and prices are of those that the request has in OpenAI's dialect."""
    made = call(Engine="generative", Text="Something longer", VoiceId="Ruth")
    assert body(made) == {
        "OutputFormat": "mp3",
        "Engine": "neural",
        "Text": "Hello",
        "VoiceId": "Joanna",
    }
    assert made.dropped == ["Engine", "Text", "VoiceId"]


def test_marks_in_place_of_sound_are_not_asked_for() -> None:
    """They would be taken for it."""
    made = call(OutputFormat="json", SpeechMarkTypes=["word"])
    assert body(made)["OutputFormat"] == "mp3"
    assert made.dropped == ["OutputFormat", "SpeechMarkTypes"]


def test_the_usual_speed_is_no_wish() -> None:
    """Another one is reported, since Polly knows it in markup alone."""
    usual, fast = call(speed=1), call(speed=1.5)
    assert body(usual) == body(fast)
    assert (usual.dropped, fast.dropped) == ([], ["speed"])


def test_markup_is_as_long_as_polly_counts_it() -> None:
    """Tags are not counted, so that a long text of them is Polly's to refuse."""
    assert body(call(input="x" * 3001, TextType="ssml"))["TextType"] == "ssml"
    with pytest.raises(InvalidRequest, match="has 3001 characters, and P speaks at most 3000"):
        body(call(input="x" * 3001))


@pytest.mark.parametrize(
    ("members", "rate"),
    [
        ({}, 16_000),
        ({"SampleRate": "8000"}, 8_000),
        ({"SampleRate": ["odd"]}, 16_000),
        ({"OutputFormat": "json"}, 16_000),
    ],
)
def test_wav_is_polly_s_samples_with_a_head_that_says_their_rate(
    members: dict[str, object], rate: int
) -> None:
    """The head comes once, with the first of them, in whatever pieces they come."""
    made = call(response_format="wav", **members)
    assert body(made)["OutputFormat"] == "pcm"
    made.answer_headers = {"content-type": "audio/pcm", "x-amzn-requestcharacters": "5"}
    decoder = CODEC.decoder(made, ENDPOINT)
    samples = b"\x01\x02\x03\x04"
    pieces = [decoder.feed(b""), decoder.feed(samples[:1]), decoder.feed(samples[1:])]
    decoder.close()
    found = [piece for piece in pieces if piece is not None]
    assert [piece.content_type for piece in found] == ["audio/wav", ""]
    with wave.open(io.BytesIO(b"".join(piece.audio or b"" for piece in found))) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (rate, 1, 2)
        # There are as many as follow, of which the head cannot know.
        assert sound.readframes(2) == samples


@pytest.mark.parametrize("own", ["ogg_vorbis", ["odd"]])
def test_a_format_of_polly_s_own_is_handed_out_as_it_is(own: object) -> None:
    """A caller who names it wants no head before it; what makes no sense, Polly refuses."""
    made = call(response_format="wav", OutputFormat=own)
    assert body(made)["OutputFormat"] == own
    made.answer_headers = {"content-type": "audio/ogg"}
    piece = CODEC.decoder(made, ENDPOINT).feed(b"OggS")
    assert piece is not None
    assert (piece.audio, piece.content_type) == (b"OggS", "audio/ogg")


@pytest.mark.parametrize("told", ["", "many", "1e3", "-1", "1234567890"])
def test_a_count_that_is_none_is_not_taken(told: str) -> None:
    """The charge is estimated then."""
    made = call()
    made.answer_headers = {"content-type": "audio/mpeg", "x-amzn-requestcharacters": told}
    assert CODEC.decoder(made, ENDPOINT).usage is None
