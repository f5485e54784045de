"""Nothing in an answer is lost in silence: what the SDKs' types can say, a caller is told.

Each answer says everything that its type has a place for; what is not handed out stands here, with
its reason. A newer SDK that knows more makes a test fail.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import botocore.session
import orjson
import pytest
from anthropic.types.beta import BetaMessage
from cohere.v2.types.v2chat_response import V2ChatResponse
from google.genai.types import GenerateContentResponse
from mistralai.client.models import ChatCompletionResponse
from ollama import ChatResponse, EmbedResponse
from tests.support.full_answers import FullAnswer
from tests.support.replays import replays

from conduit_providers.codecs import codec_named
from conduit_providers.wire import HttpResponse

Json = dict[str, Any]
SUMMED = "among OpenAI's counts"
SPELLED = "in OpenAI's words"
OF_OTHERS = "of other operations, which the SDK's type is for, too"


class Full(NamedTuple):
    """An answer of everything, and what of it is not handed out, by where that begins."""

    case: str
    write: Callable[[FullAnswer], Json]
    left_out: dict[str, str]


def anthropic(full: FullAnswer) -> Json:
    """Write a message that ends."""
    return {**full.of_model(BetaMessage), "stop_reason": "end_turn"}


def gemini(full: FullAnswer) -> Json:
    """Write a content whose parts say one thing each, as the API's do."""
    found = full.of_model(GenerateContentResponse)
    # The SDK's own, beside what the API says.
    for name in ("sdkHttpResponse", "parsed", "automaticFunctionCallingHistory"):
        found.pop(name, None)
    # With one there are no candidates.
    del found["promptFeedback"]["blockReason"]
    (candidate,) = found["candidates"]
    candidate |= {"finishReason": "STOP", "index": 0}
    (part,) = candidate["content"]["parts"]
    beside = {name: part.pop(name) for name in ("thought", "thoughtSignature") if name in part}
    candidate["content"]["parts"] = [{name: value} for name, value in part.items()]
    candidate["content"]["parts"].append({"text": "said so", **beside})
    return found


def cohere(full: FullAnswer) -> Json:
    """Write a reply that is complete."""
    return {**full.of_model(V2ChatResponse), "finish_reason": "COMPLETE"}


def ollama(full: FullAnswer) -> Json:
    """Write an answer that is done."""
    found = full.of_model(ChatResponse)
    found["message"]["role"] = "assistant"
    return {**found, "done_reason": "stop", "created_at": "2026-11-23T12:00:00Z"}


def mistral(full: FullAnswer) -> Json:
    """Write a completion that is complete."""
    found = full.of_model(ChatCompletionResponse)
    for choice in found["choices"]:
        choice |= {"finish_reason": "stop", "index": 0}
        choice["message"]["role"] = "assistant"
    return found


def bedrock(full: FullAnswer) -> Json:
    """Write an answer of Converse that ends."""
    service = botocore.session.Session().get_service_model("bedrock-runtime")
    found = full.of_shape(service.shape_for("ConverseResponse"))
    found["output"]["message"]["role"] = "assistant"
    return {**found, "stopReason": "end_turn"}


def ollama_embed(full: FullAnswer) -> Json:
    """Write a vector for each of the case's texts."""
    return {**full.of_model(EmbedResponse), "embeddings": [[0.5, 0.25]] * 2}


OF_PARTS = "of parts that callers send, which the SDK's type is for, too"
ANSWERS = {
    "anthropic": Full(
        "Anthropic/chat/plain",
        anthropic,
        {
            "usage.input_tokens": SUMMED,
            "usage.output_tokens": SUMMED,
            "usage.cache_creation": SUMMED,
            "usage.cache_read": SUMMED,
        },
    ),
    "gemini": Full(
        "Gemini/chat/plain",
        gemini,
        {
            **dict.fromkeys(
                (
                    f"candidates.content.parts.{name}"
                    for name in (
                        "mediaResolution",
                        "partMetadata",
                        "speechMetadata",
                        "documentMetadata",
                        "spreadsheetMetadata",
                        "audioMetadata",
                        "videoMetadata",
                        "inlineData.displayName",
                    )
                ),
                OF_PARTS,
            ),
            "candidates.content.parts.functionCall.partialArgs": "nobody asks for pieces of calls",
            "candidates.content.role": SPELLED,
            "candidates.logprobsResult.logProbabilitySum": "the sum of what stands beside it",
            "promptFeedback.blockReasonMessage": "it is an error, where there is a reason",
            "usageMetadata": SUMMED,
        },
    ),
    "cohere": Full(
        "Cohere/chat/plain",
        cohere,
        {
            "message.citations.sources.tool_output": "it is the caller's own, known by its id",
            "message.citations.sources.document": "it is the caller's own, known by its id",
            "message.citations.content_index": "there is one text",
            "usage.billed_units.search_units": OF_OTHERS,
            "usage.billed_units.classifications": OF_OTHERS,
        },
    ),
    "ollama": Full(
        "Ollama/chat/plain",
        ollama,
        {"message.images": OF_PARTS, "message.tool_name": OF_PARTS},
    ),
    "mistral": Full("Mistral/chat/plain", mistral, {}),
    "bedrock": Full("Bedrock/chat/plain", bedrock, {"usage": SUMMED}),
    "ollama_embed": Full(
        "Ollama/embed/plain",
        ollama_embed,
        {
            "created_at": "OpenAI's vectors have no date",
            "done_reason": OF_OTHERS,
            "eval_count": OF_OTHERS,
            "eval_duration": OF_OTHERS,
            "prompt_eval_duration": OF_OTHERS,
        },
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_a_type_can_say_a_caller_is_told(name: str) -> None:
    """But for what stands here with its reason, and all of that is true."""
    answer, full = ANSWERS[name], FullAnswer()
    body = orjson.dumps(answer.write(full))
    replay = next(each for each in replays() if each.name == answer.case)
    codec = codec_named(replay.endpoint.codec)
    response = HttpResponse(200, {"content-type": "application/json"}, body)
    got = codec.from_upstream(response, replay.fresh_call(), replay.endpoint)
    lost = full.lost(body.decode(), got.json.decode())
    assert [place for place in lost if not place.startswith(tuple(answer.left_out))] == []
    excused = [name for name in answer.left_out if any(each.startswith(name) for each in lost)]
    assert excused == list(answer.left_out)
