"""The client."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Sequence
from types import TracebackType
from typing import Self, TypeVar

import grpc
from google.protobuf.duration_pb2 import Duration

from conduit.v1.audio_requests_pb2 import TranscribeRequest, TranscribeStart
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.chat_message_pb2 import ChatMessage
from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit.v1.embedding_pb2 import EmbeddingInput, EmbeddingRequest
from conduit.v1.form_pb2 import FileChunk, FormFile
from conduit.v1.image_generation_pb2 import ImageGenerationRequest
from conduit.v1.image_requests_pb2 import GenerateImagesRequest
from conduit.v1.model_pb2 import Model
from conduit.v1.rerank_pb2 import RerankingDocument, RerankingRequest
from conduit.v1.router_requests_pb2 import (
    ChatRequest,
    EmbedRequest,
    ListModelsRequest,
    RerankRequest,
    StreamChatRequest,
)
from conduit.v1.router_service_pb2_grpc import RouterServiceStub
from conduit.v1.transcription_pb2 import TranscriptionRequest
from conduit_client.answers import (
    ChatAnswer,
    ChatStream,
    EmbedAnswer,
    ImageAnswer,
    RerankAnswer,
    TranscribeAnswer,
)
from conduit_client.errors import failure_of

MAX_MESSAGE_BYTES = 96 * 1024 * 1024
DEFAULT_SECONDS = 600.0
# The Router gives up first, with a reason; this is for one that is gone.
_MARGIN_SECONDS = 5.0
_PIECE_BYTES = 256 * 1024

AnswerT = TypeVar("AnswerT")


class ConduitClient:
    """A Router, for holders of a virtual key. Use it with `async with`, in one event loop."""

    def __init__(
        self,
        target: str,
        api_key: str,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        timeout_seconds: float = DEFAULT_SECONDS,
    ) -> None:
        """Prepare to call a Router.

        - `target`: its address, such as `127.0.0.1:50052`.
        - `api_key`: a virtual key, `condt_...`.
        - `credentials`: for TLS; without them the connection is in the clear.
        - `timeout_seconds`: the most that a call may take, failovers included.
        """
        sizes = ("grpc.max_receive_message_length", "grpc.max_send_message_length")
        options = [(name, MAX_MESSAGE_BYTES) for name in sizes]
        self._channel = (
            grpc.aio.secure_channel(target, credentials, options=options)
            if credentials
            else grpc.aio.insecure_channel(target, options=options)
        )
        self._stub = RouterServiceStub(self._channel)
        self._metadata = (("authorization", f"Bearer {api_key}"),)
        self._seconds = timeout_seconds

    async def __aenter__(self) -> Self:
        """Begin; the connection is made by the first call."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        await self._channel.close()

    async def chat(
        self,
        model: str,
        *messages: ChatMessage,
        request: ChatCompletionRequest | None = None,
        options: CallOptions | None = None,
    ) -> ChatAnswer:
        """Return a model's whole answer. CallFailed if there is none.

        `request` holds what else is wished (tools, limits, formats); model and messages are added
        to it. `options` say how the call is treated.
        """
        chat = _chat(model, messages, request)
        call = ChatRequest(chat=chat, options=self._options(options))
        response = await self._answer(
            self._stub.Chat(call, metadata=self._metadata, timeout=self._patience(call.options))
        )
        return ChatAnswer(response.completion, response.report)

    def stream_chat(
        self,
        model: str,
        *messages: ChatMessage,
        request: ChatCompletionRequest | None = None,
        options: CallOptions | None = None,
    ) -> ChatStream:
        """Return a model's answer as it comes; arguments as with `chat`."""
        chat = _chat(model, messages, request)
        call = StreamChatRequest(chat=chat, options=self._options(options))
        seconds = self._patience(call.options)
        return ChatStream(self._stub.StreamChat(call, metadata=self._metadata, timeout=seconds))

    async def embed(
        self,
        model: str,
        *texts: str,
        dimensions: int | None = None,
        options: CallOptions | None = None,
    ) -> EmbedAnswer:
        """Return the vectors of texts, of the model's own length by default. CallFailed."""
        embedding = EmbeddingRequest(
            model=model,
            input=[EmbeddingInput(text=text) for text in texts],
            dimensions=dimensions,
        )
        call = EmbedRequest(embedding=embedding, options=self._options(options))
        response = await self._answer(
            self._stub.Embed(call, metadata=self._metadata, timeout=self._patience(call.options))
        )
        return EmbedAnswer(response.embeddings, response.report)

    async def rerank(
        self,
        model: str,
        query: str,
        *texts: str,
        top_n: int | None = None,
        request: RerankingRequest | None = None,
        options: CallOptions | None = None,
    ) -> RerankAnswer:
        """Return texts in order of their relevance to a query, the `top_n` best. CallFailed.

        `request` holds what else is wished (documents that are objects, limits); the rest is added
        to it.
        """
        reranking = RerankingRequest()
        if request is not None:
            reranking.CopyFrom(request)
        reranking.MergeFrom(RerankingRequest(model=model, query=query, top_n=top_n))
        reranking.documents.extend(RerankingDocument(text=text) for text in texts)
        call = RerankRequest(reranking=reranking, options=self._options(options))
        response = await self._answer(
            self._stub.Rerank(call, metadata=self._metadata, timeout=self._patience(call.options))
        )
        return RerankAnswer(response.ranking, response.report)

    async def draw(
        self,
        model: str,
        prompt: str,
        *,
        request: ImageGenerationRequest | None = None,
        options: CallOptions | None = None,
    ) -> ImageAnswer:
        """Return images that show what a prompt says. CallFailed.

        `request` holds what else is wished (how many, their size, quality, format); the rest is
        added to it.
        """
        generation = ImageGenerationRequest()
        if request is not None:
            generation.CopyFrom(request)
        generation.MergeFrom(ImageGenerationRequest(model=model, prompt=prompt))
        call = GenerateImagesRequest(generation=generation, options=self._options(options))
        response = await self._answer(
            self._stub.GenerateImages(
                call, metadata=self._metadata, timeout=self._patience(call.options)
            )
        )
        return ImageAnswer(response.images, response.report)

    async def transcribe(
        self,
        model: str,
        sound: bytes | AsyncIterable[bytes],
        filename: str,
        *,
        request: TranscriptionRequest | None = None,
        options: CallOptions | None = None,
    ) -> TranscribeAnswer:
        """Return the words of a sound, which may come in pieces of at most 4 MiB. CallFailed.

        The ending of `filename` tells the format. `request` holds what else is wished (the
        language, times of words); the rest is added to it.
        """
        transcription = TranscriptionRequest()
        if request is not None:
            transcription.CopyFrom(request)
        transcription.MergeFrom(TranscriptionRequest(model=model, file=FormFile(filename=filename)))
        start = TranscribeStart(transcription=transcription, options=self._options(options))
        call = self._stub.Transcribe(
            _transcribe_requests(start, sound),
            metadata=self._metadata,
            timeout=self._patience(start.options),
        )
        response = await self._answer(call)
        return TranscribeAnswer(response.transcription, response.report)

    async def list_models(self) -> list[Model]:
        """Return the model aliases that the key may use. CallFailed."""
        response = await self._answer(
            self._stub.ListModels(
                ListModelsRequest(), metadata=self._metadata, timeout=self._seconds
            )
        )
        return list(response.data)

    def _options(self, given: CallOptions | None) -> CallOptions:
        options = CallOptions()
        if given is not None:
            options.CopyFrom(given)
        if not options.HasField("timeout"):
            options.timeout.CopyFrom(Duration(seconds=int(self._seconds)))
        return options

    def _patience(self, options: CallOptions) -> float:
        return options.timeout.ToTimedelta().total_seconds() + _MARGIN_SECONDS

    async def _answer(self, call: Awaitable[AnswerT]) -> AnswerT:
        try:
            return await call
        except grpc.aio.AioRpcError as error:
            raise failure_of(error) from error


async def _transcribe_requests(
    start: TranscribeStart, sound: bytes | AsyncIterable[bytes]
) -> AsyncIterator[TranscribeRequest]:
    yield TranscribeRequest(start=start)
    if isinstance(sound, bytes):
        for at in range(0, len(sound), _PIECE_BYTES):
            yield TranscribeRequest(chunk=FileChunk(data=sound[at : at + _PIECE_BYTES]))
        return
    async for piece in sound:
        yield TranscribeRequest(chunk=FileChunk(data=piece))


def _chat(
    model: str, messages: Sequence[ChatMessage], request: ChatCompletionRequest | None
) -> ChatCompletionRequest:
    chat = ChatCompletionRequest()
    if request is not None:
        chat.CopyFrom(request)
    chat.model = model
    chat.messages.extend(messages)
    return chat
