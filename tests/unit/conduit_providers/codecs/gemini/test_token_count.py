"""Gemini's counts of chats."""

import orjson
from tests.support.replays import CATALOG

from conduit_providers.calls import Call
from conduit_providers.codecs.gemini.token_count import CODEC
from conduit_providers.operations.chat import chat_request
from conduit_providers.target import Target

ENDPOINT = CATALOG.find("Gemini").endpoints["chat"]


def test_the_whole_request_is_counted() -> None:
    """Instructions and tools included, with the model's name in it."""
    said = [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]
    asked = {"model": "m", "messages": said}
    call = Call(chat_request(json=orjson.dumps(asked)), alias="m", model="gemini-3-pro")
    target = Target("P", "Gemini", "https://x", {"apiVersion": "v1beta"})
    request = CODEC.to_upstream(call, ENDPOINT, target)
    assert request.path == "/v1beta/models/gemini-3-pro:countTokens"
    inner = orjson.loads(request.body)["generateContentRequest"]
    assert inner["model"] == "models/gemini-3-pro"
    assert inner["contents"][0]["parts"] == [{"text": "hi"}]
    assert inner["systemInstruction"] == {"parts": [{"text": "s"}]}
