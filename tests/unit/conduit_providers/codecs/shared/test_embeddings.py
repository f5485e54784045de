"""Vectors out of other dialects than OpenAI's."""

import base64
import struct

import orjson
import pytest
from msgspec.structs import replace

from conduit_kernel.errors import InvalidRequest, UnsupportedParameter, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs.shared.embeddings import texts_of, vectors_answer
from conduit_providers.operations.embed import EmbedCall, embedding_request
from conduit_providers.quantities import plain


def call(**members: object) -> EmbedCall:
    """Return a call."""
    raw = orjson.dumps({"model": "a", "input": ["x", "y"], **members})
    return Call(embedding_request(json=raw), alias="a", model="m", provider="P")


def test_texts_are_taken_as_they_are() -> None:
    """Nothing is noted of them."""
    asked = call()
    assert texts_of(asked, "P") == ["x", "y"]
    assert asked.dropped == []


@pytest.mark.parametrize("given", [[[791, 3691], [16514]], ["The food", [16514]]])
def test_tokens_become_their_texts_and_that_is_told(given: object) -> None:
    """Also beside texts."""
    asked = call(input=given)
    assert texts_of(asked, "P") == ["The food", "was"]
    assert asked.dropped == ["token_input"]


def test_tokens_of_another_vocabulary_are_refused() -> None:
    """Rather than read as other words; so are all tokens of who wants nothing altered."""
    with pytest.raises(InvalidRequest, match="cl100k_base has no token 200000") as raised:
        texts_of(call(input=[[791, 200_000]]), "P")
    assert raised.value.metadata["field"] == "input"
    with pytest.raises(UnsupportedParameter, match="P does not take the parameter 'token_input'"):
        texts_of(replace(call(input=[[791]]), is_strict=True), "P")


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
