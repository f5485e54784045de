"""Anthropic's counts of chats."""

import orjson
from tests.support.replays import CATALOG

from conduit_providers.calls import Call
from conduit_providers.codecs.anthropic.token_count import CODEC
from conduit_providers.operations.chat import chat_request
from conduit_providers.target import Target

ENDPOINT = CATALOG.find("Anthropic").endpoints["chat"]


def test_only_what_counts_is_sent() -> None:
    """The API refuses limits, temperatures and streams there."""
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    said = [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]
    asked = {"model": "m", "messages": said, "tools": [tool], "max_tokens": 9, "temperature": 0.5}
    call = Call(chat_request(json=orjson.dumps(asked)), alias="m", model="claude-opus-5")
    request = CODEC.to_upstream(call, ENDPOINT, Target("P", "Anthropic", "https://x"))
    body = orjson.loads(request.body)
    assert request.path == "/v1/messages/count_tokens"
    assert body.keys() == {"model", "messages", "system", "tools"}
    assert body["model"] == "claude-opus-5"
