"""Answers that can be read, and those that cannot."""

import pytest

from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.json_reading import JsonReader

READER = JsonReader(list[int])


def test_an_answer_is_what_its_json_says() -> None:
    """Of the type that its reader has."""
    assert read_answer(READER, b"[1, 2]", "P", "it is no list") == [1, 2]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1", b'{"a": 1}', b"[" * 9000, b'["\xff"]'])
def test_what_cannot_be_read_is_the_providers_failure(body: bytes) -> None:
    """Which says why, and nothing of what came."""
    with pytest.raises(UpstreamError, match=r"P sent an answer .*: it is no list$") as raised:
        read_answer(READER, body, "P", "it is no list")
    assert raised.value.metadata == {"provider": "P", "kind": "malformed"}
