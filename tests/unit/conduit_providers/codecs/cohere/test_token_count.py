"""Cohere's counts of texts."""

from typing import Any

import orjson
import pytest
from tests.support.replays import CATALOG

from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.codecs.cohere.token_count import CODEC
from conduit_providers.operations.chat import chat_request
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest

Json = dict[str, Any]
ENDPOINT = CATALOG.find("Cohere").endpoints["chat"]
HI = {"role": "user", "content": "hi"}


def sent(messages: list[Json], **members: object) -> HttpRequest:
    """Return what goes out."""
    body = orjson.dumps({"model": "m", "messages": messages, **members})
    call = Call(chat_request(json=body), alias="m", model="command-a-03-2025")
    return CODEC.to_upstream(call, ENDPOINT, Target("P", "Cohere", "https://x"))


def test_one_text_is_counted() -> None:
    """By the model's own vocabulary."""
    request = sent([HI])
    assert request.path == "/v1/tokenize"
    assert orjson.loads(request.body) == {"text": "hi", "model": "command-a-03-2025"}


@pytest.mark.parametrize(
    "messages",
    [
        [HI, HI],
        [{"role": "system", "content": "hi"}],
        [{"role": "user", "content": "x" * 65_537}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x"}}]}],
    ],
)
def test_more_than_one_short_text_is_not(messages: list[Json]) -> None:
    """What wraps it has tokens, too, which nobody tells."""
    with pytest.raises(UnsupportedCapability):
        sent(messages)
    with pytest.raises(UnsupportedCapability):
        sent([HI], tools=[{"type": "function", "function": {"name": "f"}}])
