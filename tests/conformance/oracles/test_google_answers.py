"""Google's newest SDK as oracle of answers.

The bodies that the wire cases receive are read by the SDK's own types, which find in them what we
find.
"""

import json
from pathlib import Path

import orjson
import pytest
from google.genai import types

WIRE = Path(__file__).parents[2] / "wire"
PLATFORMS = ("Gemini", "VertexAI")


def body_of(case: Path) -> bytes:
    """Return the body that a wire case receives."""
    return (case / "received.http").read_bytes().partition(b"\n\n")[2]


def cases(member: str) -> list[Path]:
    """Return the wire cases of Gemini whose results have a member and are no error."""
    found = []
    for file in sorted(WIRE.glob("*/chat/*/result.json")):
        case, result = file.parent, orjson.loads(file.read_bytes())
        is_ours = case.parent.parent.name in PLATFORMS and not case.name.startswith("claude")
        if is_ours and member in result and "error" not in result:
            found.append(case)
    return found


def texts_of(response: types.GenerateContentResponse) -> list[str]:
    """Return the words of each candidate, without thoughts."""
    return [
        "".join(part.text or "" for part in (c.content.parts or []) if not part.thought)
        if c.content
        else ""
        for c in response.candidates or []
    ]


@pytest.mark.parametrize(
    "case", cases("answer"), ids=lambda case: f"{case.parents[1].name}-{case.name}"
)
def test_sdk_reads_the_answers_as_we_do(case: Path) -> None:
    """The answers of the wire cases are Google's: its own types take them, and find the same."""
    response = types.GenerateContentResponse.model_validate(orjson.loads(body_of(case)))
    answer = orjson.loads((case / "result.json").read_bytes())["answer"]
    assert texts_of(response) == [c["message"]["content"] or "" for c in answer["choices"]]
    calls = [call.name for call in response.function_calls or []]
    ours = answer["choices"][0]["message"].get("tool_calls", [])
    assert calls == [call["function"]["name"] for call in ours]
    metadata = response.usage_metadata
    assert metadata is not None
    assert metadata.total_token_count == answer["usage"]["total_tokens"]


@pytest.mark.parametrize(
    "case", cases("events"), ids=lambda case: f"{case.parents[1].name}-{case.name}"
)
def test_sdk_reads_the_streams_as_we_do(case: Path) -> None:
    """The events of the wire cases are Google's: its own types take them, and find the same."""
    lines = [line for line in body_of(case).splitlines() if line.startswith(b"data:")]
    responses = [
        types.GenerateContentResponse.model_validate(json.loads(line[5:])) for line in lines
    ]
    events = orjson.loads((case / "result.json").read_bytes())["events"]
    ours = [choice["delta"].get("content") or "" for e in events for choice in e["choices"]]
    assert "".join(words for each in responses for words in texts_of(each)) == "".join(ours)
