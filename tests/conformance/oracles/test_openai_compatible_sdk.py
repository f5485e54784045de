"""OpenAI's SDK as the oracle of those who name it as theirs, and of Azure's undated API."""

from typing import Any, NamedTuple

import openai
import orjson
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
from tests.support.wire_cases import cases


class Kind(NamedTuple):
    """A type, and how its address ends."""

    name: str
    prefix: str
    # Renamed from OpenAI's word.
    limit: str = "max_completion_tokens"
    # Whether streams are asked for their usage.
    asks_usage: bool = True


KINDS = (
    Kind("DeepSeek", "", "max_tokens"),
    Kind("xAI", "/v1"),
    Kind("Together", "/v1", "max_tokens"),
    Kind("Perplexity", "", "max_tokens", asks_usage=False),
    Kind("SambaNova", "/v1"),
    Kind("DeepInfra", "/v1/openai", "max_tokens"),
    Kind("NvidiaNIM", "/v1", "max_tokens"),
    Kind("vLLM", "/v1"),
)
CASES = [
    (kind, case)
    for kind in KINDS
    for case in (*WHOLE, *STREAMED)
    if cases(f"{kind.name}/chat/{case}")
]
ERRORS: tuple[tuple[str, type[openai.APIStatusError]], ...] = (
    ("error_429", openai.RateLimitError),
    ("error_500", openai.InternalServerError),
)
V1 = {"apiVersion": "v1"}


def client(address: str) -> openai.OpenAI:
    """Return the SDK, pointed at an address."""
    return openai.OpenAI(api_key=SECRET, base_url=address, max_retries=0, timeout=20)


@pytest.mark.parametrize("name", CHATS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_chat_is_sent_as_the_sdk_sends_it(kind: Kind, name: str) -> None:
    """Method, path, key and body are the SDK's."""
    native = CHATS[name]
    if kind.name == "DeepSeek" and name == "tool_result":
        # Its API refuses calls without the thoughts behind them; there are none.
        native = orjson.loads(orjson.dumps(native))
        native["messages"][1]["reasoning_content"] = ""
    with upstream(f"{kind.name}/chat/plain") as server:
        with client(f"{server.address}{kind.prefix}") as sdk:
            sdk.chat.completions.create(model="m", **native)
        ours = we_send(kind.name, "chat", {"model": "m", **CHATS[name]}, prefix=kind.prefix)
        assert ours == server.received[0]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_stream_is_sent_as_the_sdk_sends_it(kind: Kind) -> None:
    """A stream is asked for its usage where that is known, and the limit goes by its name there."""
    asked: Json = {"model": "m", "messages": [], "stream": True, "max_completion_tokens": 9}
    native: Json = {"model": "m", "messages": [], "stream": True, kind.limit: 9}
    if kind.asks_usage:
        native["stream_options"] = {"include_usage": True}
    with upstream(f"{kind.name}/chat/stream") as server:
        with client(f"{server.address}{kind.prefix}") as sdk:
            list(sdk.chat.completions.create(**native))
        assert we_send(kind.name, "chat", asked, prefix=kind.prefix) == server.received[0]


@pytest.mark.parametrize(("kind", "case"), CASES, ids=lambda x: getattr(x, "name", x))
def test_sdk_reads_the_recorded_answers(kind: Kind, case: str) -> None:
    """The SDK finds in whole answers and streams what our callers get."""
    with upstream(f"{kind.name}/chat/{case}") as server, client(server.address) as sdk:
        found: Any
        if case in STREAMED:
            chunks = sdk.chat.completions.create(model="m", messages=[], stream=True)
            found = [choice.to_dict() for chunk in chunks for choice in chunk.choices]
        else:
            answer = sdk.chat.completions.create(model="m", messages=[])
            found = [choice.to_dict() for choice in answer.choices]
    part = "delta" if case in STREAMED else "message"
    assert read(found, part) == expected(f"{kind.name}/chat/{case}")


@pytest.mark.parametrize(("case", "error"), ERRORS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_sdk_reads_the_recorded_errors(
    kind: Kind, case: str, error: type[openai.APIStatusError]
) -> None:
    """The SDK takes the errors for what they are."""
    with (
        upstream(f"{kind.name}/chat/{case}") as server,
        client(server.address) as sdk,
        pytest.raises(error),
    ):
        sdk.chat.completions.create(model="m", messages=[])


@pytest.mark.parametrize("name", CHATS)
def test_undated_azure_is_sent_as_the_sdk_sends_it(name: str) -> None:
    """The undated API takes OpenAI's own paths; the key goes where Azure has it."""
    with upstream("AzureOpenAI/chat/v1") as server:
        key: dict[str, str | openai.Omit] = {
            "api-key": SECRET,
            "authorization": openai.Omit(),
        }
        with client(f"{server.address}/openai/v1") as sdk:
            sdk.chat.completions.create(model="d", **CHATS[name], extra_headers=key)
        ours = we_send("AzureOpenAI", "chat", {"model": "d", **CHATS[name]}, settings=V1)
        assert ours == server.received[0]


def test_undated_azure_lists_models_as_the_sdk_does() -> None:
    """The probe of the undated API is OpenAI's."""
    with upstream("AzureOpenAI/models/v1") as server:
        key: dict[str, str | openai.Omit] = {
            "api-key": SECRET,
            "authorization": openai.Omit(),
        }
        with client(f"{server.address}/openai/v1") as sdk:
            names = [model.id for model in sdk.models.list(extra_headers=key)]
        assert names == ["gpt-4o-2024-08-06"]
        assert we_send("AzureOpenAI", "models", {}, settings=V1) == server.received[0]
