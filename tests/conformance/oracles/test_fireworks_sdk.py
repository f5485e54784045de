"""Fireworks' SDK as the oracle of its type."""

from typing import Any

import fireworks
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

MODEL = "accounts/fireworks/models/kimi-k2-instruct-0905"
# What a caller says in OpenAI's words, and Fireworks'.
NATIVE: dict[str, tuple[Json, Json]] = {
    "thoughts": (
        {"messages": [{"role": "assistant", "content": "a", "reasoning_content": "t"}]},
        {"messages": [{"role": "assistant", "content": "a", "reasoning_content": "t"}]},
    ),
    "developer": (
        {"messages": [{"role": "developer", "content": "a", "name": "n"}]},
        {"messages": [{"role": "system", "content": "a"}]},
    ),
    "limits": (
        {"messages": [], "max_completion_tokens": 9, "n": 2, "store": True, "metadata": {"a": "b"}},
        {"messages": [], "max_completion_tokens": 9, "n": 2, "metadata": {"a": "b"}},
    ),
    "own": (
        {"messages": [], "top_k": 5, "reasoning_history": "preserved"},
        {"messages": [], "top_k": 5, "reasoning_history": "preserved"},
    ),
    # It knows no `stream_options`, and tells the usage without them.
    "stream": (
        {"messages": [], "stream": True, "stream_options": {"include_usage": True}},
        {"messages": [], "stream": True},
    ),
    **{name: (chat, chat) for name, chat in CHATS.items()},
}


def client(address: str) -> fireworks.Fireworks:
    """Return the SDK, pointed at an address."""
    return fireworks.Fireworks(
        api_key=SECRET, base_url=f"{address}/inference", max_retries=0, timeout=20
    )


@pytest.mark.parametrize("name", NATIVE)
def test_chat_is_sent_as_the_sdk_sends_it(name: str) -> None:
    """Method, path, key and body are the SDK's."""
    asked, native = NATIVE[name]
    case = "Fireworks/chat/stream" if "stream" in native else "Fireworks/chat/plain"
    with upstream(case) as server:
        with client(server.address) as sdk:
            sdk.chat.completions.create(model=MODEL, **native)
        ours = we_send("Fireworks", "chat", {"model": MODEL, **asked}, prefix="/inference/v1")
        assert ours == server.received[0]


@pytest.mark.parametrize("case", WHOLE)
def test_sdk_reads_the_recorded_answers(case: str) -> None:
    """The SDK finds in Fireworks' answers what our callers get."""
    with upstream(f"Fireworks/chat/{case}") as server, client(server.address) as sdk:
        answer = sdk.chat.completions.create(model=MODEL, messages=[])
    found: Any = answer.to_dict()
    assert read(found["choices"], "message") == expected(f"Fireworks/chat/{case}")


@pytest.mark.parametrize("case", STREAMED)
def test_sdk_reads_the_recorded_streams(case: str) -> None:
    """The SDK finds in Fireworks' streams what our callers get, and the usage at the end."""
    with upstream(f"Fireworks/chat/{case}") as server, client(server.address) as sdk:
        chunks = list(sdk.chat.completions.create(model=MODEL, messages=[], stream=True))
    found: list[Any] = [chunk.to_dict() for chunk in chunks]
    choices = [choice for chunk in found for choice in chunk["choices"]]
    assert read(choices, "delta") == expected(f"Fireworks/chat/{case}")
    assert chunks[-1].usage is not None


@pytest.mark.parametrize(
    ("case", "error"),
    [
        ("error_400", fireworks.BadRequestError),
        ("error_401", fireworks.AuthenticationError),
        ("error_404", fireworks.NotFoundError),
        ("error_429", fireworks.RateLimitError),
        ("error_500", fireworks.InternalServerError),
    ],
)
def test_sdk_reads_the_recorded_errors(case: str, error: type[fireworks.APIStatusError]) -> None:
    """The SDK takes Fireworks' errors for what they are."""
    with (
        upstream(f"Fireworks/chat/{case}") as server,
        client(server.address) as sdk,
        pytest.raises(error),
    ):
        sdk.chat.completions.create(model=MODEL, messages=[])
