"""Replays of wire cases: the catalog's codecs, signers and readers of errors, without a socket."""

from functools import cache, cached_property
from http import HTTPStatus
from typing import Any

import orjson
from botocore.eventstream import EventStreamBuffer
from google.protobuf.json_format import MessageToDict
from tests.support.operations import form_of, operation_named, registered
from tests.support.wire_cases import (
    SECRET,
    SUFFIX,
    WIRE,
    Json,
    WireCase,
    case_named,
    cases,
    shared_cases,
)

from conduit.v1.key_credential_pb2 import KeyCredential
from conduit.v1.provider_pb2 import Provider
from conduit.v1.speech_pb2 import SpeechEvent
from conduit_kernel.errors import ConduitError
from conduit_providers.auth import signer_for
from conduit_providers.calls import Answer, Call
from conduit_providers.catalog import Catalog, load_catalog
from conduit_providers.catalog.codec_types import LISTS
from conduit_providers.chat_events import ChatDecoder
from conduit_providers.codecs import codec_named
from conduit_providers.codecs.shared.sse import events_in
from conduit_providers.failures import error_from
from conduit_providers.quantities import LEAVES, Quantities
from conduit_providers.socket_codec import SocketCodec
from conduit_providers.spec import Endpoint, ProviderSpec
from conduit_providers.speech import SpeechEvents
from conduit_providers.uploaded_form import uploaded_form
from conduit_providers.wire import (
    HttpRequest,
    HttpResponse,
    SocketFrame,
    SocketRequest,
    WebSocketRequest,
)

CATALOG: Catalog = load_catalog(base_urls={"Simulator": "http://127.0.0.1:9999/v1"})
# Stands in expected results for the name of the provider, so that its types can share them.
PROVIDER = "{provider}"
RESULT = "result"
# Operations whose answers are never whole.
STREAMED_ALONE = frozenset({"speak"})


class Replay:
    """A case, replayed for a provider type and an operation."""

    def __init__(self, case: WireCase, spec: ProviderSpec, operation: str) -> None:
        self.case = case
        self.spec = spec
        self.operation = operation
        self.place = f"{spec.name}/{operation}"
        self.is_own = self.place == f"{case.owner}/{case.operation}"
        self.name = case.name if self.is_own else f"{case.name}@{self.place}"
        # Whose call is made: what is answered so elsewhere is another case's.
        self.asked = case if self.is_own else _answered(case, self.place)
        self.endpoint: Endpoint = spec.endpoints[operation]
        self.provider_name = f"{spec.name} Production"
        self.target = CATALOG.targets(self._provider(), self._key())[operation]

    @property
    def is_over_socket(self) -> bool:
        """Whether the answer is messages of a WebSocket."""
        return isinstance(codec_named(self.endpoint.codec), SocketCodec)

    def _provider(self) -> Provider:
        provider = Provider(
            name=self.provider_name,
            provider_type=self.spec.name,
            base_url=self.asked.front.get("base_url", "")
            or ("" if CATALOG.base_url(self.spec) else "https://llm.example.com/v1"),
        )
        provider.settings.update(self.asked.settings)
        return provider

    def _key(self) -> KeyCredential:
        front = self.asked.front
        return KeyCredential(
            organization=front.get("organization", ""), project=front.get("project", "")
        )

    @property
    def name_in_messages(self) -> str:
        """What it is called where our texts are: types of a dialect fail with the same one."""
        name = self.case.name
        return name if self.operation == self.case.operation else f"{name}@{self.operation}"

    @property
    def result_part(self) -> str:
        """The part with the result: one that names its place, or else the common one."""
        named = (name for name in self.case.file.parts if self.place in places_in(name))
        return next(named, RESULT)

    @property
    def expected(self) -> Json:
        """The expected result; nothing of a case that is yet to be written."""
        part = self.case.file.parts.get(self.result_part)
        return dict(orjson.loads(part.content)) if part else {}

    def fresh_call(self) -> Call[Any]:
        """Return the call, as the router makes it."""
        request = self.asked.request
        raw = orjson.dumps(request)
        options = request.get("stream_options") or {}
        # Lists of models are asked for without a request.
        operation = "chat" if self.operation in LISTS else self.operation
        return Call(
            form_of(operation, raw),
            alias=request.get("model", ""),
            model=self.asked.model,
            stream=bool(request.get("stream")) or operation in STREAMED_ALONE,
            include_usage=bool(options.get("include_usage")),
            is_strict=self.asked.front.get("is_strict", False),
            fetched=self.asked.fetched,
            provider=self.target.provider_name,
            created=1795435200,
            betas=tuple(self.asked.front.get("betas", ())),
        )

    def sent(self, call: Call[Any]) -> bytes:
        """Return the signed request as a case has it: the full URL, so that the host is seen."""
        signer = signer_for(self.spec.auth, SECRET, self.target)
        unsigned = self._unsigned(call)
        if isinstance(unsigned, SocketRequest):
            unsigned = uploaded(unsigned, call)
        request = signer.sign(unsigned)
        lines = [f"{request.method} {self.target.base_url}{request.path}"]
        lines += [f"{name}: {value}" for name, value in request.headers]
        # Files of cases are in the request itself, and so in its body.
        assert request.upload is None
        return "\n".join(lines).encode() + b"\n\n" + request.body

    def _unsigned(self, call: Call[Any]) -> HttpRequest | SocketRequest:
        codec, of = codec_named(self.endpoint.codec), (self.endpoint, self.target)
        is_list = self.operation in LISTS
        sent: HttpRequest | SocketRequest = (
            codec.to_upstream(*of) if is_list else codec.to_upstream(call, *of)
        )
        return sent

    @cached_property
    def response(self) -> HttpResponse:
        """The answer; read once, since streams are cut at every byte of it."""
        answer = self.case.answer
        return HttpResponse(answer.status, answer.headers, answer.body)

    def result(self, call: Call[Any]) -> Json:
        """Return what the caller gets."""
        response = self.response
        try:
            if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
                raise error_from(response, self.spec, self.target)
            return self._good(response, call)
        except ConduitError as error:
            return failure(error)

    def _good(self, response: HttpResponse, call: Call[Any]) -> Json:
        codec = codec_named(self.endpoint.codec)
        if self.operation == "models":
            page = codec.from_upstream(response, self.endpoint)
            return {"models": list(page.names), "nextPath": page.next_path}
        if self.operation == "voices":
            listed = codec.from_upstream(response, self.endpoint)
            voices = [[each.model, MessageToDict(each.voice)] for each in listed.voices]
            return {"voices": voices, "nextPath": listed.next_path}
        if call.stream:
            return self._streamed(response.body, call)
        answer = self.answer(call)
        return {"answer": orjson.loads(answer.json), "usage": counts(answer.usage)}

    def answer(self, call: Call[Any]) -> Answer[Any]:
        """Return a whole answer of 2xx, with what the Router fetches for it."""
        codec, operation = codec_named(self.endpoint.codec), operation_named(self.operation)
        answer: Answer[Any] = codec.from_upstream(self.response, call, self.endpoint)
        if not operation.linked(call.request, answer):
            return answer
        return operation.inlined(answer, self.asked.fetched)

    def decoder(self, call: Call[Any] | None = None) -> ChatDecoder:
        """Return a fresh decoder of the answer."""
        call = call or self.fresh_call()
        call.answer_headers = self.response.headers
        decoder: ChatDecoder = codec_named(self.endpoint.codec).decoder(call, self.endpoint)
        return decoder

    def _streamed(self, body: bytes, call: Call[Any]) -> Json:
        decoder = self.decoder(call)
        pieces: list[Any] = []
        try:
            pieces.append(self.inlined(decoder.feed(body)))
            if not decoder.done:
                pieces.append(self.inlined(decoder.close()))
        except ConduitError as error:
            return {**streamed(pieces), **failure(error)}
        return {**streamed(pieces), "usage": counts(decoder.usage)}

    def inlined(self, events: Any) -> Any:  # noqa: ANN401 # each operation has its own
        """Return events with what the Router fetches for them."""
        return events and registered(self.operation).inlined_in(events, self.asked.fetched)

    def streamed_in(self, pieces: list[bytes]) -> tuple[bytes, Quantities | None]:
        """Return the events as bytes, and the usage, of a stream that arrives in pieces."""
        decoder = self.decoder()
        found = [decoder.feed(piece) for piece in pieces if not decoder.done]
        if not decoder.done:
            found.append(decoder.close())
        return b"".join(bytes_in(events) for events in found if events), decoder.usage


def uploaded(request: SocketRequest, call: Call[Any]) -> HttpRequest:
    """Return a handshake whose body is the frames that follow it, as AWS's events are written."""
    file = next(each.file for each in uploaded_form(call).members.members if each.HasField("file"))
    exchange = request.begin(file.content)
    frames = [*exchange.frames(file.content), *exchange.end()]
    assert isinstance(exchange.handshake, WebSocketRequest)
    path, headers = exchange.handshake.path, exchange.handshake.headers
    lines = [b"event: %b\ndata: %b\n\n" % told for told in map(event_in, frames)]
    return HttpRequest("GET", path, headers, b"".join(lines))


def event_in(frame: SocketFrame) -> tuple[bytes, bytes]:
    """Return the name and the content of an event, as AWS's own library reads it."""
    buffer = EventStreamBuffer()
    buffer.add_data(frame.data)
    (message,) = buffer
    return message.headers[":event-type"].encode(), message.payload


def _answered(case: WireCase, place: str) -> WireCase:
    """Return the case whose call is made where a case is replayed: the one it names, or a plain."""
    names = [case.front["answers"]] if "answers" in case.front else ["plain", "list"]
    return next(
        case_named(f"{place}/{name}")
        for name in names
        if (WIRE / place / f"{name}{SUFFIX}").exists()
    )


@cache
def replays() -> tuple[Replay, ...]:
    """Return all replays: of own cases first, of those of a dialect for all its types."""
    own = [
        Replay(case, CATALOG.find(case.owner), operation)
        for case in cases()
        for operation in case.operations
    ]
    shared = [
        Replay(case, spec, operation)
        for case in shared_cases()
        for spec in CATALOG.specs
        for operation, endpoint in spec.endpoints.items()
        if endpoint.codec in case.codecs
    ]
    return (*own, *shared)


def places_in(part: str) -> list[str]:
    """Return the places whose results a part has, where they differ from the common one."""
    return part.removeprefix(f"{RESULT} ").split(", ") if part.startswith(f"{RESULT} ") else []


def failure(error: ConduitError) -> Json:
    """Return an error as a member of a result."""
    return {"error": {"reason": error.reason, "message": error.message, "metadata": error.metadata}}


def reviewed(result: Json, provider_name: str) -> tuple[Json, str]:
    """Return a result as cases have it, and the text of ours that it ends with, if any.

    The provider's words are of the case. Our texts stand once for all cases in `messages.txt`.
    """
    if "error" not in result:
        return result, ""
    error = dict(result["error"])
    message, prefix = error.pop("message"), f"{provider_name}: "
    metadata = dict(error.pop("metadata"))
    if metadata.get("provider") == provider_name:
        metadata["provider"] = PROVIDER
    if message.startswith(prefix):
        error["words"] = message.removeprefix(prefix)
        message = ""
    error["metadata"] = metadata
    return {**result, "error": error}, message.replace(provider_name, PROVIDER)


def counts(usage: Quantities | None) -> Json | None:
    """Return how many of each leaf, by name, and what else the price depends on."""
    if usage is None:
        return None
    named: Json = {LEAVES[unit].name: count for unit, count in usage.leaves}
    if usage.qualifiers:
        named["qualifiers"] = dict(usage.qualifiers)
    if usage.provider_cost is not None:
        named["providerCostNanoUsd"] = usage.provider_cost
    return named if usage.is_consistent else {**named, "isConsistent": False}


def streamed(pieces: list[Any]) -> Json:
    """Return the pieces of an answer as members of a result: its events, or its bytes."""
    found = [piece for piece in pieces if piece]
    if not any(is_sound(piece) for piece in found):
        return {"events": [each for piece in found for each in data_in(piece.sse)]}
    sound = b"".join(piece.audio for piece in found)
    # What is no text is told by its bytes.
    return {"audio": sound.decode(errors="backslashreplace"), "contentType": found[0].content_type}


def is_sound(events: Any) -> bool:  # noqa: ANN401 # each operation has its own
    """Return whether pieces of an answer are bytes rather than events."""
    return isinstance(events, SpeechEvents) and events.audio is not None


def bytes_in(events: Any) -> bytes:  # noqa: ANN401 # as above
    """Return what the pieces of an answer say, however it was cut: events, or sound."""
    if not isinstance(events, SpeechEvents):
        return bytes(events.sse)
    if events.audio is not None:
        return events.audio
    return b"".join(_sound_in(each) for each in events.pieces)


def _sound_in(event: SpeechEvent) -> bytes:
    is_sound = event.HasField("speech_audio_delta")
    return event.speech_audio_delta.audio if is_sound else event.SerializeToString()


def data_in(sse: bytes) -> list[Json]:
    """Return the JSON of each event."""
    return [orjson.loads(event.data) for event in events_in(sse)]
