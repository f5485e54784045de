"""Calls that a provider gave no id: results of tools name one, in every dialect."""

from typing import Any

import orjson
import pytest

from conduit.v1.provider_pb2 import Provider
from conduit_kernel.errors import UpstreamError
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs import codec_named
from conduit_providers.operations.chat import ChatCall, chat_request
from conduit_providers.wire import HttpResponse

CATALOG = load_catalog()
Json = dict[str, Any]
TWICE = range(2)
# By type: an answer with two calls, none of which has an id.
ANSWERS: dict[str, Json] = {
    "Anthropic": {
        "content": [{"type": "tool_use", "name": "f", "input": {}} for _ in TWICE],
        "stop_reason": "tool_use",
    },
    "Bedrock": {
        "output": {
            "message": {"content": [{"toolUse": {"name": "f", "input": {}}} for _ in TWICE]}
        },
        "stopReason": "tool_use",
    },
    "Cohere": {
        "message": {"tool_calls": [{"function": {"name": "f"}} for _ in TWICE]},
        "finish_reason": "TOOL_CALL",
    },
    "Gemini": {
        "candidates": [
            {
                "content": {"parts": [{"functionCall": {"name": "f"}} for _ in TWICE]},
                "finishReason": "STOP",
            }
        ],
    },
    "Mistral": {
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "tool_calls": [{"function": {"name": "f", "arguments": "{}"}} for _ in TWICE],
                },
                "finish_reason": "tool_calls",
            }
        ]
    },
    "Ollama": {
        "message": {"tool_calls": [{"function": {"name": "f", "arguments": {}}} for _ in TWICE]},
        "done": True,
        "done_reason": "stop",
    },
}


def answered(provider: str, answer: Json) -> list[Json]:
    """Return the calls that a caller gets."""
    endpoint = CATALOG.find(provider).endpoints["chat"]
    instance = Provider(name="P", provider_type=provider)
    call = ChatCall(chat_request(json=b"{}"), alias="a", model="m", provider=instance.name)
    response = HttpResponse(200, {}, orjson.dumps(answer))
    found = codec_named(endpoint.codec).from_upstream(response, call, endpoint)
    return list(orjson.loads(found.json)["choices"][0]["message"]["tool_calls"])


@pytest.mark.parametrize("provider", ANSWERS)
def test_each_call_gets_an_id_of_its_own(provider: str) -> None:
    """By which its result comes back."""
    first, second = answered(provider, ANSWERS[provider])
    assert first["id"]
    assert second["id"]
    assert first["id"] != second["id"]


def test_a_call_of_nothing_is_malformed() -> None:
    """Cohere's streams say the same of it."""
    answer = {**ANSWERS["Cohere"], "message": {"tool_calls": [{"id": "a"}]}}
    with pytest.raises(UpstreamError, match="no function"):
        answered("Cohere", answer)
