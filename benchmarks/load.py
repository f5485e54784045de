"""A load generator: a closed loop over kept-alive connections, for a bounded time.

Run as a process of its own, so that its work is not in the measured one's. Reads its task as one
line of JSON from standard input and writes what it saw as one line of JSON.
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import cast

import uvloop

_END_OF_STREAM = b"data: [DONE]\n\n\r\n0\r\n\r\n"
_LENGTH = b"content-length: "


@dataclass(frozen=True)
class Task:
    """The request to send, its target, the connections and the time."""

    port: int
    path: str
    key: str
    model: str
    stream: bool
    connections: int
    seconds: float
    # Unmeasured, before.
    warm_up_seconds: float

    def request(self) -> bytes:
        """Return the bytes of the request."""
        messages = [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "Say something about the quick brown fox. " * 4},
        ]
        wish = {"model": self.model, "messages": messages, "stream": self.stream}
        body = json.dumps(wish).encode()
        return (
            b"POST %b HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nauthorization: Bearer %b\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (self.path.encode(), self.port, self.key.encode(), len(body), body)
        )


@dataclass(frozen=True)
class Seen:
    """The results in the measured window; latencies in microseconds."""

    answers: int
    failures: int
    began: float
    ended: float
    p50_us: float
    p99_us: float


class Caller(asyncio.Protocol):
    """Sends a request, waits for the whole answer, and so on."""

    def __init__(self, request: bytes, expected_end: bytes | None, latencies: list[float]) -> None:
        self._request = request
        self._expected_end = expected_end
        self._latencies = latencies
        self._received = b""
        self._sent_at = 0.0
        self._transport: asyncio.Transport
        self.failures = 0
        self.stopped = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Go on once the answer is whole."""
        received = self._received = self._received + data if self._received else data
        if not self._is_whole(received):
            return
        self._received = b""
        if received.startswith(b"HTTP/1.1 200 "):
            self._latencies.append(time.perf_counter() - self._sent_at)
        else:
            self.failures += 1
        if not self.stopped:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count a connection that ended early as a failure."""
        if not self.stopped:
            self.failures += 1

    def close(self) -> None:
        """End the connection."""
        self._transport.close()

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(self._request)

    def _is_whole(self, received: bytes) -> bool:
        if received.startswith(b"HTTP/1.1 200 ") and self._expected_end is not None:
            return received.endswith(self._expected_end)
        head_end = received.find(b"\r\n\r\n")
        at = received.find(_LENGTH, 0, head_end)
        if head_end < 0 or at < 0:
            return False
        length = int(received[at + len(_LENGTH) : received.find(b"\r\n", at)])
        return len(received) >= head_end + 4 + length


async def measure(task: Task) -> Seen:
    """Put on the load and return what was seen."""
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    request = task.request()
    end = _END_OF_STREAM if task.stream else None
    callers = [
        (
            await loop.create_connection(
                lambda: Caller(request, end, latencies), "127.0.0.1", task.port
            )
        )[1]
        for _ in range(task.connections)
    ]
    await asyncio.sleep(task.warm_up_seconds)
    latencies.clear()
    # The measuring one reads the processor times at both ends of the window.
    print("begin", flush=True)
    began = time.monotonic()
    await asyncio.sleep(task.seconds)
    ended = time.monotonic()
    seen = sorted(latencies)
    print("end", flush=True)
    for caller in callers:
        caller.stopped = True
        caller.close()
    return Seen(
        answers=len(seen),
        failures=sum(caller.failures for caller in callers),
        began=began,
        ended=ended,
        p50_us=_quantile(seen, 0.5) * 1e6,
        p99_us=_quantile(seen, 0.99) * 1e6,
    )


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(measure(Task(**json.loads(sys.stdin.readline())))))))
