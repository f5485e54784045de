"""A recording that Google Cloud hears as it comes."""

from google.cloud.speech_v2.types import StreamingRecognizeRequest, StreamingRecognizeResponse
from tests.support.google_speech_upstream import bill, words

from conduit_providers.codecs.googlecloud.streamed_upload import (
    GoogleTranscriptDecoder,
    StreamedUpload,
)
from conduit_providers.codecs.googlecloud.streaming import MOST_BYTES
from conduit_providers.grpc_codec import framed


def test_sound_goes_out_in_pieces_that_are_taken() -> None:
    """However it comes, behind the beginning, and nothing is lost or sent empty."""
    upload = StreamedUpload("Acme", b"first", ())
    frames = [each.data for part in (b"a" * 40_000, b"b") for each in upload.frames(part)]
    frames += [each.data for each in upload.end()]
    assert frames[0] == b"first"
    sound = [StreamingRecognizeRequest.deserialize(each).audio for each in frames[1:]]
    assert b"".join(sound) == b"a" * 40_000 + b"b"
    assert {len(each) <= MOST_BYTES for each in sound} == {True}
    assert all(sound)


def test_guesses_are_not_said() -> None:
    """They are heard again; what is paid is what the provider tells."""
    told = (words("Hel", 0.4, is_final=False), words("Hello.", 0.5), words("Bye.", 0.9), bill(2.0))
    decoder = GoogleTranscriptDecoder("Acme")
    said = b""
    for each in told:
        events = decoder.feed(framed((StreamingRecognizeResponse.serialize(each),)))
        said += events.sse if events is not None else b""
    end = decoder.close().sse
    assert said.count(b"event: transcript.text.delta") == 2
    assert b'Hel"' not in said
    assert b'"text":"Hello. Bye."' in end
    assert b'"seconds":2' in end
