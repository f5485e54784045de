"""State that belongs to an account: calls that hand it back go to the account that made it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from tests.support.keeping_upstream import KeepingUpstream
from tests.support.suite import GRACE_SECONDS, Suite

from conduit_kernel.http import HttpServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

# The SDK's types are for applications.
Client: TypeAlias = Any
KEYS = ("sk-one", "sk-two")
STATELESS = {"store": False, "include": ["reasoning.encrypted_content"]}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def upstream(suite: Suite) -> AsyncIterator[KeepingUpstream]:
    """Run a provider with two accounts: of one instance, and of two."""
    made = KeepingUpstream()
    server = HttpServer(made)
    await server.start("127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.port}/v1"
    await add(suite, url, "gpt", *KEYS)
    for key in KEYS:
        await add(suite, url, "pair", key)
    await suite.add_simulator("echo", "echo")
    await suite.settled()
    yield made
    await server.drain(GRACE_SECONDS)


async def add(suite: Suite, url: str, alias: str, *keys: str) -> None:
    """Add an instance with keys, each of an account of its own, and map an alias to it."""
    fields = {"name": f"{alias} {' '.join(keys)}", "providerType": "OpenAI", "baseUrl": url}
    provider = await suite.call("POST", "/api/providers", fields)
    for key in keys:
        added = {"apiKey": key, "providerAccountGroup": key}
        await suite.call("POST", f"/api/providers/{provider['id']}/keys", added)
    mapping = {"modelAlias": alias, "providerId": provider["id"], "actualModelName": "gpt-5-mini"}
    await suite.call("POST", "/api/model-provider-mappings", mapping)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(suite: Suite) -> AsyncIterator[Client]:
    """Return the SDK's client, pointed at the bridge."""
    async with AsyncOpenAI(
        base_url=f"{suite.url}/v1", api_key=suite.virtual_key, max_retries=0, timeout=40
    ) as made:
        yield made


async def whole(client: Client, **asked: Any) -> Any:  # noqa: ANN401 # the SDK's own
    """Return a response that is answered whole."""
    return await client.responses.create(**asked)


async def streamed(client: Client, **asked: Any) -> Any:  # noqa: ANN401 # as above
    """Return the response that a stream comes to."""
    async with client.responses.stream(**asked) as stream:
        async for _ in stream:
            pass
        return await stream.get_final_response()


def handed_back(response: Any) -> list[Any]:  # noqa: ANN401 # as above
    """Return the input of a next turn, as stateless clients write it."""
    output = [each.model_dump(exclude_none=True) for each in response.output]
    return [{"role": "user", "content": "Hello"}, *output, {"role": "user", "content": "And?"}]


@pytest.mark.parametrize("alias", ["gpt", "pair"])
@pytest.mark.parametrize("make", [whole, streamed])
async def test_thoughts_go_back_to_the_account_that_sealed_them(
    client: Client, upstream: KeepingUpstream, make: Callable[..., Awaitable[Any]], alias: str
) -> None:
    """However the accounts take turns otherwise; they get what they gave."""
    accounts = set()
    for _ in range(8):
        first = await make(client, model=alias, input="Hello", **STATELESS)
        own = upstream.requests[-1][2]
        accounts.add(own)
        assert first.output[0].encrypted_content.startswith("conduit@")
        await make(client, model=alias, input=handed_back(first), **STATELESS)
        assert upstream.requests[-1][2] == own
        sealed = [each for each in upstream.asked[-1]["input"] if each.get("encrypted_content")]
        assert [each["encrypted_content"] for each in sealed] == [f"sealed by {own}"]
    assert accounts == {"sk-one", "sk-two"}


async def test_where_the_account_is_away_the_thoughts_are_left_out_and_told(
    client: Client, upstream: KeepingUpstream
) -> None:
    """The conversation goes on at another account, or at another provider."""
    first = await client.responses.create(model="pair", input="Hello", **STATELESS)
    own = upstream.requests[-1][2]
    upstream.paused.add(own)
    try:
        raw = await client.responses.with_raw_response.create(
            model="pair", input=handed_back(first), **STATELESS
        )
    finally:
        upstream.paused.clear()
    assert raw.headers["x-conduit-dropped"] == "input.reasoning"
    asked = upstream.asked[-1]
    assert upstream.requests[-1][2] != own
    assert [each.get("type", "message") for each in asked["input"]] == ["message"] * 3
    assert not any("id" in each for each in asked["input"])
    elsewhere = await client.responses.with_raw_response.create(
        model="echo", input=handed_back(first), **STATELESS
    )
    assert "input.encrypted_content" in elsewhere.headers["x-conduit-dropped"]


async def test_a_compaction_is_never_left_out(client: Client, upstream: KeepingUpstream) -> None:
    """It stands for the conversation: where its account is away, the caller hears that."""
    made = await client.responses.compact(model="pair", input="Hello")
    own = upstream.requests[-1][2]
    asked = [made.output[0].model_dump(exclude_none=True), {"role": "user", "content": "And?"}]
    upstream.paused.add(own)
    try:
        with pytest.raises(openai.APIStatusError) as refused:
            await client.responses.create(model="pair", input=asked, store=False)
    finally:
        upstream.paused.clear()
    assert refused.value.status_code >= 400
    assert {who for _, path, who in upstream.requests[-1:] if "/responses" in path} <= {own}


async def test_what_nobody_marked_passes_as_it_is(
    client: Client, upstream: KeepingUpstream
) -> None:
    """Of a conversation that began elsewhere, whose account nobody can tell."""
    items = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed by sk-one"},
        {"role": "user", "content": "And?"},
    ]
    for _ in range(4):
        try:
            await client.responses.create(model="gpt", input=items, store=False)
        except openai.BadRequestError as error:
            assert error.code  # noqa: PT017 # of the other account
        assert upstream.asked[-1]["input"] == items


@pytest.mark.usefixtures("upstream")
async def test_conversations_go_on_at_the_account_that_has_them(client: Client) -> None:
    """Once it has answered in one, kept or not; until then any account may be asked."""
    for store in (True, False):
        asked = {"model": "pair", "conversation": f"conv_{store}_sk-two", "store": store}
        answered = 0
        for number in range(24):
            try:
                await client.responses.create(input=str(number), **asked)
            except openai.NotFoundError:
                assert not answered
                continue
            answered += 1
        assert answered > 1
