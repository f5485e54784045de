"""Three SignalR clients of others, unchanged, at the hub; `make hub-clients` installs them."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.support.suite import MASTER_KEY, Suite
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

HERE = Path(__file__).parent / "hub"
# Apart from our own environment, whose versions some of them do not bear.
CLIENTS = Path(os.environ.get("CONDUIT_HUB_CLIENTS") or HERE.parents[2] / "build" / "hub-clients")
NODE = shutil.which("node")
SECONDS = 40.0


def command(client: str, url: str, provider: int) -> list[str] | None:
    """Return how to run a client; None if it is not installed."""
    name, _, transport = client.partition(" ")
    if name == "@microsoft/signalr":
        modules = CLIENTS / "node" / "node_modules"
        if NODE is None or not modules.exists():
            return None
        script = str(HERE / "client.mjs")
        return [NODE, script, str(modules), url, MASTER_KEY, transport, str(provider)]
    python = CLIENTS / name / "bin" / "python"
    if not python.exists():
        return None
    return [str(python), str(HERE / f"{name}_client.py"), url, MASTER_KEY, str(provider)]


@pytest.mark.parametrize(
    "client",
    [
        "@microsoft/signalr WebSockets",
        "@microsoft/signalr ServerSentEvents",
        "signalrcore",
        "pysignalr",
    ],
)
async def test_a_client_connects_subscribes_and_hears(suite: Suite, client: str) -> None:
    """With the master key, over each transport; it leaves as it should."""
    provider = await known_provider(suite, client)
    arguments = command(client, f"{suite.url}/hubs/notifications", provider)
    if arguments is None:
        pytest.skip("`make hub-clients` installs it")
    heard: dict[str, Any] = {}
    process = await asyncio.create_subprocess_exec(
        *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(SECONDS):
            assert process.stdout is not None
            async for name, value in lines(process.stdout):
                heard[name] = value
                if name == "ready":
                    await suite.call("POST", "/api/announcements", {"message": "hello"})
            assert process.stderr is not None
            told = (await process.stderr.read()).decode()
            assert await process.wait() == 0, told
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert {"connected", "subscribed", "ready", "stopped"} <= heard.keys(), told
    assert heard["InitialProviderHealth"][0]["providerId"] == provider
    assert heard["OnSystemAnnouncement"]["message"] == "hello"
    assert "no such method" in heard.get("refused", "no such method")


async def lines(stdout: asyncio.StreamReader) -> AsyncIterator[tuple[str, Any]]:
    """Yield what a client tells."""
    async for line in stdout:
        name, value = orjson.loads(line)
        yield name, value


async def known_provider(suite: Suite, client: str) -> int:
    """Add an instance, and wait until Health knows it."""
    number = await suite.add_simulator(f"for {client}", "echo")

    async def is_known() -> bool:
        answer = await suite.call("GET", "/api/provider-health")
        return any(each["providerId"] == number for each in answer["providers"])

    await eventually(is_known)
    return number
