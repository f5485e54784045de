"""A client of the hub that speaks its protocol by hand."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
from tests.support.suite import MASTER_KEY, Suite
from tests.support.waiting import eventually
from websockets.asyncio.client import ClientConnection, connect

PATH = "/hubs/notifications"
ADMIN = {"x-master-key": MASTER_KEY}
HANDSHAKE = {"protocol": "json", "version": 1}
END = "\x1e"
SECONDS = 10.0

Record = Mapping[str, Any]


async def negotiate(
    suite: Suite, version: int | None = 1, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """Ask for a connection."""
    query = "" if version is None else f"?negotiateVersion={version}"
    async with httpx.AsyncClient(base_url=suite.url) as http:
        return await http.post(f"{PATH}/negotiate{query}", headers=headers or ADMIN)


async def ticket(suite: Suite) -> str:
    """Return the id of a connection that may be opened once."""
    return str((await negotiate(suite)).json()["connectionToken"])


class HubClient:
    """One connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._records: list[Record] = []

    async def send(self, *records: Record) -> None:
        """Send records, in one message."""
        await self.socket.send("".join(orjson.dumps(each).decode() + END for each in records))

    async def next(self) -> Record:
        """Return the next record that is no sign of life."""
        while True:
            while not self._records:
                async with asyncio.timeout(SECONDS):
                    text = await self.socket.recv(decode=True)
                assert isinstance(text, str)
                assert text.endswith(END)
                self._records += [orjson.loads(each) for each in text.split(END) if each]
            record = self._records.pop(0)
            if record.get("type") != 6:
                return record

    async def event(self, target: str) -> Any:  # noqa: ANN401 # JSON
        """Return the argument of the next call of a method of ours, passing over others."""
        while True:
            record = await self.next()
            if record.get("target") == target:
                (argument,) = record["arguments"]
                return argument

    async def call(self, target: str, *arguments: object) -> str:
        """Call a method of the hub's; return its error, empty if it went well."""
        await self.send({"type": 1, "invocationId": "7", "target": target, "arguments": arguments})
        while True:
            record = await self.next()
            if record.get("type") == 3:
                assert record["invocationId"] == "7"
                return str(record.get("error", ""))

    async def subscribe(self, provider_id: int) -> None:
        """Subscribe to an instance, once Health knows it."""

        async def is_subscribed() -> bool:
            return await self.call("SubscribeToProvider", provider_id) == ""

        await eventually(is_subscribed)

    async def last(self) -> Record:
        """Return the record that ends the connection, and wait for its end."""
        while True:
            record = await self.next()
            if record.get("type") == 7:
                async with asyncio.timeout(SECONDS):
                    await self.socket.wait_closed()
                return record


@asynccontextmanager
async def opened(suite: Suite, name: str = "") -> AsyncIterator[HubClient]:
    """Open a connection, and say nothing yet."""
    url = f"{suite.url.replace('http', 'ws')}{PATH}?id={name or await ticket(suite)}"
    async with connect(url) as socket:
        yield HubClient(socket)


@asynccontextmanager
async def connected(suite: Suite) -> AsyncIterator[HubClient]:
    """Open a connection, and shake hands."""
    async with opened(suite) as client:
        await client.send(HANDSHAKE)
        assert await client.next() == {}
        yield client
