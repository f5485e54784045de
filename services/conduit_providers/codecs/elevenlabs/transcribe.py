"""ElevenLabs' transcriptions, by Scribe.

https://elevenlabs.io/docs/api-reference/speech-to-text/convert
"""

from collections.abc import Iterator
from functools import partial
from typing import Literal

import msgspec

from conduit.v1.form_pb2 import FormMember
from conduit_providers.codecs.elevenlabs.options import TranscribeModel
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.multipart import form_request
from conduit_providers.codecs.shared.one_file import drop_others, only_file
from conduit_providers.codecs.shared.transcript_formats import Heard, SpokenWord, in_format
from conduit_providers.codecs.shared.whole_transcript import WholeTranscriptDecoder
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.transcribe import TranscribeCall, TranscriptionAnswer
from conduit_providers.quantities import KEYTERMS
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.transcripts import TranscriptEvents
from conduit_providers.uploaded_form import uploaded_form
from conduit_providers.wire import HttpRequest, HttpResponse

# Members that are told to the provider, or that say what is made of its answer.
_TAKEN = frozenset(
    {
        *("file", "keywords", "language", "languages", "response_format", "temperature"),
        "timestamp_granularities",
    }
)


class _Word(msgspec.Struct):
    text: str
    type: Literal["word", "spacing", "audio_event"] = "word"
    start: float | None = None
    end: float | None = None
    speaker_id: str | None = None


class _Answer(msgspec.Struct):
    text: str
    language_code: str = ""
    words: list[_Word] = []
    audio_duration_secs: float | None = None


_DECODER = JsonReader(_Answer)


class ElevenLabsTranscribeCodec:
    """Speaks `POST /v1/speech-to-text`, whose formats are fewer than those that are made here."""

    def to_upstream(self, call: TranscribeCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the wish. InvalidRequest if there is no sound."""
        form, file = uploaded_form(call), FormMember()
        file.CopyFrom(only_file(call))
        file.name = "file"
        drop_others(call, _TAKEN, target.provider_name)
        told = _members(call, endpoint.facts_of(call.model), target.provider_name)
        members = [FormMember(name=name, value=value.encode()) for name, value in told]
        path = target.fill(endpoint.path_for(target.settings), model=call.model)
        headers = tuple(endpoint.headers.items())
        # The file comes last: it is read when all else was.
        return form_request(path, headers, [*members, file], form.uploads, form.boundary)

    def from_upstream(
        self, response: HttpResponse, call: TranscribeCall, endpoint: Endpoint
    ) -> TranscriptionAnswer:
        """Read what was heard. UpstreamError if it makes no sense."""
        found = read_answer(_DECODER, response.body, call.provider, "it is not a transcription")
        words = list(_words(found.words))
        duration = found.audio_duration_secs
        if duration is None:
            duration = words[-1].end if words else 0.0
        heard = Heard(found.text, duration, found.language_code, words)
        if call.typed.keywords:
            heard.qualifiers = (KEYTERMS,)
        return in_format(heard, call.typed)

    def decoder(self, call: TranscribeCall, endpoint: Endpoint) -> WholeTranscriptDecoder:
        """Return what makes events of the whole answer."""
        read = partial(self.from_upstream, call=call, endpoint=endpoint)
        return WholeTranscriptDecoder(call, TranscriptEvents, read)


def _members(
    call: TranscribeCall, facts: TranscribeModel, provider: str
) -> Iterator[tuple[str, str]]:
    asked = call.typed
    yield "model_id", call.model
    # Laughter and steps are no words.
    yield "tag_audio_events", "false"
    languages = [asked.language] if asked.language else [*asked.languages]
    if len(languages) > 1 and not facts.takes_languages:
        # One alone would make it deaf to the others.
        call.drop("languages", provider)
        languages = []
    for place, language in enumerate(languages):
        yield ("secondary_language_codes" if place else "language_code"), language
    for term in asked.keywords:
        yield "keyterms", term
    if asked.HasField("temperature"):
        yield "temperature", str(asked.temperature)
    if asked.response_format == "diarized_json":
        yield "diarize", "true"


def _words(found: list[_Word]) -> Iterator[SpokenWord]:
    """Yield the words, and whether there is a space before each."""
    is_spaced = False
    for each in found:
        if each.type == "word":
            start = each.start or 0.0
            end = start if each.end is None else each.end
            yield SpokenWord(each.text, start, end, each.speaker_id or "", is_spaced)
        is_spaced = each.type == "spacing"


CODEC = ElevenLabsTranscribeCodec()
