"""Cerebras' SDK as the oracle of its type."""

from typing import Any

import cerebras.cloud.sdk as cerebras
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

MODEL = "gpt-oss-120b"
# What a caller says in OpenAI's words, and Cerebras'.
NATIVE: dict[str, tuple[Json, Json]] = {
    "thoughts": (
        {"messages": [{"role": "assistant", "content": "a", "reasoning_content": "t"}]},
        {"messages": [{"role": "assistant", "content": "a", "reasoning": "t"}]},
    ),
    "developer": (
        {"messages": [{"role": "developer", "content": "a"}]},
        {"messages": [{"role": "system", "content": "a"}]},
    ),
    "limits": (
        {"messages": [], "max_completion_tokens": 9, "n": 2, "store": True, "metadata": {"a": "b"}},
        {"messages": [], "max_completion_tokens": 9, "n": 2},
    ),
    "own": (
        {"messages": [], "reasoning_format": "parsed", "clear_thinking": False},
        {"messages": [], "reasoning_format": "parsed", "clear_thinking": False},
    ),
    "stream": (
        {"messages": [], "stream": True},
        {"messages": [], "stream": True, "stream_options": {"include_usage": True}},
    ),
    **{name: (chat, chat) for name, chat in CHATS.items()},
}


def client(address: str) -> cerebras.Cerebras:
    """Return the SDK, pointed at an address."""
    return cerebras.Cerebras(
        api_key=SECRET, base_url=address, max_retries=0, timeout=20, warm_tcp_connection=False
    )


@pytest.mark.parametrize("name", NATIVE)
def test_chat_is_sent_as_the_sdk_sends_it(name: str) -> None:
    """Method, path, key and body are the SDK's."""
    asked, native = NATIVE[name]
    case = "Cerebras/chat/stream" if "stream" in native else "Cerebras/chat/plain"
    with upstream(case) as server:
        with client(server.address) as sdk:
            sdk.chat.completions.create(model=MODEL, **native)
        ours = we_send("Cerebras", "chat", {"model": MODEL, **asked}, prefix="/v1")
        assert ours == server.received[0]


def test_models_are_asked_for_as_the_sdk_asks() -> None:
    """The probe is the SDK's request, and the SDK reads the list."""
    with upstream("Cerebras/models/list") as server:
        with client(server.address) as sdk:
            assert len(sdk.models.list().data) == 2
        assert we_send("Cerebras", "models", {}, prefix="/v1") == server.received[0]


@pytest.mark.parametrize("case", WHOLE)
def test_sdk_reads_the_recorded_answers(case: str) -> None:
    """The SDK finds in Cerebras' answers what our callers get."""
    with upstream(f"Cerebras/chat/{case}") as server, client(server.address) as sdk:
        answer: Any = sdk.chat.completions.create(model=MODEL, messages=[])
    assert read(answer.to_dict()["choices"], "message") == expected(f"Cerebras/chat/{case}")


@pytest.mark.parametrize("case", STREAMED)
def test_sdk_reads_the_recorded_streams(case: str) -> None:
    """The SDK finds in Cerebras' streams what our callers get, and the usage."""
    with upstream(f"Cerebras/chat/{case}") as server, client(server.address) as sdk:
        chunks: list[Any] = list(sdk.chat.completions.create(model=MODEL, messages=[], stream=True))
    choices = [choice for chunk in chunks for choice in chunk.to_dict()["choices"]]
    assert read(choices, "delta") == expected(f"Cerebras/chat/{case}")
    assert chunks[-1].usage.prompt_tokens == 19


@pytest.mark.parametrize(
    ("case", "error"),
    [
        ("error_400", cerebras.BadRequestError),
        ("error_401", cerebras.AuthenticationError),
        ("error_404", cerebras.NotFoundError),
        ("error_429", cerebras.RateLimitError),
        ("error_500", cerebras.InternalServerError),
    ],
)
def test_sdk_reads_the_recorded_errors(case: str, error: type[cerebras.APIStatusError]) -> None:
    """The SDK takes Cerebras' errors for what they are."""
    with (
        upstream(f"Cerebras/chat/{case}") as server,
        client(server.address) as sdk,
        pytest.raises(error),
    ):
        sdk.chat.completions.create(model=MODEL, messages=[])
