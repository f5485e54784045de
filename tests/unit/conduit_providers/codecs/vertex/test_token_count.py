"""Vertex AI's counts of chats."""

import orjson
import pytest
from tests.support.replays import CATALOG

from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.codecs.vertex.token_count import CODEC
from conduit_providers.operations.chat import ChatCall, chat_request
from conduit_providers.target import Target

ENDPOINT = CATALOG.find("VertexAI").endpoints["chat"]
TARGET = Target("P", "VertexAI", "https://x", {"project": "p", "location": "l"})


def call_of(model: str) -> ChatCall:
    """Return a call."""
    said = [{"role": "user", "content": "hi"}]
    body = orjson.dumps({"model": "m", "messages": said, "max_tokens": 9})
    return Call(chat_request(json=body), alias="m", model=model)


def test_what_is_read_is_counted() -> None:
    """Its members stand in the request itself."""
    request = CODEC.to_upstream(call_of("gemini-3-pro"), ENDPOINT, TARGET)
    assert request.path.endswith("/publishers/google/models/gemini-3-pro:countTokens")
    assert orjson.loads(request.body)["contents"][0]["parts"] == [{"text": "hi"}]


def test_claude_is_not_counted_there() -> None:
    """Its route has another verb, which was not tried."""
    with pytest.raises(UnsupportedCapability):
        CODEC.to_upstream(call_of("claude-opus-5"), ENDPOINT, TARGET)
