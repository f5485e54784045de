"""Deepgram's transcriptions of recordings.

https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded
"""

from collections.abc import Iterator
from functools import partial
from urllib.parse import urlencode

import msgspec

from conduit.v1.transcription_pb2 import TranscriptionRequest
from conduit_providers.codecs.deepgram.languages import MULTI
from conduit_providers.codecs.deepgram.options import TranscribeModel
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.one_file import file_request
from conduit_providers.codecs.shared.transcript_formats import (
    Heard,
    Segment,
    SpokenWord,
    in_format,
)
from conduit_providers.codecs.shared.whole_transcript import WholeTranscriptDecoder
from conduit_providers.failures import malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.transcribe import TranscribeCall, TranscriptionAnswer
from conduit_providers.quantities import DIARIZED, KEYTERMS
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.transcripts import TranscriptEvents
from conduit_providers.wire import HttpRequest, HttpResponse

# Members that are told to the provider, or that say what is made of its answer.
_TAKEN = frozenset(
    {"file", "keywords", "language", "languages", "response_format", "timestamp_granularities"}
)
_SEGMENTED = frozenset({"verbose_json", "diarized_json"})

Query = Iterator[tuple[str, str]]


class _Word(msgspec.Struct):
    start: float
    end: float
    word: str = ""
    punctuated_word: str | None = None
    speaker: int | None = None


class _Utterance(msgspec.Struct):
    start: float
    end: float
    transcript: str
    speaker: int | None = None


class _Alternative(msgspec.Struct):
    transcript: str
    words: list[_Word] = []


class _Channel(msgspec.Struct):
    alternatives: list[_Alternative]
    detected_language: str | None = None


class _Results(msgspec.Struct):
    channels: list[_Channel]
    utterances: list[_Utterance] | None = None


class _Metadata(msgspec.Struct):
    duration: float


class _Answer(msgspec.Struct):
    metadata: _Metadata
    results: _Results


_DECODER = JsonReader(_Answer)


class DeepgramTranscribeCodec:
    """Speaks `POST /v1/listen`: the sound is the body, and all else is in the query."""

    def to_upstream(self, call: TranscribeCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the wish. InvalidRequest if there is no sound."""
        query = urlencode(list(_query(call, endpoint, target.provider_name)))
        path = target.fill(endpoint.path_for(target.settings), model=call.model)
        headers = tuple(endpoint.headers.items())
        return file_request(call, f"{path}?{query}", headers, _TAKEN, target.provider_name)

    def from_upstream(
        self, response: HttpResponse, call: TranscribeCall, endpoint: Endpoint
    ) -> TranscriptionAnswer:
        """Read what was heard. UpstreamError if it makes no sense."""
        found = read_answer(_DECODER, response.body, call.provider, "it is not a transcription")
        results = found.results
        if not results.channels or not results.channels[0].alternatives:
            raise malformed(call.provider, "it has no text")
        return in_format(_heard(found, call, endpoint), call.typed)

    def decoder(self, call: TranscribeCall, endpoint: Endpoint) -> WholeTranscriptDecoder:
        """Return what makes events of the whole answer."""
        read = partial(self.from_upstream, call=call, endpoint=endpoint)
        return WholeTranscriptDecoder(call, TranscriptEvents, read)


def _query(call: TranscribeCall, endpoint: Endpoint, provider: str) -> Query:
    asked, facts = call.typed, endpoint.facts_of(call.model)
    yield "model", call.model
    # Sentences, and numbers as people write them; the answer would be bare words otherwise.
    yield "smart_format", "true"
    yield from _languages(call, facts, provider)
    for term in asked.keywords:
        yield facts.terms, term
    if asked.response_format in _SEGMENTED:
        yield "utterances", "true"
    if asked.response_format == "diarized_json":
        yield "diarize_model", "latest"


def _languages(call: TranscribeCall, facts: TranscribeModel, provider: str) -> Query:
    asked = call.typed
    several = [*asked.languages] if len(asked.languages) > 1 else []
    one = asked.language or (asked.languages[0] if len(asked.languages) == 1 else "")
    if several and facts.languages:
        yield MULTI
        for language in several:
            yield facts.languages, language
        return
    if several:
        call.drop("languages", provider)
    if one:
        yield "language", one
    else:
        # It would take all sound for English.
        yield "detect_language", "true"


def _heard(found: _Answer, call: TranscribeCall, endpoint: Endpoint) -> Heard:
    asked = call.typed
    channel, utterances = found.results.channels[0], found.results.utterances
    best = channel.alternatives[0]
    return Heard(
        best.transcript,
        found.metadata.duration,
        channel.detected_language or asked.language,
        [
            SpokenWord(each.punctuated_word or each.word, each.start, each.end, _name(each.speaker))
            for each in best.words
        ],
        [
            Segment(each.transcript, each.start, each.end, _name(each.speaker))
            for each in utterances or ()
        ],
        tuple(_qualifiers(asked, endpoint.facts_of(call.model))),
    )


def _qualifiers(asked: TranscriptionRequest, facts: TranscribeModel) -> Iterator[tuple[str, str]]:
    """Yield what the price depends on, in order."""
    if asked.response_format == "diarized_json":
        yield DIARIZED
    if asked.keywords:
        yield KEYTERMS
    if len(asked.languages) > 1 and facts.languages:
        yield MULTI


def _name(speaker: int | None) -> str:
    return "" if speaker is None else f"speaker_{speaker}"


CODEC = DeepgramTranscribeCodec()
