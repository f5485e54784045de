"""Hugging Face's SDK as the oracle of its type: the router, and dedicated endpoints."""

from contextlib import suppress
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub.errors import HfHubHTTPError
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
ROUTER = "https://router.huggingface.co"
# What a caller says in OpenAI's words, and Hugging Face's.
NATIVE: dict[str, tuple[Json, Json]] = {
    "limits": (
        {"messages": [], "max_completion_tokens": 9, "n": 2, "store": True, "seed": 1, "user": "u"},
        {"messages": [], "max_tokens": 9, "n": 2, "seed": 1},
    ),
    "developer": (
        {"messages": [{"role": "developer", "content": "a"}]},
        {"messages": [{"role": "system", "content": "a"}]},
    ),
    "stream": (
        {"messages": [], "stream": True},
        {"messages": [], "stream": True, "stream_options": {"include_usage": True}},
    ),
    **{name: (chat, chat) for name, chat in CHATS.items() if name != "structured"},
}


def client(address: str) -> huggingface_hub.InferenceClient:
    """Return the SDK, pointed at an address."""
    return huggingface_hub.InferenceClient(base_url=address, api_key=SECRET, timeout=20)


def said(sent: Any) -> Any:  # noqa: ANN401 # of any shape
    """Return a body without nulls and the stream that is none, which the SDK always names."""
    if isinstance(sent, dict):
        kept = {k: said(v) for k, v in sent.items() if v is not None}
        return {k: v for k, v in kept.items() if (k, v) != ("stream", False)}
    return [said(each) for each in sent] if isinstance(sent, list) else sent


@pytest.mark.parametrize("name", NATIVE)
def test_chat_is_sent_as_the_sdk_sends_it(name: str) -> None:
    """Method, path, key and body are the SDK's."""
    asked, native = NATIVE[name]
    case = "HuggingFace/chat/stream" if "stream" in native else "HuggingFace/chat/plain"
    with upstream(case) as server:
        with client(server.address) as sdk:
            answer: Any = sdk.chat_completion(model=MODEL, **native)
            if "stream" in native:
                list(answer)
        ours = we_send("HuggingFace", "chat", {"model": MODEL, **asked})
        theirs = server.received[0]
    assert ours._replace(body=said(ours.body)) == theirs._replace(body=said(theirs.body))


@pytest.mark.parametrize("case", [*WHOLE, "dedicated"])
def test_sdk_reads_the_recorded_answers(case: str) -> None:
    """The SDK finds in the answers what our callers get."""
    with upstream(f"HuggingFace/chat/{case}") as server:
        answer: Any = client(server.address).chat_completion([], model=MODEL)
    assert read(answer["choices"], "message") == expected(f"HuggingFace/chat/{case}")


@pytest.mark.parametrize("case", [*STREAMED, "dedicated_stream"])
def test_sdk_reads_the_recorded_streams(case: str) -> None:
    """The SDK finds in the streams what our callers get."""
    with upstream(f"HuggingFace/chat/{case}") as server, client(server.address) as sdk:
        chunks: Any = list(sdk.chat_completion([], model=MODEL, stream=True))
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert read(choices, "delta") == expected(f"HuggingFace/chat/{case}")


def test_feature_extraction_is_sent_as_the_sdk_sends_it() -> None:
    """Method, key and body of the router's task are the SDK's, and its path is the task's."""
    request = {"input": ["The food"], "normalize": True, "dimensions": 2}
    ours = we_send("HuggingFace", "embed", {"model": MODEL, **request}, address=ROUTER)
    path = f"/hf-inference/models/{MODEL}/pipeline/feature-extraction"
    with upstream("HuggingFace/embed/plain") as server:
        with (
            huggingface_hub.InferenceClient(
                model=f"{server.address}{path}", api_key=SECRET, provider="hf-inference"
            ) as sdk,
            # It hands vectors out by numpy only, which nothing else here needs.
            suppress(ImportError),
        ):
            # Typed for one text; lists are what the task takes.
            texts: Any = ["The food"]
            sdk.feature_extraction(texts, normalize=True, dimensions=2)
        assert ours == server.received[0]


@pytest.mark.parametrize("case", ["error_400", "error_401", "error_404", "error_429", "error_500"])
def test_sdk_reads_the_recorded_errors(case: str) -> None:
    """The SDK takes the errors for errors of its own kind."""
    with upstream(f"HuggingFace/chat/{case}") as server, pytest.raises(HfHubHTTPError):
        client(server.address).chat_completion([], model=MODEL)
