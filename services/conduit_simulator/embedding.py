"""Vectors of unit length that depend on the text alone."""

import array
import base64
import hashlib
import math
import re
import sys

import orjson

from conduit_simulator.requests import Text
from conduit_simulator.text import tokens_of


def embedding_list(
    model: str, texts: list[Text], dimensions: int, encoding: str, *, by_words: bool = False
) -> bytes:
    """Return OpenAI's list of embeddings; `encoding` is `float` or `base64`."""
    read, embed = tokens_in(texts), vector_of_words if by_words else vector_of
    return orjson.dumps(
        {
            "object": "list",
            "data": [
                {
                    "object": "embedding",
                    "index": index,
                    "embedding": _encoded(embed(text, dimensions), encoding),
                }
                for index, text in enumerate(texts)
            ],
            "model": model,
            "usage": {"prompt_tokens": read, "total_tokens": read},
        }
    )


def tokens_in(texts: list[Text]) -> int:
    """Count the tokens of texts."""
    return sum(len(tokens_of(text) if isinstance(text, str) else text) for text in texts)


def vector_of(text: Text, dimensions: int) -> list[float]:
    """Return a text's vector: bytes of SHAKE-256, centred and scaled to length 1."""
    seed = text if isinstance(text, str) else repr(text)
    raw = hashlib.shake_256(seed.encode()).digest(dimensions)
    # Never all zero, as no byte is 127.5.
    centred = [byte - 127.5 for byte in raw]
    length = math.sqrt(sum(x * x for x in centred))
    return [x / length for x in centred]


def vector_of_words(text: Text, dimensions: int) -> list[float]:
    """Return a vector of length 1 that is near those of texts with the same words."""
    words = re.findall(r"\w+", text.casefold()) if isinstance(text, str) else [*map(str, text)]
    vectors = [vector_of(word, dimensions) for word in words or [""]]
    summed = [sum(each) for each in zip(*vectors, strict=True)]
    length = math.sqrt(sum(x * x for x in summed))
    return [x / length for x in summed]


def _encoded(vector: list[float], encoding: str) -> list[float] | str:
    if encoding != "base64":
        return vector
    floats = array.array("f", vector)
    if sys.byteorder == "big":
        floats.byteswap()
    return base64.b64encode(floats.tobytes()).decode()
