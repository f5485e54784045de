"""Deepgram's two protocols of live sound, on a real port; half a second of speech is a word.

Sound that is not zero is speech. Put together from deepgram-sdk 7.17, whose clients hold sessions
with it, and https://developers.deepgram.com/reference/speech-to-text/listen-streaming.
"""

from abc import ABC, abstractmethod
from urllib.parse import parse_qs

import orjson

from conduit_kernel.http import Exchange
from conduit_kernel.websocket import WebSocket, WebSocketClosed, accept

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
REQUEST = "8c8ebea9-dbec-45fa-a035-e4632cb05b5f"
_BYTES = {"linear16": 2, "mulaw": 1, "alaw": 1}
_WORD_MS = 500


class DeepgramUpstream:
    """Serves sessions; keeps what their handshakes and messages said."""

    def __init__(self) -> None:
        self.queries: list[dict[str, list[str]]] = []
        # In any session.
        self.messages: list[str] = []
        # The words with which handshakes are refused.
        self.refusal = ""

    async def __call__(self, exchange: Exchange) -> None:
        """Hold a session, or refuse it as Deepgram refuses."""
        query = parse_qs(exchange.query)
        self.queries.append(query)
        is_known = query.get("encoding", [""])[0] in _BYTES and "sample_rate" in query
        if self.refusal or not is_known:
            why = self.refusal or "Unsupported audio encoding"
            words = {"err_code": "Bad Request", "err_msg": why, "request_id": REQUEST}
            exchange.respond(400, [(b"content-type", b"application/json")], orjson.dumps(words))
            return
        socket = accept(exchange, headers=((b"dg-request-id", REQUEST.encode()),))
        kind = _Flux if exchange.path.startswith("/v2/") else _Nova
        try:
            await kind(socket, query, self.messages).run()
        except WebSocketClosed:
            pass
        finally:
            await socket.close()


class _Session(ABC):
    """One session."""

    def __init__(self, socket: WebSocket, query: dict[str, list[str]], messages: list[str]) -> None:
        self._socket = socket
        self._messages = messages
        self.query = query
        rate, width = int(query["sample_rate"][0]), _BYTES[query["encoding"][0]]
        self._bytes_per_ms = rate * width / 1000
        self._bytes = 0
        # In milliseconds: where the utterance began, how much of it is speech, and the silence.
        self.start = self.speech = self.silence = 0.0

    @property
    def heard(self) -> float:
        """All sound, in milliseconds."""
        return self._bytes / self._bytes_per_ms

    @property
    def words(self) -> str:
        """The words of the utterance."""
        return " ".join(WORDS[: int(self.speech / _WORD_MS)])

    async def run(self) -> None:
        """Take sound and messages, up to the end."""
        while True:
            message = await self._socket.receive()
            if isinstance(message, bytes):
                await self._sound(message)
                continue
            self._messages.append(message)
            kind = orjson.loads(message)["type"]
            if kind == "CloseStream":
                await self.close()
                return
            await self.command(kind)

    async def say(self, **members: object) -> None:
        """Send a message."""
        await self._socket.send(orjson.dumps(members).decode())

    async def _sound(self, sound: bytes) -> None:
        length, before = len(sound) / self._bytes_per_ms, int(self.speech / _WORD_MS)
        self._bytes += len(sound)
        if any(sound):
            if not self.speech:
                self.start = self.heard - length
                await self.begin()
            self.speech += length
            self.silence = 0.0
        elif self.speech:
            self.silence += length
        if int(self.speech / _WORD_MS) > before:
            await self.more()
        if self.is_over:
            await self.end()

    def reset(self) -> None:
        """Begin anew after an utterance."""
        self.start, self.speech, self.silence = self.heard, 0.0, 0.0

    @property
    @abstractmethod
    def is_over(self) -> bool:
        """Whether the utterance has ended by itself."""

    @abstractmethod
    async def begin(self) -> None: ...
    @abstractmethod
    async def more(self) -> None: ...
    @abstractmethod
    async def end(self) -> None: ...
    @abstractmethod
    async def command(self, kind: str) -> None: ...
    @abstractmethod
    async def close(self) -> None: ...


class _Nova(_Session):
    """Of `/v1/listen`."""

    @property
    def is_over(self) -> bool:
        limit = self.query.get("endpointing", ["10"])[0]
        return limit != "false" and 0 < int(limit) <= self.silence

    async def begin(self) -> None:
        if self.query.get("vad_events") == ["true"]:
            await self.say(type="SpeechStarted", channel=[0, 1], timestamp=self.start / 1000)

    async def more(self) -> None:
        if self.query.get("interim_results") == ["true"]:
            await self._result()

    async def end(self) -> None:
        await self._result(is_final=True, speech_final=True)
        self.reset()

    async def command(self, kind: str) -> None:
        if kind == "Finalize":
            await self._result(is_final=True, from_finalize=True)
            self.reset()

    async def close(self) -> None:
        if self.speech:
            await self._result(is_final=True)
        await self.say(
            type="Metadata",
            transaction_key="deprecated",
            request_id=REQUEST,
            sha256="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            created="2026-08-29T22:37:55.202Z",
            duration=self.heard / 1000,
            channels=1,
        )

    async def _result(self, **said: bool) -> None:
        flags = {"is_final": False, "speech_final": False, "from_finalize": False, **said}
        words = [
            {"word": word, "start": 0, "end": 0, "confidence": 1} for word in self.words.split()
        ]
        best = {"transcript": self.words, "confidence": 0.99, "words": words}
        model = {"name": self.query["model"][0], "version": "2026-01-01.0", "arch": "nova-3"}
        await self.say(
            type="Results",
            channel_index=[0, 1],
            start=self.start / 1000,
            duration=(self.heard - self.start) / 1000,
            channel={"alternatives": [best]},
            metadata={"request_id": REQUEST, "model_info": model, "model_uuid": REQUEST},
            **flags,
        )


class _Flux(_Session):
    """Of `/v2/listen`."""

    def __init__(self, socket: WebSocket, query: dict[str, list[str]], messages: list[str]) -> None:
        super().__init__(socket, query, messages)
        self._sequence = self._turn = 0

    async def run(self) -> None:
        await self._number(type="Connected")
        await super().run()

    @property
    def is_over(self) -> bool:
        return self.query.get("eot_threshold") != ["1.0"] and self.silence >= _WORD_MS

    async def begin(self) -> None:
        await self._info("StartOfTurn")

    async def more(self) -> None:
        await self._info("Update")

    async def end(self) -> None:
        await self._info("EndOfTurn", trigger="model")
        self._turn += 1
        self.reset()

    async def command(self, kind: str) -> None:
        if kind == "ForceEndTurn" and self.speech:
            await self._info("EndOfTurn", trigger="manual")
            self._turn += 1
            self.reset()
        elif kind != "Configure":
            words = f"Unknown variant {kind}"
            await self._number(type="Error", code="UNPARSABLE_CLIENT_MESSAGE", description=words)

    async def close(self) -> None: ...

    async def _info(self, event: str, **members: str) -> None:
        words = [{"word": word, "confidence": 0.9} for word in self.words.split()]
        await self._number(
            type="TurnInfo",
            event=event,
            turn_index=self._turn,
            audio_window_start=self.start / 1000,
            audio_window_end=self.heard / 1000,
            transcript=self.words,
            words=words,
            end_of_turn_confidence=0.9 if event == "EndOfTurn" else 0.1,
            **members,
        )

    async def _number(self, **members: object) -> None:
        await self.say(request_id=REQUEST, sequence_id=self._sequence, **members)
        self._sequence += 1
