"""What Gemini's answers are grounded on; whole answers are tested in test_own_tools."""

from typing import Any

import orjson
import pytest

from conduit_providers.codecs.gemini.grounding import annotations, searches

Json = dict[str, Any]


def metadata(*indices: int, segment: Json | None = None, chunk: Json | None = None) -> bytes:
    """Return metadata with one support."""
    source = chunk or {"web": {"uri": "u", "title": "t"}}
    support: Json = {"groundingChunkIndices": list(indices)}
    if segment is not None:
        support["segment"] = segment
    return orjson.dumps({"groundingChunks": [source], "groundingSupports": [support]})


@pytest.mark.parametrize("kind", ["web", "retrievedContext", "maps"])
def test_sources_of_each_kind_are_told(kind: str) -> None:
    """One of a later version has no address."""
    (found,) = annotations(metadata(0, chunk={kind: {"uri": "u", "title": "t"}}), {})
    assert (found["url_citation"]["url"], found["url_citation"]["title"]) == ("u", "t")
    (found,) = annotations(metadata(0, chunk={"new": {"uri": "u"}}), {})
    assert found["url_citation"]["url"] == ""


@pytest.mark.parametrize(
    ("segment", "start", "end"),
    [
        (None, 0, 0),
        ({"endIndex": 3}, 0, 2),
        ({"startIndex": 3, "endIndex": 99}, 2, 3),
        ({"startIndex": 1, "endIndex": 2}, 0, 1),
        ({"startIndex": -5, "endIndex": -1}, 0, 0),
        ({"startIndex": 9, "endIndex": 2}, 3, 1),
        ({"partIndex": 7, "endIndex": 3}, 3, 3),
        ({"endIndex": 10**18}, 0, 3),
    ],
)
def test_places_in_bytes_become_places_in_characters(
    segment: Json | None, start: int, end: int
) -> None:
    """Within the text, whatever Google counts; half a character is none."""
    (found,) = annotations(metadata(0, segment=segment), {0: "äbc"})
    assert (found["url_citation"]["start_index"], found["url_citation"]["end_index"]) == (
        start,
        end,
    )


def test_supports_cite_each_of_their_sources() -> None:
    """Those that are not there cite nothing."""
    assert len(annotations(metadata(0, 0), {0: "x"})) == 2
    assert annotations(metadata(-1, 1, 99), {0: "x"}) == []
    assert annotations(metadata(), {0: "x"}) == []


@pytest.mark.parametrize(
    "text", [b"", b"7", b"null", b'{"groundingSupports":[{"segment":7}]}', b'{"x":1e999', b"\xff"]
)
def test_metadata_of_another_form_cites_nothing(text: bytes) -> None:
    """It is told as it is in any case."""
    assert annotations(text, {0: "x"}) == []


@pytest.mark.parametrize(
    ("model", "charged"),
    [
        ("gemini-3-flash-preview", 2),
        ("gemini-4-argon", 2),
        ("gemini-2.5-pro", 1),
        ("gemini-1.5", 1),
    ],
)
def test_searches_are_counted_as_they_are_charged(model: str, charged: int) -> None:
    """Distinct queries, or the prompt; empty ones and those of nonsense are none."""
    told = orjson.dumps({"webSearchQueries": ["", "a", "b", "a"]})
    assert searches([told, told, b'{"webSearchQueries": 5}'], model) == charged
    assert searches([orjson.dumps({"webSearchQueries": [""]}), b"{}"], model) == 0
    assert searches([], model) == 0
