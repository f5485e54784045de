"""Requests in, answers and misbehaviour out."""

import random
from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import parse_qs

import orjson

from conduit_kernel.http import Exchange, Field
from conduit_simulator import chat
from conduit_simulator.answers import Answers
from conduit_simulator.behaviour import EXAMPLES, KEY_PREFIX, Behaviour, behaviour_of
from conduit_simulator.embedding import embedding_list, tokens_in
from conduit_simulator.errors import ApiError, missing_key, model_not_found
from conduit_simulator.image import image_events, image_list
from conduit_simulator.limits import RateLimits
from conduit_simulator.live import LiveSession
from conduit_simulator.realtime import RealtimeSession
from conduit_simulator.replies import reply_to
from conduit_simulator.requests import (
    ChatRequest,
    ImageRequest,
    read_chat,
    read_consent,
    read_embedding,
    read_image,
    read_image_edit,
    read_speech,
    read_transcription,
    read_voice,
    texts_of,
)
from conduit_simulator.sessions import hold
from conduit_simulator.speech import media_type_of, speech, speech_events
from conduit_simulator.text import prompt_tokens, tokens_of
from conduit_simulator.transcription import transcript_events, transcription
from conduit_simulator.voices import Voices

Fields = tuple[Field, ...]
_JSON = (b"content-type", b"application/json")
_BEARER = b"bearer "
# Takes who asks, what every answer carries, and the name behind the path.
Handler = Callable[[Exchange, str, Fields, str], Awaitable[None]]


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
        self._new_id = new_id
        self._limits = RateLimits(clock)
        self._answers = Answers(self._limits, sleep, chance)
        self._routes = self._handlers()
        self._voices = Voices(new_id)
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
        place, name = (exchange.method, exchange.path), ""
        if place not in self._routes:
            root, _, name = exchange.path.rpartition("/")
            place = exchange.method, f"{root}/"
        handler = self._routes.get(place)
        if handler is None:
            raise ApiError(404, f"Invalid URL ({exchange.method} {exchange.path[:100]})")
        await handler(exchange, key, fields, name)

    def _handlers(self) -> dict[tuple[str, str], Handler]:
        """Return what answers; a path that ends in a slash has a name behind it."""
        return {
            ("POST", "/v1/chat/completions"): self._chat,
            ("POST", "/v1/embeddings"): self._embed,
            ("POST", "/v1/images/generations"): self._draw_new,
            ("POST", "/v1/images/edits"): self._draw_changed,
            ("POST", "/v1/audio/transcriptions"): self._transcribe,
            ("POST", "/v1/audio/translations"): self._transcribe,
            ("POST", "/v1/audio/speech"): self._speak,
            ("POST", "/v1/audio/voices"): self._create_voice,
            ("DELETE", "/v1/audio/voices/"): self._delete_voice,
            ("POST", "/v1/audio/voice_consents"): self._store_consent,
            ("DELETE", "/v1/audio/voice_consents/"): self._delete_consent,
            ("GET", "/v1/realtime"): self._converse,
            ("GET", "/v1/live/sessions"): self._live,
            ("GET", "/v1/models"): self._models,
            ("GET", "/v1/models/"): self._show_model,
        }

    async def _chat(self, exchange: Exchange, key: str, fields: Fields, _: str) -> None:
        request = read_chat(exchange.body)
        behaviour = _behaviour(request.model, key)
        read = prompt_tokens(request)
        fields += await self._answers.go_ahead(exchange, behaviour, key, read)
        if exchange.state:
            return
        id_ = self._new_id()
        reply = reply_to(request, behaviour, id_)
        self._limits.count_tokens(key, read + reply.usage.completion)
        envelope = chat.Envelope(f"chatcmpl-{id_}", request.model, int(self._wall_clock()))
        if request.stream:
            events = chat.events(envelope, reply, include_usage=_wants_usage(request))
            await self._answers.stream(exchange, behaviour, fields, events)
        else:
            await self._answers.answer(
                exchange, behaviour, fields, chat.completion(envelope, reply)
            )

    async def _embed(self, exchange: Exchange, key: str, fields: Fields, _: str) -> None:
        request = read_embedding(exchange.body)
        behaviour = _behaviour(request.model, key)
        texts = texts_of(request)
        fields += await self._answers.go_ahead(exchange, behaviour, key, tokens_in(texts))
        if exchange.state:
            return
        dimensions = request.dimensions or behaviour.dimensions
        encoding = request.encoding_format or "float"
        by_words = behaviour.habit == "words"
        body = embedding_list(request.model, texts, dimensions, encoding, by_words=by_words)
        await self._answers.answer(exchange, behaviour, fields, body)

    async def _draw(
        self, exchange: Exchange, key: str, fields: Fields, request: ImageRequest
    ) -> None:
        behaviour = _behaviour(request.model, key)
        fields += await self._answers.go_ahead(
            exchange, behaviour, key, len(tokens_of(request.prompt))
        )
        if exchange.state:
            return
        created = int(self._wall_clock())
        if request.stream:
            await self._answers.stream(exchange, behaviour, fields, image_events(request, created))
        else:
            await self._answers.answer(exchange, behaviour, fields, image_list(request, created))

    async def _transcribe(self, exchange: Exchange, key: str, fields: Fields, _: str) -> None:
        request = read_transcription(exchange.body, _type_of(exchange))
        behaviour = _behaviour(request.model, key)
        fields += await self._answers.go_ahead(exchange, behaviour, key, 0)
        if exchange.state:
            return
        if request.stream:
            await self._answers.stream(exchange, behaviour, fields, transcript_events(request))
        else:
            body, media_type = transcription(request)
            await self._answers.answer(exchange, behaviour, fields, body, media_type)

    async def _speak(self, exchange: Exchange, key: str, fields: Fields, _: str) -> None:
        request = read_speech(exchange.body)
        behaviour = _behaviour(request.model, key)
        fields += await self._answers.go_ahead(
            exchange, behaviour, key, len(tokens_of(request.input))
        )
        if exchange.state:
            return
        # Refused as a whole, before anything is sent.
        pieces = speech(request)
        if request.stream_format == "sse":
            await self._answers.stream(exchange, behaviour, fields, speech_events(request, pieces))
        else:
            await self._answers.stream(exchange, behaviour, fields, pieces, media_type_of(request))

    async def _draw_new(self, exchange: Exchange, key: str, fields: Fields, _: str) -> None:
        await self._draw(exchange, key, fields, read_image(exchange.body))

    async def _draw_changed(self, exchange: Exchange, key: str, fields: Fields, _: str) -> None:
        request = read_image_edit(exchange.body, _type_of(exchange))
        await self._draw(exchange, key, fields, request)

    async def _create_voice(self, exchange: Exchange, key: str, fields: Fields, _: str) -> None:
        request = read_voice(exchange.body, _type_of(exchange))
        made = partial(self._voices.create, request, key, int(self._wall_clock()))
        await self._keep(exchange, key, fields, made)

    async def _delete_voice(self, exchange: Exchange, key: str, fields: Fields, name: str) -> None:
        await self._keep(exchange, key, fields, partial(self._voices.delete, name, key))

    async def _store_consent(self, exchange: Exchange, key: str, fields: Fields, _: str) -> None:
        request = read_consent(exchange.body, _type_of(exchange))
        made = partial(self._voices.store_consent, request, key, int(self._wall_clock()))
        await self._keep(exchange, key, fields, made)

    async def _delete_consent(
        self, exchange: Exchange, key: str, fields: Fields, name: str
    ) -> None:
        await self._keep(exchange, key, fields, partial(self._voices.delete_consent, name, key))

    async def _keep(
        self, exchange: Exchange, key: str, fields: Fields, change: Callable[[], bytes]
    ) -> None:
        behaviour = _behaviour("echo", key)
        fields += await self._answers.go_ahead(exchange, behaviour, key, 0)
        if not exchange.state:
            await self._answers.answer(exchange, behaviour, fields, change())

    async def _converse(self, exchange: Exchange, key: str, fields: Fields, _: str) -> None:
        model = parse_qs(exchange.query).get("model", [""])[0]
        fields += await self._answers.go_ahead(exchange, _behaviour(model, key), key, 0)
        if not exchange.state:
            now = int(self._wall_clock())
            await hold(exchange, fields, RealtimeSession(model, self._new_id, now))

    async def _live(self, exchange: Exchange, key: str, fields: Fields, _: str) -> None:
        await hold(exchange, fields, LiveSession(self._new_id, self._wall_clock))

    async def _show_model(self, exchange: Exchange, _: str, fields: Fields, name: str) -> None:
        _known(name)
        exchange.respond(200, (_JSON, *fields), orjson.dumps(self._model(name)))

    async def _models(self, exchange: Exchange, key: str, fields: Fields, _: str) -> None:
        behaviour = _behaviour("echo", key)
        fields += await self._answers.go_ahead(exchange, behaviour, key, 0)
        if exchange.state:
            return
        data = [self._model(name) for name in EXAMPLES]
        body = orjson.dumps({"object": "list", "data": data})
        await self._answers.answer(exchange, behaviour, fields, body)

    def _model(self, name: str) -> dict[str, object]:
        return {
            "id": name,
            "object": "model",
            "created": self._started,
            "owned_by": "conduit-simulator",
        }


def _type_of(exchange: Exchange) -> bytes:
    return exchange.fields.get(b"content-type", b"")


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
