"""The official OpenAI SDK as a client of older completions: another `base_url`, and no more."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import openai
import orjson
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from tests.conformance.test_anthropic_client import TYPES
from tests.support.sdk_oracle import Upstream, upstream
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Ollama and this model of DeepSeek's complete texts themselves.
DIALECTS = {kind: told for kind, told in TYPES.items() if kind not in {"Ollama", "DeepSeek"}}
PIECES = (
    {"text": "Once", "index": 0, "logprobs": None, "finish_reason": None},
    {"text": " more", "index": 0, "logprobs": None, "finish_reason": "stop"},
)
HEAD = {"id": "cmpl-of-vllm", "object": "text_completion", "created": 1, "model": "base"}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
WHOLE = orjson.dumps(
    {**HEAD, "choices": [{**PIECES[1], "text": "Once more"}], "usage": USAGE, "new": 1.50}
)


def streamed() -> bytes:
    """Return a stream, with the counts that were asked for."""
    chunks = [*({**HEAD, "choices": [each]} for each in PIECES)]
    chunks.append({**HEAD, "choices": [], "usage": USAGE})
    events = b"".join(b"data: %b\n\n" % orjson.dumps(each) for each in chunks)
    return events + b"data: [DONE]\n\n"


async def mapped(suite: Suite, kind: str, provider: Upstream, model: str, key: str) -> None:
    """Map an alias, the type's name, to a provider."""
    made = await suite.call(
        "POST",
        "/api/providers",
        {"name": kind, "providerType": kind, "baseUrl": provider.address},
    )
    await suite.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": key})
    mapping = {"modelAlias": kind, "providerId": made["id"], "actualModelName": model}
    await suite.call("POST", "/api/model-provider-mappings", mapping)


@pytest.fixture(scope="module")
def upstreams() -> Iterator[dict[str, Upstream]]:
    """Run a provider of each type, which answers as it was recorded."""
    with ExitStack() as stack:
        yield {kind: stack.enter_context(upstream(f"{kind}/chat/plain")) for kind in DIALECTS}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def providers(suite: Suite, upstreams: dict[str, Upstream]) -> dict[str, Upstream]:
    """Map an alias to each of them, by its type."""
    for kind, provider in upstreams.items():
        await mapped(suite, kind, provider, *DIALECTS[kind])
    await suite.settled()
    return upstreams


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(suite: Suite) -> AsyncIterator[AsyncOpenAI]:
    """Return the SDK's client, pointed at the bridge."""
    async with AsyncOpenAI(
        base_url=f"{suite.url}/v1", api_key=suite.virtual_key, max_retries=0, timeout=20
    ) as made:
        yield made


@pytest.mark.parametrize("kind", DIALECTS)
async def test_answers_of_every_dialect(
    client: AsyncOpenAI, providers: dict[str, Upstream], kind: str
) -> None:
    """Whole and streamed, the SDK reads what was recorded of a provider's chats."""
    providers[kind].become(f"{kind}/chat/plain")
    whole = await client.completions.create(model=kind, prompt="Hello")
    assert whole.choices[0].text
    assert whole.choices[0].finish_reason == "stop"
    assert whole.usage is not None
    providers[kind].become(f"{kind}/chat/stream")
    stream = await client.completions.create(
        model=kind, prompt="Hello", stream=True, stream_options={"include_usage": True}
    )
    pieces = [piece async for piece in stream]
    assert "".join(choice.text for piece in pieces for choice in piece.choices)
    assert pieces[-1].usage is not None


async def test_several_texts_at_once(client: AsyncOpenAI) -> None:
    """Texts and tokens, each with its own answer, in order; what was used is the sum."""
    one = await client.completions.create(model="echo", prompt="a")
    found = await client.completions.create(model="echo", prompt=["a", "b", "a"], echo=True)
    assert [(c.index, c.text) for c in found.choices] == [(0, "aa"), (1, "bb"), (2, "aa")]
    assert found.usage is not None
    assert one.usage is not None
    assert found.usage.total_tokens == 3 * one.usage.total_tokens
    tokens = await client.completions.create(model="echo", prompt=[[12805, 5304], [64]])
    assert [c.text for c in tokens.choices] == ["Once upon", "a"]


async def test_who_completes_texts_gets_what_callers_send(
    client: AsyncOpenAI, suite: Suite
) -> None:
    """Members that nobody knows come back; the id is the server's; gaps are its to fill."""
    with upstream("vLLM/chat/plain") as provider:
        provider.body = WHOLE
        await mapped(suite, "vLLM", provider, "base", "any")
        await suite.settled()
        raw = await client.completions.with_raw_response.create(
            model="vLLM", prompt=["Once", "Twice"], suffix="end", extra_body={"top_k": 5}
        )
        assert raw.content == WHOLE
        assert raw.headers["x-conduit-model"] == "base"
        assert raw.parse().id == "cmpl-of-vllm"
        provider.body = streamed()
        told = await client.completions.create(
            model="vLLM", prompt="Once", stream=True, stream_options={"include_usage": True}
        )
        untold = await client.completions.create(model="vLLM", prompt="Once", stream=True)
        assert [piece.usage is not None async for piece in told] == [False, False, True]
        assert [piece.usage is not None async for piece in untold] == [False, False]


@pytest.mark.parametrize(
    ("asked", "code", "param"),
    [
        ({"prompt": []}, "invalid_request", "prompt"),
        ({"prompt": "a", "suffix": "b"}, "unsupported_capability", None),
        ({"prompt": ["a", "b"], "stream": True}, "unsupported_capability", None),
        ({"prompt": "a", "echo": True, "logprobs": 1}, "unsupported_capability", None),
    ],
)
async def test_what_cannot_be_is_a_bad_request(
    client: AsyncOpenAI, asked: dict[str, Any], code: str, param: str | None
) -> None:
    """With OpenAI's form, so that the SDK raises its own exception."""
    with pytest.raises(openai.BadRequestError) as refused:
        await client.completions.create(model="echo", **asked)
    assert refused.value.code is not None
    assert refused.value.code.lower() == code
    assert refused.value.param == param
