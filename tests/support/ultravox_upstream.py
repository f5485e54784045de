"""Ultravox's calls on a real port: made over HTTP, joined over a WebSocket.

Sound that is not zero is speech, with a word for each half second; half a second of silence ends a
turn. What the agent says lasts a second of the caller's own sound, within which speech interrupts
it. Put together from https://docs.ultravox.ai/apps/websockets and .../apps/datamessages; the
clients of livekit-plugins-ultravox 1.8.9 and pipecat-ai 1.14.0 read what is written here.
"""

import asyncio
from typing import Any

import orjson
from tests.support.deepgram_upstream import WORDS

from conduit_kernel.http import Exchange
from conduit_kernel.websocket import WebSocket, WebSocketClosed, accept

KEY = b"x-api-key"
_BYTES_PER_MS = 48
_WORD_MS = _SILENCE_MS = 500
_ANSWER_MS = 1000
# 20 ms of it.
SOUND = b"\x02\x00" * 480
JSON = [(b"content-type", b"application/json")]

# How long a call lasts that is cut.
CUT_SECONDS = 0.02


class UltravoxUpstream:
    """Serves calls; keeps what was asked for, and what was said in them."""

    def __init__(self, secret: str = "") -> None:
        """Take the key that is good; empty for any."""
        self.calls: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        # The headers of each handshake.
        self.joined: list[dict[str, str]] = []
        # How many callers left without hanging up.
        self.left = 0
        # What calls are refused with, if not empty: a status and a detail.
        self.refusal: tuple[int, str] | None = None
        # Whether the connection is cut once the agent has begun to answer.
        self.is_cut = False
        # Where calls are joined, if not here.
        self.join_url = ""
        self._secret = secret.encode()
        self._open: dict[str, dict[str, Any]] = {}

    async def __call__(self, exchange: Exchange) -> None:
        """Make a call, or hold it."""
        if exchange.method == "POST":
            self._make(exchange)
            return
        call = self._open.pop(exchange.path.rpartition("/")[2], None)
        if call is None:
            # It is over, or never was.
            exchange.respond(404, JSON, b'{"detail":"Not found."}')
            return
        self.joined.append(
            {name.decode(): value.decode() for name, value in exchange.headers.items()}
        )
        socket = accept(exchange)
        try:
            await _Call(socket, call, self.messages, is_cut=self.is_cut).run()
        except WebSocketClosed:
            self.left += 1
        finally:
            await socket.close()

    def _make(self, exchange: Exchange) -> None:
        if self.refusal is not None:
            status, detail = self.refusal
            exchange.respond(status, JSON, orjson.dumps({"detail": detail}))
            return
        if self._secret and exchange.headers.get(KEY) != self._secret:
            exchange.respond(403, JSON, b'{"detail":"Invalid API key."}')
            return
        call = orjson.loads(exchange.body)
        self.calls.append(call)
        name = f"call-{len(self.calls)}"
        self._open[name] = call
        host = (exchange.headers.get(b"host") or b"").decode()
        url = self.join_url or f"ws://{host}/calls/{name}?apiVersion=1"
        exchange.respond(201, JSON, orjson.dumps({"callId": name, "joinUrl": url}))


class _Call:
    """One call."""

    def __init__(
        self,
        socket: WebSocket,
        call: dict[str, Any],
        messages: list[dict[str, Any]],
        *,
        is_cut: bool,
    ) -> None:
        self._is_cut = is_cut
        self._socket = socket
        self._messages = messages
        tools = call.get("selectedTools", [])
        self._tools = [each["temporaryTool"]["modelToolName"] for each in tools]
        self._is_spoken = call.get("initialOutputMedium") != "MESSAGE_MEDIUM_TEXT"
        self._ordinal = 0
        # In milliseconds: what was heard of a turn, and what is left of an answer.
        self._speech = self._silence = self._left = 0

    async def run(self) -> None:
        """Listen, up to the end."""
        await self._say("call_started", callId="call-1")
        await self._state("listening")
        while True:
            frame = await self._socket.receive()
            if isinstance(frame, bytes):
                await self._hear(frame)
                continue
            message = orjson.loads(frame)
            self._messages.append(message)
            if message["type"] == "hang_up":
                return
            await self._follow(message)

    async def _follow(self, message: dict[str, Any]) -> None:
        if message["type"] == "set_output_medium":
            self._is_spoken = message["medium"] == "voice"
        elif message["type"] == "user_text_message":
            await self._transcript("user", "text", message["text"])
            await self._answer(f"You wrote {message['text']}")
        elif message["type"] == "client_tool_result":
            await self._answer(f"It is {message['result']}")

    async def _hear(self, sound: bytes) -> None:
        length = len(sound) // _BYTES_PER_MS
        if any(sound):
            if self._left:
                self._left = 0
                await self._say("playback_clear_buffer")
                await self._state("listening")
            self._speech, self._silence = self._speech + length, 0
            return
        if self._left:
            self._left = max(0, self._left - length)
            if not self._left:
                await self._state("listening")
        if self._speech:
            self._silence += length
            if self._silence >= _SILENCE_MS:
                await self._end_turn()

    async def _end_turn(self) -> None:
        words = " ".join(WORDS[: self._speech // _WORD_MS])
        self._speech = self._silence = 0
        await self._transcript("user", "voice", words)
        if self._tools:
            await self._state("thinking")
            await self._say(
                "client_tool_invocation",
                toolName=self._tools[0],
                invocationId="inv-1",
                parameters={"words": words},
            )
            return
        await self._answer(f"You said {words}")

    async def _answer(self, words: str) -> None:
        medium = "voice" if self._is_spoken else "text"
        await self._state("thinking")
        if self._is_spoken:
            await self._state("speaking")
            self._left = _ANSWER_MS
        place = self._ordinal
        self._ordinal += 1
        for piece in words.split(" "):
            if self._is_spoken:
                await self._socket.send(SOUND)
                if self._is_cut:
                    # A call is billed by what it lasts, which is no milliseconds on a fast machine.
                    await asyncio.sleep(CUT_SECONDS)
                    self._socket.abort()
                    raise WebSocketClosed(1006, "")
            await self._words("agent", medium, place, delta=f"{piece} ")
        await self._words("agent", medium, place, text=f"{words} ", final=True)
        if not self._is_spoken:
            await self._state("listening")

    async def _transcript(self, role: str, medium: str, words: str) -> None:
        place = self._ordinal
        self._ordinal += 1
        await self._words(role, medium, place, text=words, final=True)

    async def _words(
        self,
        role: str,
        medium: str,
        ordinal: int,
        text: str | None = None,
        delta: str | None = None,
        *,
        final: bool = False,
    ) -> None:
        told = {"role": role, "medium": medium, "text": text, "delta": delta}
        await self._say("transcript", **told, final=final, ordinal=ordinal)

    async def _state(self, state: str) -> None:
        await self._say("state", state=state)

    async def _say(self, kind: str, **members: object) -> None:
        await self._socket.send(orjson.dumps({"type": kind, **members}).decode())
