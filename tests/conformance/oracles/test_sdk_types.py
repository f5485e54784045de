"""The newest official SDKs as oracles of answers: what we give, their own types accept.

The answers are those of the wire cases; so are the providers' answers that the cases start from.
"""

import orjson
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.beta import BetaRawMessageStreamEvent
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter
from tests.support.wire_cases import WireCase, all_cases


def of(member: str, operation: str = "chat") -> list[WireCase]:
    """Return the wire cases whose expected results have a member."""
    return [case for case in all_cases() if member in case.result and case.operation == operation]


def name_of(case: WireCase) -> str:
    """Return a case's name for the test report."""
    return case.name


@pytest.mark.parametrize("case", of("answer"), ids=name_of)
def test_answers_are_openai_completions(case: WireCase) -> None:
    """The OpenAI SDK's own types accept every whole answer of the wire cases."""
    answer = case.result["answer"]
    read = ChatCompletion.model_validate(answer)
    assert [c.finish_reason for c in read.choices] == [
        c["finish_reason"] for c in answer["choices"]
    ]


@pytest.mark.parametrize("case", of("events"), ids=name_of)
def test_events_are_openai_chunks(case: WireCase) -> None:
    """The OpenAI SDK's own types accept every event of the wire cases."""
    events = case.result["events"]
    assert [ChatCompletionChunk.model_validate(event).object for event in events] == [
        "chat.completion.chunk"
    ] * len(events)


@pytest.mark.parametrize("case", of("answer", "embed"), ids=name_of)
def test_embeddings_are_openai_lists(case: WireCase) -> None:
    """The OpenAI SDK's own types accept every list of vectors, apart from base64."""
    answer = case.result["answer"]
    if case.path.stem == "base64":
        # The SDK decodes base64 before its types see it.
        for vector in answer["data"]:
            vector["embedding"] = [0.0]
    assert CreateEmbeddingResponse.model_validate(answer).data


def of_anthropic(member: str) -> list[WireCase]:
    """Return the wire cases of Anthropic whose expected results have a member."""
    return [case for case in of(member) if case.owner == "Anthropic"]


@pytest.mark.parametrize("case", of_anthropic("answer"), ids=name_of)
def test_received_messages_are_anthropics(case: WireCase) -> None:
    """The Anthropic SDK's own types accept the answers that our wire cases start from."""
    assert Message.model_validate(orjson.loads(case.received.body)).role == "assistant"


EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
# Of what the API has in beta, as a case's source says.
BETA_EVENT: TypeAdapter[BetaRawMessageStreamEvent] = TypeAdapter(BetaRawMessageStreamEvent)
# Not of the SDK's types on purpose, or not events of a message.
UNKNOWN = {"ping", "error", "brand_new"}


@pytest.mark.parametrize("case", of_anthropic("events"), ids=name_of)
def test_received_events_are_anthropics(case: WireCase) -> None:
    """The Anthropic SDK's own types accept the events that our wire cases start from."""
    lines = case.received.body.decode().splitlines()
    found = [orjson.loads(line[6:]) for line in lines if line.startswith("data: ")]
    is_beta = "anthropic.types.beta." in case.source
    for event in found:
        # A citation of no kind is none of the SDK's either.
        if event["type"] in UNKNOWN or len(event.get("delta", {}).get("citation", "kind")) == 1:
            continue
        read = (BETA_EVENT if is_beta else EVENT).validate_python(event)
        assert read.type == event["type"]
