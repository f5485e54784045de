"""The events of a streamed prediction.

https://replicate.com/docs/topics/predictions/streaming: `output` with text, `logs`, `error`, and
`done`, which says `{}` if all went well.
"""

from collections.abc import Iterable

import msgspec

from conduit.v1.chat_chunk_pb2 import ChatCompletionChunk, ChatDelta
from conduit.v1.chat_message_pb2 import CHAT_ROLE_ASSISTANT
from conduit.v1.chat_pb2 import FINISH_REASON_STOP
from conduit_providers.chat_events import ChatEvents
from conduit_providers.codecs.replicate.options import ChatModel
from conduit_providers.codecs.replicate.prediction import (
    Prediction,
    canceled,
    failed,
)
from conduit_providers.codecs.shared.chunk_decoder import EventDecoder
from conduit_providers.codecs.shared.counts import token_totals
from conduit_providers.codecs.shared.sse import SseEvent
from conduit_providers.failures import malformed
from conduit_providers.json_reading import parsed
from conduit_providers.operations.chat import ChatCall


class ReplicateDecoder(EventDecoder):
    """Turns events into chunks, up to `done`."""

    def __init__(
        self, call: ChatCall, model: ChatModel, prediction: Prediction | None = None
    ) -> None:
        """Take the prediction if it is known; then its end says why, and how much: `end`."""
        super().__init__(call)
        self._call = call
        self._model = model
        self._is_known = prediction is not None
        self._has_begun = False
        self._head.id = prediction.id if prediction else f"chatcmpl-replicate-{call.created}"
        if prediction is not None:
            self._head.created = prediction.created(call.created)
            self._head.model = prediction.model or call.model

    def end(self, prediction: Prediction | None) -> ChatEvents:
        """Return the last chunks, by what the prediction tells after its end, if it does."""
        chunks: list[ChatCompletionChunk] = []
        self._begin(chunks)
        self.usage = prediction.quantities() if prediction else None
        choice = self._chunk(chunks, ChatDelta())
        choice.finish_reason = (
            prediction.finish(self._call, self._model) if prediction else FINISH_REASON_STOP
        )
        if self.usage is not None:
            self._add_usage(token_totals(self.usage), chunks)
        return ChatEvents(chunks=chunks)

    def _rest(self) -> Iterable[SseEvent]:
        # Any other event, and one that was cut off, is no end.
        rest = super()._rest()
        return [event for event in rest if event.event == b"done" and event.data.endswith(b"}")]

    def _read(self, piece: SseEvent, chunks: list[ChatCompletionChunk]) -> None:
        try:
            self._read_event(piece, chunks)
        except UnicodeDecodeError as error:
            raise malformed(self._provider, "an event is no text") from error

    def _read_event(self, event: SseEvent, chunks: list[ChatCompletionChunk]) -> None:
        match event.event:
            case b"output":
                # What cannot be read begins no answer: another candidate can still be asked.
                delta = ChatDelta(content=event.data.decode())
                self._begin(chunks)
                self._chunk(chunks, delta)
            case b"error":
                raise failed(_detail(event.data), self._provider)
            case b"done":
                self._finish(event.data, chunks)
            case _:
                return

    def _finish(self, data: bytes, chunks: list[ChatCompletionChunk]) -> None:
        said = _json(data)
        reason = said.get("reason") if isinstance(said, dict) else said
        if reason == "canceled":
            raise canceled(self._provider)
        if reason:
            raise failed(None, self._provider)
        self.done = True
        if not self._is_known:
            chunks.extend(self.end(None).chunks)

    def _begin(self, chunks: list[ChatCompletionChunk]) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._chunk(chunks, ChatDelta(role=CHAT_ROLE_ASSISTANT, content=""))


def _json(data: bytes) -> object:
    try:
        return parsed(data)
    except msgspec.DecodeError:
        return data.decode()


def _detail(data: bytes) -> object:
    """Return what an error event says; the documentation has JSON, models also send plain text."""
    return _json(data) or None
