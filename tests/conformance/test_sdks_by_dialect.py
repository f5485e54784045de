"""The official SDKs at each inbound surface, with every dialect of a provider behind Conduit.

Each reads of an answer, whole and streamed, just what the wire case says of it: words, thoughts and
calls. docs/compatibility.md has the table, as `python -m tools.sdk_table` writes it.
"""

from collections.abc import AsyncIterator

import httpx
import orjson
import pytest
import pytest_asyncio
from anthropic import AsyncAnthropic
from google import genai
from google.genai import types
from openai import AsyncOpenAI
from tests.support.recorded_dialects import (
    CASES,
    KINDS,
    RecordedProviders,
    add_kinds,
    alias,
    case_name,
    heard,
    prompt,
    recorded,
    recorded_providers,
)
from tests.support.sdk_chats import (
    SDKS,
    AnthropicMessages,
    GoogleContents,
    OpenAIChats,
    OpenAIResponses,
    SdkChat,
)
from tests.support.suite import Suite
from tools.sdk_table import PAGE, page

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRIED = [(sdk, kind) for sdk in SDKS for kind in KINDS if kind not in sdk.passed]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def providers(suite: Suite) -> AsyncIterator[RecordedProviders]:
    """Map aliases to providers of all kinds."""
    with recorded_providers() as started:
        await add_kinds(suite, started.address)
        yield started


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def sdks(suite: Suite) -> AsyncIterator[dict[type[SdkChat], SdkChat]]:
    """Return the SDKs, pointed at the bridge."""
    url, key = suite.url, suite.virtual_key
    async with (
        AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=20) as of_openai,
        AsyncAnthropic(base_url=url, api_key=key, max_retries=0, timeout=20) as of_anthropic,
        httpx.AsyncClient(timeout=20) as http,
    ):
        options = types.HttpOptions(base_url=url, httpx_async_client=http)
        of_google = genai.Client(api_key=key, http_options=options)
        yield {
            OpenAIChats: OpenAIChats(of_openai),
            OpenAIResponses: OpenAIResponses(of_openai),
            AnthropicMessages: AnthropicMessages(of_anthropic),
            GoogleContents: GoogleContents(of_google),
        }


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("sdk", "kind"), TRIED)
async def test_sdk_reads_what_was_recorded(
    providers: RecordedProviders,
    sdks: dict[type[SdkChat], SdkChat],
    sdk: type[SdkChat],
    kind: str,
    case: str,
) -> None:
    """Whole and streamed."""
    for is_stream in (False, True):
        ask = sdks[sdk].streamed if is_stream else sdks[sdk].whole
        got = await ask(alias(kind, case), case)
        assert providers.asked[-1] == case_name(kind, case, is_stream=is_stream)
        assert got == recorded(kind, case, is_stream=is_stream)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_clients_add_by_themselves_is_refused_nowhere(
    suite: Suite, providers: RecordedProviders, kind: str
) -> None:
    """Members that LibreChat, Continue and Open WebUI send to whatever they are pointed at."""
    asked = {
        "model": alias(kind, "plain"),
        "messages": [{"role": "user", "content": prompt("plain")}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "user": "65f1",
        "stop": ["###"],
        "temperature": 0.7,
        "top_p": 1,
        "frequency_penalty": 0,
        "presence_penalty": 0.1,
    }
    async with suite.caller() as caller:
        answer = await caller.post("/v1/chat/completions", json=asked)
    assert answer.status_code == httpx.codes.OK, answer.text
    assert providers.asked[-1] == case_name(kind, "plain", is_stream=True)
    *events, end = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    chunks = [orjson.loads(event) for event in events]
    assert (end, chunks[-1]["choices"]) == ("[DONE]", [])
    assert chunks[-1]["usage"]["total_tokens"] > 0
    said = heard([choice for chunk in chunks for choice in chunk["choices"]], "delta")
    assert said == recorded(kind, "plain", is_stream=True)


@pytest.mark.parametrize("content", [None, "", " "])
@pytest.mark.parametrize("kind", KINDS)
async def test_turns_of_calls_alone_may_have_any_blank(
    suite: Suite, providers: RecordedProviders, kind: str, content: str | None
) -> None:
    """As LangChain and others hand back what a model said that called a tool and nothing else."""
    function = {"name": "now", "arguments": "{}"}
    call = {"id": "call_1", "type": "function", "function": function}
    turns = [
        {"role": "user", "content": "When?"},
        {"role": "assistant", "content": content, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": prompt("plain")},
    ]
    tool = {"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}}
    asked = {"model": alias(kind, "plain"), "messages": turns, "tools": [tool]}
    async with suite.caller() as caller:
        answer = await caller.post("/v1/chat/completions", json=asked)
    assert answer.status_code == httpx.codes.OK, answer.text
    assert providers.asked[-1] == case_name(kind, "plain")
    assert heard(answer.json()["choices"], "message") == recorded(kind, "plain", is_stream=False)


async def test_the_table_is_up_to_date() -> None:
    """`python -m tools.sdk_table` would write docs/compatibility.md as it stands."""
    written = PAGE.read_text(encoding="utf-8")
    assert written == page(written)
