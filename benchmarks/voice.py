"""Measures realtime sessions: how much later sound is through Conduit than without it.

An upstream answers each piece of sound with one. First with one session, then with many at once,
each of which sends PCM of 24 kHz as it would be spoken. Loopback only,
bounded in time; whatever else runs on the machine is in the numbers. Prints a table in Markdown,
with the processor time that the worker takes for a piece there and back.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections import deque
from pathlib import Path

import orjson
from gateway import Gateway, cpu_seconds
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

BYTES_PER_MS = 48
PAUSE_SECONDS = 0.02
CREATED = orjson.dumps(
    {
        "type": "session.created",
        "event_id": "event_1",
        "session": {"type": "realtime", "id": "sess_1", "model": "bench-model"},
    }
).decode()


async def answer(socket: ServerConnection) -> None:
    """Answer each piece of sound with itself."""
    await socket.send(CREATED)
    async for text in socket:
        sound = orjson.loads(text).get("audio", "")
        delta = {"type": "response.output_audio.delta", "event_id": "event_2", "delta": sound}
        await socket.send(orjson.dumps(delta).decode())


async def be_upstream() -> None:
    """Serve until killed; print the port first."""
    async with serve(answer, "127.0.0.1", 0, compression=None) as server:
        (listener,) = server.sockets
        print(listener.getsockname()[1], flush=True)
        await server.serve_forever()


class Speaker:
    """One session; measures how long each piece of sound takes there and back."""

    def __init__(self, url: str, key: str, piece_ms: int) -> None:
        """Take where to speak, and how long a piece is."""
        self.delays: list[float] = []
        self._url = url
        self._headers = {"authorization": f"Bearer {key}"}
        self._seconds = piece_ms / 1000
        sound = b64encode(b"\1" * (BYTES_PER_MS * piece_ms)).decode()
        event = {"type": "input_audio_buffer.append", "audio": sound}
        self._event = orjson.dumps(event).decode()
        self._sent: deque[float] = deque()

    async def ask(self, count: int) -> None:
        """Send so many pieces, each once the one before is back."""
        async with self._session() as socket:
            await socket.recv()
            for _ in range(count):
                self._sent.append(time.perf_counter())
                await socket.send(self._event)
                await self._hear(socket)
                await asyncio.sleep(PAUSE_SECONDS)

    async def speak(self, begin: float, count: int) -> None:
        """Send so many pieces from a moment on, as they are spoken."""
        async with self._session() as socket:
            await socket.recv()
            async with asyncio.TaskGroup() as both:
                both.create_task(self._say(socket, begin, count))
                for _ in range(count):
                    await self._hear(socket)

    def _session(self) -> connect:
        return connect(self._url, additional_headers=self._headers, compression=None, proxy=None)

    async def _say(self, socket: ClientConnection, begin: float, count: int) -> None:
        for number in range(count):
            await asyncio.sleep(begin + number * self._seconds - time.perf_counter())
            self._sent.append(time.perf_counter())
            await socket.send(self._event)

    async def _hear(self, socket: ClientConnection) -> None:
        await socket.recv()
        self.delays.append(time.perf_counter() - self._sent.popleft())


async def alone(url: str, key: str, piece_ms: int) -> list[float]:
    """Return the delays of one session."""
    speaker = Speaker(url, key, piece_ms)
    await speaker.ask(200)
    # The first ones find nothing warm.
    return speaker.delays[20:]


async def crowd(url: str, key: str, piece_ms: int, sessions: int, seconds: float) -> list[float]:
    """Return the delays of many sessions, whose pieces come at different moments."""
    speakers = [Speaker(url, key, piece_ms) for _ in range(sessions)]
    count = int(seconds * 1000 / piece_ms)
    begin = time.perf_counter() + 3 + sessions / 100
    async with asyncio.TaskGroup() as all_:
        for number, speaker in enumerate(speakers):
            offset = piece_ms / 1000 * number / sessions
            all_.create_task(speaker.speak(begin + offset, count))
    return [delay for speaker in speakers for delay in speaker.delays]


def row(name: str, delays: list[float]) -> str:
    """Write a row: the median, the 99th percentile and the longest."""
    cuts = statistics.quantiles(delays, n=100)
    numbers = (cuts[49], cuts[98], max(delays))
    return f"| {name} | " + " | ".join(f"{each * 1000:.1f}" for each in numbers) + " |"


def measure(gateway: Gateway, upstream: int, options: argparse.Namespace) -> None:
    """Measure both ways, and print."""
    key = gateway.set_up(upstream, "OpenAI")
    gateway.wait_until_known(key)
    direct = f"ws://127.0.0.1:{upstream}/v1/realtime?model=bench-model"
    through = f"ws://127.0.0.1:{gateway.port}/v1/realtime?model=bench"
    print("| sound there and back, ms | median | p99 | longest |\n|---|---|---|---|")
    for name, url in (("direct", direct), ("through Conduit", through)):
        delays = asyncio.run(alone(url, key, options.piece_ms))
        print(row(f"one session, {name}", delays), flush=True)
    many, seconds = options.sessions, options.seconds
    for name, url in (("direct", direct), ("through Conduit", through)):
        worker = gateway.worker_pid()
        before = cpu_seconds(worker)
        delays = asyncio.run(crowd(url, key, options.piece_ms, many, seconds))
        used = (cpu_seconds(worker) - before) / len(delays) * 1e6
        print(row(f"{many} sessions, {name} ({used:.0f} us of the worker's)", delays), flush=True)


def main() -> None:
    """Read the options, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--piece-ms", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--upstream", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.upstream:
        asyncio.run(be_upstream())
        return
    command = [sys.executable, __file__, "--upstream"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as upstream,  # noqa: S603 # our own command
        tempfile.TemporaryDirectory() as folder,
        Gateway(Path(folder)) as gateway,
    ):
        try:
            assert upstream.stdout is not None  # noqa: S101 # as was asked for
            measure(gateway, int(upstream.stdout.readline()), options)
        finally:
            upstream.kill()


if __name__ == "__main__":
    main()
