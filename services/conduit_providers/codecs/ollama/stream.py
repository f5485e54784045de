"""The lines of a streamed answer of Ollama's chat.

https://docs.ollama.com/api/streaming: each line has what is new, the last one says `done`.
"""

from collections.abc import Iterable

from conduit.v1.chat_chunk_pb2 import ChatCompletionChunk, ChatDelta
from conduit.v1.chat_message_pb2 import CHAT_ROLE_ASSISTANT
from conduit_providers.codecs.ollama.answer import (
    Piece,
    PieceReader,
    finish_of,
    logprobs_json,
    read_piece,
)
from conduit_providers.codecs.shared.chunk_decoder import ChunkDecoder
from conduit_providers.codecs.shared.counts import token_totals
from conduit_providers.codecs.shared.ndjson import LineBuffer
from conduit_providers.operations.chat import ChatCall


class OllamaChatDecoder(ChunkDecoder[bytes]):
    """Turns lines into chunks, up to the one that says `done`."""

    def __init__(self, call: ChatCall) -> None:
        super().__init__(call)
        self._buffer = LineBuffer(call.provider)
        self._reader: PieceReader | None = None

    def _cut(self, data: bytes) -> Iterable[bytes]:
        return self._buffer.feed(data)

    def _bytes_of(self, piece: bytes) -> bytes:
        return piece

    def _rest(self) -> Iterable[bytes]:
        rest = self._buffer.rest()
        return [rest] if rest else []

    def _read(self, piece: bytes, chunks: list[ChatCompletionChunk]) -> None:
        self._read_line(read_piece(piece, self._provider), chunks)

    def _read_line(self, piece: Piece, chunks: list[ChatCompletionChunk]) -> None:
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
        self.usage = piece.quantities()
        finish = finish_of(piece.done_reason, has_calls=reader.calls > 0)
        choice = self._chunk(chunks, ChatDelta())
        choice.finish_reason = finish.reason
        if finish.native is not None:
            choice.native_finish_reason = finish.native
        chunks[-1].unknown_json = piece.durations_json()
        if self.usage is not None:
            self._add_usage(token_totals(self.usage), chunks)
