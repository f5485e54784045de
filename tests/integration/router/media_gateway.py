"""An OpenAI-compatible provider of sound, pictures and sessions, behind a router and its bridge."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from tests.integration.router.conftest import MASTER_KEY, Runner
from tests.support.session_upstream import created, holding
from tests.support.snapshots import ENCRYPTION_KEY, VIRTUAL_KEY, key, mapping, provider, snapshot
from tests.support.transcribers import Sent, read_form
from websockets.asyncio.client import connect

from conduit_bridge import bootstrap as bridge
from conduit_kernel.http import Exchange, HttpServer
from conduit_kernel.settings import Settings

MODELS = ("whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-tts", "gpt-image-2", "gpt-realtime")
WORDS = "Ä listened-to list.\n"
DRAWN = b'{"created":1,"data":[{"b64_json":"iVBORw0KGgo="}]}'
SEGMENTS = (
    b'{"task":"transcribe","language":"english","duration":2.0,"text":"Hello.","segments":['
    b'{"id":0,"seek":0,"start":0.0,"end":2.0,"text":"Hello.","tokens":[1],"temperature":0.0,'
    b'"avg_logprob":-0.3,"compression_ratio":0.9,"no_speech_prob":0.01}]}'
)
SPOKEN = (
    b'data: {"type":"speech.audio.delta","audio":"c291bmQ="}\n\ndata: {"type":"speech.audio.done",'
    b'"usage":{"input_tokens":1,"output_tokens":5,"total_tokens":6}}\n\n'
)
TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
JSON = (b"content-type", b"application/json")


class MediaProvider:
    """Answers as an OpenAI-compatible server, and keeps what it was asked."""

    def __init__(self) -> None:
        self.forms: list[Sent] = []
        self.speech: list[Any] = []
        self.session: Any = holding(lambda socket: socket.send(created()))
        # Whether speech comes in events, where it may.
        self.has_events = False
        # So many of the next requests fail.
        self.failing = 0

    async def __call__(self, exchange: Exchange) -> None:
        """Answer."""
        if exchange.path.endswith("/realtime"):
            await self.session(exchange)
            return
        body = b"".join([piece async for piece in exchange.body_stream()])
        if self.failing:
            self.failing -= 1
            exchange.respond(500, [JSON], b'{"error":{"message":"no"}}')
        elif exchange.path.endswith("/speech"):
            asked = orjson.loads(body)
            self.speech.append(asked)
            kind, said = TYPES[asked.get("response_format", "mp3")], b"sound"
            if self.has_events and asked.get("stream_format") == "sse":
                kind, said = "text/event-stream", SPOKEN
            exchange.respond(200, [(b"content-type", kind.encode())], said)
        else:
            self.forms.append(read_form(exchange, exchange.fields[b"content-type"], body))
            self._answer(exchange, dict(self.forms[-1].members))

    def _answer(self, exchange: Exchange, members: dict[str, str]) -> None:
        if "/images/" in exchange.path:
            exchange.respond(200, [JSON], DRAWN)
            return
        match members.get("response_format", "json"):
            case "text" | "srt" | "vtt":
                exchange.respond(200, [(b"content-type", b"text/plain")], WORDS.encode())
            case "verbose_json":
                exchange.respond(200, [JSON], SEGMENTS)
            case _:
                usage = '{"type":"tokens","input_tokens":3,"output_tokens":2,"total_tokens":5,'
                told = f'{{"text":"Hi.","usage":{usage}"input_token_details":null}}}}'
                exchange.respond(200, [JSON], told.encode())


@asynccontextmanager
async def media_gateway(upstream: MediaProvider, bench: Runner, folder: Path) -> AsyncIterator[str]:
    """Run the provider, and a router with its bridge; yield the bridge's address."""
    server = HttpServer(upstream, streams_body=lambda _method, _path: True)
    await server.start("127.0.0.1", 0)
    one = provider(1, f"http://127.0.0.1:{server.port}", provider_type="OpenAI")
    mappings = [
        mapping(n, 1, model_alias=model, actual_model_name=model) for n, model in enumerate(MODELS)
    ]
    router = await bench(snapshot([one], keys=[key(1, 1)], mappings=mappings))
    settings = Settings(
        data_dir=folder / "bridge",
        http_port=0,
        master_key=MASTER_KEY,
        encryption_key=ENCRYPTION_KEY,
    )
    process = router.process
    edge = await bridge.start(settings, router=process.stub, background=process.background)
    try:
        yield f"http://127.0.0.1:{edge.port}/v1"
    finally:
        await edge.drain(0.1)
        await server.drain(0.1)


def session(url: str) -> Any:  # noqa: ANN401 # a connection, entered
    """Hold a realtime session."""
    address = url.replace("http", "ws", 1) + "/realtime?model=gpt-realtime"
    headers = {"authorization": f"Bearer {VIRTUAL_KEY}"}
    return connect(address, additional_headers=headers, proxy=None)
