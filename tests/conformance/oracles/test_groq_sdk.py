"""Groq's SDK as the oracle of its type."""

from typing import Any

import groq
import pytest
from tests.support.sdk_oracle import (
    CHATS,
    SECRET,
    STREAMED,
    WHOLE,
    Json,
    expected,
    read,
    upstream,
    we_send,
)

MODEL = "openai/gpt-oss-120b"
# What a caller says in OpenAI's words, and Groq's.
NATIVE: dict[str, tuple[Json, Json]] = {
    "thoughts": (
        {"messages": [{"role": "assistant", "content": "a", "reasoning_content": "t"}]},
        {"messages": [{"role": "assistant", "content": "a", "reasoning": "t"}]},
    ),
    "limits": (
        {"messages": [], "max_completion_tokens": 9, "logit_bias": {"1": 2}, "n": 2, "seed": 1},
        {"messages": [], "max_completion_tokens": 9, "seed": 1},
    ),
    "own": (
        {"messages": [], "reasoning_format": "parsed", "service_tier": "flex"},
        {"messages": [], "reasoning_format": "parsed", "service_tier": "flex"},
    ),
    "stream": (
        {"messages": [], "stream": True},
        {
            "messages": [],
            "stream": True,
            "extra_body": {"stream_options": {"include_usage": True}},
        },
    ),
    **{name: (chat, chat) for name, chat in CHATS.items()},
}


def client(address: str) -> groq.Groq:
    """Return the SDK, pointed at an address."""
    return groq.Groq(api_key=SECRET, base_url=address, max_retries=0, timeout=20)


@pytest.mark.parametrize("name", NATIVE)
def test_chat_is_sent_as_the_sdk_sends_it(name: str) -> None:
    """Method, path, key and body are the SDK's."""
    asked, native = NATIVE[name]
    with upstream("Groq/chat/stream" if "stream" in native else "Groq/chat/plain") as server:
        with client(server.address) as sdk:
            sdk.chat.completions.create(model=MODEL, **native)
        assert (
            we_send("Groq", "chat", {"model": MODEL, **asked}, prefix="/openai/v1")
            == (server.received[0])
        )


def test_models_are_asked_for_as_the_sdk_asks() -> None:
    """The probe is the SDK's request, and the SDK reads the list."""
    with upstream("Groq/models/list") as server:
        with client(server.address) as sdk:
            assert len(sdk.models.list().data) == 2
        assert we_send("Groq", "models", {}, prefix="/openai/v1") == server.received[0]


@pytest.mark.parametrize("case", WHOLE)
def test_sdk_reads_the_recorded_answers(case: str) -> None:
    """The SDK finds in Groq's answers what our callers get."""
    with upstream(f"Groq/chat/{case}") as server, client(server.address) as sdk:
        answer = sdk.chat.completions.create(model=MODEL, messages=[])
    found: Any = answer.to_dict()
    assert read(found["choices"], "message") == expected(f"Groq/chat/{case}")


@pytest.mark.parametrize("case", STREAMED)
def test_sdk_reads_the_recorded_streams(case: str) -> None:
    """The SDK finds in Groq's streams what our callers get, and the usage in `x_groq`."""
    with upstream(f"Groq/chat/{case}") as server, client(server.address) as sdk:
        chunks = list(sdk.chat.completions.create(model=MODEL, messages=[], stream=True))
    found: list[Any] = [chunk.to_dict() for chunk in chunks]
    choices = [choice for chunk in found for choice in chunk["choices"]]
    assert read(choices, "delta") == expected(f"Groq/chat/{case}")
    assert any(chunk.x_groq and chunk.x_groq.usage for chunk in chunks)


@pytest.mark.parametrize(
    ("case", "error"),
    [
        ("error_400", groq.BadRequestError),
        ("error_401", groq.AuthenticationError),
        ("error_404", groq.NotFoundError),
        ("error_429", groq.RateLimitError),
        ("error_500", groq.InternalServerError),
    ],
)
def test_sdk_reads_the_recorded_errors(case: str, error: type[groq.APIStatusError]) -> None:
    """The SDK takes Groq's errors for what they are."""
    with (
        upstream(f"Groq/chat/{case}") as server,
        client(server.address) as sdk,
        pytest.raises(error),
    ):
        sdk.chat.completions.create(model=MODEL, messages=[])
