"""Sessions with voices that were made here: their owner's alone, at the account that has them."""

from collections.abc import AsyncGenerator
from typing import Any

import orjson
from msgspec.structs import replace

from conduit.internal.v1.voice_storage_service_pb2 import MadeVoice
from conduit.v1 import converse_requests_pb2 as pb
from conduit.v1.live_client_event_json import live_client_event_to_json
from conduit.v1.realtime_client_event_json import realtime_client_event_to_json
from conduit_providers.session_codec import SessionEvent
from conduit_router.calls.runtime import CallRuntime
from conduit_router.client_secrets import ClientSecretHolder
from conduit_router.context import CallerContext
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.sessions.beginning import Messages
from conduit_router.sessions.session import SessionVoices
from conduit_router.voices.accounts import VoiceAccounts
from conduit_router.voices.making import ID_PREFIX, MADE_ID, check_id
from conduit_router.voices.storage import VoiceStorage

_MARK = f'"{ID_PREFIX}'.encode()
# Where events of the caller's name a voice, the second ones as the retired beta had it.
_PLACES = tuple(
    (whole, *rest) for whole in ("session", "response") for rest in (("audio", "output"), ())
)
# Typed events that can name one.
_NAMING = frozenset({"response_create", "session_start", "session_update"})


class Conversing:
    """Has sessions speak with voices that were made here."""

    def __init__(self, runtime: CallRuntime, storage: VoiceStorage) -> None:
        """Take what calls are made with, and where voices are kept."""
        self.storage = storage
        self.accounts = VoiceAccounts(runtime)

    def voices_of(self, caller: CallerContext) -> SessionVoices:
        """Return the voices of one session."""
        return _VoicesInSession(self, caller)


class _VoicesInSession(SessionVoices):
    """Finds, in one session, the voices that its caller has made."""

    def __init__(self, conversing: Conversing, caller: CallerContext) -> None:
        self._conversing = conversing
        self._caller = caller
        self._start = pb.ConverseStart()
        self._attempt: Attempt | None = None
        # By their ids, those that the session has named.
        self._found: dict[str, MadeVoice] = {}

    async def begin(self, first: pb.ConverseRequest) -> None:
        """Bind the session to the account of a voice that is known before its events are."""
        if first.WhichOneof("message") != "start":
            return
        self._start = first.start
        if first.start.voice:
            check_id(first.start.voice)
            await self._voice(first.start.voice)
        elif isinstance(self._caller.caller, ClientSecretHolder):
            await self._translated(pb.ConverseRequest(json=self._caller.caller.settings))

    async def said(self, messages: Messages) -> AsyncGenerator[pb.ConverseRequest, Any]:
        """Yield what the caller says with the provider's ids of voices."""
        async for message in messages:
            yield await self._translated(message)

    def held(self, attempt: Attempt) -> None:
        """Take with whom the session is."""
        self._attempt = attempt

    def answered(self, event: SessionEvent) -> SessionEvent:
        """Return what the provider says with our ids of voices."""
        for voice in self._found.values():
            told = orjson.dumps(voice.upstream_id)
            if told in event.json:
                json = event.json.replace(told, orjson.dumps(voice.id))
                event = replace(event, json_at_hand=json, _typed=None)
        return event

    async def _translated(self, message: pb.ConverseRequest) -> pb.ConverseRequest:
        """Return a message with the provider's ids of voices; itself where it names none."""
        json = _json_of(message)
        if _MARK not in json:
            return message
        try:
            event = orjson.loads(json)
        except orjson.JSONDecodeError:
            # Whoever reads it says what is wrong with it.
            return message
        is_changed = False
        for holder in filter(None, (_inside(event, place) for place in _PLACES)):
            given = holder.get("voice")
            named = given.get("id") if isinstance(given, dict) else given
            if isinstance(named, str) and MADE_ID.fullmatch(named):
                holder["voice"] = {"id": (await self._voice(named)).upstream_id}
                is_changed = True
        return pb.ConverseRequest(json=orjson.dumps(event)) if is_changed else message

    async def _voice(self, voice_id: str) -> MadeVoice:
        """Return a voice of the caller's that the session can speak with.

        VoiceNotFound if there is none, AccountUnavailable if the session is with others.
        """
        known = self._found.get(voice_id)
        if known is not None:
            return known
        owner, accounts = self._caller.caller.virtual_key_id, self._conversing.accounts
        voice = await self._conversing.storage.voice(owner, voice_id)
        if self._attempt is None:
            accounts.bind(self._start.options, voice, self._start.model)
        else:
            key_id = self._attempt.key.key_id
            accounts.check(voice, self._attempt.candidate.provider_id, key_id)
        self._found[voice_id] = voice
        return voice


def _json_of(message: pb.ConverseRequest) -> bytes:
    """Return the JSON of an event; empty where it can name no voice."""
    match message.WhichOneof("message"):
        case "json":
            return message.json
        case "realtime" if message.realtime.WhichOneof("event") in _NAMING:
            return orjson.dumps(realtime_client_event_to_json(message.realtime))
        case "live" if message.live.WhichOneof("event") in _NAMING:
            return orjson.dumps(live_client_event_to_json(message.live))
        case _:
            return b""


def _inside(event: object, place: tuple[str, ...]) -> dict[str, Any] | None:
    for name in place:
        event = event.get(name) if isinstance(event, dict) else None
    return event if isinstance(event, dict) else None
