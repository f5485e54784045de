"""Connects with pysignalr; prints what it hears, one JSON a line."""

import asyncio
import contextlib
import json
import sys
from typing import Any

from pysignalr.client import (  # type: ignore[import-not-found] # of another environment
    SignalRClient,
)


async def main(url: str, key: str, provider: str) -> None:
    """Subscribe, and end with the first announcement."""
    ended = asyncio.Event()

    def tell(name: str, value: object) -> None:
        sys.stdout.write(json.dumps([name, value]) + "\n")
        sys.stdout.flush()

    client = SignalRClient(url, headers={"X-Master-Key": key})

    async def initial(arguments: list[Any]) -> None:
        tell("InitialProviderHealth", arguments[0])

    async def announced(arguments: list[Any]) -> None:
        tell("OnSystemAnnouncement", arguments[0])
        ended.set()

    async def subscribed(_: object) -> None:
        tell("subscribed", None)
        tell("ready", None)

    async def opened() -> None:
        tell("connected", None)
        await client.send("SubscribeToProvider", [int(provider)], subscribed)

    client.on("InitialProviderHealth", initial)
    client.on("OnSystemAnnouncement", announced)
    client.on_open(opened)
    running = asyncio.create_task(client.run())
    await ended.wait()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    tell("stopped", None)


asyncio.run(main(*sys.argv[1:]))
