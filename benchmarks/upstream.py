"""A fast upstream for measurements: canned answers of OpenAI's dialect, and nothing else.

Run as a process of its own: `python upstream.py CHUNKS` prints its port and serves until its
standard input ends. A request whose body says `"stream":true` gets CHUNKS events at once.
"""

import asyncio
import json
import sys
from typing import cast

import uvloop

TEXT = "The quick brown fox jumps over the lazy dog. " * 12
USAGE = {"prompt_tokens": 20, "completion_tokens": 120, "total_tokens": 140}
_LENGTH = b"content-length: "


def whole_answer() -> bytes:
    """Return an answer of about 1 KB, with its head."""
    message = {"role": "assistant", "content": TEXT, "refusal": None}
    body = json.dumps(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1700000000,
            "model": "bench-model",
            "choices": [
                {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
            ],
            "usage": USAGE,
        }
    ).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


def streamed_answer(chunks: int) -> bytes:
    """Return an answer of so many events with text, one with usage and the end, with its head."""
    events = [_event([{"index": 0, "delta": {"role": "assistant", "content": ""}}])]
    events += [_event([{"index": 0, "delta": {"content": f"token{n} "}}]) for n in range(chunks)]
    events += [_event([{"index": 0, "delta": {}, "finish_reason": "stop"}]), _event([], USAGE)]
    events.append(b"data: [DONE]\n\n")
    # Each event in an HTTP chunk of its own, as servers send them.
    body = b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events) + b"0\r\n\r\n"
    return (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        b"transfer-encoding: chunked\r\n\r\n" + body
    )


def _event(choices: list[dict[str, object]], usage: dict[str, int] | None = None) -> bytes:
    chunk = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "bench-model",
        "choices": choices,
        "usage": usage,
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


class Upstream(asyncio.Protocol):
    """Answers each request whose body has arrived; trusts its callers to be well-formed."""

    def __init__(self, whole: bytes, streamed: bytes) -> None:
        self._whole = whole
        self._streamed = streamed
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        received = self._received + data
        while (end := received.find(b"\r\n\r\n")) >= 0:
            head = received[:end].lower()
            at = head.find(_LENGTH)
            length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            whole = end + 4 + length
            if len(received) < whole:
                break
            body = received[end + 4 : whole].replace(b" ", b"")
            self._transport.write(self._streamed if b'"stream":true' in body else self._whole)
            received = received[whole:]
        self._received = received


async def _serve(chunks: int) -> None:
    whole, streamed = whole_answer(), streamed_answer(chunks)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Upstream(whole, streamed), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    stopped = asyncio.Event()
    loop.add_reader(sys.stdin, stopped.set)
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
