"""ElevenLabs' agents on a real port: a signed address, and the conversation that is there.

Sound that is mostly loud is speech, with a word for each half second; half a second of silence ends
a turn. What the agent says lasts a second of the caller's own sound, within which speech interrupts
it. Put together from elevenlabs 2.78, whose `Conversation` holds conversations with it.
"""

from array import array
from base64 import b64decode, b64encode
from typing import Any

import orjson
from tests.support.deepgram_upstream import WORDS

from conduit_kernel.http import Exchange
from conduit_kernel.websocket import WebSocket, WebSocketClosed, accept

PATH = "/v1/convai/conversation"
KEY = b"xi-api-key"
JSON = [(b"content-type", b"application/json")]
GREETING = "How can I help?"
# 20 ms of it, at 16 kHz.
SOUND = b"\x02\x00" * 320
_BYTES_PER_MS = 32
_WORD_MS = _SILENCE_MS = 500
_ANSWER_MS = 1000
_LOUD = 64


class ElevenLabsAgentUpstream:
    """Serves conversations with one agent; keeps how they began, and what was said in them."""

    def __init__(self, secret: str = "", tool: str = "") -> None:
        """Take the key that is good, empty for any, and a function that the agent calls."""
        self.begun: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.joined: list[dict[str, str]] = []
        # Of the last conversation, at 16 kHz.
        self.heard = bytearray()
        # Whether its owner lets others say what the agent is to be.
        self.allows_overrides = True
        self._secret = secret.encode()
        self.tool = tool
        self._signed = 0

    async def __call__(self, exchange: Exchange) -> None:
        """Sign an address, or hold the conversation that is there."""
        if exchange.path != PATH:
            self._sign(exchange)
            return
        if "conversation_signature=s" not in exchange.query:
            exchange.respond(403, JSON, b'{"detail":"not signed"}')
            return
        self.joined.append(
            {name.decode(): value.decode() for name, value in exchange.headers.items()}
        )
        socket = accept(exchange)
        try:
            await self._hold(socket)
        except WebSocketClosed:
            pass
        finally:
            await socket.close()

    def _sign(self, exchange: Exchange) -> None:
        if self._secret and exchange.headers.get(KEY) != self._secret:
            told = {"status": "invalid_api_key", "message": "Invalid API key"}
            exchange.respond(401, JSON, orjson.dumps({"detail": told}))
            return
        self._signed += 1
        host = (exchange.headers.get(b"host") or b"").decode()
        url = f"ws://{host}{PATH}?{exchange.query}&conversation_signature=s{self._signed}"
        exchange.respond(200, JSON, orjson.dumps({"signed_url": url}))

    async def _hold(self, socket: WebSocket) -> None:
        initiation = orjson.loads(await socket.receive())
        assert initiation["type"] == "conversation_initiation_client_data"
        self.begun.append(initiation)
        if initiation.get("conversation_config_override") and not self.allows_overrides:
            await socket.close(1008, "Override for field 'prompt' is not allowed by config.")
            return
        self.heard.clear()
        await _Conversation(socket, self).run()


def _is_loud(sound: bytes) -> bool:
    samples = array("h", sound)
    return sum(abs(each) >= _LOUD for each in samples) > len(samples) // 2


class _Conversation:
    """One conversation."""

    def __init__(self, socket: WebSocket, agent: ElevenLabsAgentUpstream) -> None:
        self._socket = socket
        self._agent = agent
        # The number of the current turn.
        self._turn = 0
        # In milliseconds: what was heard of a turn, and what is left of an answer.
        self._speech = self._silence = self._left = 0.0

    async def run(self) -> None:
        """Greet, and listen up to the end."""
        formats = {"agent_output_audio_format": "pcm_16000", "user_input_audio_format": "pcm_16000"}
        told = {"conversation_id": "conv_1", **formats}
        await self._say(
            "conversation_initiation_metadata", conversation_initiation_metadata_event=told
        )
        await self._say("ping", ping_event={"event_id": 1, "ping_ms": None})
        await self._answer(GREETING)
        self._left = 0
        while True:
            message = orjson.loads(await self._socket.receive())
            if "user_audio_chunk" in message:
                await self._hear(b64decode(message["user_audio_chunk"]))
                continue
            self._agent.messages.append(message)
            if message["type"] == "user_message":
                await self._answer(f"You wrote {message['text']}")
            elif message["type"] == "client_tool_result":
                await self._answer(f"It is {message['result']}")

    async def _hear(self, sound: bytes) -> None:
        self._agent.heard += sound
        length = len(sound) / _BYTES_PER_MS
        if _is_loud(sound):
            if self._left:
                self._left = 0
                await self._say("interruption", interruption_event={"event_id": self._turn})
                # It was on its way.
                await self._sound()
            self._speech, self._silence = self._speech + length, 0
            return
        if self._left:
            self._left = max(0.0, self._left - length)
            if self._left < 1:
                self._left = 0.0
                await self._say("agent_response_complete")
        if self._speech:
            self._silence += length
            if self._silence > _SILENCE_MS - 1:
                await self._end_turn()

    async def _end_turn(self) -> None:
        words = " ".join(WORDS[: round(self._speech / _WORD_MS)])
        self._speech = self._silence = 0
        await self._say("user_transcript", user_transcription_event={"user_transcript": words})
        if self._agent.tool:
            call = {
                "tool_name": self._agent.tool,
                "tool_call_id": "call_1",
                "parameters": {"words": words},
            }
            await self._say("client_tool_call", client_tool_call=call)
            return
        await self._answer(f"You said {words}")

    async def _answer(self, words: str) -> None:
        self._turn += 1
        self._left = _ANSWER_MS
        await self._sound()
        told = {"agent_response": words, "event_id": self._turn}
        await self._say("agent_response", agent_response_event=told)
        await self._sound()

    async def _sound(self) -> None:
        told = {"audio_base_64": b64encode(SOUND).decode(), "event_id": self._turn}
        await self._say("audio", audio_event=told)

    async def _say(self, kind: str, **members: object) -> None:
        await self._socket.send(orjson.dumps({"type": kind, **members}).decode())
