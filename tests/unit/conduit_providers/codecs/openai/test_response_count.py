"""OpenAI's own counts of what a response would read."""

from typing import Any

import orjson
import pytest
from tests.support.replays import CATALOG

from conduit_kernel.errors import ConduitError
from conduit_providers.calls import Call
from conduit_providers.codecs.openai.response_count import CODEC
from conduit_providers.inbound.response_form import response_request
from conduit_providers.quantities import Quantities
from conduit_providers.target import Target
from conduit_providers.wire import HttpResponse

OPENAI = CATALOG.find("OpenAI").endpoints["chat"]
TARGET = Target("Provider", "OpenAI", "https://x")


def call_of(**members: object) -> Call[Any]:
    """Return a call."""
    asked = orjson.dumps({"model": "alias", **members})
    return Call(response_request(json=asked), alias="alias", model="gpt-6", provider="Provider")


def test_what_counts_passes_and_so_does_the_count() -> None:
    """The API refuses members of a response that it does not know of a count."""
    tools = [{"type": "web_search"}]
    call = call_of(
        input="Hi", tools=tools, store=True, max_output_tokens=5, previous_response_id="r"
    )
    request = CODEC.to_upstream(call, OPENAI, TARGET)
    assert (request.method, request.path) == ("POST", "/responses/input_tokens")
    assert orjson.loads(request.body) == {
        "model": "gpt-6",
        "input": "Hi",
        "tools": tools,
        "previous_response_id": "r",
    }
    body = b'{"object": "response.input_tokens", "input_tokens": 3, "new": 1}'
    answer = CODEC.from_upstream(HttpResponse(200, {}, body), call, OPENAI)
    assert (answer.json, answer.usage, answer.typed.input_tokens) == (body, Quantities(), 3)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"error":{"message":"x"}}'])
def test_what_is_no_count_is_the_providers_failure(body: bytes) -> None:
    """It is estimated then."""
    with pytest.raises(ConduitError):
        CODEC.from_upstream(HttpResponse(200, {}, body), call_of(input="Hi"), OPENAI)
