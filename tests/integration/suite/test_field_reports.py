"""What users of gateways reported of failures, answers, money and the edge, tried on the suite.

Each test is named for its report; those of requests that providers refused are the codecs'.
"""

import base64
import struct
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio
from tests.support.nonsense import deep
from tests.support.reported_providers import (
    ReportedProviders,
    chunk,
    completion,
    conversed,
    event,
    generated,
    reported_providers,
)
from tests.support.scripted_upstream import JSON, Act, answer, stream
from tests.support.suite import Suite
from tests.support.waiting import eventually

from conduit_kernel.http import Exchange, Fields

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
HI = [{"role": "user", "content": "hi"}]
REASONS = {"stop", "length", "tool_calls", "content_filter", "function_call"}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def providers(suite: Suite) -> AsyncIterator[ReportedProviders]:
    """Run the providers, shared by the tests of this module."""
    async with reported_providers(suite) as running:
        yield running


async def chat(suite: Suite, alias: str, **more: object) -> httpx.Response:
    """Have a chat."""
    async with suite.caller() as caller:
        return await caller.post(CHAT, json={"model": alias, "messages": HI, **more})


def failing(status: int, body: object, *, of: str, well: bytes, fields: Fields = ()) -> Act:
    """Fail where a model is asked for, by its name, and answer for the others."""

    async def act(exchange: Exchange) -> None:
        if of.encode() not in exchange.body + exchange.path.encode():
            exchange.respond(200, JSON, well)
        elif isinstance(body, bytes):
            exchange.respond(status, [(b"content-type", b"text/html")], body)
        else:
            exchange.respond(status, [*JSON, *fields], orjson.dumps(body))

    return act


def data(answered: httpx.Response) -> list[Any]:
    """Return the events of a stream but for its last one."""
    lines = [line for line in answered.text.splitlines() if line.startswith("data: ")]
    assert lines.pop() == "data: [DONE]"
    return [orjson.loads(line[6:]) for line in lines]


DEEP = deep(1100).decode()
SAID = '"messages":[{"role":"user","content":"x"}]'
NAMED = '"tools":[{"type":"function","function":{"name":"n","parameters":%s}}]'
CALLED = (
    '"messages":[{"role":"user","content":"x"},{"role":"assistant","content":null,"tool_calls":'
    '[{"id":"a","type":"function","function":{"name":"n","arguments":%s}}]},'
    '{"role":"tool","tool_call_id":"a","content":"x"}]'
)
NESTED = {
    "schema": f"{SAID},{NAMED % DEEP}",
    "unknown member": f'{SAID},"zz":{DEEP}',
    "content": '"messages":[{"role":"user","content":%s}]' % ("[" * 1100 + "]" * 1100),
    "arguments": CALLED % orjson.dumps(deep(400).decode()).decode(),
}


@pytest.mark.parametrize(
    ("provider", "model"), [("Anthropic", "claude-sonnet-4-5"), ("OpenAI", "gpt-4o")]
)
async def test_ed_deep(
    suite: Suite, providers: ReportedProviders, provider: str, model: str
) -> None:
    """`ed-deep`: what is nested deep is the caller's mistake, with a key and without one."""
    alias = f"deep-{provider}"
    await providers.add(alias, provider, model, answer(completion()))
    async with suite.caller() as known, httpx.AsyncClient(base_url=suite.url) as unknown:
        for what, members in NESTED.items():
            body = f'{{"model":"{alias}",{members}}}'
            refused = await known.post(CHAT, content=body)
            # A provider's own word about arguments that it is sent as a text.
            assert refused.status_code == 400 or what == "arguments", (what, refused.text)
            assert refused.status_code != 500, what
            assert (await unknown.post(CHAT, content=body)).status_code in {400, 401}, what


LIMITED = {"error": {"message": "Rate limit reached for gpt-4o", "code": "rate_limit_exceeded"}}


async def test_li_429_other_model(suite: Suite, providers: ReportedProviders) -> None:
    """`li-429-other-model`: a limit of one model leaves the key's others alone."""
    wait = [(b"retry-after", b"30")]
    act = failing(429, LIMITED, of="gpt-4o-bad", well=completion(), fields=wait)
    made = await providers.add("limited", "OpenAI", "gpt-4o-bad", act)
    await providers.map("unlimited", made, "gpt-4o-mini")
    assert (await chat(suite, "limited")).status_code == 429
    assert (await chat(suite, "unlimited")).status_code == 200


DENIED = "Model access is denied due to IAM user or service role is not authorized to perform"
REFUSALS = {
    "no access": ("Bedrock", {"message": "You don't have access to the model with the ID."}),
    "marketplace": ("Bedrock", {"message": f"{DENIED} the required AWS Marketplace actions"}),
    "caching": ("Bedrock", {"message": "Your request did not allow prompt caching."}),
    "project": (
        "OpenAI",
        {
            "error": {
                "message": "Project `proj_x` does not have access to model `bad-model`",
                "type": "invalid_request_error",
                "code": "model_not_found",
            }
        },
    ),
    "firewall": ("OpenAICompatible", b"<html><body>Sorry, you have been blocked</body></html>"),
}


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_li_403_model(suite: Suite, providers: ReportedProviders, refusal: str) -> None:
    """`li-403-model`: a 403 about one model, or one request, leaves the key's others alone."""
    provider, said = REFUSALS[refusal]
    fields = [(b"x-amzn-errortype", b"AccessDeniedException")] if provider == "Bedrock" else []
    well = conversed() if provider == "Bedrock" else completion()
    act = failing(403, said, of="bad-model", well=well, fields=fields)
    made = await providers.add(f"bad {refusal}", provider, "bad-model", act)
    await providers.map(f"good {refusal}", made, "good-model")
    assert (await chat(suite, f"bad {refusal}")).status_code != 200
    assert (await chat(suite, f"good {refusal}")).status_code == 200


async def test_li_breaker_other_model(suite: Suite, providers: ReportedProviders) -> None:
    """`li-breaker-other-model`: a model that is overloaded leaves the instance's others alone."""
    said = {"error": {"message": "The model is overloaded.", "code": 503, "status": "UNAVAILABLE"}}
    act = failing(503, said, of="gemini-3-pro", well=generated())
    made = await providers.add("overloaded", "Gemini", "gemini-3-pro", act)
    await providers.map("flash", made, "gemini-3-flash")
    once = {"x-conduit-max-attempts": "1"}
    async with suite.caller() as caller:
        for _ in range(8):
            body = {"model": "overloaded", "messages": HI}
            refused = await caller.post(CHAT, json=body, headers=once)
            assert refused.status_code >= 500
    assert (await chat(suite, "flash")).status_code == 200


async def test_li_bad_key_twice(suite: Suite, providers: ReportedProviders) -> None:
    """`li-bad-key-twice`: who asks again is told what the first caller was told."""
    said = {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}
    await providers.add("refused", "OpenAI", "gpt-4o", answer(orjson.dumps(said), 401))
    for _ in range(2):
        refused = await chat(suite, "refused")
        assert refused.json()["error"]["code"] == "provider_key_rejected"
        assert refused.headers["x-should-retry"] == "false"


async def test_li_rest_of_others(suite: Suite, providers: ReportedProviders) -> None:
    """`li-rest-of-others`: what a caller is to wait is its own model's wait."""
    for alias, wait in (("long", b"60"), ("short", b"15")):
        fields = [(b"retry-after", wait)]
        act = failing(429, LIMITED, of="gpt-4o", well=b"", fields=fields)
        await providers.add(f"rest {alias}", "OpenAI", "gpt-4o", act)
        await chat(suite, f"rest {alias}")
    told = await chat(suite, "rest long")
    assert told.status_code == 429
    assert 50 < int(told.headers["retry-after"]) <= 60


async def test_em_base64(suite: Suite, providers: ReportedProviders) -> None:
    """`em-base64`: numbers are not handed to who asked for base64, as OpenAI's SDKs do."""
    vector = [0.5, -1.0, 0.25, 2.0]
    entry = {"object": "embedding", "index": 0, "embedding": vector}
    said = {"object": "list", "model": "nomic", "data": [entry]}
    await providers.add("nomic", "OpenAICompatible", "nomic", answer(orjson.dumps(said)))
    body = {"model": "nomic", "input": "hi", "encoding_format": "base64"}
    async with suite.caller() as caller:
        answered = (await caller.post("/v1/embeddings", json=body)).json()
    read = base64.b64decode(answered["data"][0]["embedding"])
    assert struct.unpack("<4f", read) == tuple(vector)


async def test_oa_azure_filter(suite: Suite, providers: ReportedProviders) -> None:
    """`oa-azure-filter`: each chunk has a choice, and each choice a delta."""
    filters = {"hate": {"filtered": False, "severity": "safe"}}
    offsets = {"check_offset": 44, "start_offset": 44, "end_offset": 198}
    filtered = {"index": 0, "finish_reason": None, "content_filter_results": filters}
    act = stream(
        event({"choices": [], "prompt_filter_results": [{"content_filter_results": filters}]}),
        chunk({"role": "assistant", "content": "Hel"}),
        chunk({"content": "lo"}),
        event({"id": "", "choices": [{**filtered, "content_filter_offsets": offsets}]}),
        chunk({}, "stop"),
        b"data: [DONE]\n\n",
    )
    await providers.add("filtered", "AzureOpenAI", "gpt-4o", act)
    chunks = data(await chat(suite, "filtered", stream=True))
    deltas = [each["choices"][0]["delta"] for each in chunks]
    assert "".join(each.get("content") or "" for each in deltas) == "Hello"


async def test_co_no_index(suite: Suite, providers: ReportedProviders) -> None:
    """`co-no-index`: calls that a server does not number are told apart."""
    calls = [
        {
            "id": name,
            "type": "function",
            "function": {"name": "run", "arguments": f'{{"c":"{name}"}}'},
        }
        for name in ("a", "b")
    ]
    said = chunk({"role": "assistant", "content": None, "tool_calls": calls})
    act = stream(said, chunk({}, "tool_calls"), b"data: [DONE]\n\n")
    await providers.add("calls", "OpenAICompatible", "m", act)
    chunks = data(await chat(suite, "calls", stream=True))
    told = [c for each in chunks for c in each["choices"][0]["delta"].get("tool_calls") or ()]
    assert [(each["index"], each["id"]) for each in told] == [(0, "a"), (1, "b")]
    assert [each["function"]["arguments"] for each in told] == ['{"c":"a"}', '{"c":"b"}']


COHERE = {
    "id": "1",
    "finish_reason": "STOP_SEQUENCE",
    "message": {"role": "assistant", "content": [{"type": "text", "text": "x"}]},
}
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
WORDS = [
    *(
        ("Gemini", "gemini-2.5-flash", generated(finish=word))
        for word in ("SAFETY", "RECITATION", "LANGUAGE", "SOMETHING_NEW")
    ),
    *(
        ("Bedrock", CLAUDE, conversed(word))
        for word in ("guardrail_intervened", "content_filtered", "malformed_tool_use", "brand_new")
    ),
    ("Mistral", "mistral-large-latest", completion(finish="model_length")),
    ("Cohere", "command-a-03-2025", orjson.dumps(COHERE)),
    ("DeepSeek", "deepseek-v4-flash", completion(finish="insufficient_system_resource")),
    ("OpenAICompatible", "m", completion(finish="eos")),
]


async def test_fi_words(suite: Suite, providers: ReportedProviders) -> None:
    """`fi-words`: why an answer ends is told in OpenAI's five words, or it is an error."""
    for number, (provider, model, said) in enumerate(WORDS):
        await providers.add(f"words-{number}", provider, model, answer(said))
        answered = (await chat(suite, f"words-{number}")).json()
        is_error = answered.get("error", {}).get("code") is not None
        assert is_error or answered["choices"][0]["finish_reason"] in REASONS, answered


async def cost(suite: Suite, alias: str) -> str:
    """Return what a chat costs, once the router knows the prices."""
    costs: list[str | None] = []

    async def is_priced() -> bool:
        costs.append((await chat(suite, alias)).headers.get("x-conduit-cost"))
        return costs[-1] is not None

    await eventually(is_priced)
    return str(costs[-1])


async def test_ge_long_price(suite: Suite, providers: ReportedProviders) -> None:
    """`ge-long-price`: all tokens of a long request are at the long requests' price.

    https://ai.google.dev/gemini-api/docs/pricing: 250,000 at 2.50 and 1,000 at 15 dollars a
    million.
    """
    said = generated(promptTokenCount=250_000, candidatesTokenCount=1000)
    await providers.add("long", "Gemini", "gemini-2.5-pro", answer(said))
    assert await cost(suite, "long") == "0.64"


async def test_mo_flex(suite: Suite, providers: ReportedProviders) -> None:
    """`mo-flex`: the tier that served a call, by its answer, is the one that is charged.

    https://platform.openai.com/docs/pricing: half of 0.25, 0.025 and 2 dollars a million.
    """
    usage = {
        "prompt_tokens": 3000,
        "prompt_tokens_details": {"cached_tokens": 1000},
        "completion_tokens": 400,
    }
    said = completion(usage=usage, service_tier="flex")
    await providers.add("flexible", "OpenAI", "gpt-5-mini", answer(said))
    assert await cost(suite, "flexible") == "0.0006625"


async def test_ed_large(suite: Suite, providers: ReportedProviders) -> None:
    """`ed-large`: with the settings as shipped, a chat may have 20 MB of pictures."""
    await providers.add("large", "OpenAICompatible", "m", answer(completion()))
    url = "data:image/png;base64," + "A" * 5_000_000
    shown = [{"type": "image_url", "image_url": {"url": url}}] * 4
    answered = await chat(suite, "large", messages=[{"role": "user", "content": shown}])
    assert answered.status_code == 200, answered.text[:300]


async def test_in_bom(suite: Suite, providers: ReportedProviders) -> None:
    """`in-bom`: what is wrong with the bytes is told by its name."""
    await providers.add("marked", "OpenAICompatible", "m", answer(completion()))
    body = '{"model":"marked","messages":[{"role":"user","content":"é"}]}'
    async with suite.caller() as caller:
        marked = await caller.post(CHAT, content=b"\xef\xbb\xbf" + body.encode())
        latin = await caller.post(CHAT, content=body.encode("latin-1"))
    for refused, word in ((marked, "byte order mark"), (latin, "UTF-8")):
        assert refused.status_code == 400
        assert word in refused.json()["error"]["message"]


ROUND = [
    *HI,
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "run", "arguments": "{}"}}
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": {"a": 1}},
]
SHAPES = {
    "a result that is an object": ROUND,
    "a number": [{"role": "user", "content": 5}],
    "a picture that is a text": [
        {"role": "user", "content": [{"type": "image_url", "image_url": "data:image/png;base64,"}]}
    ],
    "no role": [{"content": "x"}],
    "an object": {"role": "user", "content": "x"},
    "a text": "hi",
}


async def test_in_shapes(suite: Suite, providers: ReportedProviders) -> None:
    """`in-shapes`: a caller's mistake is told by the member, before a provider is asked."""
    for provider, model in (("Anthropic", "claude-sonnet-4-5"), ("Gemini", "gemini-2.5-flash")):
        act = answer(b'{"error":{"message":"nobody is to be asked"}}', 400)
        await providers.add(f"shapes {provider}", provider, model, act)
        for what, messages in SHAPES.items():
            refused = await chat(suite, f"shapes {provider}", messages=messages)
            error = refused.json()["error"]
            assert refused.status_code == 400, (provider, what)
            assert error["param"], (provider, what, error)
            assert error["code"] != "provider_refused", (provider, what)


LISTS = {
    b'{"object":"list","data":null}': [],
    b'{"models":[{"name":"a.gguf"}],"object":"list","data":[{"id":"a.gguf"}]}': ["a.gguf"],
    b'[{"id":"b"}]': ["b"],
}


async def test_di_forms(suite: Suite, providers: ReportedProviders) -> None:
    """`di-forms`: lists of models in the forms of llama.cpp and others, and one of nothing."""
    for number, (said, names) in enumerate(LISTS.items()):
        made = await providers.add(f"list-{number}", "OpenAICompatible", "m", answer(said))
        found = await suite.call("POST", f"/api/providers/{made}/discover", {})
        assert [each["name"] for each in found["models"]] == names
