"""Dead DNS names: name servers that do not answer hold up nobody but who asks for their names."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any
from unittest import mock

import httpx
import pytest
from tests.attacks.test_ssrf import showing
from tests.support.suite import Suite
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
# Of a name server that nobody repairs; the test ends it.
FOREVER = 120.0


class DeadNames:
    """Names under `.dead.test`, which are looked up and never found."""

    def __init__(self) -> None:
        self.end = threading.Event()
        # Those that hang now.
        self.waiting: list[str] = []
        self._usual = socket.getaddrinfo

    def look_up(self, host: Any, port: Any, *more: Any, **options: Any) -> Any:  # noqa: ANN401 # as Python's own
        """Answer as the system does, but for these names."""
        text = host.decode() if isinstance(host, bytes) else str(host)
        if not text.endswith(".dead.test"):
            return self._usual(host, port, *more, **options)
        self.waiting.append(text)
        self.end.wait(FOREVER)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


@pytest.fixture
def dead() -> Iterator[DeadNames]:
    """Have names hang until the test is over."""
    names = DeadNames()
    with mock.patch.object(socket, "getaddrinfo", names.look_up):
        try:
            yield names
        finally:
            names.end.set()


async def map_to(suite: Suite, alias: str, kind: str, url: str) -> None:
    """Have an alias lead to an address."""
    spec = {"name": alias, "providerType": kind, "baseUrl": url}
    number = (await suite.call("POST", "/api/providers", spec))["id"]
    await suite.call("POST", f"/api/providers/{number}/keys", {"apiKey": f"sk-{alias}"})
    mapping = {"modelAlias": alias, "providerId": number, "actualModelName": "echo"}
    await suite.call("POST", "/api/model-provider-mappings", mapping)


async def test_names_of_callers_hold_up_no_provider(gateway: Suite, dead: DeadNames) -> None:
    """A caller shows pictures of hosts that no server knows: others are answered meanwhile."""
    port = gateway.simulator_url.rpartition(":")[2]
    # By a name, which has to be looked up as well.
    await map_to(gateway, "named", "OpenAI", f"http://localhost:{port}/v1")
    await map_to(gateway, "shown", "Ollama", "http://127.0.0.1:9")
    await gateway.settled()
    async with gateway.caller() as client:
        pictures = [f"http://host-{number}.dead.test/a.png" for number in range(40)]
        attack = [
            asyncio.create_task(
                client.post("/v1/chat/completions", json=showing("shown", url), timeout=60)
            )
            for url in pictures
        ]

        async def is_under_way() -> bool:
            return len(dead.waiting) >= 2

        await eventually(is_under_way, seconds=30)
        assert [each.status_code for each in await chats(client, "named")] == [200] * 10
        # As many threads as strangers have, and no more.
        assert len(dead.waiting) == 2
        assert {each.status_code for each in await asyncio.gather(*attack)} == {400}
        assert [each.status_code for each in await chats(client, "named")] == [200] * 10
        assert len(dead.waiting) == 2


async def test_a_provider_that_nobody_finds_holds_up_no_other(
    gateway: Suite, dead: DeadNames
) -> None:
    """However many callers ask for it: its name is looked up once at a time."""
    port = gateway.simulator_url.rpartition(":")[2]
    await map_to(gateway, "alive", "OpenAI", f"http://localhost:{port}/v1")
    for number in range(8):
        await map_to(gateway, f"gone-{number}", "OpenAI", f"http://gone-{number}.dead.test/v1")
    await gateway.settled()
    async with gateway.caller() as client:
        attack = [
            asyncio.create_task(chat(client, f"gone-{number % 8}", timeout=60))
            for number in range(40)
        ]

        async def is_under_way() -> bool:
            return len(set(dead.waiting)) == 8

        await eventually(is_under_way, seconds=30)
        assert [each.status_code for each in await chats(client, "alive")] == [200] * 10
        assert set(dead.waiting) == {f"gone-{number}.dead.test" for number in range(8)}
        # Of 40 callers one for each name, and Health may ask for itself.
        assert len(dead.waiting) <= 2 * 8
        dead.end.set()
        assert min(each.status_code for each in await asyncio.gather(*attack)) >= 500


async def chat(client: httpx.AsyncClient, alias: str, **options: Any) -> httpx.Response:  # noqa: ANN401 # of httpx
    """Chat once."""
    body = {"model": alias, "messages": [{"role": "user", "content": "hello"}]}
    # Of a connection of its own each: what is kept needs no name.
    return await client.post("/v1/chat/completions", json=body, **options)


async def chats(client: httpx.AsyncClient, alias: str) -> list[httpx.Response]:
    """Chat ten times at once."""
    return await asyncio.gather(*(chat(client, alias) for _ in range(10)))
