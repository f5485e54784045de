"""What an operator mends works at once, whatever was learnt about it before."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import orjson
from tests.support.suite import Suite, running_suite
from tests.support.waiting import eventually

from conduit_kernel.http import Exchange, HttpServer

CHAT = {"model": "mended", "messages": [{"role": "user", "content": "hello"}]}
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
MODELS = {"object": "list", "data": [{"id": "m"}, {"id": "o"}]}
WRONG = {"error": {"message": "Incorrect API key", "code": "invalid_api_key"}}


class Account:
    """What a provider knows: one key, and a model that is not for it."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.refused_model = ""
        # The models that chats asked for, and how often there was a request for the list.
        self.asked: list[str] = []
        self.listed = 0

    def takes(self, exchange: Exchange, body: bytes) -> bool:
        """Tell whether a request is answered."""
        if body:
            self.asked.append(orjson.loads(body)["model"])
        else:
            self.listed += 1
        is_known = exchange.fields.get(b"authorization") == f"Bearer {self.key}".encode()
        return is_known and not (body and self.asked[-1] == self.refused_model)


@asynccontextmanager
async def upstream(known: str | Account) -> AsyncIterator[str]:
    """Serve a provider that knows one key; yields its base URL."""
    account = Account(known) if isinstance(known, str) else known

    async def answer(exchange: Exchange) -> None:
        is_known = account.takes(exchange, exchange.body)
        fields = ((b"content-type", b"application/json"),)
        status, body = (200, ANSWER if exchange.body else MODELS) if is_known else (401, WRONG)
        exchange.respond(status, fields, orjson.dumps(body))

    server = HttpServer(answer)
    await server.start("127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.port}/v1"
    finally:
        await server.drain(0.1)


async def set_up(suite: Suite, base_url: str, key: str) -> tuple[int, str]:
    """Map the alias to an instance with one key; return their ids."""
    made = await suite.call(
        "POST",
        "/api/providers",
        {"name": "Mended", "providerType": "OpenAICompatible", "baseUrl": base_url},
    )
    added = await suite.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": key})
    await suite.call(
        "POST",
        "/api/model-provider-mappings",
        {"modelAlias": "mended", "providerId": made["id"], "actualModelName": "m"},
    )
    await suite.settled()
    return int(made["id"]), str(added["id"])


async def ask(client: httpx.AsyncClient, model: str = "mended") -> tuple[int, str]:
    """Ask for an answer; return its status and the code of its error."""
    answer = await client.post("/v1/chat/completions", json={**CHAT, "model": model})
    failure = answer.json().get("error") or {}
    return answer.status_code, failure.get("code", "")


async def circuit_of(suite: Suite, provider_id: int, state: str) -> None:
    """Wait until Health shows the router's circuit in a state."""

    async def is_so() -> bool:
        listed = await suite.call("GET", "/api/provider-health")
        [found] = [each for each in listed["providers"] if each["providerId"] == provider_id]
        return bool(found["circuit"] == state)

    await eventually(is_so)


async def test_a_replaced_key_rests_no_more(tmp_path: Path) -> None:
    """A wrong key is benched for minutes; with another value it is asked at once."""
    async with upstream("sk-right") as url, running_suite(tmp_path) as suite:
        provider_id, key_id = await set_up(suite, url, "sk-wrong")
        async with suite.caller() as client:
            assert (await ask(client))[0] != 200
            # Nobody is asked while the key rests, and the reason is the true one.
            assert (await ask(client))[0] == 502
            path = f"/api/providers/{provider_id}/keys/{key_id}"
            await suite.call("PUT", path, {"name": "renamed"})
            await suite.settled()
            assert (await ask(client))[0] == 502
            await suite.call("PUT", path, {"apiKey": "sk-right"})
            await suite.settled()
            assert await ask(client) == (200, "")


async def test_an_instance_with_another_address_is_tried_again(tmp_path: Path) -> None:
    """An open circuit says nothing of the new place; Health shows what the router's circuit is."""
    async with upstream("sk-right") as url, running_suite(tmp_path) as suite:
        provider_id, key_id = await set_up(suite, "http://127.0.0.1:9/v1", "sk-right")
        async with suite.caller() as client:
            codes = [(await ask(client))[1] for _ in range(5)]
            assert codes[-1] == "provider_unhealthy"
            await circuit_of(suite, provider_id, "Open")
            path = f"/api/providers/{provider_id}"
            # Keys go nowhere but where they were given for.
            await suite.call("DELETE", f"{path}/keys/{key_id}")
            await suite.call("PUT", path, {"baseUrl": url})
            await suite.call("POST", f"{path}/keys", {"apiKey": "sk-right"})
            await suite.settled()
            assert await ask(client) == (200, "")
            await circuit_of(suite, provider_id, "Closed")


async def test_a_key_that_its_provider_takes_rests_for_the_refused_model_alone(
    tmp_path: Path,
) -> None:
    """A free request shows it, soon after: what a model refuses takes the key from no other."""
    account = Account("sk-right")
    account.refused_model = "m"
    async with upstream(account) as url, running_suite(tmp_path) as suite:
        provider_id, _ = await set_up(suite, url, "sk-right")
        other = {"modelAlias": "other", "providerId": provider_id, "actualModelName": "o"}
        await suite.call("POST", "/api/model-provider-mappings", other)
        await suite.settled()
        async with suite.caller() as client:
            assert (await ask(client))[0] == 502

            async def is_served() -> bool:
                return await ask(client, "other") == (200, "")

            await eventually(is_served)
            listed = account.listed
            for _ in range(20):
                assert (await ask(client))[0] == 502
                assert await is_served()
            assert account.asked.count("m") == 1
            assert account.listed == listed


async def test_a_passed_test_ends_the_rest_of_a_key(tmp_path: Path) -> None:
    """A key whose refusal was confirmed rests for minutes; mended at the provider, it is tested."""
    account = Account("sk-another")
    async with upstream(account) as url, running_suite(tmp_path) as suite:
        provider_id, _ = await set_up(suite, url, "sk-right")
        async with suite.caller() as client:
            assert (await ask(client))[0] == 502

            async def is_confirmed() -> bool:
                return account.listed > 0

            await eventually(is_confirmed)
            account.key = "sk-right"
            assert (await ask(client))[0] == 502
            report = await suite.call("POST", f"/api/providers/{provider_id}/test")
            assert report["success"]

            async def is_served() -> bool:
                return await ask(client) == (200, "")

            await eventually(is_served)
            assert account.asked == ["m", "m"]
