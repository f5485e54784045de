"""ElevenLabs' protocol of live sound, on a real port, with a word for each half second of sound.

Sound that is not zero is speech. Put together from elevenlabs 2.78, whose client holds sessions
with it, and its v_1_speech_to_text_realtime.types.
"""

from base64 import b64decode
from urllib.parse import parse_qs

import orjson
from tests.support.deepgram_upstream import WORDS

from conduit_kernel.http import Exchange
from conduit_kernel.websocket import WebSocket, WebSocketClosed, accept

_BYTES_PER_MS = {"pcm_24000": 48, "ulaw_8000": 8}
_WORD_MS = 500


class ElevenLabsUpstream:
    """Serves sessions; keeps what their handshakes said."""

    def __init__(self) -> None:
        self.queries: list[dict[str, list[str]]] = []

    async def __call__(self, exchange: Exchange) -> None:
        """Hold a session."""
        query = parse_qs(exchange.query)
        self.queries.append(query)
        socket = accept(exchange)
        try:
            await _Session(socket, query).run()
        except WebSocketClosed:
            pass
        finally:
            await socket.close()


class _Session:
    """One session."""

    def __init__(self, socket: WebSocket, query: dict[str, list[str]]) -> None:
        self._socket = socket
        self._config = {name: values[0] for name, values in query.items()}
        self._bytes_per_ms = _BYTES_PER_MS[query["audio_format"][0]]
        # In milliseconds.
        self._speech = self._silence = 0

    async def run(self) -> None:
        """Take chunks, up to the end."""
        await self._say("session_started", session_id="sess_1", config=self._config)
        while True:
            chunk = orjson.loads(await self._socket.receive())
            if chunk.get("message_type") != "input_audio_chunk":
                await self._say("input_error", error="Unknown message type")
                continue
            await self._sound(b64decode(chunk["audio_base_64"]))
            if chunk["commit"]:
                await self._commit()

    async def _sound(self, sound: bytes) -> None:
        length = len(sound) // self._bytes_per_ms
        if any(sound):
            self._speech, self._silence = self._speech + length, 0
            await self._say("partial_transcript", text=self._words)
        elif self._speech:
            self._silence += length
        limit = float(self._config.get("vad_silence_threshold_secs", "inf")) * 1000
        if self._config["commit_strategy"] == "vad" and self._silence >= limit:
            await self._commit()

    async def _commit(self) -> None:
        await self._say("committed_transcript", text=self._words)
        self._speech = self._silence = 0

    @property
    def _words(self) -> str:
        return " ".join(WORDS[: self._speech // _WORD_MS])

    async def _say(self, kind: str, **members: object) -> None:
        await self._socket.send(orjson.dumps({"message_type": kind, **members}).decode())
