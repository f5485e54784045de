"""What Converse's answers cite."""

from typing import Any

import msgspec
import orjson
import pytest

from conduit_providers.codecs.bedrock.answer import Block
from conduit_providers.codecs.bedrock.citations import StreamedCitations, annotation, annotations_of

Json = dict[str, Any]
WEB: Json = {"title": "t", "location": {"web": {"url": "https://a.example"}}}


def raw(value: object) -> msgspec.Raw:
    """Return a value as it is written."""
    return msgspec.Raw(orjson.dumps(value))


@pytest.mark.parametrize(
    ("citation", "cited", "places"),
    [
        (WEB, {"url": "https://a.example", "title": "t"}, {}),
        ({"source": "s"}, {"url": "s", "title": ""}, {}),
        (
            {"sourceContent": [{"text": "a"}, {}, {"text": "b"}],
             "location": {"documentChar": {"documentIndex": 0, "start": 1}}},
            {"url": "", "title": "", "content": "ab"},
            {"documentChar": {"documentIndex": 0, "start": 1}},
        ),
        ({"location": {"searchResultLocation": {"a": 1}, "of_later": 1}}, {"url": "", "title": ""},
         {"searchResultLocation": {"a": 1}}),
        ({}, {"url": "", "title": ""}, {}),
    ],
)  # fmt: skip
def test_a_citation_is_openais_annotation_and_keeps_its_place(
    citation: Json, cited: Json, places: Json
) -> None:
    """In a document, under Bedrock's name for it."""
    found = annotation(raw(citation), 1, 2)
    assert found == {
        "type": "url_citation",
        "url_citation": {"start_index": 1, "end_index": 2, **cited},
        **places,
    }


@pytest.mark.parametrize("text", [b"7", b'{"title":7}', b'{"location":{"documentPage":1e999}}'])
def test_what_is_no_citation_makes_no_sense(text: bytes) -> None:
    """Its codec tells whose."""
    with pytest.raises(msgspec.DecodeError):
        annotation(msgspec.Raw(text), 0, 1)


def test_places_run_on_through_the_blocks_of_an_answer() -> None:
    """In characters, of plain words and cited ones."""
    text = orjson.dumps(
        [
            {"text": "äö"},
            {"citationsContent": {"content": [{"text": "abc"}], "citations": [WEB]}},
            {"citationsContent": {"content": [{"text": "d"}]}},
        ]
    )
    (found,) = annotations_of(msgspec.json.decode(text, type=list[Block]))
    assert (found["url_citation"]["start_index"], found["url_citation"]["end_index"]) == (2, 5)


def test_streamed_citations_are_told_when_their_block_ends() -> None:
    """Each once; blocks between them move the place."""
    citations = StreamedCitations()
    citations.say(0, "äö")
    citations.say(1, "ab")
    citations.cite(1, raw(WEB))
    citations.say(1, "c")
    assert citations.end(0) == []
    (found,) = citations.end(1)
    assert (found["url_citation"]["start_index"], found["url_citation"]["end_index"]) == (2, 5)
    assert citations.end(1) == citations.end(9) == []


def test_a_block_that_only_cites_has_a_place_too() -> None:
    """Where it stands."""
    citations = StreamedCitations()
    citations.say(0, "ab")
    citations.cite(1, raw(WEB))
    (found,) = citations.end(1)
    assert found["url_citation"]["start_index"] == found["url_citation"]["end_index"] == 2
