"""Requests in, answers and misbehaviour out."""

import random
from collections.abc import Awaitable, Callable, Iterable
from itertools import islice

import orjson

from conduit_kernel.http import Exchange, Field, Stream
from conduit_simulator import chat
from conduit_simulator.behaviour import EXAMPLES, KEY_PREFIX, Behaviour, behaviour_of
from conduit_simulator.embedding import embedding_list, tokens_in
from conduit_simulator.errors import ApiError, error_for, missing_key, model_not_found
from conduit_simulator.image import image_events, image_list
from conduit_simulator.limits import REQUESTS_PER_MINUTE, RateLimits
from conduit_simulator.replies import reply_to
from conduit_simulator.requests import (
    ChatRequest,
    ImageRequest,
    read_chat,
    read_embedding,
    read_image,
    read_image_edit,
    read_speech,
    read_transcription,
    texts_of,
)
from conduit_simulator.speech import media_type_of, speech, speech_events
from conduit_simulator.text import prompt_tokens, tokens_of
from conduit_simulator.transcription import transcript_events, transcription

# How long `hang` and `stall` hold a caller that does not give up.
SILENCE_SECONDS = 600.0
# Lets what was written arrive before the connection is cut.
_CUT_SECONDS = 0.01
Fields = tuple[Field, ...]
_JSON = (b"content-type", b"application/json")
_EVENTS: Fields = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
)
_BEARER = b"bearer "


class Simulator:
    """Answers one HTTP request after another; see the package's docstring for how."""

    def __init__(
        self,
        *,
        wall_clock: Callable[[], float],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        chance: random.Random,
        new_id: Callable[[], str],
    ) -> None:
        """Take clocks in seconds: the time of day, and one that never jumps."""
        self._wall_clock = wall_clock
        self._sleep = sleep
        self._chance = chance
        self._new_id = new_id
        self._limits = RateLimits(clock)
        self._started = int(wall_clock())

    async def handle(self, exchange: Exchange) -> None:
        """Answer a request."""
        fields: Fields = ((b"x-request-id", f"req_{self._new_id()}".encode()),)
        try:
            await self._route(exchange, fields)
        except ApiError as error:
            exchange.respond(error.status, (_JSON, *fields, *error.headers), error.body())

    async def _route(self, exchange: Exchange, fields: Fields) -> None:
        key = _key_of(exchange)
        match exchange.method, exchange.path:
            case "POST", "/v1/chat/completions":
                await self._chat(exchange, key, fields)
            case "POST", "/v1/embeddings":
                await self._embed(exchange, key, fields)
            case "POST", "/v1/images/generations":
                await self._draw(exchange, key, fields, read_image(exchange.body))
            case "POST", "/v1/images/edits":
                kind = exchange.fields.get(b"content-type", b"")
                await self._draw(exchange, key, fields, read_image_edit(exchange.body, kind))
            case "POST", "/v1/audio/transcriptions":
                await self._transcribe(exchange, key, fields)
            case "POST", "/v1/audio/speech":
                await self._speak(exchange, key, fields)
            case "GET", "/v1/models":
                await self._models(exchange, key, fields)
            case "GET", path if path.startswith("/v1/models/"):
                name = path.removeprefix("/v1/models/")
                _known(name)
                exchange.respond(200, (_JSON, *fields), orjson.dumps(self._model(name)))
            case method, path:
                raise ApiError(404, f"Invalid URL ({method} {path[:100]})")

    async def _chat(self, exchange: Exchange, key: str, fields: Fields) -> None:
        request = read_chat(exchange.body)
        behaviour = _behaviour(request.model, key)
        read = prompt_tokens(request)
        fields += await self._go_ahead(exchange, behaviour, key, read)
        if exchange.state:
            return
        id_ = self._new_id()
        reply = reply_to(request, behaviour, id_)
        self._limits.count_tokens(key, read + reply.usage.completion)
        envelope = chat.Envelope(f"chatcmpl-{id_}", request.model, int(self._wall_clock()))
        if request.stream:
            events = chat.events(envelope, reply, include_usage=_wants_usage(request))
            await self._stream(exchange, behaviour, fields, events)
        else:
            await self._answer(exchange, behaviour, fields, chat.completion(envelope, reply))

    async def _embed(self, exchange: Exchange, key: str, fields: Fields) -> None:
        request = read_embedding(exchange.body)
        behaviour = _behaviour(request.model, key)
        texts = texts_of(request)
        fields += await self._go_ahead(exchange, behaviour, key, tokens_in(texts))
        if exchange.state:
            return
        dimensions = request.dimensions or behaviour.dimensions
        encoding = request.encoding_format or "float"
        body = embedding_list(request.model, texts, dimensions, encoding)
        await self._answer(exchange, behaviour, fields, body)

    async def _draw(
        self, exchange: Exchange, key: str, fields: Fields, request: ImageRequest
    ) -> None:
        behaviour = _behaviour(request.model, key)
        fields += await self._go_ahead(exchange, behaviour, key, len(tokens_of(request.prompt)))
        if exchange.state:
            return
        created = int(self._wall_clock())
        if request.stream:
            await self._stream(exchange, behaviour, fields, image_events(request, created))
        else:
            await self._answer(exchange, behaviour, fields, image_list(request, created))

    async def _transcribe(self, exchange: Exchange, key: str, fields: Fields) -> None:
        kind = exchange.fields.get(b"content-type", b"")
        request = read_transcription(exchange.body, kind)
        behaviour = _behaviour(request.model, key)
        fields += await self._go_ahead(exchange, behaviour, key, 0)
        if exchange.state:
            return
        if request.stream:
            await self._stream(exchange, behaviour, fields, transcript_events(request))
        else:
            body, media_type = transcription(request)
            await self._answer(exchange, behaviour, fields, body, media_type)

    async def _speak(self, exchange: Exchange, key: str, fields: Fields) -> None:
        request = read_speech(exchange.body)
        behaviour = _behaviour(request.model, key)
        fields += await self._go_ahead(exchange, behaviour, key, len(tokens_of(request.input)))
        if exchange.state:
            return
        # Refused as a whole, before anything is sent.
        pieces = speech(request)
        if request.stream_format == "sse":
            await self._stream(exchange, behaviour, fields, speech_events(request, pieces))
        else:
            await self._stream(exchange, behaviour, fields, pieces, media_type_of(request))

    async def _models(self, exchange: Exchange, key: str, fields: Fields) -> None:
        behaviour = _behaviour("echo", key)
        fields += await self._go_ahead(exchange, behaviour, key, 0)
        if exchange.state:
            return
        data = [self._model(name) for name in EXAMPLES]
        body = orjson.dumps({"object": "list", "data": data})
        await self._answer(exchange, behaviour, fields, body)

    def _model(self, name: str) -> dict[str, object]:
        return {
            "id": name,
            "object": "model",
            "created": self._started,
            "owned_by": "conduit-simulator",
        }

    # Misbehaviour before the answer.

    async def _go_ahead(
        self, exchange: Exchange, behaviour: Behaviour, key: str, tokens: int
    ) -> Fields:
        """Do what comes before an answer; the exchange is no longer open if that was all."""
        if behaviour.delay_seconds:
            await self._sleep(behaviour.delay_seconds)
        limit = behaviour.degree if behaviour.fault == "limit" else REQUESTS_PER_MINUTE
        wait = self._limits.count_request(key, limit) if limit else 60.0
        if wait is not None:
            raise error_for(429, retry_after_seconds=int(wait) + 1)
        match behaviour.fault:
            case "status":
                raise error_for(behaviour.degree, behaviour.code, behaviour.retry_after_seconds)
            case "flaky" if self._chance.random() * 100 < behaviour.degree:
                raise error_for(500)
            case "context" if tokens > behaviour.degree:
                raise _too_long(behaviour.degree, tokens)
            case "hang":
                await self._sleep(SILENCE_SECONDS)
                exchange.abort()
            case "reset":
                exchange.abort()
            case _:
                pass
        return self._limits.headers(key, limit)

    # Answers, and misbehaviour in them.

    async def _answer(
        self,
        exchange: Exchange,
        behaviour: Behaviour,
        fields: Fields,
        body: bytes,
        media_type: bytes = b"application/json",
    ) -> None:
        fields = ((b"content-type", media_type), *fields)
        match behaviour.fault:
            case "garbage":
                exchange.respond(200, fields, chat.GARBAGE)
            case "wrong":
                exchange.respond(200, fields, chat.WRONG_TYPE)
            case "cut" | "stall" as fault:
                stream = exchange.start(200, fields)
                stream.write(body[: len(body) // 2])
                await self._sleep(SILENCE_SECONDS if fault == "stall" else _CUT_SECONDS)
                stream.abort()
            case _:
                exchange.respond(200, fields, body)

    async def _stream(
        self,
        exchange: Exchange,
        behaviour: Behaviour,
        fields: Fields,
        events: Iterable[bytes],
        media: Fields = _EVENTS,
    ) -> None:
        stream = exchange.start(200, (*media, *fields))
        match behaviour.fault:
            case "cut" | "stall" as fault:
                _write_all(stream, islice(events, behaviour.degree))
                await self._sleep(SILENCE_SECONDS if fault == "stall" else _CUT_SECONDS)
                stream.abort()
            case "garbage":
                _write_all(stream, (*islice(events, behaviour.degree), chat.GARBAGE_EVENT))
            case "wrong":
                _write_all(stream, (*islice(events, behaviour.degree), chat.WRONG_TYPE_EVENT))
            case _:
                await self._send_at_pace(stream, behaviour, events)
        stream.finish()

    async def _send_at_pace(
        self, stream: Stream, behaviour: Behaviour, events: Iterable[bytes]
    ) -> None:
        for index, event in enumerate(events):
            # The first event opens the answer; after the last token nothing is waited for.
            if behaviour.pace_seconds and 1 <= index <= behaviour.chunks:
                await self._sleep(behaviour.pace_seconds)
            stream.write(event)
            await stream.drain()


def _write_all(stream: Stream, events: Iterable[bytes]) -> None:
    for event in events:
        stream.write(event)


def _key_of(exchange: Exchange) -> str:
    """Return the bearer token. ApiError 401 without one."""
    value = exchange.fields.get(b"authorization", b"").strip()
    token = value[len(_BEARER) :].strip() if value[: len(_BEARER)].lower() == _BEARER else b""
    if not token:
        raise missing_key()
    return token.decode("latin-1")


def _known(name: str) -> Behaviour:
    """Return what a model's name asks for. ApiError 404 if it is not in the table."""
    behaviour = behaviour_of(name)
    if behaviour is None:
        raise model_not_found(name)
    return behaviour


def _behaviour(model: str, key: str) -> Behaviour:
    """Return what to do for a model and a key; the key's wish wins."""
    wished = behaviour_of(key.removeprefix(KEY_PREFIX)) if key.startswith(KEY_PREFIX) else None
    known = _known(model)
    return wished or known


def _wants_usage(request: ChatRequest) -> bool:
    return bool(request.stream_options and request.stream_options.include_usage)


def _too_long(limit: int, tokens: int) -> ApiError:
    return ApiError(
        400,
        f"This model's maximum context length is {limit} tokens. However, your messages resulted "
        f"in {tokens} tokens. Please reduce the length of the messages.",
        code="context_length_exceeded",
        param="messages",
    )
