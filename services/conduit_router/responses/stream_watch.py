"""Has the responses kept that streams are of."""

import msgspec
import orjson

from conduit.v1 import response_requests_pb2 as pb
from conduit.v1.response_answer_json import created_response_to_json
from conduit_kernel.http import Stream
from conduit_router.responses.keeping import KeptCall, Named, ResponseKeeping, read_json

_NOTHING = msgspec.Raw(b"null")
_ENDS = (b"event: response.completed", b"event: response.incomplete")


class _Event(msgspec.Struct):
    type: str = ""
    response: msgspec.Raw = _NOTHING


class StreamWatch:
    """Has the response kept that a stream is of, before its end goes out."""

    def __init__(
        self, keeping: ResponseKeeping, call: KeptCall, provider_id: int, key_id: str
    ) -> None:
        self._keeping = keeping
        self._call = call
        self._served_by = provider_id, key_id
        self._has_begun = self._is_kept = False

    def take_message(self, message: pb.StreamCreateResponseResponse) -> None:
        """Take the next message of an answer."""
        self.take(message.events)
        for piece in message.pieces:
            if piece.HasField("response"):
                self._take_response(
                    piece.type, orjson.dumps(created_response_to_json(piece.response))
                )

    def take(self, sse: bytes) -> None:
        """Take the next events of an answer."""
        if self._is_kept or not sse:
            return
        if self._has_begun and not any(end in sse for end in _ENDS):
            return
        for line in sse.splitlines():
            if line.startswith(b"data:"):
                event = read_json(line[5:], _Event)
                if event is not None and event.response is not _NOTHING:
                    self._take_response(event.type, bytes(event.response))

    def _take_response(self, kind: str, response: bytes) -> None:
        is_end = kind in {"response.completed", "response.incomplete"}
        if self._is_kept or (self._has_begun and not is_end):
            return
        self._has_begun = True
        named = read_json(response, Named)
        is_own = named is not None and named.id == self._call.form.identity.id
        # Where its provider keeps it, its id is enough, by which a caller may ask at once; what its
        # items are called its end tells.
        if is_end or not is_own:
            self._is_kept = is_end
            self._keeping.keep(self._call, response, *self._served_by)


class WatchedStream:
    """A stream of events that are looked at before they go out, as far as it is written to."""

    __slots__ = ("_watch", "_write", "drain", "finish")

    def __init__(self, stream: Stream, watch: StreamWatch) -> None:
        self._watch = watch
        self._write, self.drain, self.finish = stream.write, stream.drain, stream.finish

    def write(self, data: bytes) -> bool:
        """Send some of the body, now; return whether `drain` has to be awaited before more."""
        self._watch.take(data)
        return self._write(data)
