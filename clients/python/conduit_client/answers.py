"""What calls return."""

import struct
from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import grpc

from conduit.v1.call_pb2 import CallReport
from conduit.v1.chat_chunk_pb2 import ChatCompletionChunk
from conduit.v1.chat_message_pb2 import ChatMessage
from conduit.v1.chat_pb2 import ChatCompletion, ChatUsage
from conduit.v1.embedding_pb2 import Embedding, EmbeddingList
from conduit.v1.image_pb2 import ImageList
from conduit.v1.rerank_pb2 import Ranking
from conduit.v1.router_requests_pb2 import StreamChatRequest, StreamChatResponse
from conduit.v1.transcription_pb2 import Transcription
from conduit_client.errors import StreamIncomplete, failure_of

StreamCall = grpc.aio.UnaryStreamCall[StreamChatRequest, StreamChatResponse]


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """A model's whole answer, and what Conduit did for it."""

    completion: ChatCompletion
    report: CallReport

    @property
    def message(self) -> ChatMessage:
        """The first choice's turn; append it to the conversation to go on."""
        return self.completion.choices[0].message

    @property
    def text(self) -> str:
        """The first choice's words."""
        return "".join(part.text for part in self.message.content)


@dataclass(frozen=True, slots=True)
class EmbedAnswer:
    """Vectors, in the order of the texts, and what Conduit did for them."""

    embeddings: EmbeddingList
    report: CallReport

    @property
    def vectors(self) -> list[list[float]]:
        """The vectors as numbers, in whichever form they came."""
        return [_numbers(embedding) for embedding in self.embeddings.data]


@dataclass(frozen=True, slots=True)
class RerankAnswer:
    """Documents in order of relevance, and what Conduit did for it."""

    ranking: Ranking
    report: CallReport

    @property
    def order(self) -> list[int]:
        """The documents' places in the request, the most relevant one's first."""
        return [result.index for result in self.ranking.results]


@dataclass(frozen=True, slots=True)
class ImageAnswer:
    """Images, and what Conduit did for them."""

    images: ImageList
    report: CallReport

    @property
    def pictures(self) -> list[bytes]:
        """The images themselves; empty where there is an address alone."""
        return [image.b64_json for image in self.images.data]


@dataclass(frozen=True, slots=True)
class TranscribeAnswer:
    """The words of a sound, and what Conduit did for them."""

    transcription: Transcription
    report: CallReport

    @property
    def text(self) -> str:
        """The words."""
        return self.transcription.text


class ChatStream:
    """A model's answer as it comes. Leaving the `async with` early cancels the call.

    `usage` and `report` are set once the stream has ended; `started` with the first chunk.
    """

    def __init__(self, call: StreamCall) -> None:
        self._call = call
        self.started: CallReport | None = None
        self.report: CallReport | None = None
        self.usage: ChatUsage | None = None

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cancel what is still under way."""
        self._call.cancel()

    async def __aiter__(self) -> AsyncIterator[ChatCompletionChunk]:
        """Yield the chunks. CallFailed if the call fails, StreamIncomplete if it is cut."""
        try:
            async for message in self._call:
                if message.HasField("started"):
                    self.started = message.started
                for chunk in message.chunks:
                    yield chunk
                if message.HasField("finished"):
                    self._finish(message)
        except grpc.aio.AioRpcError as error:
            raise failure_of(error) from error
        if self.report is None:
            raise StreamIncomplete

    async def texts(self) -> AsyncIterator[str]:
        """Yield the words of the first choice, piece by piece. Errors as with chunks."""
        async for chunk in self:
            for choice in chunk.choices:
                if choice.index == 0 and choice.delta.content:
                    yield choice.delta.content

    def _finish(self, message: StreamChatResponse) -> None:
        self.report = message.finished.report
        if message.finished.HasField("usage"):
            self.usage = message.finished.usage


def _numbers(embedding: Embedding) -> list[float]:
    vector = embedding.embedding
    if vector.HasField("base64"):
        packed = b64decode(vector.base64)
        return list(struct.unpack(f"<{len(packed) // 4}f", packed))
    return list(vector.floats.values)
