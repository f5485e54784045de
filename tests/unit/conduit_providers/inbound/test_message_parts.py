"""Blocks as the parts of a chat's message."""

from typing import Any

import pytest

from conduit.v1.message_json import message_block_from_json
from conduit.v1.message_pb2 import MessageBlock
from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.inbound.dropped import Dropped
from conduit_providers.inbound.message_parts import Parts, result_blocks

Json = dict[str, Any]
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}


def blocks(*given: Json) -> list[MessageBlock]:
    """Return blocks of JSON."""
    return [message_block_from_json(each) for each in given]


def parts(*given: Json) -> list[Json]:
    """Return the parts of blocks."""
    return Parts(Dropped(), takes_marks=True).of(blocks(*given))


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"type": "text", "text": "a"}, [{"type": "text", "text": "a"}]),
        ({"type": "text", "text": ""}, []),
        (
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": "AA=="},
            },
            [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}],
        ),
        (
            {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}},
            [{"type": "image_url", "image_url": {"url": "https://a/b.png"}}],
        ),
        (
            {"type": "document", "source": PDF, "title": "t.pdf"},
            [
                {
                    "type": "file",
                    "file": {
                        "filename": "t.pdf",
                        "file_data": "data:application/pdf;base64,JVBERi0=",
                    },
                }
            ],
        ),
        (
            {
                "type": "document",
                "title": "T",
                "source": {"type": "text", "media_type": "text/plain", "data": "words"},
            },
            [{"type": "text", "text": "T\n\nwords"}],
        ),
        (
            {"type": "document", "source": {"type": "content", "content": "words"}},
            [{"type": "text", "text": "words"}],
        ),
        (
            {
                "type": "search_result",
                "source": "https://a",
                "title": "T",
                "content": [{"type": "text", "text": "words"}],
            },
            [{"type": "text", "text": "T\n\nhttps://a\n\nwords"}],
        ),
        (
            {
                "type": "document",
                "context": "C",
                "source": {"type": "text", "media_type": "text/plain", "data": "words"},
            },
            [{"type": "text", "text": "C\n\nwords"}],
        ),
        (
            {"type": "document", "context": "C", "source": PDF},
            [
                {"type": "text", "text": "C"},
                {
                    "type": "file",
                    "file": {
                        "filename": "document.pdf",
                        "file_data": "data:application/pdf;base64,JVBERi0=",
                    },
                },
            ],
        ),
        ({"type": "compaction", "content": "so far"}, [{"type": "text", "text": "so far\n\n"}]),
        ({"type": "compaction", "content": None}, []),
    ],
)
def test_each_kind_of_block_has_a_part(block: Json, expected: list[Json]) -> None:
    """Pictures and documents by their bytes or addresses, the rest as words."""
    assert parts(block) == expected


@pytest.mark.parametrize(
    "block",
    [
        {"type": "container_upload", "file_id": "f"},
        {"type": "image", "source": {"type": "file", "file_id": "f"}},
        {"type": "never_heard_of"},
    ],
)
def test_what_only_anthropic_has_goes_to_anthropic_alone(block: Json) -> None:
    """Another candidate is asked, rather than half of the request."""
    with pytest.raises(UnsupportedCapability):
        parts(block)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image"},
        {"type": "image", "source": []},
        {"type": "image", "source": {"type": "base64"}},
        {"type": "document", "source": {"type": "content", "content": 5}},
    ],
)
def test_what_makes_no_sense_is_refused(block: Json) -> None:
    """With the member at fault."""
    with pytest.raises(InvalidRequest) as refused:
        parts(block)
    assert refused.value.metadata["field"].startswith("messages.content.")


def test_what_a_block_asks_for_beside_being_seen_is_told() -> None:
    """Citations and changes of pictures are Anthropic's alone; what asks for nothing is not."""
    picture = {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}}
    text = {"type": "document", "source": {"type": "content", "content": "words"}}
    dropped = Dropped()
    made = Parts(dropped, takes_marks=True)
    made.of(blocks(picture, {**text, "citations": {"enabled": False}, "context": "C"}))
    assert dropped.names == ()
    wishes = {"downscale": {"type": "none"}}
    made.of(blocks({**picture, "transformations": wishes}, {**text, "citations": {"enabled": 1}}))
    assert set(dropped.names) == {"messages.content.transformations", "messages.content.citations"}


def test_marks_stand_at_the_last_part_or_are_told() -> None:
    """As far as the provider takes them."""
    marked = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    (part,) = parts(marked)
    assert part["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    dropped = Dropped()
    assert Parts(dropped, takes_marks=False).content(blocks(marked)) == "a"
    assert dropped.names == ("cache_control",)


def test_texts_alone_are_one_text() -> None:
    """Which every server takes, while some take no lists."""
    found = Parts(Dropped(), takes_marks=True)
    texts = blocks({"type": "text", "text": "a"}, {"type": "text", "text": "b"})
    assert found.content(texts) == "a\n\nb"
    assert found.content(texts, between="") == "ab"
    assert found.content([]) == ""


def test_results_are_strings_or_blocks() -> None:
    """What is neither is refused."""
    of = {"type": "tool_result", "tool_use_id": "t"}
    assert result_blocks(*blocks(of)) == []
    assert result_blocks(*blocks({**of, "content": ""})) == []
    assert [b.text for b in result_blocks(*blocks({**of, "content": "r"}))] == ["r"]
    for nonsense in (5, [5], {"a": 1}):
        with pytest.raises(InvalidRequest):
            result_blocks(*blocks({**of, "content": nonsense}))
