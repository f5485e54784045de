"""What fuzz of a whole suite is made of: a provider with one answer, and what callers may get."""

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import AsyncIterator

import httpx
from tests.support.http_peers import request_head
from tests.support.replays import Replay
from tests.support.suite import Suite

ROUNDS = range(int(os.environ.get("CONDUIT_FUZZ_ROUNDS", "1")))
# What a caller or a provider can bring about; 500 is ours alone.
STATUSES = {200, 400, 401, 402, 403, 404, 413, 422, 429, 502, 503, 504}
SECONDS = 60
PAGE = 1000


class FixedUpstream:
    """A provider that gives every request the same answer."""

    def __init__(self) -> None:
        self.port = 0
        self.body = b""
        self.media_type = ""
        self.asked = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the request of a connection, and end it."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await request_head(reader)
            self.asked += 1
            fields = f"content-type: {self.media_type}\r\ncontent-length: {len(self.body)}"
            writer.write(f"HTTP/1.1 200 OK\r\n{fields}\r\nconnection: close\r\n\r\n".encode())
            writer.write(self.body)
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def fixed_upstream() -> AsyncIterator[FixedUpstream]:
    """Run a provider."""
    peer = FixedUpstream()
    async with await asyncio.start_server(peer.serve, "127.0.0.1", 0) as server:
        peer.port = server.sockets[0].getsockname()[1]
        yield peer


async def add_alias(replay: Replay, suite: Suite, upstream: FixedUpstream, alias: str) -> None:
    """Have an alias of its own for a case, so that none meets the circuit of another."""
    settings = {"region": "us-east-1"} if replay.spec.name == "Bedrock" else {}
    await suite.add_simulator(
        alias,
        replay.asked.model,
        providerType=replay.spec.name,
        baseUrl=f"http://127.0.0.1:{upstream.port}",
        settings={**settings, **replay.asked.settings},
    )
    await suite.settled()


async def limited_caller(suite: Suite, name: str) -> httpx.AsyncClient:
    """Return a client whose calls are reckoned before they are made: their cost, their tokens."""
    budget = {"limitUsd": 1000, "period": "Day", "isHard": True}
    limits = {"requestsPerMinute": 100_000, "tokensPerMinute": 100_000_000}
    asked = {"name": name, "budgets": [budget], "limits": limits, "tags": ["fuzz"]}
    made = await suite.call("POST", "/api/virtual-keys", asked)
    await suite.settled()
    headers = {"authorization": f"Bearer {made['key']}"}
    return httpx.AsyncClient(base_url=suite.url, headers=headers, timeout=SECONDS)


def check(answer: httpx.Response, what: str) -> None:
    """Hold what a caller got to what there may be."""
    assert answer.status_code in STATUSES, (what, answer.status_code, answer.content)
    if answer.status_code != 200:
        assert answer.json()["error"]["code"], what
    assert b'"code":"internal"' not in answer.content.lower().replace(b" ", b""), (what, answer)


async def check_charges(suite: Suite) -> None:
    """Hold what was charged to one charge an attempt, and one whole answer a call; there are some.

    An attempt whose answer broke off is charged for what it had said until then.
    """
    await suite.deliver_charges()
    found: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    query: dict[str, object] = {"pageSize": PAGE}
    while query:
        page = await suite.call("GET", "/api/usage/charges", params=query)
        found.update(charge["id"] for charge in page["charges"])
        whole.update(each["requestId"] for each in page["charges"] if each["isComplete"])
        token = page["nextPageToken"]
        query = {"pageSize": PAGE, "pageToken": token} if token else {}
    assert whole
    assert set(found.values()) == set(whole.values()) == {1}
