"""The official google-genai SDK as a client: another `base_url`, and nothing else."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio
from google import genai
from google.genai import errors, types
from tests.conformance.test_anthropic_client import TYPES
from tests.support.sdk_oracle import Upstream, upstream
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="get_weather",
            description="Get the weather",
            parameters=types.Schema(
                type=types.Type.OBJECT, properties={"city": types.Schema(type=types.Type.STRING)}
            ),
        )
    ]
)
OWN_CALLS = types.AutomaticFunctionCallingConfig(disable=True)


@pytest.fixture(scope="module")
def upstreams() -> Iterator[dict[str, Upstream]]:
    """Run a provider of each type, which answers as it was recorded."""
    with ExitStack() as stack:
        yield {kind: stack.enter_context(upstream(f"{kind}/chat/plain")) for kind in TYPES}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def providers(suite: Suite, upstreams: dict[str, Upstream]) -> dict[str, Upstream]:
    """Map an alias to each of them, by its type."""
    for kind, provider in upstreams.items():
        model, key = TYPES[kind]
        made = await suite.call(
            "POST",
            "/api/providers",
            {"name": kind, "providerType": kind, "baseUrl": provider.address},
        )
        await suite.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": key})
        mapping = {"modelAlias": kind, "providerId": made["id"], "actualModelName": model}
        await suite.call("POST", "/api/model-provider-mappings", mapping)
    await suite.settled()
    return upstreams


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(suite: Suite) -> AsyncIterator[Any]:
    """Return the SDK's client, pointed at the bridge."""
    async with httpx.AsyncClient(timeout=20) as http:
        options = types.HttpOptions(base_url=suite.url, httpx_async_client=http)
        yield genai.Client(api_key=suite.virtual_key, http_options=options).aio


async def both(client: Any, provider: Upstream, case: str, **asked: Any) -> list[Any]:  # noqa: ANN401 # the SDK's
    """Return the parts that a provider answers with whole and streamed, as it was recorded."""
    kind = asked["model"]
    provider.become(f"{kind}/chat/{case}")
    whole = await client.models.generate_content(**asked)
    provider.become(f"{kind}/chat/stream{'' if case == 'plain' else f'_{case}'}")
    stream = await client.models.generate_content_stream(**asked)
    pieces = [piece async for piece in stream]
    found = [whole.candidates[0].content.parts]
    found.append([p for piece in pieces for p in piece.candidates[0].content.parts])
    assert pieces[-1].usage_metadata.total_token_count > 0
    assert whole.usage_metadata.total_token_count > 0
    return found


@pytest.mark.parametrize("kind", TYPES)
async def test_tools_of_every_dialect(
    client: Any,  # noqa: ANN401 # the SDK's
    providers: dict[str, Upstream],
    kind: str,
) -> None:
    """Calls come with arguments; the parts are taken back with what came of the calls."""
    config = types.GenerateContentConfig(tools=[WEATHER], automatic_function_calling=OWN_CALLS)
    asked: dict[str, Any] = {"model": kind, "contents": "Weather in Bonn?", "config": config}
    for parts in await both(client, providers[kind], "tools", **asked):
        made = [part.function_call for part in parts if part.function_call]
        assert made
        assert all(call.name and call.args is not None for call in made)
        results = [
            types.Part(
                function_response=types.FunctionResponse(
                    id=call.id, name=call.name, response={"output": "rain"}
                )
            )
            for call in made
        ]
        turns = [
            types.Content(role="user", parts=[types.Part(text="Weather in Bonn?")]),
            types.Content(role="model", parts=parts),
            types.Content(role="user", parts=results),
        ]
        providers[kind].become(f"{kind}/chat/plain")
        again = await client.models.generate_content(**{**asked, "contents": turns})
        assert again.text


async def test_what_gemini_gets_is_what_callers_send(
    client: Any,  # noqa: ANN401 # the SDK's
    providers: dict[str, Upstream],
) -> None:
    """Members that nobody knows, too; the model stands in the path."""
    provider = providers["Gemini"]
    provider.become("Gemini/chat/plain")
    provider.received.clear()
    config = types.GenerateContentConfig(top_k=3, safety_settings=[], system_instruction="Short.")
    await client.models.generate_content(model="Gemini", contents="hi", config=config)
    sent = provider.received[-1]
    assert sent.path.endswith("/models/gemini-3-pro:generateContent")
    assert isinstance(sent.body, dict)
    assert sent.body["generationConfig"] == {"topK": 3}
    assert "model" not in sent.body


async def test_structured_answers_and_pictures(client: Any) -> None:  # noqa: ANN401 # the SDK's
    """The schema reaches the model; a picture is taken along."""
    schema = {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}, "required": ["n"]}
    config = types.GenerateContentConfig(
        response_mime_type="application/json", response_schema=schema
    )
    found = await client.models.generate_content(model="echo", contents="A number?", config=config)
    assert isinstance(orjson.loads(found.text)["n"], int)
    picture = types.Part.from_bytes(data=b"\x89PNG\r\n", mime_type="image/png")
    seen = await client.models.generate_content(model="echo", contents=[picture, "What?"])
    assert seen.text


async def test_counts_and_models(client: Any, suite: Suite) -> None:  # noqa: ANN401 # the SDK's
    """An estimate, where nobody counts; the aliases are listed as Google's models."""
    counted = await client.models.count_tokens(model="echo", contents="x" * 40)
    assert counted.total_tokens == 10
    async with httpx.AsyncClient(timeout=20) as http:
        options = types.HttpOptions(
            base_url=suite.url, api_version="v1beta", httpx_async_client=http
        )
        beta = genai.Client(api_key=suite.virtual_key, http_options=options).aio
        pager = await beta.models.list(config={"page_size": 1})
        assert "models/echo" in {model.name async for model in pager}
        assert (await beta.models.get(model="echo")).display_name == "echo"


async def test_errors_are_googles(client: Any, suite: Suite) -> None:  # noqa: ANN401 # the SDK's
    """The SDK raises its own exception."""
    with pytest.raises(errors.ClientError) as refused:
        await client.models.generate_content(model="nobody", contents="hi")
    assert (refused.value.code, refused.value.status) == (404, "NOT_FOUND")
    async with httpx.AsyncClient(base_url=suite.url) as http:
        path = "/v1beta/models/echo:generateContent"
        headers = {"x-goog-api-key": suite.virtual_key}
        answer = await http.post(path, json={"contents": []}, headers=headers)
    told = answer.json()["error"]
    assert (answer.status_code, told["code"], told["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert told["details"][0]["reason"] == "INVALID_REQUEST"


async def test_who_asks_by_hand(suite: Suite) -> None:
    """A key in the query; an array of JSON unless events are asked for; nobody without a key."""
    body = {"contents": [{"parts": [{"text": "Hello"}]}]}
    async with httpx.AsyncClient(base_url=suite.url) as http:
        path = "/v1beta/models/count:streamGenerateContent"
        array = await http.post(path, params={"key": suite.virtual_key}, json=body)
        assert array.headers["content-type"].startswith("application/json")
        pieces = array.json()
        assert pieces[-1]["candidates"][0]["finishReason"] == "STOP"
        asked = {"key": suite.virtual_key, "alt": "sse"}
        events = await http.post(path, params=asked, json=body)
        assert events.headers["content-type"].startswith("text/event-stream")
        lines = [line[6:] for line in events.text.splitlines() if line.startswith("data: ")]
        assert [orjson.loads(line)["candidates"] for line in lines] == [
            piece["candidates"] for piece in pieces
        ]
        refused = await http.post(path, json=body)
        assert (refused.status_code, refused.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
        elsewhere = await http.get("/v1/models", params={"key": suite.virtual_key})
        assert elsewhere.status_code == 401
