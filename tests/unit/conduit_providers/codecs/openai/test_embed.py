"""Embeddings in OpenAI's dialect; what is sent and received is in the wire cases."""

import pytest

from conduit_kernel.errors import UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs.openai.embed import CODEC
from conduit_providers.operations.embed import embedding_request
from conduit_providers.spec import Endpoint
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
