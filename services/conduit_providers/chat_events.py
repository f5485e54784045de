"""The pieces of a streamed chat, in whichever of their two forms they are asked for."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import orjson

from conduit.v1.chat_chunk_json import (
    chat_completion_chunk_from_json,
    chat_completion_chunk_to_json,
)
from conduit.v1.chat_chunk_pb2 import ChatCompletionChunk
from conduit.v1.json_runtime import JsonError, MalformedJson, parse
from conduit_providers.chat_heads import are_silent, says_nothing
from conduit_providers.codec import Decoder
from conduit_providers.failures import malformed


class ChatEvents:
    """Pieces of a streamed answer that arrived together, as server-sent events or as chunks."""

    __slots__ = ("_chunks", "_read", "_sse")

    def __init__(
        self,
        *,
        sse: bytes | None = None,
        chunks: Sequence[ChatCompletionChunk] | None = None,
        read: Callable[[object], ChatCompletionChunk] = chat_completion_chunk_from_json,
    ) -> None:
        """Take one of the two; `read` is for events of dialects with spellings of their own."""
        self._sse = sse
        self._chunks = chunks
        self._read = read

    @property
    def sse(self) -> bytes:
        """Return whole events, `data: ...` with a blank line behind each; without `[DONE]`."""
        if self._sse is None:
            write = chat_completion_chunk_to_json
            try:
                self._sse = b"".join(
                    b"data: %b\n\n" % orjson.dumps(write(chunk)) for chunk in self._chunks or ()
                )
            except JsonError as error:
                raise malformed("", "an event holds what is no JSON") from error
        return self._sse

    @property
    def chunks(self) -> Sequence[ChatCompletionChunk]:
        """Return the chunks. UpstreamError if an event does not fit the contract."""
        if self._chunks is None:
            try:
                self._chunks = [
                    self._read(parse(line[5:]))
                    for line in (self._sse or b"").splitlines()
                    if line.startswith(b"data:")
                ]
            except (JsonError, MalformedJson) as error:
                raise malformed("", "an event does not fit the contract") from error
        return self._chunks

    @property
    def documents(self) -> list[dict[str, Any]]:
        """Return the chunks as JSON values. UpstreamError if an event is no chunk."""
        # Of typed chunks, some values are JSON texts, which only their writing takes apart.
        lines = (line for line in self.sse.splitlines() if line.startswith(b"data:"))
        try:
            found = [parse(line[5:]) for line in lines]
        except MalformedJson as error:
            raise malformed("", "an event is no JSON") from error
        return [each for each in found if isinstance(each, dict)]

    @property
    def size(self) -> int:
        """Return about how many bytes of memory it takes."""
        return len(self._sse or b"") + sum(chunk.ByteSize() for chunk in self._chunks or ())

    @property
    def is_head(self) -> bool:
        """Return whether nobody said anything yet: who will, at most."""
        if self._chunks is not None:
            return all(map(says_nothing, self._chunks))
        return are_silent(self._sse or b"")

    def with_more(self, following: "ChatEvents") -> "ChatEvents":
        """Return these pieces and those that follow."""
        more = following._chunks  # noqa: SLF001 # its own class's
        if self._chunks is not None and more is not None:
            return ChatEvents(chunks=[*self._chunks, *more], read=self._read)
        return self.with_sse(self.sse + following.sse)

    def with_sse(self, sse: bytes) -> "ChatEvents":
        """Return pieces that are read like these, from other server-sent events."""
        return ChatEvents(sse=sse, read=self._read)

    def to_form(self, *, is_typed: bool) -> Self:
        """Make the form that the caller gets. UpstreamError if what the provider sent is no such.

        To be called while another candidate can still be asked.
        """
        _ = self.chunks if is_typed else self.sse
        return self


ChatDecoder = Decoder[ChatEvents]
