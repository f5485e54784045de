"""A call and its answer, in whichever of their two forms they came.

A chat enters typed (gRPC callers) or as OpenAI's JSON (the bridge). A codec asks for the form it
needs; the other one is made on demand, once, by the generated converters. What needs no
translation is never taken apart.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec
import orjson
from google.protobuf.message import Message

from conduit.v1.chat_chunk_json import (
    chat_completion_chunk_from_json,
    chat_completion_chunk_to_json,
)
from conduit.v1.chat_chunk_pb2 import ChatCompletionChunk
from conduit.v1.chat_json import (
    chat_completion_from_json,
    chat_completion_request_from_json,
    chat_completion_request_to_json,
    chat_completion_to_json,
)
from conduit.v1.chat_pb2 import ChatCompletion, ChatCompletionRequest
from conduit.v1.embedding_json import (
    embedding_list_from_json,
    embedding_list_to_json,
    embedding_request_from_json,
    embedding_request_to_json,
)
from conduit.v1.embedding_pb2 import EmbeddingList, EmbeddingRequest
from conduit.v1.json_runtime import JsonError
from conduit_kernel.errors import InvalidRequest, UnsupportedParameter
from conduit_providers.usage import Usage

TypedT = TypeVar("TypedT", bound=Message)


class Form(msgspec.Struct, Generic[TypedT]):
    """A message as JSON, as protobuf, or both."""

    _read: Callable[[object], TypedT]
    _write: Callable[[TypedT], object]
    _json: bytes | None = None
    _typed: TypedT | None = None

    @property
    def json(self) -> bytes:
        """Return the message as JSON text."""
        if self._json is None:
            assert self._typed is not None  # noqa: S101 # one of the two is always given
            self._json = orjson.dumps(self._write(self._typed))
        return self._json

    @property
    def json_at_hand(self) -> bytes | None:
        """Return the JSON text if nothing has to be written for it."""
        return self._json

    @property
    def typed(self) -> TypedT:
        """Return the message as protobuf. JsonError if the JSON does not fit the contract."""
        if self._typed is None:
            self._typed = self._read(orjson.loads(self._json or b""))
        return self._typed


def chat_request(
    *, json: bytes | None = None, typed: ChatCompletionRequest | None = None
) -> Form[ChatCompletionRequest]:
    """Hold a chat request."""
    return Form(chat_completion_request_from_json, chat_completion_request_to_json, json, typed)


def embedding_request(
    *, json: bytes | None = None, typed: EmbeddingRequest | None = None
) -> Form[EmbeddingRequest]:
    """Hold an embedding request."""
    return Form(embedding_request_from_json, embedding_request_to_json, json, typed)


class Call(msgspec.Struct, Generic[TypedT]):
    """One call at one instance: the request, and what the instance needs to know beside it."""

    request: Form[TypedT]
    # The model as the request names it, and as the provider does.
    alias: str
    model: str
    stream: bool = False
    # Whether the caller of a stream asked for the usage; we always do.
    include_usage: bool = False
    is_strict: bool = False
    # The instance's name, for errors.
    provider: str = ""
    # When the call was made, in seconds since 1970, for dialects whose answers do not say;
    # codecs read no clock.
    created: int = 0
    # URL to media type and content, for endpoints that take no URLs.
    fetched: Mapping[str, tuple[str, bytes]] = {}
    # Of the answer that is a stream, names in lower case, for dialects whose events do not
    # say which answer they are of.
    answer_headers: Mapping[str, str] = {}
    # What the provider does not take, as callers are told.
    dropped: list[str] = []

    @property
    def typed(self) -> TypedT:
        """Return the request as protobuf. InvalidRequest if its JSON does not fit the contract."""
        try:
            return self.request.typed
        except JsonError as error:
            raise InvalidRequest(str(error), field=error.path) from error

    def drop(self, parameter: str, provider: str) -> None:
        """Note that the provider does not take a parameter. UnsupportedParameter when strict."""
        if self.is_strict:
            raise UnsupportedParameter(
                f"{provider} does not take the parameter {parameter!r}",
                parameter=parameter,
                provider=provider,
            )
        if parameter not in self.dropped:
            self.dropped.append(parameter)


ChatCall = Call[ChatCompletionRequest]
EmbedCall = Call[EmbeddingRequest]


class Answer(Form[TypedT]):
    """A provider's whole answer."""

    # None when the provider did not tell.
    usage: Usage | None = None


ChatAnswer = Answer[ChatCompletion]
EmbedAnswer = Answer[EmbeddingList]


def chat_answer(
    *, usage: Usage | None, json: bytes | None = None, typed: ChatCompletion | None = None
) -> ChatAnswer:
    """Hold a chat answer."""
    return Answer(_read_completion, chat_completion_to_json, json, typed, usage)


def embed_answer(
    *, usage: Usage | None, json: bytes | None = None, typed: EmbeddingList | None = None
) -> EmbedAnswer:
    """Hold an embedding answer."""
    return Answer(embedding_list_from_json, embedding_list_to_json, json, typed, usage)


def _named_reasoning(value: object, part: str) -> object:
    """Give thoughts the name that the contract has for them; some providers call them `reasoning`.

    https://openrouter.ai/docs/use-cases/reasoning-tokens
    """
    choices = value.get("choices") if isinstance(value, dict) else None
    for choice in choices if isinstance(choices, list) else ():
        said = choice.get(part) if isinstance(choice, dict) else None
        if isinstance(said, dict) and isinstance(said.get("reasoning"), str):
            thought = said.pop("reasoning")
            said["reasoning_content"] = said.get("reasoning_content") or thought
    return value


def _read_completion(value: object) -> ChatCompletion:
    return chat_completion_from_json(_named_reasoning(value, "message"))


def _read_chunk(value: object) -> ChatCompletionChunk:
    return chat_completion_chunk_from_json(_named_reasoning(value, "delta"))


class ChatEvents:
    """Pieces of a streamed answer that arrived together, as server-sent events or as chunks."""

    __slots__ = ("_chunks", "_sse")

    def __init__(
        self, *, sse: bytes | None = None, chunks: Sequence[ChatCompletionChunk] | None = None
    ) -> None:
        self._sse = sse
        self._chunks = chunks

    @property
    def sse(self) -> bytes:
        """Return whole events, `data: ...` with a blank line behind each; without `[DONE]`."""
        if self._sse is None:
            write = chat_completion_chunk_to_json
            self._sse = b"".join(
                b"data: %b\n\n" % orjson.dumps(write(chunk)) for chunk in self._chunks or ()
            )
        return self._sse

    @property
    def chunks(self) -> Sequence[ChatCompletionChunk]:
        """Return the chunks. JsonError if an event does not fit the contract."""
        if self._chunks is None:
            self._chunks = [
                _read_chunk(orjson.loads(line[5:]))
                for line in (self._sse or b"").splitlines()
                if line.startswith(b"data:")
            ]
        return self._chunks
