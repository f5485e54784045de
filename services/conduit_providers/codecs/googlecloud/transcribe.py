"""Google Cloud's transcriptions of short recordings.

https://docs.cloud.google.com/speech-to-text/docs/reference/rest/v2/projects.locations.recognizers/recognize
"""

from base64 import b64encode
from functools import partial
from typing import Any

import orjson

from conduit.v1.transcription_pb2 import TranscriptionRequest
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.http import Base64Upload, JoinedUpload
from conduit_providers.codecs.googlecloud.options import TranscribeModel
from conduit_providers.codecs.googlecloud.recognition import heard_in
from conduit_providers.codecs.shared.one_file import drop_others, only_file
from conduit_providers.codecs.shared.transcript_formats import in_format
from conduit_providers.codecs.shared.whole_transcript import WholeTranscriptDecoder
from conduit_providers.operations.transcribe import TranscribeCall, TranscriptionAnswer
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.transcripts import TranscriptEvents
from conduit_providers.uploaded_form import uploaded_form
from conduit_providers.wire import JSON_HEADERS, HttpRequest, HttpResponse

Json = dict[str, Any]
# Members that are told to the provider, or that say what is made of its answer.
_TAKEN = frozenset(
    {"file", "keywords", "language", "languages", "response_format", "timestamp_granularities"}
)
_TIMED = frozenset({"srt", "vtt", "verbose_json", "diarized_json"})
# https://docs.cloud.google.com/speech-to-text/docs/quotas
MAX_BYTES = 10 * 1024 * 1024


class GoogleCloudTranscribeCodec:
    """Speaks `POST /v2/{recognizer}:recognize`: JSON with the sound in it."""

    def to_upstream(self, call: TranscribeCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the wish. InvalidRequest if there is no sound, or too much of it."""
        form, file = uploaded_form(call), only_file(call).file
        _check_size(call, form.size)
        drop_others(call, _TAKEN, target.provider_name)
        config = orjson.dumps(_config(call, endpoint, target))
        # Base64 needs no escapes.
        head, tail = b'{"config":%b,"content":"' % config, b'"}'
        path = target.fill(endpoint.path_for(target.settings), model=call.model)
        headers = JSON_HEADERS + tuple(endpoint.headers.items())
        if form.uploads:
            body = JoinedUpload([head, Base64Upload(form.uploads[0]), tail])
            return HttpRequest("POST", path, headers, upload=body)
        return HttpRequest("POST", path, headers, head + b64encode(file.content) + tail)

    def from_upstream(
        self, response: HttpResponse, call: TranscribeCall, endpoint: Endpoint
    ) -> TranscriptionAnswer:
        """Read what was heard. UpstreamError if it makes no sense."""
        return in_format(heard_in(response.body, call.provider), call.typed)

    def decoder(self, call: TranscribeCall, endpoint: Endpoint) -> WholeTranscriptDecoder:
        """Return what makes events of the whole answer."""
        read = partial(self.from_upstream, call=call, endpoint=endpoint)
        return WholeTranscriptDecoder(call, TranscriptEvents, read)


def _check_size(call: TranscribeCall, size: int) -> None:
    if size > MAX_BYTES:
        raise InvalidRequest(
            f"file has {size} bytes, and {call.provider} hears at most {MAX_BYTES} at once",
            field="file",
            limit=str(MAX_BYTES),
        )


def _config(call: TranscribeCall, endpoint: Endpoint, target: Target) -> Json:
    asked = call.typed
    # Sentences; they would be bare words otherwise.
    features: Json = {"enableAutomaticPunctuation": True}
    if asked.response_format in _TIMED:
        features["enableWordTimeOffsets"] = True
    if asked.response_format == "diarized_json":
        features["diarizationConfig"] = {}
    found: Json = {
        "autoDecodingConfig": {},
        "model": call.model,
        "languageCodes": _languages(asked, endpoint.facts_of(call.model), target),
        "features": features,
    }
    if asked.keywords:
        phrases = [{"value": each} for each in asked.keywords]
        found["adaptation"] = {"phraseSets": [{"inlinePhraseSet": {"phrases": phrases}}]}
    return found


def _languages(asked: TranscriptionRequest, facts: TranscribeModel, target: Target) -> list[str]:
    told = [asked.language] if asked.language else [*asked.languages]
    usual = target.settings.get("language", "")
    if not told:
        return ["auto"] if facts.detects_languages else [usual]
    # Callers name languages, such as `en`, where Google Cloud has locales.
    return [usual if usual.startswith(f"{each}-") else each for each in told]


CODEC = GoogleCloudTranscribeCodec()
