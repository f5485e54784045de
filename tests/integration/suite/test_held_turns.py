"""Turns that go back to their provider, or on to another, as users of gateways reported them.

These held from the first try on. Each test is named for its report.
"""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio
from tests.support.chat_answers import HI, chat
from tests.support.field_reports import RUN, called
from tests.support.reported_providers import (
    ReportedProviders,
    called_block,
    claude_stream,
    completion,
    reported_providers,
)
from tests.support.scripted_upstream import JSON, answer
from tests.support.suite import Suite

from conduit_kernel.http import Exchange

pytestmark = pytest.mark.asyncio(loop_scope="module")

Json = dict[str, Any]
CLAUDE = ("Anthropic", "claude-sonnet-4-5")
THINKING: Json = {"tools": [RUN], "reasoning_effort": "low", "max_tokens": 4000}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def providers(suite: Suite) -> AsyncIterator[ReportedProviders]:
    """Run the providers, shared by the tests of this module."""
    async with reported_providers(suite) as running:
        yield running


async def test_an_signature(suite: Suite, providers: ReportedProviders) -> None:
    """`an-signature`: a thought goes back whole and signed, in front of its call."""
    thought = (
        {"type": "thinking", "thinking": "", "signature": ""},
        [
            {"type": "thinking_delta", "thinking": "I "},
            {"type": "thinking_delta", "thinking": "run"},
            {"type": "signature_delta", "signature": "SIG"},
        ],
    )
    act = claude_stream(thought, called_block("t1", "{}"), reason="tool_use")
    await providers.add("signed", *CLAUDE, act)
    streamed = await chat(suite, "signed", stream=True, **THINKING)
    details = [each for d in streamed.deltas for each in d.get("reasoning_details") or ()]
    turn, *results = called("t1")
    history = [*HI, {**turn, "reasoning_details": details}, *results]
    await chat(suite, "signed", messages=history, stream=True, **THINKING)
    sent = orjson.loads(providers.bodies_of("signed")[-1])["messages"][1]["content"]
    assert sent[0] == {"type": "thinking", "thinking": "I run", "signature": "SIG"}
    assert sent[1]["id"] == "t1"


async def test_ge_signature(suite: Suite, providers: ReportedProviders) -> None:
    """`ge-signature`: the signature of a call goes back on the part that it came on."""
    part = {"functionCall": {"name": "run", "args": {"c": 1}}, "thoughtSignature": "SIG"}
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}
    act = answer(orjson.dumps({"candidates": [candidate]}))
    await providers.add("signed call", "Gemini", "gemini-3.5-flash", act)
    turn = (await chat(suite, "signed call", tools=[RUN])).message
    result = {"role": "tool", "tool_call_id": turn["tool_calls"][0]["id"], "content": "x"}
    await chat(suite, "signed call", messages=[*HI, turn, result], tools=[RUN])
    contents = orjson.loads(providers.bodies_of("signed call")[-1])["contents"]
    [sent] = [part for turn in contents for part in turn["parts"] if "functionCall" in part]
    assert sent["thoughtSignature"] == "SIG"


CALLS = [{"function": {"name": "run", "arguments": {"cmd": each}}} for each in "ab"]
OLLAMAS_END: Json = {
    "model": "q",
    "message": {"role": "assistant", "content": ""},
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 5,
    "eval_count": 2,
}


async def ollama(exchange: Exchange) -> None:
    """Call a tool twice, without ids, as Ollama does."""
    said = {"role": "assistant", "content": "", "tool_calls": CALLS}
    pieces = [OLLAMAS_END]
    if orjson.loads(exchange.body).get("stream"):
        pieces.insert(0, {"model": "q", "message": said, "done": False})
    else:
        pieces[0] = {**OLLAMAS_END, "message": said}
    exchange.respond(200, JSON, b"\n".join(orjson.dumps(each) for each in pieces) + b"\n")


async def test_ol_arguments(suite: Suite, providers: ReportedProviders) -> None:
    """`ol-arguments`: calls get ids, arguments are a text here and an object there."""
    await providers.add("idless", "Ollama", "qwen3", ollama)
    streamed = await chat(suite, "idless", stream=True, tools=[RUN])
    assert [said for _, said in streamed.calls.values()] == ['{"cmd":"a"}', '{"cmd":"b"}']
    assert len({call_id for call_id, _ in streamed.calls.values()}) == 2
    turn = (await chat(suite, "idless", tools=[RUN])).message
    ids = [each["id"] for each in turn["tool_calls"]]
    assert len(set(ids)) == 2
    results = [{"role": "tool", "tool_call_id": each, "content": "x"} for each in ids]
    await chat(suite, "idless", messages=[*HI, turn, *results], tools=[RUN])
    sent = orjson.loads(providers.bodies_of("idless")[-1])["messages"]
    assert sent[1]["tool_calls"][0]["function"]["arguments"] == {"cmd": "a"}
    assert [each["tool_name"] for each in sent[2:]] == ["run", "run"]


async def test_li_other_dialect(suite: Suite, providers: ReportedProviders) -> None:
    """`li-other-dialect`: the next provider gets no thoughts of the first one's, and fitted ids."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    await providers.add("moved", *CLAUDE, answer(orjson.dumps(error), 529), priority=1)
    well = answer(completion("second"))
    await providers.add("moved", "Mistral", "mistral-large-latest", well, priority=2)
    thought = {"type": "reasoning.text", "text": "hm", "signature": "S", "index": 0}
    details = [thought | {"format": "anthropic-claude-v1"}]
    turn, *results = called("toolu_01ABC")
    history = [*HI, {**turn, "reasoning_details": details, "reasoning_content": "hm"}, *results]
    got = await chat(suite, "moved", messages=history, tools=[RUN])
    assert (got.message["content"], got.headers["x-conduit-fallbacks"]) == ("second", "1")
    [[body]] = [bodies for bodies in providers.bodies.values() if b"mistral" in bodies[0]]
    sent = orjson.loads(body)["messages"]
    assert not {"reasoning_details", "reasoning_content"} & sent[1].keys()
    [made] = sent[1]["tool_calls"]
    # https://docs.mistral.ai/api: ids of nine letters and digits.
    assert len(made["id"]) == 9
    assert sent[2]["tool_call_id"] == made["id"]
