"""An answer as it comes, from a gateway and from what is none."""

import json

import pytest
from tests.support.gateway_answers import answering

from conduit_cli.chat import answer
from conduit_cli.gateway import GatewayError


def events(*chunks: object, end: bool = True) -> bytes:
    """Write chunks as server-sent events."""
    lines = b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks)
    return b": hello\n\n" + lines + (b"data: [DONE]\n\n" if end else b"")


def test_an_answer_comes_in_pieces() -> None:
    """What has no words in it is passed over, whatever a provider sends in their place."""
    odd = [
        {"choices": []},
        {"choices": None},
        {"choices": [{}]},
        {"choices": [{"delta": None}]},
        {"choices": [{"delta": {"content": None}}]},
        {"usage": {}},
    ]
    chunks = [{"choices": [{"delta": {"content": text}}]} for text in ("Hel", "lo")]
    with answering(200, events(*odd, *chunks)) as gateway:
        assert list(answer(gateway, "m", "hi")) == ["Hel", "lo"]


def test_an_answer_that_fails_says_why_after_its_pieces() -> None:
    """In an event, or by breaking off."""
    first = {"choices": [{"delta": {"content": "Hel"}}]}
    with answering(200, events(first, {"error": {"message": "no", "code": "c"}})) as gateway:
        pieces = answer(gateway, "m", "hi")
        assert next(pieces) == "Hel"
        with pytest.raises(GatewayError, match="no"):
            next(pieces)
    with answering(200, events(first, end=False)) as gateway:
        pieces = answer(gateway, "m", "hi")
        assert next(pieces) == "Hel"
        with pytest.raises(ConnectionError):
            next(pieces)


@pytest.mark.parametrize(
    "data", [b"data: {\n\n", b"data: []\n\n", b"data: 1\n\n", b"data: \xff\n\n"]
)
def test_events_of_something_else_are_no_answer(data: bytes) -> None:
    """The command tells so in one line."""
    with answering(200, data) as gateway, pytest.raises(ValueError):  # noqa: PT011 # of several makers
        list(answer(gateway, "m", "hi"))
