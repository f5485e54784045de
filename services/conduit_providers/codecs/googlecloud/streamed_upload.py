"""A recording that Google Cloud hears as it comes, and what it says of it meanwhile."""

from collections.abc import Iterable, Iterator

from conduit.v1.transcript_event_json import transcript_event_to_json
from conduit.v1.transcript_event_pb2 import (
    TranscriptEvent,
    TranscriptTextDelta,
    TranscriptTextDone,
)
from conduit_providers.codecs.googlecloud.streaming import (
    METHOD,
    MOST_BYTES,
    Told,
    sound_message,
    told_by,
)
from conduit_providers.grpc_codec import messages_in
from conduit_providers.operations.transcribe import heard
from conduit_providers.quantities import Quantities
from conduit_providers.transcripts import TranscriptEvents, usage_message
from conduit_providers.typed_events import events_of
from conduit_providers.wire import GrpcStreamRequest, Headers, SocketFrame


class StreamedUpload:
    """One recording on its way: how it is recognized, and then the sound in pieces."""

    def __init__(self, provider: str, first: bytes, metadata: Headers) -> None:
        self.handshake = GrpcStreamRequest(METHOD, metadata)
        self._provider = provider
        self._first = first
        self._held = bytearray()

    def check(self, messages: bytes) -> None:
        """Raise nothing: the status of a call that failed says so."""

    def frames(self, data: bytes) -> Iterator[SocketFrame]:
        """Yield the messages that the next bytes fill."""
        if self._first:
            yield SocketFrame(self._first)
            self._first = b""
        self._held += data
        while len(self._held) >= MOST_BYTES:
            yield SocketFrame(sound_message(bytes(self._held[:MOST_BYTES])))
            del self._held[:MOST_BYTES]

    def end(self) -> Iterator[SocketFrame]:
        """Yield the rest."""
        if self._held:
            yield SocketFrame(sound_message(bytes(self._held)))


class GoogleTranscriptDecoder:
    """Says words as soon as they are heard for good."""

    skipped = 0

    def __init__(self, provider: str) -> None:
        self.emitted = 0
        self.done = False
        self.has_finished = False
        self.usage: Quantities | None = None
        self._provider = provider
        self._text = ""
        # Up to where, in seconds; and how many are paid for.
        self._heard = 0.0
        self._billed = 0.0

    def feed(self, data: bytes) -> TranscriptEvents | None:
        """Take whole messages. UpstreamError if one makes no sense."""
        pieces: list[TranscriptEvent] = []
        for message in messages_in(data, self._provider):
            pieces += self._said(told_by(message, self._provider))
        return _events(pieces) if pieces else None

    def close(self) -> TranscriptEvents:
        """Return the end."""
        self.usage = heard(max(self._heard, self._billed))
        done = TranscriptTextDone(text=self._text, usage=usage_message(self.usage))
        self.done = self.has_finished = True
        return _events([TranscriptEvent(transcript_text_done=done)])

    def _said(self, told: Told) -> Iterator[TranscriptEvent]:
        self._billed = max(self._billed, told.billed or 0.0)
        for each in told.stretches:
            if not each.is_final:
                continue
            self._heard = max(self._heard, each.end)
            self.usage = heard(max(self._heard, self._billed))
            if each.text:
                said = f" {each.text}" if self._text else each.text
                self._text += said
                self.emitted += 1
                yield TranscriptEvent(transcript_text_delta=TranscriptTextDelta(delta=said))


def _events(pieces: Iterable[TranscriptEvent]) -> TranscriptEvents:
    return TranscriptEvents(sse=events_of([transcript_event_to_json(each) for each in pieces]))
