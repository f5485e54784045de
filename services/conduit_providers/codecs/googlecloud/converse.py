"""Google Cloud's live sessions: sound in messages of gRPC, whose words come as they are heard.

https://docs.cloud.google.com/speech-to-text/docs/transcribe-streaming-audio
"""

from functools import partial

from conduit_providers.codecs.googlecloud.config import recognition_config
from conduit_providers.codecs.googlecloud.stream_session import StreamSession
from conduit_providers.codecs.googlecloud.streaming import METHOD, beginning
from conduit_providers.codecs.shared.pause_session import samples_of
from conduit_providers.codecs.shared.transcription_settings import TranscriptionSettings
from conduit_providers.operations.converse import ConverseCall, is_live, no_live_sessions
from conduit_providers.session_codec import SessionTranslator
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import GrpcStreamRequest


class GoogleCloudConverseCodec:
    """Speaks `StreamingRecognize` with sound that is being made."""

    def to_upstream(
        self, call: ConverseCall, endpoint: Endpoint, target: Target
    ) -> GrpcStreamRequest:
        """Build the call, which says nothing yet."""
        if is_live(call):
            raise no_live_sessions(target.provider_name)
        return GrpcStreamRequest(METHOD, tuple(endpoint.headers.items()))

    def translator(
        self, call: ConverseCall, endpoint: Endpoint, target: Target
    ) -> SessionTranslator:
        """Return a translator of one session."""
        request = self.to_upstream(call, endpoint, target)
        first = partial(_beginning, call=call, endpoint=endpoint, target=target)
        return StreamSession(call, lambda _: request, first)


def _beginning(
    settings: TranscriptionSettings, call: ConverseCall, endpoint: Endpoint, target: Target
) -> bytes:
    """Return the first message of a call for a session that has some settings."""
    facts, named = endpoint.facts_of(call.model), settings.named_languages
    config = recognition_config(call.model, named, settings.keywords, facts, target)
    del config["autoDecodingConfig"]
    config["explicitDecodingConfig"] = {
        "encoding": "AUDIO_ENCODING_LINEAR16",
        "sampleRateHertz": samples_of(settings.sound).rate,
        "audioChannelCount": 1,
    }
    recognizer = target.fill(endpoint.path_for(target.settings), model=call.model)
    return beginning(recognizer.removeprefix("/v2/"), config, has_guesses=True)


CODEC = GoogleCloudConverseCodec()
