"""What Google Cloud heard, read."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.googlecloud.recognition import heard_in

Json = dict[str, Any]


def word(text: str, start: float, speaker: str = "") -> Json:
    """Return a word of half a second."""
    found = {"word": text, "startOffset": f"{start}s", "endOffset": f"{start + 0.5}s"}
    return found | ({"speakerLabel": speaker} if speaker else {})


def answer(*results: tuple[str, list[Json]], billed: str | None = "9s") -> bytes:
    """Return an answer of these texts and their words."""
    found = [
        {"alternatives": [{"transcript": text, "words": words}], "resultEndOffset": "4.5s"}
        for text, words in results
    ]
    metadata = {} if billed is None else {"totalBilledDuration": billed}
    return orjson.dumps({"results": found, "metadata": metadata})


def test_results_follow_each_other() -> None:
    """Their texts are one, and their words a list; what was billed is the length."""
    found = heard_in(answer(("Hello.", [word("Hello.", 1)]), (" Bye.", [word("Bye.", 3)])), "P")
    assert (found.text, found.duration) == ("Hello. Bye.", 9.0)
    assert [(each.text, each.start, each.end) for each in found.words] == [
        ("Hello.", 1.0, 1.5),
        ("Bye.", 3.0, 3.5),
    ]


def test_words_that_begin_again_are_told_once() -> None:
    """Where speakers are told apart, the last result may have those of all."""
    both = [word("Hello.", 1, "1"), word("Bye.", 3, "2")]
    found = heard_in(answer(("Hello.", [word("Hello.", 1)]), ("Bye.", both)), "P")
    assert [(each.text, each.speaker) for each in found.words] == [
        ("Hello.", "speaker_1"),
        ("Bye.", "speaker_2"),
    ]


def test_spaces_are_those_of_the_text() -> None:
    """Some languages have none; a word that the text lacks stands apart."""
    words = [word("今日", 0), word("は", 1), word("odd", 2), word("晴れ", 3)]
    found = heard_in(answer(("今日は 晴れ", words)), "P")
    assert [each.is_spaced for each in found.words] == [True, False, True, True]


def test_a_length_that_nobody_bills_is_that_of_the_results() -> None:
    """It is told when available."""
    assert heard_in(answer(("Hello.", []), billed=None), "P").duration == 4.5
    assert heard_in(b'{"metadata":{}}', "P").duration == 0.0


def test_a_result_without_alternatives_says_nothing() -> None:
    """It is of a stretch in which nobody spoke."""
    json = b'{"results":[{"languageCode":"de-de"},{"alternatives":[{}]}],"metadata":{}}'
    found = heard_in(json, "P")
    assert (found.text, found.language, found.words) == ("", "de-de", [])


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"{}",
        b'{"results":[]}',
        b'{"results":{},"metadata":{}}',
        b'{"metadata":{"totalBilledDuration":"-5s"}}',
        b'{"metadata":{"totalBilledDuration":"inf"}}',
        b'{"metadata":{"totalBilledDuration":"many"}}',
        answer(("a", [word("a", float("nan"))])),
    ],
)
def test_nonsense_is_the_providers_error(body: bytes) -> None:
    """And never a charge of nothing."""
    with pytest.raises(UpstreamError, match="it is not a transcription"):
        heard_in(body, "P")
