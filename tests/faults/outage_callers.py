"""A gateway in processes of its own before providers that fail, and callers at a steady rate."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import orjson
from tests.faults.failing_provider import FailingProvider
from tests.support.gateways import Served

from conduit_cli.gateway import Gateway
from conduit_kernel.http import HttpClient, HttpError, Origin, Timeouts

STEP_SECONDS = 1.0
PATIENCE = Timeouts(connect=10.0, header=20.0, idle=20.0, total=20.0)
# More callers than may conspire.
CALLERS = 4
KNOWN_SECONDS = 15.0


class Came(NamedTuple):
    """What a call came to."""

    began: float
    seconds: float
    status: int
    provider: str
    error: str


@dataclass
class Scene:
    """An alias with a primary that fails, and the calls of it."""

    name: str
    kind: str
    every: float
    has_fallback: bool = True
    primary: FailingProvider = field(default_factory=FailingProvider)
    came: list[Came] = field(default_factory=list)
    # When the primary went, and when it was back for good.
    down: float = 0.0
    up: float = 0.0


class Callers:
    """Call a gateway's aliases with several keys."""

    def __init__(self, url: str, keys: list[str]) -> None:
        parts = urlsplit(url)
        self._origin = Origin("http", parts.hostname or "", parts.port or 0)
        self._keys = keys
        self._client = HttpClient()

    async def call(self, alias: str, number: int) -> Came:
        """Make a call; return what it came to."""
        body = {"model": alias, "messages": [{"role": "user", "content": f"{number}"}]}
        headers = [
            (b"authorization", b"Bearer %b" % self._keys[number % len(self._keys)].encode()),
            (b"content-type", b"application/json"),
        ]
        began = time.monotonic()
        path = "/v1/chat/completions"
        response = None
        try:
            response = await self._client.send(
                self._origin, "POST", path, headers, orjson.dumps(body), timeouts=PATIENCE
            )
            content = await response.read(1 << 20)
            status, provider = response.status, response.headers.get(b"x-conduit-provider")
        except HttpError as error:
            return Came(began, time.monotonic() - began, 0, "", repr(error))
        finally:
            if response is not None:
                response.close()
        said = "" if status == 200 else content.decode("utf-8", "replace")  # OK
        return Came(began, time.monotonic() - began, status, (provider or b"").decode(), said)

    async def steadily(self, scene: Scene, until: float) -> None:
        """Call a scene's alias at its rate."""
        number, next_at = 0, time.monotonic()

        async def one(number: int) -> None:
            scene.came.append(await self.call(scene.name, number))

        async with asyncio.TaskGroup() as calls:
            while (now := time.monotonic()) < until:
                calls.create_task(one(number))
                number, next_at = number + 1, next_at + scene.every
                await asyncio.sleep(max(0.0, next_at - now))

    async def are_known(self, alias: str) -> None:
        """Wait until all workers know an alias, whichever of them answers."""
        until, well = time.monotonic() + KNOWN_SECONDS, 0
        while well < 20:  # in a row
            came = await self.call(alias, well)
            well = well + 1 if came.status == 200 else 0  # OK
            assert time.monotonic() < until, came
            if not well:
                await asyncio.sleep(0.1)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()


def configure(admin: Gateway, scenes: list[Scene], fallback: FailingProvider) -> list[str]:
    """Make the scenes' instances, mappings and chains; return virtual keys."""
    second = _instance(admin, "fallback", fallback)
    for scene in scenes:
        first = _instance(admin, scene.name, scene.primary)
        ids = [first, second] if scene.has_fallback else [first]
        for each in ids:
            mapping = {"modelAlias": scene.name, "providerId": each, "actualModelName": "m"}
            admin.call("POST", "/api/model-provider-mappings", mapping)
        steps = [
            {"providerId": each, "priority": priority, "timeout": f"{STEP_SECONDS:.0f}s"}
            for priority, each in enumerate(ids, 1)
        ]
        chain = {"modelAlias": scene.name, "providers": steps}
        admin.call("POST", "/api/fallback-chains", chain)
    made = (
        admin.call("POST", "/api/virtual-keys", {"name": f"caller-{number}"})
        for number in range(CALLERS)
    )
    return [str(each["key"]) for each in made]


def _instance(admin: Gateway, name: str, at: FailingProvider) -> int:
    spec = {"name": name, "providerType": "OpenAI", "baseUrl": f"http://127.0.0.1:{at.port}/v1"}
    made = admin.call("POST", "/api/providers", spec)
    admin.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": f"sk-{name}"})
    return int(made["id"])


@asynccontextmanager
async def outages(
    folder: Path, scenes: list[Scene], workers: int, **env: str
) -> AsyncIterator[Callers]:
    """Run a gateway with so many workers before the scenes' providers."""
    fallback = FailingProvider()
    providers = [fallback, *(scene.primary for scene in scenes)]
    for provider in providers:
        await provider.start()
    served = await asyncio.to_thread(
        lambda: Served(folder, "--workers", str(workers), CONDUIT_LOG_LEVEL="error", **env)
    )
    try:
        keys = await asyncio.to_thread(configure, served.admin(), scenes, fallback)
        callers = Callers(served.url, keys)
        try:
            await callers.are_known(scenes[-1].name)
            yield callers
        finally:
            await callers.close()
    finally:
        await asyncio.to_thread(served.stop)
        for provider in providers:
            await provider.stop()
