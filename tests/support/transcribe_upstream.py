"""Amazon Transcribe on a real port: its handshake, its framing, its words.

https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

import orjson
from botocore.eventstream import EventStreamBuffer
from tests.support.eventstream import event
from tests.support.signatures import is_presigned

from conduit_kernel.http import Exchange, HttpServer
from conduit_kernel.websocket import WebSocket, WebSocketClosed, accept

PATH = "/stream-transcription-websocket"
# "The maximum audio chunk size is 32 KB."
MOST_BYTES = 32 * 1024


def words(text: str, end: float, *, is_partial: bool = False) -> bytes:
    """Write what was heard up to a time, in seconds."""
    alternatives = [{"Transcript": text, "Items": []}]
    result = {"Alternatives": alternatives, "IsPartial": is_partial, "StartTime": 0.0}
    told = {"Transcript": {"Results": [result | {"EndTime": end, "LanguageCode": "en-US"}]}}
    return event("TranscriptEvent", orjson.dumps(told))


def exception(name: str, message: str) -> bytes:
    """Write how hearing failed."""
    return event(name, orjson.dumps({"Message": message}))


class Transcriber:
    """Hears whatever comes, and says what its script says."""

    def __init__(self, secret: str) -> None:
        """Take the secret that handshakes are signed with."""
        self.address = ""
        self.script: Callable[[Transcriber, WebSocket], Awaitable[None]] = hear
        # Of each handshake: what its query asks for, beside the signature.
        self.asked: list[dict[str, str]] = []
        # The sound, and the sizes of its pieces.
        self.sound = b""
        self.sizes: list[int] = []
        # How many connections ended without the empty event.
        self.broken = 0
        self._secret = secret

    async def __call__(self, exchange: Exchange) -> None:
        """Hold one session; 403 for a handshake that is not signed as it should be."""
        host = self.address.partition("//")[2]
        url = f"http://{host}{exchange.path}?{exchange.query}"
        if exchange.path != PATH or not is_presigned(url, self._secret):
            headers = [(b"x-amzn-errortype", b"UnrecognizedClientException")]
            exchange.respond(403, headers, b'{"message":"The security token is invalid."}')
            return
        query = {name: values[0] for name, values in parse_qs(exchange.query).items()}
        self.asked.append({n: v for n, v in query.items() if not n.startswith("X-Amz-")})
        socket = accept(exchange)
        try:
            await self.script(self, socket)
        except WebSocketClosed:
            self.broken += 1
        finally:
            await socket.close()

    async def listen(self, socket: WebSocket) -> None:
        """Take sound up to the empty event. Raises WebSocketClosed if there is none."""
        while piece := await self.piece(socket):
            self.sound += piece

    async def piece(self, socket: WebSocket) -> bytes:
        """Take one event, as AWS's own library reads it."""
        message = await socket.receive()
        assert isinstance(message, bytes)
        buffer = EventStreamBuffer()
        buffer.add_data(message)
        (found,) = buffer
        assert found.headers == {
            ":message-type": "event",
            ":event-type": "AudioEvent",
            ":content-type": "application/octet-stream",
        }
        assert len(found.payload) <= MOST_BYTES
        self.sizes.append(len(found.payload))
        return bytes(found.payload)


async def hear(transcriber: Transcriber, socket: WebSocket) -> None:
    """Say half while the sound comes, and the rest at its end."""
    await socket.send(words("Hello", 0.4, is_partial=True))
    await socket.send(words("Hello there.", 0.5))
    await transcriber.listen(socket)
    await socket.send(words("Bye.", 0.9))


@asynccontextmanager
async def transcriber(secret: str) -> AsyncIterator[Transcriber]:
    """Run one."""
    made = Transcriber(secret)
    server = HttpServer(made)
    await server.start("127.0.0.1", 0)
    made.address = f"http://127.0.0.1:{server.port}"
    yield made
    await server.drain(1)
