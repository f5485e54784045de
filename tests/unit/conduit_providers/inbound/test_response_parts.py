"""Parts of Responses as those of chats."""

from typing import Any

import orjson
import pytest

from conduit.v1.response_json import response_part_from_json
from conduit_kernel.errors import ConduitError, InvalidRequest, UnsupportedCapability
from conduit_providers.inbound.dropped import Dropped
from conduit_providers.inbound.response_parts import ResponseParts

Json = dict[str, Any]
PIXEL = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64,JVBERi0="


def content(*parts: Json, dropped: Dropped | None = None) -> object:
    """Return parts as a message's content."""
    read = [response_part_from_json(each) for each in parts]
    return ResponseParts(dropped or Dropped()).content(read)


def test_texts_alone_are_one_text() -> None:
    """As every server takes; empty ones say nothing."""
    assert content({"type": "input_text", "text": "a"}, {"type": "output_text", "text": ""}) == "a"
    assert content({"type": "input_text", "text": "a"}, {"type": "refusal", "refusal": "no"}) == (
        "a\n\nno"
    )
    assert content() == ""


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            {"type": "input_image", "image_url": PIXEL, "detail": "original"},
            {"type": "image_url", "image_url": {"url": PIXEL, "detail": "high"}},
        ),
        (
            {"type": "input_image", "image_url": "https://x/y.png"},
            {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
        ),
        (
            {"type": "input_file", "file_data": PDF},
            {"type": "file", "file": {"filename": "document.pdf", "file_data": PDF}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
        ),
    ],
)
def test_media(part: Json, expected: Json) -> None:
    """Each is what it is in a chat."""
    assert content(part) == [expected]


@pytest.mark.parametrize(
    ("part", "capability"),
    [
        ({"type": "input_image", "file_id": "file_1"}, "files"),
        ({"type": "input_file", "file_id": "file_1"}, "files"),
        ({"type": "input_file", "file_url": "https://x/y.pdf"}, "file_urls"),
        ({"type": "input_hologram"}, "input_hologram"),
        ({"type": "x" * 5000}, "x" * 100),
    ],
)
def test_what_a_chat_cannot_have_is_refused(part: Json, capability: str) -> None:
    """So that a candidate is asked that can."""
    with pytest.raises(UnsupportedCapability) as refused:
        content(part)
    assert refused.value.metadata["capability"] == capability


def test_parts_that_bring_nothing_are_the_callers_fault() -> None:
    """They name no file at all."""
    with pytest.raises(InvalidRequest):
        content({"type": "input_file"})


def test_members_that_are_not_known_are_told() -> None:
    """Such as marks of OpenAI's cache."""
    dropped = Dropped()
    marked = {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}
    assert content(marked, dropped=dropped) == "a"
    assert dropped.names == ("input.content.prompt_cache_breakpoint",)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b"", ""),
        (b"null", ""),
        (b'"ok"', "ok"),
        (b'[{"type":"input_text","text":"ok"}]', "ok"),
        (b"[]", ""),
    ],
)
def test_outputs(output: bytes, expected: str) -> None:
    """They are strings, or parts."""
    assert ResponseParts(Dropped()).output(output) == expected


def test_outputs_with_pictures() -> None:
    """They stay parts."""
    parts = [{"type": "input_image", "image_url": PIXEL}]
    assert ResponseParts(Dropped()).output(orjson.dumps(parts)) == [
        {"type": "image_url", "image_url": {"url": PIXEL}}
    ]


@pytest.mark.parametrize("output", [b"1", b"{}", b'["a", 1]', b'[{"type":1}]'])
def test_outputs_that_are_neither_are_refused(output: bytes) -> None:
    """With the member's name."""
    with pytest.raises(ConduitError) as refused:
        ResponseParts(Dropped()).output(output)
    assert str(refused.value.metadata["field"]).startswith("input.output")
