"""Amazon Transcribe's streaming transcriptions, of whole recordings.

https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html and
https://docs.aws.amazon.com/transcribe/latest/APIReference/API_streaming_StartStreamTranscription.html
"""

from collections.abc import Iterable, Iterator
from copy import copy
from functools import partial
from urllib.parse import urlencode

from conduit.v1.transcript_event_json import transcript_event_to_json
from conduit.v1.transcript_event_pb2 import (
    TranscriptEvent,
    TranscriptTextDelta,
    TranscriptTextDone,
)
from conduit_kernel.errors import StreamInterrupted, UnsupportedCapability, UpstreamError
from conduit_kernel.http import JoinedUpload
from conduit_providers.codecs.aws.languages import IDENTIFY, OWN_MODEL, Query, language_query
from conduit_providers.codecs.aws.sounds import OPUS, Sound, sound_of
from conduit_providers.codecs.aws.transcripts import (
    LEAST_SECONDS,
    Result,
    heard_in,
    results_in,
    whole_frames,
)
from conduit_providers.codecs.shared.aws_eventstream import FrameBuffer, event_frame
from conduit_providers.codecs.shared.one_file import drop_others, only_file
from conduit_providers.codecs.shared.transcript_formats import in_format
from conduit_providers.codecs.shared.whole_transcript import WholeTranscriptDecoder
from conduit_providers.operations.transcribe import TranscribeCall, TranscriptionAnswer, heard
from conduit_providers.quantities import Quantities
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.transcripts import TranscriptEvents, usage_message
from conduit_providers.typed_events import events_of
from conduit_providers.uploaded_form import uploaded_form
from conduit_providers.wire import (
    HttpResponse,
    SocketFrame,
    SocketRequest,
    WebSocketRequest,
)

_TAKEN = frozenset({"file", "language", "languages", "response_format", "timestamp_granularities"})
# What is said in events as it is heard; of documents all must be known.
_AS_HEARD = frozenset({"", "json"})
_SOUND_TYPE = "application/octet-stream"


class AwsTranscribeCodec:
    """Speaks `GET /stream-transcription-websocket`: the query says what is heard, and how."""

    speaks_socket = True

    def to_upstream(
        self, call: TranscribeCall, endpoint: Endpoint, target: Target
    ) -> SocketRequest:
        """Translate the wish. InvalidRequest if there is no sound."""
        file, uploads = only_file(call), uploaded_form(call).uploads
        drop_others(call, _TAKEN, target.provider_name)
        query = [*language_query(_named(call), endpoint.options), *_wishes(call)]
        path = target.fill(endpoint.path_for(target.settings), model=call.model)
        headers = tuple(endpoint.headers.items())
        upload = uploads[0] if uploads else JoinedUpload([file.file.content])
        return SocketRequest(upload, partial(_begun, call, WebSocketRequest(path, headers), query))

    def from_upstream(
        self, response: HttpResponse, call: TranscribeCall, endpoint: Endpoint
    ) -> TranscriptionAnswer:
        """Read what was heard. UpstreamError if hearing failed."""
        frames = whole_frames(response.body, call.provider)
        found = heard_in([*results_in(frames, call.provider)], call.typed.language)
        # Silence is not told of, and paid all the same.
        found.duration = max(found.duration, call.sounded)
        found.least = LEAST_SECONDS
        if call.typed.response_format == "diarized_json":
            # Who speaks is said of words.
            found.segments = ()
        return in_format(found, call.typed)

    def decoder(
        self, call: TranscribeCall, endpoint: Endpoint
    ) -> "AwsTranscriptDecoder | WholeTranscriptDecoder":
        """Return what makes events of what is heard."""
        if call.typed.response_format in _AS_HEARD:
            return AwsTranscriptDecoder(call)
        read = partial(self.from_upstream, call=call, endpoint=endpoint)
        return WholeTranscriptDecoder(call, TranscriptEvents, read)


def _begun(
    call: TranscribeCall, handshake: WebSocketRequest, query: Query, head: bytes
) -> "AwsTranscription":
    sound = sound_of(head, call.provider)
    if sound.encoding == OPUS and IDENTIFY in query:
        raise UnsupportedCapability(
            f"{call.provider} tells languages apart in flac and wav alone; ogg needs its language",
            field="language",
            capability="format",
        )
    about = [("media-encoding", sound.encoding), ("sample-rate", str(sound.rate))]
    path = f"{handshake.path}?{urlencode([*query, *about])}"
    return AwsTranscription(call, handshake._replace(path=path), sound)


def _named(call: TranscribeCall) -> list[str]:
    asked = call.typed
    return [asked.language, *asked.languages] if asked.language else [*asked.languages]


def _wishes(call: TranscribeCall) -> Iterator[tuple[str, str]]:
    if call.typed.response_format == "diarized_json":
        yield "show-speaker-label", "true"
    if call.model != OWN_MODEL:
        yield "language-model-name", call.model


class AwsTranscription:
    """One recording on its way: the sound in events, an empty one at its end."""

    def __init__(self, call: TranscribeCall, handshake: WebSocketRequest, sound: Sound) -> None:
        """Take the call, which is told how long its sound is."""
        self.handshake = handshake
        self._call = call
        self._sound = sound
        self._before = sound.begins_at
        self._left = sound.size
        self._held = bytearray()
        call.sounded = 0.0

    def check(self, messages: bytes) -> None:
        """Raise UpstreamError if an event says that hearing failed."""
        provider = self._call.provider
        for _ in results_in(whole_frames(messages, provider), provider):
            pass

    def frames(self, data: bytes) -> Iterator[SocketFrame]:
        """Yield the events that the next bytes fill."""
        self._take(data)
        size = self._sound.chunk_bytes
        while len(self._held) >= size:
            yield self._event(bytes(self._held[:size]))
            del self._held[:size]

    def end(self) -> Iterator[SocketFrame]:
        """Yield the rest, and the event that says that there is no more."""
        if self._held:
            yield self._event(bytes(self._held))
        yield self._event(b"")

    def _take(self, data: bytes) -> None:
        """Keep of the next bytes what is sound."""
        skipped = min(self._before, len(data))
        self._before -= skipped
        data = data[skipped:]
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        self._held += data

    def _event(self, data: bytes) -> SocketFrame:
        in_second = self._sound.bytes_per_second
        seconds = len(data) / in_second if in_second else 0.0
        self._call.sounded += seconds
        return SocketFrame(event_frame("AudioEvent", data, _SOUND_TYPE), seconds)


class AwsTranscriptDecoder:
    """Says words as soon as they are heard for good."""

    skipped = 0

    def __init__(self, call: TranscribeCall) -> None:
        """Take the call, which knows how long its sound is."""
        self.emitted = 0
        self.done = False
        self.has_finished = False
        self.usage: Quantities | None = None
        self._call = call
        self._buffer = FrameBuffer(call.provider)
        self._text = ""
        # Up to where, in seconds.
        self._heard = 0.0
        # What comes behind words, which are handed out first.
        self._failure: UpstreamError | None = None

    def feed(self, data: bytes) -> TranscriptEvents | None:
        """Take the next bytes. UpstreamError if an event says that hearing failed."""
        if self._failure is not None:
            raise copy(self._failure)
        pieces: list[TranscriptEvent] = []
        try:
            for result in results_in(self._buffer.feed(data), self._call.provider):
                pieces.append(self._said(result))  # noqa: PERF401 # those before a failure stay
        except UpstreamError as error:
            if not pieces:
                raise
            # Without what it was raised through, which has this decoder.
            self._failure = copy(error)
        return _events(pieces) if pieces else None

    def close(self) -> TranscriptEvents:
        """Return the end. StreamInterrupted if it came within an event."""
        if self._failure is not None:
            raise copy(self._failure)
        if self._buffer.is_within_message:
            name = self._call.provider
            raise StreamInterrupted(f"The stream from {name} ended within an event", provider=name)
        # Silence is not told of, and paid all the same.
        self.usage = heard(max(self._heard, self._call.sounded, LEAST_SECONDS))
        done = TranscriptTextDone(text=self._text, usage=usage_message(self.usage))
        self.done = self.has_finished = True
        return _events([TranscriptEvent(transcript_text_done=done)])

    def _said(self, result: Result) -> TranscriptEvent:
        said = (result.gap if self._text else "") + result.text
        self._text += said
        self.emitted += 1
        self._heard = max(self._heard, result.end_time)
        self.usage = heard(max(self._heard, LEAST_SECONDS))
        return TranscriptEvent(transcript_text_delta=TranscriptTextDelta(delta=said))


def _events(pieces: Iterable[TranscriptEvent]) -> TranscriptEvents:
    return TranscriptEvents(sse=events_of([transcript_event_to_json(each) for each in pieces]))


CODEC = AwsTranscribeCodec()
