"""Google's newest SDK as oracle of answers.

The bodies that the wire cases receive are read by the SDK's own types, which find in them what we
find.
"""

import json

import orjson
import pytest
from google.genai import types
from tests.support.wire_cases import WireCase, cases

PLATFORMS = ("Gemini", "VertexAI")


def with_member(member: str) -> list[WireCase]:
    """Return the wire cases of Gemini whose results have a member and are no error."""
    of_gemini = [
        case
        for platform in PLATFORMS
        for case in cases(f"{platform}/chat/*")
        if not case.path.stem.startswith("claude")
    ]
    return [c for c in of_gemini if member in (found := c.result) and "error" not in found]


def texts_of(response: types.GenerateContentResponse) -> list[str]:
    """Return the words of each candidate, without thoughts."""
    return [
        "".join(part.text or "" for part in (c.content.parts or []) if not part.thought)
        if c.content
        else ""
        for c in response.candidates or []
    ]


@pytest.mark.parametrize("case", with_member("answer"), ids=lambda case: case.name)
def test_sdk_reads_the_answers_as_we_do(case: WireCase) -> None:
    """The answers of the wire cases are Google's: its own types take them, and find the same."""
    response = types.GenerateContentResponse.model_validate(orjson.loads(case.received.body))
    answer = case.result["answer"]
    assert texts_of(response) == [c["message"]["content"] or "" for c in answer["choices"]]
    calls = [call.name for call in response.function_calls or []]
    ours = answer["choices"][0]["message"].get("tool_calls", [])
    assert calls == [call["function"]["name"] for call in ours]
    metadata = response.usage_metadata
    assert metadata is not None
    assert metadata.total_token_count == answer["usage"]["total_tokens"]


@pytest.mark.parametrize("case", with_member("events"), ids=lambda case: case.name)
def test_sdk_reads_the_streams_as_we_do(case: WireCase) -> None:
    """The events of the wire cases are Google's: its own types take them, and find the same."""
    lines = [line for line in case.received.body.splitlines() if line.startswith(b"data:")]
    responses = [
        types.GenerateContentResponse.model_validate(json.loads(line[5:])) for line in lines
    ]
    events = case.result["events"]
    ours = [choice["delta"].get("content") or "" for e in events for choice in e["choices"]]
    assert "".join(words for each in responses for words in texts_of(each)) == "".join(ours)
