"""Amazon Transcribe's live sessions: sound in events, whose words come as they are heard.

https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html
"""

from conduit_providers.codecs.aws.languages import OWN_MODEL, language_query
from conduit_providers.codecs.aws.transcribe_session import TranscribeSession
from conduit_providers.codecs.shared.pause_session import samples_of
from conduit_providers.codecs.shared.transcription_codec import Protocol, Query, TranscriptionCodec
from conduit_providers.codecs.shared.transcription_settings import TranscriptionSettings
from conduit_providers.operations.converse import ConverseCall
from conduit_providers.spec import Endpoint


class AwsConverseCodec(TranscriptionCodec):
    """Speaks `GET /stream-transcription-websocket` with sound that is being made."""

    def protocol(self, call: ConverseCall, endpoint: Endpoint) -> Protocol:
        """Return that of Transcribe."""
        return TranscribeSession

    def query(
        self, settings: TranscriptionSettings, call: ConverseCall, endpoint: Endpoint
    ) -> Query:
        """Yield the languages to expect, the sound, and a model of the account's own."""
        yield from language_query(settings.named_languages, endpoint.options)
        yield "media-encoding", "pcm"
        yield "sample-rate", str(samples_of(settings.sound).rate)
        if call.model != OWN_MODEL:
            yield "language-model-name", call.model


CODEC = AwsConverseCodec()
