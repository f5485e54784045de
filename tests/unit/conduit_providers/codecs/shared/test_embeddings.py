"""Vectors out of other dialects than OpenAI's."""

import base64
import struct

import orjson
import pytest

from conduit.v1.embedding_pb2 import EmbeddingRequest
from conduit_kernel.errors import UnsupportedCapability, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs.shared.embeddings import texts_of, vectors_answer
from conduit_providers.operations.embed import EmbedCall, embedding_request
from conduit_providers.quantities import plain


def call(**members: object) -> EmbedCall:
    """Return a call."""
    raw = orjson.dumps({"model": "a", "input": ["x", "y"], **members})
    return Call(embedding_request(json=raw), alias="a", model="m", provider="P")


def test_texts_are_taken_and_tokens_refused() -> None:
    """One of them is enough."""
    assert texts_of(call().typed, "P") == ["x", "y"]
    assert texts_of(EmbeddingRequest(), "P") == []
    remedy = "P embeds texts, not tokens; send texts .*check_embedding_ctx_length=False"
    with pytest.raises(UnsupportedCapability, match=remedy):
        texts_of(call(input=["x", [1, 2]]).typed, "P")


def test_vectors_are_numbered_and_counted() -> None:
    """The model is what the provider says, or else what was asked."""
    answer = orjson.loads(vectors_answer([[0.5], [1.0]], call(), plain(7)).json)
    assert [(each["index"], each["embedding"]) for each in answer["data"]] == [
        (0, [0.5]),
        (1, [1.0]),
    ]
    assert answer["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
    assert answer["model"] == "m"
    assert orjson.loads(vectors_answer([], call(), None, "n").json)["model"] == "n"


def test_counts_stand_there_though_nobody_told_them() -> None:
    """OpenAI's SDKs read them."""
    answer = vectors_answer([[1.0]], call(), None)
    assert answer.usage is None
    assert orjson.loads(answer.json)["usage"] == {"prompt_tokens": 0, "total_tokens": 0}


def test_base64_holds_little_endian_floats() -> None:
    """Numbers that are too small for them are zero."""
    answer = orjson.loads(
        vectors_answer([[1.5, -2.0, 1e-60]], call(encoding_format="base64"), None).json
    )
    packed = base64.b64decode(answer["data"][0]["embedding"])
    assert struct.unpack("<3f", packed) == (1.5, -2.0, 0.0)


@pytest.mark.parametrize("number", [1e39, -1e300])
def test_numbers_too_large_for_the_encoding_are_the_providers_error(number: float) -> None:
    """As a list they are passed on."""
    with pytest.raises(UpstreamError, match="too large") as raised:
        vectors_answer([[number]], call(encoding_format="base64"), None)
    assert raised.value.metadata["kind"] == "malformed"
    answer = orjson.loads(vectors_answer([[number]], call(), None).json)
    assert answer["data"][0]["embedding"] == [number]
