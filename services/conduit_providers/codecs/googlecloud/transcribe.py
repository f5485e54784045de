"""Google Cloud's transcriptions of short recordings, whole, or as they are heard.

https://docs.cloud.google.com/speech-to-text/docs/reference/rest/v2/projects.locations.recognizers/recognize
and, of streams, which there are over gRPC alone, `streaming.py`.
"""

from base64 import b64encode
from functools import partial
from typing import Any

import orjson

from conduit_kernel.errors import InvalidRequest
from conduit_kernel.http import Base64Upload, JoinedUpload
from conduit_providers.codecs.googlecloud.config import recognition_config
from conduit_providers.codecs.googlecloud.recognition import heard_in
from conduit_providers.codecs.googlecloud.streamed_upload import (
    GoogleTranscriptDecoder,
    StreamedUpload,
)
from conduit_providers.codecs.googlecloud.streaming import beginning
from conduit_providers.codecs.shared.one_file import drop_others, only_file
from conduit_providers.codecs.shared.transcript_formats import in_format
from conduit_providers.codecs.shared.whole_transcript import WholeTranscriptDecoder
from conduit_providers.jobs import (
    Job,
    JobRequest,
    OnlyStreamsAreJobs,
    StreamingJob,
    nothing_left,
    opened,
)
from conduit_providers.operations.transcribe import TranscribeCall, TranscriptionAnswer
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.transcripts import TranscriptEvents
from conduit_providers.uploaded_form import uploaded_form
from conduit_providers.wire import JSON_HEADERS, HttpRequest, HttpResponse, SocketRequest

Json = dict[str, Any]
# Members that are told to the provider, or that say what is made of its answer.
_TAKEN = frozenset(
    {"file", "keywords", "language", "languages", "response_format", "timestamp_granularities"}
)
# What is said in events as it is heard; of documents all must be known.
_AS_HEARD = frozenset({"", "json"})
_TIMED = frozenset({"srt", "vtt", "verbose_json", "diarized_json"})
# https://docs.cloud.google.com/speech-to-text/docs/quotas
MAX_BYTES = 10 * 1024 * 1024


class GoogleCloudTranscribeCodec(OnlyStreamsAreJobs):
    """Speaks `POST /v2/{recognizer}:recognize`: JSON with the sound in it.

    What is streamed goes to `StreamingRecognize`, but for documents of which all must be known.
    """

    def whole(
        self, call: TranscribeCall, endpoint: Endpoint, target: Target
    ) -> Job[TranscriptionAnswer]:
        """Return the job of one request."""
        response = yield JobRequest(self.to_upstream(call, endpoint, target))
        return self.from_upstream(response, call, endpoint)

    def stream(
        self, call: TranscribeCall, endpoint: Endpoint, target: Target
    ) -> Job[StreamingJob[TranscriptEvents]]:
        """Return the job of one call, whose messages are the stream."""
        decoder = self.decoder(call, endpoint)
        if call.typed.response_format in _AS_HEARD:
            step = JobRequest(self._call(call, endpoint, target))
        else:
            step = JobRequest(self.to_upstream(call, endpoint, target))
        return opened(StreamingJob(step, decoder, nothing_left()))

    def _call(self, call: TranscribeCall, endpoint: Endpoint, target: Target) -> SocketRequest:
        """Build the call that streams the sound. InvalidRequest if there is none."""
        file, uploads = only_file(call), uploaded_form(call).uploads
        drop_others(call, _TAKEN, target.provider_name)
        path = target.fill(endpoint.path_for(target.settings), model=call.model)
        recognizer = path.removeprefix("/v2/").removesuffix(":recognize")
        first = beginning(recognizer, _config(call, endpoint, target))
        upload = uploads[0] if uploads else JoinedUpload([file.file.content])
        headers = tuple(endpoint.headers.items())
        return SocketRequest(upload, lambda _: StreamedUpload(call.provider, first, headers))

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

    def decoder(
        self, call: TranscribeCall, endpoint: Endpoint
    ) -> GoogleTranscriptDecoder | WholeTranscriptDecoder:
        """Return what makes events of what is heard."""
        if call.typed.response_format in _AS_HEARD:
            return GoogleTranscriptDecoder(call.provider)
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
    named = [asked.language] if asked.language else [*asked.languages]
    facts = endpoint.facts_of(call.model)
    found = recognition_config(call.model, named, asked.keywords, facts, target)
    if asked.response_format in _TIMED:
        found["features"]["enableWordTimeOffsets"] = True
    if asked.response_format == "diarized_json":
        found["features"]["diarizationConfig"] = {}
    return found


CODEC = GoogleCloudTranscribeCodec()
