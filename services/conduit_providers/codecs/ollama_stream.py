"""The lines of a streamed answer of Ollama's chat.

https://docs.ollama.com/api/streaming: each line has what is new, the last one says `done`.
"""

from conduit.v1.chat_chunk_pb2 import ChatChoiceDelta, ChatCompletionChunk, ChatDelta
from conduit.v1.chat_message_pb2 import CHAT_ROLE_ASSISTANT
from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_providers.calls import ChatCall, ChatEvents
from conduit_providers.codecs.ndjson import LineBuffer
from conduit_providers.codecs.ollama_answer import (
    Piece,
    PieceReader,
    chat_usage,
    finish_of,
    logprobs_json,
    read_piece,
)
from conduit_providers.usage import Usage


class OllamaChatDecoder:
    """Turns lines into chunks, up to the one that says `done`."""

    def __init__(self, call: ChatCall) -> None:
        self.usage: Usage | None = None
        self.done = False
        self._provider = call.provider
        self._include_usage = call.include_usage
        self._buffer = LineBuffer(call.provider)
        self._failure: UpstreamError | None = None
        self._head = ChatCompletionChunk(
            object="chat.completion.chunk", created=call.created, model=call.model
        )
        self._reader: PieceReader | None = None

    def feed(self, data: bytes) -> ChatEvents | None:
        """Take the next bytes; return the chunks they complete, or None.

        UpstreamError if the provider reports a failure or sends garbage; chunks before that are
        returned first.
        """
        if self._failure is not None:
            raise self._failure
        chunks: list[ChatCompletionChunk] = []
        for line in self._buffer.take(data):
            if self.done:
                break
            try:
                self._read(read_piece(line, self._provider), chunks)
            except UpstreamError as error:
                self._failure = error
                break
        if self._failure is not None and not chunks:
            raise self._failure
        return ChatEvents(chunks=chunks) if chunks else None

    def close(self) -> ChatEvents | None:
        """Return what the end of the stream completes. StreamInterrupted if it came too early."""
        if self._failure is not None:
            raise self._failure
        if self.done:
            return None
        chunks = self._rest()
        if not self.done:
            raise StreamInterrupted(
                f"{self._provider} ended the stream before the answer was complete",
                provider=self._provider,
            )
        return ChatEvents(chunks=chunks)

    def _rest(self) -> list[ChatCompletionChunk]:
        """Return what the last line says; its end may be missing."""
        chunks: list[ChatCompletionChunk] = []
        rest = self._buffer.rest()
        # A line that was cut off is no garbage.
        if rest.endswith(b"}"):
            try:
                self._read(read_piece(rest, self._provider), chunks)
            except UpstreamError as error:
                if error.metadata.get("kind") != "garbage":
                    raise
        return chunks

    def _chunk(self, chunks: list[ChatCompletionChunk], delta: ChatDelta) -> ChatChoiceDelta:
        chunk = ChatCompletionChunk()
        chunk.CopyFrom(self._head)
        chunks.append(chunk)
        return chunk.choices.add(delta=delta)

    def _read(self, piece: Piece, chunks: list[ChatCompletionChunk]) -> None:
        reader = self._reader
        if reader is None:
            reader = self._reader = PieceReader(piece.mark())
            self._head.id = f"chatcmpl-ollama-{piece.mark()}"
            self._head.created = piece.created(self._head.created)
            self._head.model = piece.model or self._head.model
            self._chunk(chunks, ChatDelta(role=CHAT_ROLE_ASSISTANT, content=""))
        delta, logprobs = reader.delta(piece), logprobs_json(piece.logprobs)
        if delta is not None or logprobs:
            self._chunk(chunks, delta or ChatDelta()).logprobs_json = logprobs
        if piece.done:
            self._finish(piece, reader, chunks)

    def _finish(self, piece: Piece, reader: PieceReader, chunks: list[ChatCompletionChunk]) -> None:
        self.done = True
        self.usage = piece.usage()
        finish = finish_of(piece.done_reason, has_calls=reader.calls > 0)
        choice = self._chunk(chunks, ChatDelta())
        choice.finish_reason = finish.reason
        if finish.native is not None:
            choice.native_finish_reason = finish.native
        if self._include_usage and self.usage is not None:
            chunk = ChatCompletionChunk()
            chunk.CopyFrom(self._head)
            chunk.usage.CopyFrom(chat_usage(self.usage))
            chunks.append(chunk)
