"""Anthropic's own counts."""

import orjson
import pytest
from tests.support.message_replays import ASKED, answered_chats, message_call

from conduit_kernel.errors import ConduitError
from conduit_providers.codecs.anthropic.message_count import CODEC
from conduit_providers.quantities import Quantities
from conduit_providers.wire import HttpResponse

PLAIN = next(each for each in answered_chats() if each.name == "Anthropic/chat/plain")


def test_the_body_passes_and_so_does_the_count() -> None:
    """At a path of its own, with the caller's version and betas."""
    call = message_call(PLAIN, ASKED)
    call.betas, call.version = ("b-1",), "2023-06-01"
    request = CODEC.to_upstream(call, PLAIN.endpoint, PLAIN.target)
    assert request.path == "/v1/messages/count_tokens"
    assert orjson.loads(request.body) == {"model": "claude-opus-5", **ASKED}
    assert dict(request.headers)["anthropic-beta"] == "b-1"
    body = b'{"input_tokens": 3, "new": 1}'
    answer = CODEC.from_upstream(HttpResponse(200, {}, body), call, PLAIN.endpoint)
    assert (answer.json, answer.usage, answer.typed.input_tokens) == (body, Quantities(), 3)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"type":"error","error":{"message":"x"}}'])
def test_what_is_no_count_is_the_providers_failure(body: bytes) -> None:
    """It is estimated then."""
    with pytest.raises(ConduitError):
        CODEC.from_upstream(HttpResponse(200, {}, body), message_call(PLAIN, ASKED), PLAIN.endpoint)
