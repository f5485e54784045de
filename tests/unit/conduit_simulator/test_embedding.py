"""Vectors that depend on their text alone."""

import base64
import math
import struct

import orjson
import pytest

from conduit_simulator.embedding import embedding_list, tokens_in, vector_of, vector_of_words


@pytest.mark.parametrize("dimensions", [1, 2, 256, 3072])
@pytest.mark.parametrize("text", ["", "hello", [1, 2]])
def test_vectors_are_of_length_one_and_repeat(text: str | list[int], dimensions: int) -> None:
    """The empty text's, too."""
    vector = vector_of(text, dimensions)
    assert len(vector) == dimensions
    assert math.isclose(math.hypot(*vector), 1.0)
    assert vector == vector_of(text, dimensions)


def test_other_texts_have_other_vectors() -> None:
    """Words and tokens that look alike are not the same."""
    texts: list[str | list[int]] = ["a", "b", [1], [1, 1]]
    assert len({tuple(vector_of(text, 8)) for text in texts}) == len(texts)


def test_texts_with_the_same_words_are_near() -> None:
    """In any order and case; others are across."""
    texts: list[str | list[int]] = ["reset my password", "Password: reset my", "weather", "", [1]]
    one, *others = (vector_of_words(text, 256) for text in texts)
    found = [sum(a * b for a, b in zip(one, other, strict=True)) for other in others]
    assert found[0] == pytest.approx(1)
    assert max(map(abs, found[1:])) < 0.3


def test_base64_is_the_list_in_little_endian_floats() -> None:
    """As OpenAI's SDK unpacks it."""
    plain = orjson.loads(embedding_list("m", ["x"], 4, "float"))
    packed = orjson.loads(embedding_list("m", ["x"], 4, "base64"))["data"][0]["embedding"]
    unpacked = struct.unpack("<4f", base64.b64decode(packed))
    assert unpacked == pytest.approx(plain["data"][0]["embedding"])


def test_all_texts_are_counted() -> None:
    """Words by eight letters, tokens one by one; places in order."""
    texts: list[str | list[int]] = ["one two", [7, 8, 9]]
    assert tokens_in(texts) == 5
    listed = orjson.loads(embedding_list("m", texts, 2, "float"))
    assert listed["usage"] == {"prompt_tokens": 5, "total_tokens": 5}
    assert [each["index"] for each in listed["data"]] == [0, 1]
