"""The newest official SDKs as oracles of answers: what we give, their own types accept.

The answers are those of the wire cases; so are the providers' answers that the cases start from.
"""

from pathlib import Path

import orjson
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.beta import BetaRawMessageStreamEvent
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter

WIRE = Path(__file__).parents[2] / "wire"
RESULTS = sorted(WIRE.glob("*/*/*/result.json"))


def of(member: str, operation: str = "chat") -> list[Path]:
    """Return the expected results of wire cases that have a member."""
    return [
        file
        for file in RESULTS
        if member in orjson.loads(file.read_bytes()) and file.parent.parent.name == operation
    ]


def name_of(file: Path) -> str:
    """Return a case's name for the test report."""
    return file.parent.relative_to(WIRE).as_posix()


@pytest.mark.parametrize("file", of("answer"), ids=name_of)
def test_answers_are_openai_completions(file: Path) -> None:
    """The OpenAI SDK's own types accept every whole answer of the wire cases."""
    answer = orjson.loads(file.read_bytes())["answer"]
    read = ChatCompletion.model_validate(answer)
    assert [c.finish_reason for c in read.choices] == [
        c["finish_reason"] for c in answer["choices"]
    ]


@pytest.mark.parametrize("file", of("events"), ids=name_of)
def test_events_are_openai_chunks(file: Path) -> None:
    """The OpenAI SDK's own types accept every event of the wire cases."""
    events = orjson.loads(file.read_bytes())["events"]
    assert [ChatCompletionChunk.model_validate(event).object for event in events] == [
        "chat.completion.chunk"
    ] * len(events)


@pytest.mark.parametrize("file", of("answer", "embed"), ids=name_of)
def test_embeddings_are_openai_lists(file: Path) -> None:
    """The OpenAI SDK's own types accept every list of vectors, apart from base64."""
    answer = orjson.loads(file.read_bytes())["answer"]
    if file.parent.name == "base64":
        # The SDK decodes base64 before its types see it.
        for vector in answer["data"]:
            vector["embedding"] = [0.0]
    assert CreateEmbeddingResponse.model_validate(answer).data


ANTHROPIC = [
    WIRE / "Anthropic" / "chat" / case.parent.name
    for case in of("answer")
    if case.parts[-4] == "Anthropic"
]


@pytest.mark.parametrize("folder", ANTHROPIC, ids=lambda folder: folder.name)
def test_received_messages_are_anthropics(folder: Path) -> None:
    """The Anthropic SDK's own types accept the answers that our wire cases start from."""
    _, _, body = (folder / "received.http").read_bytes().partition(b"\n\n")
    assert Message.model_validate(orjson.loads(body)).role == "assistant"


EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
# Of what the API has in beta, as a case's source says.
BETA_EVENT: TypeAdapter[BetaRawMessageStreamEvent] = TypeAdapter(BetaRawMessageStreamEvent)
# Not of the SDK's types on purpose, or not events of a message.
UNKNOWN = {"ping", "error", "brand_new"}


@pytest.mark.parametrize(
    "file", [f for f in of("events") if f.parts[-4] == "Anthropic"], ids=name_of
)
def test_received_events_are_anthropics(file: Path) -> None:
    """The Anthropic SDK's own types accept the events that our wire cases start from."""
    lines = (file.parent / "received.http").read_text().splitlines()
    found = [orjson.loads(line[6:]) for line in lines if line.startswith("data: ")]
    is_beta = b"anthropic.types.beta." in (file.parent / "call.json").read_bytes()
    for event in found:
        # A citation of no kind is none of the SDK's either.
        if event["type"] in UNKNOWN or len(event.get("delta", {}).get("citation", "kind")) == 1:
            continue
        read = (BETA_EVENT if is_beta else EVENT).validate_python(event)
        assert read.type == event["type"]
