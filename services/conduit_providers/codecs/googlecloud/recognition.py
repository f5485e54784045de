"""What Google Cloud heard: results for stretches of the sound, one after the other.

https://docs.cloud.google.com/speech-to-text/docs/reference/rest/v2/projects.locations.recognizers/recognize
"""

import math
from collections.abc import Iterable, Iterator

import msgspec

from conduit_providers.codecs.shared.transcript_formats import Heard, SpokenWord
from conduit_providers.failures import malformed
from conduit_providers.json_reading import JsonReader


class _Word(msgspec.Struct, rename="camel"):
    word: str
    # As Google writes durations: `1.500s`. What is nothing is left out.
    start_offset: str = "0s"
    end_offset: str | None = None
    speaker_label: str = ""


class _Alternative(msgspec.Struct):
    # A stretch without words has none.
    transcript: str = ""
    words: list[_Word] = []


class _Result(msgspec.Struct, rename="camel"):
    alternatives: list[_Alternative] = []
    result_end_offset: str = "0s"
    language_code: str = ""


class _Metadata(msgspec.Struct, rename="camel"):
    total_billed_duration: str | None = None


class _Answer(msgspec.Struct):
    metadata: _Metadata
    # Of silence there are none.
    results: list[_Result] = []


_DECODER = JsonReader(_Answer)


def heard_in(body: bytes, provider: str) -> Heard:
    """Read an answer; its length is that which is billed. UpstreamError if it makes no sense."""
    try:
        return _heard(_DECODER.decode(body))
    except (msgspec.DecodeError, ValueError) as error:
        raise malformed(provider, "it is not a transcription") from error


def _heard(found: _Answer) -> Heard:
    billed = found.metadata.total_billed_duration
    if billed is None:
        billed = found.results[-1].result_end_offset if found.results else "0s"
    best = [each.alternatives[0] for each in found.results if each.alternatives]
    texts = (each.transcript.strip() for each in best)
    language = next((each.language_code for each in found.results if each.language_code), "")
    text = " ".join(text for text in texts if text)
    return Heard(text, _seconds(billed), language, _words(best))


def _words(best: Iterable[_Alternative]) -> list[SpokenWord]:
    found: list[SpokenWord] = []
    for each in best:
        words = list(_spoken(each))
        if words and found and words[0].start <= found[0].start:
            # Where speakers are told apart, a result may have all words from the beginning.
            found.clear()
        found += words
    return found


def _spoken(found: _Alternative) -> Iterator[SpokenWord]:
    """Yield words with their times, and whether the text has a space before each."""
    text, place = found.transcript, 0
    for each in found.words:
        start = _seconds(each.start_offset)
        end = start if each.end_offset is None else _seconds(each.end_offset)
        at = text.find(each.word, place)
        is_spaced = at < 0 or at == 0 or text[at - 1].isspace()
        place = place if at < 0 else at + len(each.word)
        label = each.speaker_label
        yield SpokenWord(each.word, start, end, f"speaker_{label}" if label else "", is_spaced)


def _seconds(duration: str) -> float:
    """Return the seconds of a duration. ValueError if it is none."""
    seconds = float(duration.removesuffix("s"))
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(duration)
    return seconds
