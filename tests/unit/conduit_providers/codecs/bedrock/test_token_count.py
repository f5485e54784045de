"""Bedrock's counts of chats."""

import orjson
from tests.support.replays import CATALOG

from conduit_providers.calls import Call
from conduit_providers.codecs.bedrock.token_count import CODEC
from conduit_providers.operations.chat import chat_request
from conduit_providers.target import Target

ENDPOINT = CATALOG.find("Bedrock").endpoints["chat"]


def test_only_what_is_read_is_sent() -> None:
    """The API takes no limits there."""
    asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}
    call = Call(chat_request(json=orjson.dumps(asked)), alias="m", model="amazon.nova-pro-v1:0")
    request = CODEC.to_upstream(call, ENDPOINT, Target("P", "Bedrock", "https://x"))
    assert request.path == "/model/amazon.nova-pro-v1%3A0/count-tokens"
    assert orjson.loads(request.body) == {
        "input": {"converse": {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}}
    }
