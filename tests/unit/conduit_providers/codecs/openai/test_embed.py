"""Embeddings in OpenAI's dialect; what is sent and received is in the wire cases."""

import pytest

from conduit_kernel.errors import UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs.openai.embed import CODEC
from conduit_providers.operations.embed import embedding_request
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpResponse

ASKED = b'{"model":"m","input":"a","encoding_format":"base64"}'


@pytest.mark.parametrize("odd", [b"1e999", b"[1e999]", b"9" * 400, b'["a"]', b"[[]]"])
def test_numbers_that_cannot_be_packed_are_the_providers_fault(odd: bytes) -> None:
    """Also where they stand beside the embeddings; the next candidate is asked."""
    call = Call(embedding_request(json=ASKED), alias="m", model="m", provider="P")
    vectors = b'{"data":[{"embedding":[0.5]},{"embedding":%b}]}' % odd
    with pytest.raises(UpstreamError) as raised:
        CODEC.from_upstream(HttpResponse(200, {}, vectors), call, Endpoint("openai_embed", "/e"))
    assert raised.value.metadata["kind"] == "malformed"


def sent(body: bytes, *capabilities: str) -> bytes:
    """Return what is sent to a server of OpenAI's dialect."""
    call = Call(embedding_request(json=body), alias="a", model="m", provider="P")
    endpoint = Endpoint("openai_embed", "/e", capabilities=frozenset(capabilities))
    return CODEC.to_upstream(call, endpoint, Target("P", "Mistral", "http://127.0.0.1")).body or b""


def test_tokens_go_as_texts_where_the_dialect_is_spoken_for_texts_alone() -> None:
    """All other members stay as they were written."""
    body = b'{"model":"a","input":[[791, 3691],[16514]],"dimensions":10}'
    assert sent(body, "token_input") == body.replace(b'"a"', b'"m"')
    assert sent(body) == b'{"model":"m","input":["The food","was"],"dimensions":10}'
