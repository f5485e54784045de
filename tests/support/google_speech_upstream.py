"""Google Cloud's `StreamingRecognize` on a real port: Google's own messages, in gRPC's framing.

https://docs.cloud.google.com/speech-to-text/docs/reference/rpc/google.cloud.speech.v2
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import grpc
from google.cloud.speech_v2.types import (
    RecognitionResponseMetadata,
    SpeechRecognitionAlternative,
    StreamingRecognitionResult,
    StreamingRecognizeRequest,
    StreamingRecognizeResponse,
)

SERVICE = "google.cloud.speech.v2.Speech"
# "Maximum size for this field is 15 KB per request."
MOST_BYTES = 15 * 1024
API_KEY = "sk-1"
Context = grpc.aio.ServicerContext[Any, Any]


def words(text: str, end: float, *, is_final: bool = True) -> StreamingRecognizeResponse:
    """Return what was heard up to a time, in seconds."""
    result = StreamingRecognitionResult(
        alternatives=[SpeechRecognitionAlternative(transcript=text)],
        is_final=is_final,
        result_end_offset=timedelta(seconds=end),
        language_code="en-us",
    )
    return StreamingRecognizeResponse(results=[result])


def bill(seconds: float) -> StreamingRecognizeResponse:
    """Return how much is paid for."""
    billed = timedelta(seconds=seconds)
    return StreamingRecognizeResponse(
        metadata=RecognitionResponseMetadata(total_billed_duration=billed)
    )


class Call:
    """One call: what its caller says, read as Google's SDK reads it."""

    def __init__(self, requests: AsyncIterator[bytes], context: Context) -> None:
        self._requests = requests
        self._context = context

    async def next(self) -> StreamingRecognizeRequest | None:
        """Return the next message, None at the end."""
        data = await anext(self._requests, None)
        return None if data is None else StreamingRecognizeRequest.deserialize(data)

    async def sound(self) -> bytes:
        """Return the sound of the next message, b"" at the end; all but the first have some."""
        if (message := await self.next()) is None:
            return b""
        assert 0 < len(message.audio) <= MOST_BYTES
        assert "streaming_config" not in message
        return bytes(message.audio)

    async def say(self, response: StreamingRecognizeResponse) -> None:
        """Answer."""
        await self.write(StreamingRecognizeResponse.serialize(response))

    async def write(self, message: bytes) -> None:
        """Answer with these bytes, whatever they are."""
        await self._context.write(message)

    async def fail(self, code: grpc.StatusCode, message: str) -> None:
        """End the call with a status."""
        await self._context.abort(code, message)


Script = Callable[["Recognizer", Call], Awaitable[None]]


class Recognizer:
    """Hears whatever comes, and says what its script says."""

    def __init__(self) -> None:
        self.url = ""
        self.script: Script = hear
        # Of each call: its first message, and the sound.
        self.asked: list[StreamingRecognizeRequest] = []
        self.sound: list[bytes] = []
        # How many callers left before their call had ended, and how many calls are under way.
        self.left = self.under_way = 0

    async def streaming_recognize(self, requests: AsyncIterator[bytes], context: Context) -> None:
        """Answer one call; UNAUTHENTICATED without the key."""
        metadata = dict(context.invocation_metadata() or ())
        if metadata.get("x-goog-api-key") != API_KEY:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "API key not valid.")
        call = Call(requests, context)
        self.under_way += 1
        try:
            if (first := await call.next()) is None:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "No configuration.")
            else:
                self.asked.append(first)
                self.sound.append(b"")
                await self.script(self, call)
        except BaseException as error:
            self.left += not isinstance(error, grpc.aio.AbortError)
            raise
        finally:
            self.under_way -= 1

    async def piece(self, call: Call) -> bytes:
        """Take the sound of one message."""
        sound = await call.sound()
        self.sound[-1] += sound
        return sound


async def hear(recognizer: Recognizer, call: Call) -> None:
    """Say half while the sound comes, the rest and what is paid at its end."""
    await recognizer.piece(call)
    await call.say(words("Hello", 0.4, is_final=False))
    await call.say(words("Hello there.", 0.5))
    while await recognizer.piece(call):
        pass
    await call.say(words("Bye.", 0.9))
    await call.say(bill(2.0))


@asynccontextmanager
async def recognizing() -> AsyncIterator[Recognizer]:
    """Run one."""
    recognizer = Recognizer()
    handlers: dict[str, Any] = {
        "StreamingRecognize": grpc.stream_stream_rpc_method_handler(recognizer.streaming_recognize)
    }
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    recognizer.url = f"http://127.0.0.1:{port}"
    try:
        yield recognizer
    finally:
        await server.stop(None)
