"""Providers that make voices, for tests: as ElevenLabs and as OpenAI do, with accounts by key."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count

import orjson
from tests.support.session_upstream import event
from tests.support.transcribers import JSON_FIELD, Sent, read_form

from conduit_kernel.http import Exchange, HttpServer, ServerLimits
from conduit_kernel.http.limits import MIB
from conduit_kernel.websocket import WebSocketClosed, accept

SOUND = b"ID3sound"


class VoiceMakers:
    """Makes, lists, deletes voices and speaks with them; each account knows its own alone."""

    def __init__(self) -> None:
        self.address = ""
        self.sent: list[Sent] = []
        # By key, the ids of voices.
        self.voices: dict[str, list[str]] = {}
        self.deleted: list[str] = []
        # Those that were asked to speak, by key.
        self.spoken: list[tuple[str, str]] = []
        # By key, the voices that events of sessions named.
        self.sessions: list[tuple[str, object]] = []
        # By method, the status that is answered instead.
        self.failing: dict[str, int] = {}
        # Of keys that are refused.
        self.refused: set[str] = set()
        # Set once a voice is being made, and what it then waits for.
        self.making = asyncio.Event()
        self.may_make = asyncio.Event()
        self.may_make.set()
        self._numbers = count(1)

    async def __call__(self, exchange: Exchange) -> None:
        """Answer."""
        if exchange.path.startswith(("/realtime", "/live/sessions")):
            await self._hold(exchange)
            return
        body = b"".join([piece async for piece in exchange.body_stream()])
        key = exchange.fields.get(b"xi-api-key", b"").decode()
        key = key or exchange.fields.get(b"authorization", b"").decode().removeprefix("Bearer ")
        if key in self.refused:
            exchange.respond(401, [JSON_FIELD], b'{"detail":{"status":"invalid_api_key"}}')
            return
        if (status := self.failing.get(exchange.method)) is not None:
            exchange.respond(status, [JSON_FIELD], b'{"error":{"message":"no"}}')
            return
        own = self.voices.setdefault(key, [])
        match exchange.method, exchange.path.rpartition("/")[2]:
            case "POST", "add":
                await self._make(exchange, body, own, "voice_id")
            case "POST", "voices" | "voice_consents":
                await self._make(exchange, body, own, "id")
            case "POST", "stream":
                self._speak(exchange, exchange.path.split("/")[-2], key, own)
            case "POST", "speech":
                self._speak(exchange, orjson.loads(body)["voice"]["id"], key, own)
            case "GET", "voices":
                listed = [{"voice_id": each, "category": "cloned"} for each in own]
                stock = [{"voice_id": "stock", "name": "Stock", "category": "premade"}]
                answer = {"voices": listed + stock, "has_more": False}
                exchange.respond(200, [JSON_FIELD], orjson.dumps(answer))
            case "DELETE", name if name in own:
                own.remove(name)
                self.deleted.append(name)
                exchange.respond(200, [JSON_FIELD], b'{"status":"ok"}')
            case _:
                exchange.respond(404, [JSON_FIELD], b'{"detail":{"status":"voice_not_found"}}')

    async def _make(self, exchange: Exchange, body: bytes, own: list[str], member: str) -> None:
        self.making.set()
        await self.may_make.wait()
        self.sent.append(read_form(exchange, exchange.fields[b"content-type"], body))
        kind = "cons" if exchange.path.endswith("consents") else "made"
        own.append(f"{kind}{next(self._numbers)}")
        exchange.respond(200, [JSON_FIELD], orjson.dumps({member: own[-1], "type": "audio_sample"}))

    def _speak(self, exchange: Exchange, voice: str, key: str, own: list[str]) -> None:
        if voice not in {"stock", *own}:
            exchange.respond(404, [JSON_FIELD], b'{"detail":{"status":"voice_not_found"}}')
            return
        self.spoken.append((key, voice))
        exchange.respond(200, [(b"content-type", b"audio/mpeg")], SOUND)

    async def _hold(self, exchange: Exchange) -> None:
        """Hold a session, which repeats what it is told to be."""
        key = exchange.fields[b"authorization"].decode().removeprefix("Bearer ")
        socket = accept(exchange)
        with suppress(WebSocketClosed):
            if exchange.path.startswith("/realtime"):
                await socket.send(event("session.created", session={"type": "realtime"}))
            while True:
                told = orjson.loads(await socket.receive())
                holder = told.get("session", told.get("response", {}))
                audio = holder.get("audio", {})
                voice = audio.get("output", {}).get("voice") or holder.get("voice")
                self.sessions.append((key, voice))
                done = "session.started" if told["type"] == "session.start" else "session.updated"
                await socket.send(event(done, session=holder))
        await socket.close()


@asynccontextmanager
async def voice_makers() -> AsyncIterator[VoiceMakers]:
    """Run the providers."""
    found = VoiceMakers()
    server = HttpServer(
        found,
        limits=ServerLimits(body_bytes=256 * MIB),
        streams_body=lambda _method, _path: True,
    )
    await server.start("127.0.0.1", 0)
    found.address = f"http://127.0.0.1:{server.port}"
    yield found
    await server.drain(0.1)
