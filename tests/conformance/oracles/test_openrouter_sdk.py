"""OpenRouter's SDK as the oracle of its type."""

from typing import Any

import openrouter
import pytest
from openrouter import errors
from tests.support.sdk_oracle import (
    CHATS,
    SECRET,
    STREAMED,
    WHOLE,
    Json,
    Sent,
    expected,
    read,
    upstream,
    we_send,
)

MODEL = "anthropic/claude-sonnet-4.5"
DETAILS = [
    {"type": "reasoning.text", "text": "t", "signature": "c2ln", "format": "anthropic-claude-v1"},
    {"type": "reasoning.encrypted", "data": "Z0FB", "format": "anthropic-claude-v1", "index": 1},
]
# What a caller says in OpenAI's words, and OpenRouter's.
NATIVE: dict[str, tuple[Json, Json]] = {
    "thoughts": (
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": "a",
                    "reasoning_content": "t",
                    "reasoning_details": DETAILS,
                }
            ]
        },
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": "a",
                    "reasoning": "t",
                    "reasoning_details": DETAILS,
                }
            ]
        },
    ),
    "limits": (
        {"messages": [], "max_completion_tokens": 9, "n": 2, "store": True, "seed": 1},
        {"messages": [], "max_completion_tokens": 9, "seed": 1},
    ),
    "routing": (
        {
            "messages": [],
            "models": ["a/b", "c/d"],
            "provider": {"order": ["anthropic"], "allow_fallbacks": False, "sort": "throughput"},
            "reasoning": {"effort": "high"},
        },
        {
            # Without other models, which only some virtual keys may have it choose.
            "messages": [],
            "provider": {"order": ["anthropic"], "allow_fallbacks": False, "sort": "throughput"},
            "reasoning": {"effort": "high"},
        },
    ),
    "stream": (
        {"messages": [], "stream": True},
        {"messages": [], "stream": True, "stream_options": {"include_usage": True}},
    ),
    **{name: (chat, chat) for name, chat in CHATS.items()},
}


def client(address: str) -> openrouter.OpenRouter:
    """Return the SDK, pointed at an address."""
    return openrouter.OpenRouter(
        api_key=SECRET, server_url=f"{address}/api/v1", timeout_ms=20_000, retry_config=None
    )


def meant(sent: Sent) -> Sent:
    """Return a request of the SDK, without what it always says though it means nothing."""
    body: Any = dict(sent.body) if isinstance(sent.body, dict) else sent.body
    if isinstance(body, dict) and body.get("stream") is False:
        body.pop("stream")
    return sent._replace(body=body)


@pytest.mark.parametrize("name", NATIVE)
def test_chat_is_sent_as_the_sdk_sends_it(name: str) -> None:
    """Method, path, key and body are the SDK's, with its own parameters too."""
    asked, native = NATIVE[name]
    case = "OpenRouter/chat/stream" if "stream" in native else "OpenRouter/chat/plain"
    with upstream(case) as server:
        with client(server.address) as sdk:
            answer: Any = sdk.chat.send(model=MODEL, **native)
            if "stream" in native:
                list(answer)
        ours = we_send("OpenRouter", "chat", {"model": MODEL, **asked}, prefix="/api/v1")
        assert ours == meant(server.received[0])


@pytest.mark.parametrize("case", WHOLE)
def test_sdk_reads_the_recorded_answers(case: str) -> None:
    """The SDK finds in OpenRouter's answers what our callers get."""
    with upstream(f"OpenRouter/chat/{case}") as server, client(server.address) as sdk:
        answer: Any = sdk.chat.send(model=MODEL, messages=[])
    found = answer.model_dump(by_alias=True)
    assert read(found["choices"], "message") == expected(f"OpenRouter/chat/{case}")


@pytest.mark.parametrize("case", STREAMED)
def test_sdk_reads_the_recorded_streams(case: str) -> None:
    """The SDK finds in OpenRouter's streams what our callers get, past the comments."""
    with upstream(f"OpenRouter/chat/{case}") as server, client(server.address) as sdk:
        events: Any = sdk.chat.send(model=MODEL, messages=[], stream=True)
        chunks = [chunk.model_dump(by_alias=True) for chunk in events]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert read(choices, "delta") == expected(f"OpenRouter/chat/{case}")
    assert chunks[-1]["usage"]["prompt_tokens"] == 19


@pytest.mark.parametrize(
    ("case", "error"),
    [
        ("error_400", errors.BadRequestResponseError),
        ("error_401", errors.UnauthorizedResponseError),
        ("error_404", errors.NotFoundResponseError),
        ("error_429", errors.TooManyRequestsResponseError),
        ("error_500", errors.BadGatewayResponseError),
        ("error_funds", errors.PaymentRequiredResponseError),
        ("error_no_provider", errors.ServiceUnavailableResponseError),
    ],
)
def test_sdk_reads_the_recorded_errors(case: str, error: type[Exception]) -> None:
    """The SDK takes OpenRouter's errors for what they are."""
    with (
        upstream(f"OpenRouter/chat/{case}") as server,
        client(server.address) as sdk,
        pytest.raises(error),
    ):
        sdk.chat.send(model=MODEL, messages=[])
