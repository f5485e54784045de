"""Full load with random faults for a while: nothing grows, and no call fails that need not.

A third of a minute here; `make soak` does it for ten minutes.
"""

import asyncio
import os
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
from google.protobuf.duration_pb2 import Duration
from tests.faults.charging_gateway import serving_ledger
from tests.faults.shared_gateway import ACTS, EVENTS, refuse
from tests.support.scripted_upstream import answer, stream
from tests.support.snapshots import VIRTUAL_KEY, key, mapping, provider, save_snapshot, snapshot

from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackProvider
from conduit_kernel.http import Exchange, HttpClient, HttpServer, Origin, Timeouts

SECONDS = 60 * float(os.environ.get("CONDUIT_SOAK_MINUTES", "0.3"))
WARM_SECONDS = max(5.0, SECONDS / 10)
CALLERS = 24
# In so many parts, between which it is told what is held.
PARTS = max(1, round(SECONDS / 60))
# Of the requests to the first choice.
FAULT_SHARE = 0.25
LEAVING_SHARE = 0.05
STEP_SECONDS = 1.0
GROWTH = 1.05
# What a process may hold more than before: kept connections come and go.
SPARE = 4
# What the providers' faults are drawn from: all that another candidate makes good.
_OTHERS = ("500", "502", "503", "504", "529", "reset", "garbage", "error-in-200", "hang")
_STREAMED = ("cut", "stall", "malformed", "empty")
WELL = answer(
    b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"well"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'
)
MESSAGES = [{"role": "user", "content": "x" * 500}]
LIMITED = refuse(429, "rate_limit_exceeded", "Slow down")
TIMEOUTS = Timeouts(connect=10.0, header=30.0, idle=30.0, total=60.0)


class Provider:
    """Serves two instances: the first fails at random, the second never does."""

    def __init__(self) -> None:
        self._draw = random.Random(1)  # noqa: S311 # chooses a course of events
        self.met = Counter[str]()

    async def __call__(self, exchange: Exchange) -> None:
        """Serve a request."""
        is_stream = b'"stream":true' in exchange.body
        fault = ""
        if exchange.path.startswith("/1/") and self._draw.random() < FAULT_SHARE:
            fault = self._draw.choice(
                (*_OTHERS, *(_STREAMED if is_stream else ()), "limited"),
            )
        self.met[fault] += 1
        if fault:
            await (LIMITED if fault == "limited" else ACTS[fault])(exchange)
        else:
            await (stream(*EVENTS) if is_stream else WELL)(exchange)


class Load:
    """Callers who call again as soon as they are answered."""

    def __init__(self, port: int) -> None:
        self._origin = Origin("http", "127.0.0.1", port)
        self._client = HttpClient()
        self._draw = random.Random(2)  # noqa: S311 # as above
        self.failures: list[str] = []
        self.calls = 0

    async def run(self, seconds: float) -> None:
        """Call for so long."""
        until = time.monotonic() + seconds
        async with asyncio.TaskGroup() as callers:
            for _ in range(CALLERS):
                callers.create_task(self._call_until(until))

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()

    async def _call_until(self, until: float) -> None:
        while time.monotonic() < until:
            is_stream = self._draw.random() < 0.5
            body: dict[str, object] = {"model": "gpt", "messages": MESSAGES}
            headers = [(b"authorization", b"Bearer %b" % VIRTUAL_KEY.encode())]
            if is_stream:
                body["stream"] = True
                headers.append((b"x-conduit-stream-failover", b"restart"))
            await self._call(headers, orjson.dumps(body), is_stream=is_stream)
            self.calls += 1

    async def _call(
        self, headers: list[tuple[bytes, bytes]], body: bytes, *, is_stream: bool
    ) -> None:
        path = "/v1/chat/completions"
        is_leaving = self._draw.random() < LEAVING_SHARE
        sending = self._client.send(
            self._origin, "POST", path, headers, body, timeouts=TIMEOUTS, retry_stale=True
        )
        if is_leaving:
            try:
                async with asyncio.timeout(self._draw.random() * 0.01):
                    (await sending).close()
            except TimeoutError:
                return
            return
        response = await sending
        try:
            content = await response.read(1 << 20)
        finally:
            response.close()
        end = b"data: [DONE]\n\n" if is_stream else b"}"
        if response.status != 200 or not content.endswith(end) or b'"error"' in content:
            self.failures.append(f"{response.status} {content[-300:]!r}")


@asynccontextmanager
async def soaked(
    folder: Path,
) -> AsyncIterator[tuple[Load, Callable[[], Awaitable[dict[str, int]]]]]:
    """Run the gateway, its providers and its ledger; yield its load, and what it holds."""
    upstream = HttpServer(Provider())
    await upstream.start("127.0.0.1", 0)
    url = f"http://127.0.0.1:{upstream.port}"
    limit = Duration(seconds=int(STEP_SECONDS))
    # The second is well, and may only be slow on a busy machine.
    steps = [
        FallbackProvider(provider_id=1, priority=1, timeout=limit),
        FallbackProvider(provider_id=2, priority=2),
    ]
    chain = FallbackChain(id=1, model_alias="gpt", is_enabled=True, providers=steps)
    configured = snapshot(
        [provider(i, f"{url}/{i}/v1", priority=i) for i in (1, 2)],
        keys=[key(i, i) for i in (1, 2)],
        mappings=[mapping(i, i) for i in (1, 2)],
        chains=[chain],
    )
    save_snapshot(folder / "router" / "snapshot.binpb", configured)
    async with serving_ledger() as ledger:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.faults.soaked_gateway", str(folder), ledger.target),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        said, told = process.stdout, process.stdin

        async def holdings() -> dict[str, int]:
            told.write(b"\n")
            return dict(orjson.loads(await said.readline()))

        load = Load(int(await said.readline()))
        try:
            yield load, holdings
        finally:
            await load.close()
            told.close()
            await process.wait()
            await upstream.drain(0.1)


@pytest.mark.skipif(
    "CONDUIT_SOAK_MINUTES" not in os.environ, reason="takes the whole machine: make soak"
)
async def test_nothing_grows_and_nothing_fails_under_load_with_faults(tmp_path: Path) -> None:
    """Memory within 5 % after a warm-up; tasks, sockets and descriptors as they were."""
    async with soaked(tmp_path) as (load, holdings):
        await load.run(WARM_SECONDS)
        await asyncio.sleep(STEP_SECONDS + 0.5)
        before = after = await holdings()
        for _ in range(PARTS):
            sys.stdout.write(f"{load.calls} calls: {after}\n")
            await load.run((SECONDS - WARM_SECONDS) / PARTS)
            await asyncio.sleep(STEP_SECONDS + 0.5)
            after = await holdings()
    sys.stdout.write(f"{load.calls} calls: {after}\n")
    assert load.failures == []
    assert after["kib"] <= before["kib"] * GROWTH
    for name in ("tasks", "sockets", "descriptors"):
        assert after[name] <= before[name] + SPARE, name
    assert load.calls > 50 * SECONDS / 2
