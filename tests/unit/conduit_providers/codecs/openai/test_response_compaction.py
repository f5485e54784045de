"""Conversations that OpenAI makes shorter."""

from typing import Any

import orjson
import pytest
from tests.support.replays import CATALOG

from conduit_kernel.errors import ConduitError
from conduit_providers.calls import Call
from conduit_providers.codecs.openai.response_compaction import CODEC
from conduit_providers.inbound.response_form import response_request
from conduit_providers.quantities import CACHED_INPUT, INPUT, OUTPUT
from conduit_providers.target import Target
from conduit_providers.wire import HttpResponse

OPENAI = CATALOG.find("OpenAI").endpoints["chat"]
TARGET = Target("Provider", "OpenAI", "https://x")
COMPACTION = {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAA"}
COMPACTED = {
    "id": "resp_1",
    "object": "response.compaction",
    "created_at": 1,
    "output": [{"type": "message", "role": "user", "content": []}, COMPACTION],
    "usage": {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 60},
        "output_tokens": 20,
        "total_tokens": 120,
    },
}


def call_of(**members: object) -> Call[Any]:
    """Return a call."""
    asked = orjson.dumps({"model": "alias", **members})
    return Call(response_request(json=asked), alias="alias", model="gpt-6", provider="Provider")


def test_the_body_passes_and_so_does_what_comes_of_it() -> None:
    """Sealed as it is, and with what it used."""
    call = call_of(input=[{"role": "user", "content": "Hi"}], instructions="Short.")
    request = CODEC.to_upstream(call, OPENAI, TARGET)
    assert (request.method, request.path) == ("POST", "/responses/compact")
    assert orjson.loads(request.body) == {
        "model": "gpt-6",
        "instructions": "Short.",
        "input": [{"role": "user", "content": "Hi"}],
    }
    body = orjson.dumps(COMPACTED)
    answer = CODEC.from_upstream(HttpResponse(200, {}, body), call, OPENAI)
    assert answer.json == body
    assert answer.typed.output[1].encrypted_content == "gAAA"
    used = answer.usage
    assert used is not None
    assert (used.count(INPUT), used.count(CACHED_INPUT), used.count(OUTPUT)) == (40, 60, 20)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"output":[]}', b'{"error":{"message":"x"}}']
)
def test_what_stands_for_nothing_is_the_providers_failure(body: bytes) -> None:
    """A caller would lose its conversation by it."""
    with pytest.raises(ConduitError):
        CODEC.from_upstream(HttpResponse(200, {}, body), call_of(input="Hi"), OPENAI)
