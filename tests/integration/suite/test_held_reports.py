"""More of what users of gateways reported: streams, answers that make no sense, keys and the edge.

These held from the first try on. Each test is named for its report.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio
from tests.support.chat_answers import CHAT, HI, chat
from tests.support.reported_providers import (
    USAGE,
    ReportedProviders,
    called_block,
    chunk,
    claude_stream,
    completion,
    event,
    generated,
    reported_providers,
    said_block,
)
from tests.support.scripted_upstream import EVENTS, Act, answer, stream
from tests.support.suite import Suite

from conduit_kernel.http import Exchange

pytestmark = pytest.mark.asyncio(loop_scope="module")

Json = dict[str, Any]
DONE = b"data: [DONE]\n\n"
CLAUDE = ("Anthropic", "claude-sonnet-4-5")
GEMINI = ("Gemini", "gemini-2.5-flash")
SERVER = ("OpenAICompatible", "m")
HELLO = (
    chunk({"role": "assistant", "content": "Hel"}),
    chunk({"content": "lo"}),
    chunk({}, "stop"),
    chunk(choices=[], usage=USAGE),
)
COUNTED = {"stream_options": {"include_usage": True}}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def providers(suite: Suite) -> AsyncIterator[ReportedProviders]:
    """Run the providers, shared by the tests of this module."""
    async with reported_providers(suite) as running:
        yield running


async def test_an_stream_no_args(suite: Suite, providers: ReportedProviders) -> None:
    """`an-stream-no-args`: no arguments are an empty object, and not an empty text."""
    await providers.add(
        "no args", *CLAUDE, claude_stream(called_block("t1", ""), reason="tool_use")
    )
    got = await chat(suite, "no args", stream=True)
    assert (got.calls, got.reasons) == ({0: ("t1", "{}")}, ["tool_calls"])


async def test_an_stream_parallel(suite: Suite, providers: ReportedProviders) -> None:
    """`an-stream-parallel`: calls behind words are numbered from 0, each with its arguments."""
    act = claude_stream(
        said_block("Both"),
        called_block("t1", '{"c":', "1}"),
        called_block("t2", '{"c":2}'),
        reason="tool_use",
    )
    await providers.add("parallel", *CLAUDE, act)
    got = await chat(suite, "parallel", stream=True)
    assert got.calls == {0: ("t1", '{"c":1}'), 1: ("t2", '{"c":2}')}
    assert (got.words, got.reasons) == ("Both", ["tool_calls"])


async def test_an_stream_cache_cost(suite: Suite, providers: ReportedProviders) -> None:
    """`an-stream-cache-cost`: what is read from the cache and written to it is told."""
    written = {"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 400}
    act = claude_stream(
        said_block("ok"),
        input_tokens=100,
        cache_read_input_tokens=1000,
        cache_creation_input_tokens=700,
        cache_creation=written,
    )
    await providers.add("cached", *CLAUDE, act)
    [usage] = (await chat(suite, "cached", stream=True, **COUNTED)).usages
    assert (usage["prompt_tokens"], usage["total_tokens"]) == (1800, 1850)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 1000


async def test_an_error_first(suite: Suite, providers: ReportedProviders) -> None:
    """`an-error-first`: a stream that begins with an error is a failure; the next one is asked."""
    failed = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    await providers.add("overloaded", *CLAUDE, stream(event(failed)), priority=1)
    await providers.add("overloaded", *SERVER, stream(*HELLO, DONE), priority=2)
    got = await chat(suite, "overloaded", stream=True)
    assert (got.words, got.is_done) == ("Hello", True)


async def test_ge_split_finish(suite: Suite, providers: ReportedProviders) -> None:
    """`ge-split-finish`: a call that comes before its end ends in `tool_calls`."""
    call = {"functionCall": {"name": "run", "args": {"c": 1}}}
    first = {"candidates": [{"content": {"parts": [call]}}]}
    await providers.add("split", *GEMINI, stream(event(first), event(orjson.loads(generated("")))))
    got = await chat(suite, "split", stream=True)
    assert (got.reasons, got.calls[0][1], got.is_done) == (["tool_calls"], '{"c":1}', True)


async def test_ge_thoughts_usage(suite: Suite, providers: ReportedProviders) -> None:
    """`ge-thoughts-usage`: thoughts are among what was written, and told apart."""
    body = generated(promptTokenCount=20, candidatesTokenCount=151, thoughtsTokenCount=382)
    await providers.add("thoughts", *GEMINI, answer(body))
    usage = (await chat(suite, "thoughts")).json["usage"]
    assert (usage["completion_tokens"], usage["total_tokens"]) == (533, 553)
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 382


BLOCKED = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
MALFORMED = {
    "candidates": [{"content": {"parts": []}, "finishReason": "MALFORMED_FUNCTION_CALL"}],
}


@pytest.mark.parametrize(
    ("report", "body", "codes"),
    [
        ("ge-malformed", MALFORMED, {"provider_error"}),
        ("ge-blocked", BLOCKED, {"content_policy_violation"}),
    ],
)
@pytest.mark.parametrize("is_streamed", [False, True])
async def test_what_is_no_answer_of_geminis_is_an_error(
    suite: Suite,
    providers: ReportedProviders,
    report: str,
    body: Json,
    codes: set[str],
    is_streamed: bool,  # noqa: FBT001 # a parameter
) -> None:
    """`ge-malformed`, `ge-blocked`: never an empty answer that looks whole."""
    alias = f"{report} {is_streamed}"
    act = stream(event(body)) if is_streamed else answer(orjson.dumps(body))
    await providers.add(alias, *GEMINI, act)
    got = await chat(suite, alias, stream=is_streamed)
    errors = [each["error"] for each in [got.json, *got.events] if "error" in each]
    assert {error["code"] for error in errors} == codes
    assert not got.is_done


WHOLE = b"".join((*HELLO, DONE))
FRAMINGS = {
    "CRLF": [WHOLE.replace(b"\n", b"\r\n")],
    "CR": [WHOLE.replace(b"\n", b"\r")],
    "no space": [WHOLE.replace(b"data: ", b"data:")],
    "comments": [b": OPENROUTER PROCESSING\n\n", *HELLO[:2], b": ping\n\n", *HELLO[2:], DONE],
    "fields": [WHOLE.replace(b"data: ", b"event: message\nid: 1\nretry: 10\ndata: ")],
    "bytes": [bytes([each]) for each in WHOLE.replace(b"\n", b"\r\n")],
}


def at_once(*pieces: bytes) -> Act:
    """Stream pieces one by one, as fast as they go."""

    async def act(exchange: Exchange) -> None:
        out = exchange.start(200, EVENTS)
        for piece in pieces:
            out.write(piece)
            await out.drain()
        out.finish()

    return act


@pytest.mark.parametrize("framing", FRAMINGS)
async def test_oa_framing(suite: Suite, providers: ReportedProviders, framing: str) -> None:
    """`oa-framing`: however events are framed, the chunks are the same."""
    await providers.add(framing, *SERVER, at_once(*FRAMINGS[framing]))
    got = await chat(suite, framing, stream=True, **COUNTED)
    assert (got.words, got.reasons, got.is_done) == ("Hello", ["stop"], True)
    assert [each["total_tokens"] for each in got.usages] == [7]


async def test_oa_split_emoji(suite: Suite, providers: ReportedProviders) -> None:
    """`oa-split-emoji`: signs of several bytes may be cut anywhere."""
    text = "阴气渐重 🌍👩‍💻"
    pieces = [chunk({"content": text}), chunk({}, "stop"), DONE]
    single = [bytes([each]) for each in b"".join(pieces)]
    await providers.add("emoji", *SERVER, at_once(*single))
    assert (await chat(suite, "emoji", stream=True)).words == text


async def test_oa_usage_asked(suite: Suite, providers: ReportedProviders) -> None:
    """`oa-usage-asked`: counts come once, behind all choices, to those alone who asked."""
    told = [
        chunk({"role": "assistant", "content": "Hello"}, usage={**USAGE, "completion_tokens": 1}),
        chunk({}, "stop", usage=USAGE),
    ]
    await providers.add("counted", *SERVER, stream(*told, HELLO[3], DONE))
    for options, times in ((None, 0), ({"include_usage": False}, 0), ({"include_usage": True}, 1)):
        more = {} if options is None else {"stream_options": options}
        got = await chat(suite, "counted", stream=True, **more)
        assert len(got.usages) == times, options
        assert [bool(each["choices"]) for each in got.events].count(False) == times


async def test_oa_usage_finish(suite: Suite, providers: ReportedProviders) -> None:
    """`oa-usage-finish`: counts beside the last choice are told like others."""
    act = stream(HELLO[0], chunk({"content": "lo"}, "stop", usage=USAGE), DONE)
    await providers.add("counted at the end", *SERVER, act)
    got = await chat(suite, "counted at the end", stream=True, **COUNTED)
    assert (got.words, got.reasons) == ("Hello", ["stop"])
    assert [each["total_tokens"] for each in got.usages] == [7]


NO_ANSWERS = (
    b'{"error":{"message":"model call unauthorized","code":500}}',
    b'{"choices":[],"usage":null}',
    b"null",
    b"<html>down</html>",
    b'{"choices":null}',
)


@pytest.mark.parametrize("body", NO_ANSWERS)
async def test_oa_bad_200(suite: Suite, providers: ReportedProviders, body: bytes) -> None:
    """`oa-bad-200`: what is no answer is a failure, whatever its status; the next one is asked."""
    alias = f"bad {NO_ANSWERS.index(body)}"
    await providers.add(alias, *SERVER, answer(body), priority=1)
    await providers.add(alias, *SERVER, answer(completion("second")), priority=2)
    got = await chat(suite, alias)
    assert got.json["choices"][0]["message"]["content"] == "second"


async def test_oa_ignores_stream(suite: Suite, providers: ReportedProviders) -> None:
    """`oa-ignores-stream`: a whole answer to who asked for a stream is never an empty stream."""
    await providers.add("unstreamed", *SERVER, answer(completion("whole")), priority=1)
    await providers.add("unstreamed", *SERVER, stream(*HELLO, DONE), priority=2)
    got = await chat(suite, "unstreamed", stream=True)
    assert got.words in {"whole", "Hello"}
    assert (got.reasons, got.is_done) == (["stop"], True)


CUT = {
    "OpenAICompatible": stream(*HELLO[:2]),
    "Anthropic": stream(
        event({"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 1}}}),
        event({"type": "content_block_start", "index": 0, "content_block": {"type": "text"}}),
        event(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": "Hello"},
            }
        ),
    ),
    "Gemini": stream(event({"candidates": [{"content": {"parts": [{"text": "Hello"}]}}]})),
    "Ollama": stream(b'{"model":"q","message":{"content":"Hello"},"done":false}\n'),
}


@pytest.mark.parametrize("provider", CUT)
async def test_st_clean_cut(suite: Suite, providers: ReportedProviders, provider: str) -> None:
    """`st-clean-cut`: a stream without an end is an error, however well its connection ended."""
    await providers.add(f"cut {provider}", provider, "gemini-2.5-flash", CUT[provider])
    got = await chat(suite, f"cut {provider}", stream=True)
    assert got.events[-1]["error"]["code"] == "stream_interrupted"
    assert not got.is_done


async def test_ed_model_slash(suite: Suite, providers: ReportedProviders) -> None:
    """`ed-model-slash`: a model's id may have slashes and colons, escaped or not."""
    alias = "hf.co/unsloth/Qwen3-Coder:Q4_K_M"
    await providers.add(alias, *SERVER, answer(completion()))
    async with suite.caller() as caller:
        for path in (alias, alias.replace("/", "%2F").replace(":", "%3A")):
            assert (await caller.get(f"/v1/models/{path}")).json()["id"] == alias
        assert (await caller.get("/v1/models/none/such")).json()["error"]["code"] == (
            "model_not_found"
        )


@pytest.mark.parametrize("scheme", ["bearer ", "BEARER ", "Bearer  "])
async def test_ed_bearer(suite: Suite, scheme: str) -> None:
    """`ed-bearer`: schemes are told without regard to case, and to spaces behind them."""
    headers = {"Authorization": scheme + suite.virtual_key}
    async with httpx.AsyncClient(base_url=suite.url, headers=headers) as caller:
        assert (await caller.get("/v1/models")).status_code == 200


async def raw(suite: Suite, head: str, body: bytes) -> bytes:
    """Return what a caller gets who says everything itself."""
    reader, writer = await asyncio.open_connection("127.0.0.1", suite.bridge.port)
    lines = [head, "Host: x", f"Authorization: Bearer {suite.virtual_key}"]
    lines.append(f"Content-Length: {len(body)}")
    writer.write("\r\n".join([*lines, "", ""]).encode())
    got = b""
    if "100-continue" in head:
        got = await reader.readuntil(b"\r\n\r\n")
    writer.write(body)
    got += await reader.readuntil(b'"finish_reason":"stop"')
    writer.close()
    return got


async def test_ed_http10(suite: Suite, providers: ReportedProviders) -> None:
    """`ed-http10`: nginx speaks it unless told otherwise; no sizes stand between the events."""
    await providers.add("old", *SERVER, stream(*HELLO, DONE))
    body = orjson.dumps({"model": "old", "messages": HI, "stream": True})
    got = await raw(suite, f"POST {CHAT} HTTP/1.0", body)
    assert b"transfer-encoding" not in got.lower()
    assert got.split(b"\r\n\r\n", 1)[1].startswith(b"data: {")


async def test_ed_expect(suite: Suite, providers: ReportedProviders) -> None:
    """`ed-expect`: curl, Java and .NET send large bodies once they are asked to."""
    await providers.add("large", *SERVER, answer(completion()))
    long = [{"role": "user", "content": "y" * 2_000_000}]
    body = orjson.dumps({"model": "large", "messages": long})
    got = await raw(suite, f"POST {CHAT} HTTP/1.1\r\nExpect: 100-continue", body)
    assert got.startswith(b"HTTP/1.1 100")
    assert b"HTTP/1.1 200" in got


async def test_vk_scope(suite: Suite, providers: ReportedProviders) -> None:
    """`vk-scope`: the model that a key is checked for is the one that is asked."""
    for alias in ("good", "bad"):
        await providers.add(alias, "OpenAICompatible", alias, answer(completion()))
    asked = providers.bodies_of("bad")
    made = await suite.call(
        "POST", "/api/virtual-keys", {"name": "narrow", "allowedModels": ["good"]}
    )
    await suite.settled()
    headers = {"Authorization": f"Bearer {made['key']}"}
    messages = '"messages":[{"role":"user","content":"x"}]'
    async with httpx.AsyncClient(base_url=suite.url, headers=headers) as caller:
        listed = (await caller.get("/v1/models")).json()["data"]
        assert [each["id"] for each in listed] == ["good"]
        assert (await caller.get("/v1/models/bad")).status_code in {403, 404}
        for members, statuses in (
            ('"model":"bad"', {403, 404}),
            ('"model":"good","model":"bad"', {400, 403, 404}),
            ('"model":"bad","model":"good"', {200, 400}),
        ):
            answered = await caller.post(CHAT, content=f"{{{members},{messages}}}")
            assert answered.status_code in statuses, members
        body = f'{{"model":"good",{messages}}}'
        assert (await caller.post(f"{CHAT}?model=bad", content=body)).status_code == 200
    assert asked == []


async def test_vk_revoked(suite: Suite, providers: ReportedProviders) -> None:
    """`vk-revoked`: a key that is taken back is of no use any more."""
    await providers.add("taken back", *SERVER, answer(completion()))
    made = await suite.call("POST", "/api/virtual-keys", {"name": "short-lived"})
    await suite.settled()
    headers = {"Authorization": f"Bearer {made['key']}"}
    body = {"model": "taken back", "messages": HI}
    async with httpx.AsyncClient(base_url=suite.url, headers=headers) as caller:
        assert (await caller.post(CHAT, json=body)).status_code == 200
        await suite.call("PUT", f"/api/virtual-keys/{made['id']}", {"isEnabled": False})
        await suite.settled()
        assert (await caller.post(CHAT, json=body)).status_code == 403
        await suite.call("DELETE", f"/api/virtual-keys/{made['id']}")
        await suite.settled()
        assert (await caller.post(CHAT, json=body)).status_code == 401


async def test_li_retry_after(suite: Suite, providers: ReportedProviders) -> None:
    """`li-retry-after`: a wait that is longer than anybody waits is told at once."""

    async def act(exchange: Exchange) -> None:
        exchange.respond(429, [(b"retry-after", b"30")], b'{"error":{"message":"slow down"}}')

    await providers.add("slow down", "OpenAI", "gpt-4o", act)
    got = await chat(suite, "slow down")
    assert got.json["error"]["code"] == "rate_limit_exceeded"
    assert 28 <= int(got.headers["retry-after"]) <= 31


async def test_pr_key_space(suite: Suite, providers: ReportedProviders) -> None:
    """`pr-key-space`: a key is sent without the line break that it was pasted with."""
    sent: list[bytes | None] = []

    async def act(exchange: Exchange) -> None:
        sent.append(exchange.headers.get(b"authorization"))
        exchange.respond(200, [(b"content-type", b"application/json")], completion())

    made = await providers.add("pasted", *SERVER, act)
    keys = await suite.call("GET", f"/api/providers/{made}/keys")
    await suite.call(
        "PUT", f"/api/providers/{made}/keys/{keys['keys'][0]['id']}", {"isEnabled": False}
    )
    await suite.call("POST", f"/api/providers/{made}/keys", {"apiKey": " sk-pasted\n"})
    await suite.settled()
    assert (await chat(suite, "pasted")).status == 200
    assert sent == [b"Bearer sk-pasted"]


async def test_ma_same_provider(suite: Suite, providers: ReportedProviders) -> None:
    """`ma-same-provider`: a second model of an instance is refused, and not stored to be unused."""
    made = await providers.add("both", "OpenAICompatible", "one", answer(completion()))
    mapped = {"modelAlias": "both", "providerId": made, "actualModelName": "two"}
    async with suite.admin() as client:
        refused = await client.post("/api/model-provider-mappings", json=mapped)
    assert (refused.status_code, refused.json()["code"]) == (409, "ALREADY_EXISTS")
