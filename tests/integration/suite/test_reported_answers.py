"""Answers of which gateways lost a part, as their users reported; each part arrives here.

Each test names its reports. All goes through the whole suite, to a provider on a real port.
"""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio
from tests.support.chat_answers import HI, chat
from tests.support.field_reports import RUN
from tests.support.reported_providers import (
    USAGE,
    ReportedProviders,
    called_block,
    chunk,
    claude_stream,
    event,
    reported_providers,
    said_block,
)
from tests.support.scripted_upstream import Act, answer, stream
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

Json = dict[str, Any]
CLAUDE = ("Anthropic", "claude-sonnet-4-5")
GEMINI = ("Gemini", "gemini-3.5-flash")
SERVER = ("OpenAICompatible", "m")
DONE = b"data: [DONE]\n\n"
CALL: Json = {"functionCall": {"name": "run", "args": {"c": 1}}}
TOOLS: Json = {"tools": [RUN]}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def providers(suite: Suite) -> AsyncIterator[ReportedProviders]:
    """Run the providers, shared by the tests of this module."""
    async with reported_providers(suite) as running:
        yield running


async def message(suite: Suite, alias: str, *, is_streamed: bool) -> list[Json]:
    """Ask by Anthropic's Messages; return the blocks, put together as its SDK does."""
    tool = {"name": "run", "input_schema": {"type": "object"}}
    asked: Json = {"model": alias, "max_tokens": 99, "messages": HI, "tools": [tool]}
    async with suite.caller() as caller:
        got = await caller.post("/v1/messages", json=asked | {"stream": is_streamed})
    assert got.status_code == 200, got.text
    return blocks_of(got) if is_streamed else got.json()["content"]


def blocks_of(got: httpx.Response) -> list[Json]:
    """Return the blocks of a stream of Anthropic's."""
    found: list[Json] = []
    pieces: dict[int, str] = {}
    for line in got.text.splitlines():
        told: Json = orjson.loads(line[6:]) if line.startswith("data: ") else {"type": ""}
        if told["type"] == "content_block_start":
            found.append(told["content_block"])
        elif told["type"] == "content_block_delta":
            delta = told["delta"]
            said = next(v for k, v in delta.items() if k != "type")
            pieces[told["index"]] = pieces.get(told["index"], "") + said
    for index, said in pieces.items():
        kind = found[index]["type"]
        name = {"tool_use": "input", "thinking": "thinking"}.get(kind, "text")
        found[index][name] = orjson.loads(said) if name == "input" else said
    return found


def piece(arguments: str, **more: object) -> Json:
    """Return a piece of a call."""
    return {"tool_calls": [{"index": 0, "function": {"arguments": arguments}, **more}]}


def begun(arguments: str = "") -> Json:
    """Return the first piece of a call."""
    function = {"name": "run", "arguments": arguments}
    return {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": function}]}


async def test_reasons_to_stop_behind_each_piece_end_nothing(
    suite: Suite, providers: ReportedProviders
) -> None:
    """1jehuang/jcode#1326, open-webui/open-webui#16377: servers that say `stop` all the time.

    Not where the first piece has no arguments, see docs/compatibility.md.
    """
    stop = chunk({}, "stop")
    pieces = [chunk(begun('{"c"')), stop, chunk(piece(":")), stop, chunk(piece("1}")), stop]
    await providers.add("stops", *SERVER, stream(*pieces, chunk({}, "tool_calls"), DONE))
    got = await chat(suite, "stops", stream=True, **TOOLS)
    assert got.calls == {0: ("c1", '{"c":1}')}
    assert got.is_done
    [block] = await message(suite, "stops", is_streamed=True)
    assert (block["type"], block["input"]) == ("tool_use", {"c": 1})


@pytest.mark.parametrize("surface", ["chat", "messages", "responses"])
async def test_words_beside_the_reason_to_stop_arrive(
    suite: Suite, providers: ReportedProviders, surface: str
) -> None:
    """lemony-ai/cascadeflow#112, maximhq/bifrost#4963: the last words come with it."""
    alias = f"last words {surface}"
    counts = chunk(choices=[], usage=USAGE)
    act = stream(chunk({"content": "Hel"}), chunk({"content": "lo"}, "stop"), counts, DONE)
    await providers.add(alias, *SERVER, act)
    if surface == "chat":
        got = await chat(suite, alias, stream=True)
        assert (got.words, got.reasons) == ("Hello", ["stop"])
    elif surface == "messages":
        assert [b["text"] for b in await message(suite, alias, is_streamed=True)] == ["Hello"]
    else:
        async with suite.caller() as caller:
            asked = {"model": alias, "input": "hi", "stream": True}
            text = (await caller.post("/v1/responses", json=asked)).text
        assert '"text":"Hello"' in text.replace(" ", "")


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_thoughts_alone_are_an_answer(
    suite: Suite,
    providers: ReportedProviders,
    is_streamed: bool,  # noqa: FBT001 # a parameter
) -> None:
    """diegosouzapw/OmniRoute#1155: a limit of one token leaves room for nothing else."""
    thought = {"role": "assistant", "content": None, "reasoning_content": "hm"}
    choice = {"index": 0, "message": thought, "finish_reason": "length"}
    head = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
    whole = answer(orjson.dumps({**head, "choices": [choice], "usage": USAGE}))
    act = stream(chunk(thought), chunk({}, "length"), DONE) if is_streamed else whole
    alias = f"thoughts {is_streamed}"
    await providers.add(alias, *SERVER, act)
    got = await chat(suite, alias, stream=is_streamed)
    assert got.status == 200
    thoughts = [each.get("reasoning_content") for each in got.deltas] if is_streamed else []
    assert "hm" in (thoughts or [got.message["reasoning_content"]])
    [block] = await message(suite, alias, is_streamed=is_streamed)
    assert (block["type"], block["thinking"]) == ("thinking", "hm")


async def test_a_call_behind_thoughts_and_words_arrives(
    suite: Suite, providers: ReportedProviders
) -> None:
    """BerriAI/litellm#36262 (only the words came), experientiallabs/experiential#538 (an error)."""
    thought = ({"type": "thinking", "thinking": ""}, [{"type": "thinking_delta", "thinking": "hm"}])
    act = claude_stream(thought, said_block("I run"), called_block("t1", "{}"), reason="tool_use")
    await providers.add("all three", *CLAUDE, act)
    got = await chat(suite, "all three", stream=True, **TOOLS)
    assert "".join(each.get("reasoning_content") or "" for each in got.deltas) == "hm"
    assert (got.words, got.calls, got.reasons) == ("I run", {0: ("t1", "{}")}, ["tool_calls"])


async def test_blocks_that_nobody_knows_lose_no_others(
    suite: Suite, providers: ReportedProviders
) -> None:
    """experientiallabs/experiential#538: the next kind of block must not cost the answer."""
    new = ({"type": "dream", "images": []}, [{"type": "dream_delta", "image": "x"}])
    await providers.add("new block", *CLAUDE, claude_stream(new, said_block("Hello")))
    got = await chat(suite, "new block", stream=True)
    assert (got.words, got.reasons, got.is_done) == ("Hello", ["stop"], True)


async def test_words_and_a_call_in_one_piece_both_arrive(
    suite: Suite, providers: ReportedProviders
) -> None:
    """BerriAI/litellm#18238: to callers of Messages the words alone were told."""
    both = {"content": "I run", **begun("{}")}
    await providers.add("one piece", *SERVER, stream(chunk(both), chunk({}, "tool_calls"), DONE))
    words, call = await message(suite, "one piece", is_streamed=True)
    assert words["text"] == "I run"
    assert (call["name"], call["input"]) == ("run", {})


def candidates(*parts: Json, finish: str | None = "STOP") -> Json:
    """Return an answer of Gemini's."""
    found: Json = {"content": {"role": "model", "parts": list(parts)}}
    return {"candidates": [found | ({"finishReason": finish} if finish else {})]}


def told(whole: Json, *, is_streamed: bool) -> Act:
    """Answer so, as one or in one event."""
    return stream(event(whole)) if is_streamed else answer(orjson.dumps(whole))


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([{"text": "I run"}, CALL], "I run"),
        ([CALL, {"text": "\n"}], "\n"),
        ([{"text": "", **CALL}], ""),
        ([{"text": "", "thought": True}, CALL], ""),
    ],
    ids=["words-first", "blank-behind", "empty-words-within", "empty-thought"],
)
async def test_calls_beside_words_of_gemini_arrive(
    suite: Suite,
    providers: ReportedProviders,
    parts: list[Json],
    words: str,
    is_streamed: bool,  # noqa: FBT001 # a parameter
) -> None:
    """mlflow/mlflow#26099, Portkey-AI/gateway#933, trpc-group/trpc-agent-go#1089.

    BerriAI/litellm#25836: to callers of Messages without its arguments.
    """
    alias = f"parts {parts!r} {is_streamed}"
    await providers.add(alias, *GEMINI, told(candidates(*parts), is_streamed=is_streamed))
    got = await chat(suite, alias, stream=is_streamed, **TOOLS)
    if is_streamed:
        [(_, arguments)] = got.calls.values()
        assert (got.words, arguments, got.reasons) == (words, '{"c":1}', ["tool_calls"])
    else:
        [call] = got.message["tool_calls"]
        assert (got.message["content"] or "", call["function"]["arguments"]) == (words, '{"c":1}')
    *_, block = [b for b in await message(suite, alias, is_streamed=is_streamed) if "input" in b]
    assert (block["type"], block["input"]) == ("tool_use", {"c": 1})


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_calls_that_gemini_made_itself_go_back(
    suite: Suite,
    providers: ReportedProviders,
    is_streamed: bool,  # noqa: FBT001 # a parameter
) -> None:
    """microsoft/agent-framework-go#1107, maximhq/bifrost#6272: they and their results vanished."""
    own = {"toolCall": {"toolType": "GOOGLE_SEARCH", "args": {"q": "x"}}, "thoughtSignature": "S"}
    result = {"toolResponse": {"toolType": "GOOGLE_SEARCH", "response": {"r": 1}}}
    whole = candidates(own, result, {"text": "Found"})
    alias = f"own calls {is_streamed}"
    await providers.add(alias, *GEMINI, told(whole, is_streamed=is_streamed))
    got = await chat(suite, alias, stream=is_streamed)
    if is_streamed:
        details = [each for d in got.deltas for each in d.get("reasoning_details") or ()]
        turn: Json = {"role": "assistant", "content": got.words, "reasoning_details": details}
    else:
        turn = got.message
    await chat(suite, alias, messages=[*HI, turn, *HI], stream=is_streamed)
    [sent] = [
        turn["parts"]
        for turn in orjson.loads(providers.bodies_of(alias)[-1])["contents"]
        if turn["role"] == "model"
    ]
    assert sent == [own, result, {"text": "Found"}]


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_an_answer_of_nothing_is_not_called_filtered(
    suite: Suite,
    providers: ReportedProviders,
    is_streamed: bool,  # noqa: FBT001 # a parameter
) -> None:
    """theopenco/llmgateway#3517: Gemini said nothing, so nobody knows of a filter."""
    alias = f"nothing {is_streamed}"
    await providers.add(alias, *GEMINI, told({"candidates": []}, is_streamed=is_streamed))
    got = await chat(suite, alias, stream=is_streamed)
    [error] = [each["error"] for each in [got.json, *got.events] if "error" in each]
    assert error["code"] == "provider_error"
    assert not got.is_done
