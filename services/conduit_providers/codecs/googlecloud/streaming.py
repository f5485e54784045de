"""What `StreamingRecognize` is asked, and what it answers: messages of gRPC.

https://docs.cloud.google.com/speech-to-text/docs/reference/rpc/google.cloud.speech.v2 and
google-cloud-speech 2.41.0, the Python SDK: speech_v2.types.cloud_speech.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from google.protobuf.json_format import ParseDict
from google.protobuf.message import DecodeError

from conduit.upstream.v1.google_speech_pb2 import (
    StreamingRecognizeRequest,
    StreamingRecognizeResponse,
)
from conduit_providers.failures import malformed

Json = dict[str, Any]
METHOD = "/google.cloud.speech.v2.Speech/StreamingRecognize"
# "Maximum size for this field is 15 KB per request."
MOST_BYTES = 15 * 1024


class Stretch(NamedTuple):
    """A text that was heard up to a time, in seconds; a guess unless it is final."""

    text: str
    end: float
    is_final: bool


class Told(NamedTuple):
    """A message of the provider's, read."""

    # In order; those that are not final make one guess together.
    stretches: tuple[Stretch, ...]
    # How many seconds are paid for, where that is told.
    billed: float | None


def beginning(recognizer: str, config: Json, *, has_guesses: bool = False) -> bytes:
    """Return the first message: how the sound is recognized that follows."""
    streaming: Json = {"config": config}
    if has_guesses:
        streaming["streamingFeatures"] = {"interimResults": True}
    first = {"recognizer": recognizer, "streamingConfig": streaming}
    return ParseDict(first, StreamingRecognizeRequest()).SerializeToString()


def sound_message(sound: bytes) -> bytes:
    """Return a message with sound."""
    return StreamingRecognizeRequest(audio=sound).SerializeToString()


def told_by(message: bytes, provider: str) -> Told:
    """Read a message. UpstreamError if it is none."""
    try:
        found = StreamingRecognizeResponse.FromString(message)
    except DecodeError as error:
        raise malformed(provider, "a message is no transcription") from error
    billed = None
    if found.metadata.HasField("total_billed_duration"):
        billed = found.metadata.total_billed_duration.ToTimedelta().total_seconds()
    return Told(tuple(_stretches(found)), billed)


def _stretches(found: StreamingRecognizeResponse) -> Iterator[Stretch]:
    for each in found.results:
        text = each.alternatives[0].transcript if each.alternatives else ""
        end = each.result_end_offset.ToTimedelta().total_seconds()
        yield Stretch(text.strip(), max(0.0, end), each.is_final)
