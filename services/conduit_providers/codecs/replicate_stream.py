"""The events of a streamed prediction.

https://replicate.com/docs/topics/predictions/streaming: `output` with text, `logs`, `error`, and
`done`, which says `{}` if all went well.
"""

import orjson

from conduit.v1.chat_chunk_pb2 import ChatChoiceDelta, ChatCompletionChunk, ChatDelta
from conduit.v1.chat_message_pb2 import CHAT_ROLE_ASSISTANT
from conduit.v1.chat_pb2 import FINISH_REASON_STOP
from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_providers.calls import ChatCall, ChatEvents
from conduit_providers.codecs.replicate_prediction import (
    Prediction,
    canceled,
    chat_usage,
    failed,
)
from conduit_providers.codecs.sse import EventBuffer, SseEvent, events_in
from conduit_providers.failures import garbage
from conduit_providers.usage import Usage


class ReplicateDecoder:
    """Turns events into chunks, up to `done`."""

    def __init__(self, call: ChatCall, prediction: Prediction | None = None) -> None:
        """Take the prediction if it is known; then its end says why, and how much: `end`."""
        self.usage: Usage | None = None
        self.done = False
        self._call = call
        self._is_known = prediction is not None
        self._buffer = EventBuffer(call.provider)
        self._failure: UpstreamError | None = None
        self._has_begun = False
        self._head = ChatCompletionChunk(
            id=prediction.id if prediction else f"chatcmpl-replicate-{call.created}",
            object="chat.completion.chunk",
            created=prediction.created(call.created) if prediction else call.created,
            model=(prediction.model if prediction else "") or call.model,
        )

    def feed(self, data: bytes) -> ChatEvents | None:
        """Take the next bytes; return the chunks they complete, or None.

        UpstreamError if the provider reports a failure or sends garbage; chunks before that are
        returned first.
        """
        if self._failure is not None:
            raise self._failure
        block = self._buffer.take(data)
        return self._chunks_in(block) if block and not self.done else None

    def close(self) -> ChatEvents | None:
        """Return what the end of the stream completes. StreamInterrupted if it came too early."""
        if self._failure is not None:
            raise self._failure
        if self.done:
            return None
        rest = self._buffer.held.strip(b"\n")
        # The blank line behind the last event may be missing.
        is_end = rest.startswith(b"event: done\n") and rest.endswith(b"}")
        events = self._chunks_in(rest + b"\n\n") if is_end else None
        if not self.done:
            raise StreamInterrupted(
                f"{self._call.provider} ended the stream before the answer was complete",
                provider=self._call.provider,
            )
        return events

    def end(self, prediction: Prediction | None) -> ChatEvents:
        """Return the last chunks, by what the prediction tells after its end, if it does."""
        chunks: list[ChatCompletionChunk] = []
        self._begin(chunks)
        self.usage = prediction.usage() if prediction else None
        choice = self._chunk(chunks, ChatDelta())
        choice.finish_reason = prediction.finish(self._call) if prediction else FINISH_REASON_STOP
        if self._call.include_usage and self.usage is not None:
            chunk = ChatCompletionChunk()
            chunk.CopyFrom(self._head)
            chunk.usage.CopyFrom(chat_usage(self.usage))
            chunks.append(chunk)
        return ChatEvents(chunks=chunks)

    def _chunks_in(self, block: bytes) -> ChatEvents | None:
        chunks: list[ChatCompletionChunk] = []
        for event in events_in(block):
            try:
                self._read(event, chunks)
            except UnicodeDecodeError:
                self._failure = garbage(self._call.provider, "an event is no text")
            except UpstreamError as error:
                self._failure = error
            if self._failure is not None or self.done:
                break
        if self._failure is not None and not chunks:
            raise self._failure
        return ChatEvents(chunks=chunks) if chunks else None

    def _read(self, event: SseEvent, chunks: list[ChatCompletionChunk]) -> None:
        match event.event:
            case b"output":
                self._begin(chunks)
                self._chunk(chunks, ChatDelta(content=event.data.decode()))
            case b"error":
                raise failed(_detail(event.data), self._call.provider)
            case b"done":
                self._finish(event.data, chunks)
            case _:
                return

    def _finish(self, data: bytes, chunks: list[ChatCompletionChunk]) -> None:
        said = _json(data)
        reason = said.get("reason") if isinstance(said, dict) else said
        if reason == "canceled":
            raise canceled(self._call.provider)
        if reason:
            raise failed(None, self._call.provider)
        self.done = True
        if not self._is_known:
            chunks.extend(self.end(None).chunks)

    def _begin(self, chunks: list[ChatCompletionChunk]) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._chunk(chunks, ChatDelta(role=CHAT_ROLE_ASSISTANT, content=""))

    def _chunk(self, chunks: list[ChatCompletionChunk], delta: ChatDelta) -> ChatChoiceDelta:
        chunk = ChatCompletionChunk()
        chunk.CopyFrom(self._head)
        chunks.append(chunk)
        return chunk.choices.add(delta=delta)


def _json(data: bytes) -> object:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return data.decode()


def _detail(data: bytes) -> object:
    """Return what an error event says; the documentation has JSON, models also send plain text."""
    return _json(data) or None
