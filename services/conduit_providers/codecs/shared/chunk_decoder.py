"""The base of decoders whose dialects become OpenAI's chunks.

A dialect says how bytes are cut into pieces (events, lines, frames) and what a piece adds.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from copy import copy
from typing import Any, Generic, TypeVar

import orjson

from conduit.v1.chat_chunk_pb2 import ChatChoiceDelta, ChatCompletionChunk, ChatDelta
from conduit.v1.chat_pb2 import ChatUsage
from conduit_kernel.errors import UpstreamError
from conduit_providers.chat_events import ChatEvents
from conduit_providers.codecs.shared.skipping import interruption, may_skip
from conduit_providers.codecs.shared.sse import EventBuffer, SseEvent, events_in
from conduit_providers.operations.chat import ChatCall
from conduit_providers.quantities import Quantities

PieceT = TypeVar("PieceT")


class ChunkDecoder(ABC, Generic[PieceT]):
    """Turns the pieces of one answer into chunks, up to the one that sets `done`."""

    def __init__(self, call: ChatCall) -> None:
        self.usage: Quantities | None = None
        self.done = False
        self.has_finished = False
        self.emitted = 0
        self.skipped = 0
        self._provider = call.provider
        self._include_usage = call.include_usage
        self._failure: UpstreamError | None = None
        # Why an event was left out, should the answer come to nothing.
        self._skipped_for: UpstreamError | None = None
        # How many citations each choice has.
        self._cited: dict[int, int] = {}
        # What all chunks have in common.
        self._head = ChatCompletionChunk(
            object="chat.completion.chunk", created=call.created, model=call.model
        )

    def feed(self, data: bytes) -> ChatEvents | None:
        """Take the next bytes; return the chunks they complete, or None.

        UpstreamError if the provider reports a failure or sends malformed; chunks before that are
        returned first.
        """
        if self._failure is not None:
            # What was raised refers to all who were asked, and so to this.
            raise copy(self._failure)
        chunks = [] if self.done else self._chunks_of(self._cut(data))
        self.emitted += len(chunks)
        return ChatEvents(chunks=chunks) if chunks else None

    def close(self) -> ChatEvents | None:
        """Return what the end of the stream completes. StreamInterrupted if it came too early."""
        if self._failure is not None:
            # What was raised refers to all who were asked, and so to this.
            raise copy(self._failure)
        if self.done:
            return None
        chunks = self._chunks_of_rest()
        chunks += self._end()
        self.emitted += len(chunks)
        if not self.done:
            raise interruption(self._provider, self._skipped_for)
        return ChatEvents(chunks=chunks) if chunks else None

    @abstractmethod
    def _cut(self, data: bytes) -> Iterable[PieceT]:
        """Take the next bytes; return the pieces they complete."""

    @abstractmethod
    def _rest(self) -> Iterable[PieceT]:
        """Return what is left at the end, as a piece whose end mark may be missing."""

    @abstractmethod
    def _read(self, piece: PieceT, chunks: list[ChatCompletionChunk]) -> None:
        """Add the chunks of a piece. UpstreamError if it tells of a failure or is malformed."""

    @abstractmethod
    def _bytes_of(self, piece: PieceT) -> bytes:
        """Return what a piece holds."""

    def _end(self) -> list[ChatCompletionChunk]:
        """Return what the end of the stream itself says; set `done` if that is a good end."""
        return []

    def _chunks_of(self, pieces: Iterable[PieceT]) -> list[ChatCompletionChunk]:
        chunks: list[ChatCompletionChunk] = []
        try:
            for piece in pieces:
                self._read_or_skip(piece, chunks)
                if self.done:
                    break
        except UpstreamError as error:
            # Without what it was raised through, which has this decoder, and who asked.
            self._failure = copy(error)
            if not chunks:
                raise
        return chunks

    def _read_or_skip(self, piece: PieceT, chunks: list[ChatCompletionChunk]) -> None:
        before = len(chunks)
        try:
            self._read(piece, chunks)
        except UpstreamError as error:
            has_begun = before or self.emitted
            if not has_begun or not may_skip(error, self._bytes_of(piece), self.skipped):
                raise
            del chunks[before:]
            self.skipped += 1
            self._skipped_for = copy(error)

    def _chunks_of_rest(self) -> list[ChatCompletionChunk]:
        chunks: list[ChatCompletionChunk] = []
        try:
            for piece in self._rest():
                self._read(piece, chunks)
        except UpstreamError as error:
            # A piece that was cut off is no malformed.
            if error.metadata.get("kind") != "malformed":
                raise
        return chunks

    def _chunk(
        self, chunks: list[ChatCompletionChunk], delta: ChatDelta, index: int = 0
    ) -> ChatChoiceDelta:
        """Add a chunk that says something of a choice; return its part of it."""
        chunk = ChatCompletionChunk()
        chunk.CopyFrom(self._head)
        chunks.append(chunk)
        return chunk.choices.add(index=index, delta=delta)

    def _cite(
        self, chunks: list[ChatCompletionChunk], cited: list[dict[str, Any]], index: int = 0
    ) -> None:
        """Add a chunk with citations of a choice, numbered as OpenAI's accumulator demands."""
        first = self._cited.get(index, 0)
        self._cited[index] = first + len(cited)
        numbered = [{**each, "index": first + i} for i, each in enumerate(cited)]
        self._chunk(chunks, ChatDelta(annotations_json=orjson.dumps(numbered)), index)

    def _add_usage(self, counts: ChatUsage, chunks: list[ChatCompletionChunk]) -> None:
        """Add the chunk with the counts, if the caller asked for them."""
        if self._include_usage:
            chunk = ChatCompletionChunk()
            chunk.CopyFrom(self._head)
            chunk.usage.CopyFrom(counts)
            chunks.append(chunk)


class EventDecoder(ChunkDecoder[SseEvent]):
    """Turns server-sent events into chunks."""

    def __init__(self, call: ChatCall) -> None:
        super().__init__(call)
        self._buffer = EventBuffer(call.provider)

    def _cut(self, data: bytes) -> Iterable[SseEvent]:
        return events_in(self._buffer.feed(data))

    def _bytes_of(self, piece: SseEvent) -> bytes:
        return piece.data

    def _rest(self) -> Iterable[SseEvent]:
        return events_in(self._buffer.held.strip(b"\n"))
