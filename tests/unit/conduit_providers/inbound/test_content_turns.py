"""Google's turns, as a chat has them."""

import pytest

from conduit_kernel.errors import InvalidRequest
from conduit_providers.inbound.content_signatures import signature_of
from conduit_providers.inbound.content_turns import ContentTurns, parts_of
from conduit_providers.inbound.dropped import Dropped


def test_what_was_sealed_goes_back_to_its_place() -> None:
    """Thoughts beside the turn, members of calls on them."""
    details = [{"type": "reasoning.text", "text": "t"}]
    signature = signature_of({"details": details, "calls": {"c1": {"extra": 1}}})
    parts = [
        {"text": "", "thought": True, "thoughtSignature": signature},
        {"functionCall": {"id": "c1", "name": "f", "args": {}}},
    ]
    found = ContentTurns(Dropped()).of([{"role": "model", "parts": parts}])
    assert found[0]["reasoning_details"] == details
    assert found[0]["tool_calls"][0]["extra"] == 1


def test_what_googles_own_tools_did_is_told() -> None:
    """Nobody else has a word for it."""
    dropped = Dropped()
    parts = [{"text": "a"}, {"executableCode": {"code": "1"}}]
    found = ContentTurns(dropped).of([{"role": "model", "parts": parts}])
    assert found == [{"role": "assistant", "content": "a"}]
    assert dropped.names == ("contents.parts.executableCode",)


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (None, []),
        ("a", [{"text": "a"}]),
        ({"text": "a"}, [{"text": "a"}]),
        ({"parts": {"text": "a"}}, [{"text": "a"}]),
        ({"parts": ["a", {"thought_signature": "s"}]}, [{"text": "a"}, {"thoughtSignature": "s"}]),
        ({"role": "user"}, []),
    ],
)
def test_contents_have_parts(content: object, parts: object) -> None:
    """However short they are written."""
    assert parts_of(content) == parts


@pytest.mark.parametrize("content", [1, [], {"parts": [1]}])
def test_what_has_no_parts_is_refused(content: object) -> None:
    """With the member's name."""
    with pytest.raises(InvalidRequest):
        parts_of(content)
