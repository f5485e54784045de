"""ElevenLabs' transcription of live sound, by Scribe.

https://elevenlabs.io/docs/api-reference/speech-to-text/v-1-speech-to-text-realtime
"""

from collections.abc import Mapping
from types import MappingProxyType

from conduit_providers.codecs.elevenlabs.scribe_session import ScribeSession
from conduit_providers.codecs.shared.transcription_codec import Protocol, Query, TranscriptionCodec
from conduit_providers.codecs.shared.transcription_settings import PCM, TranscriptionSettings
from conduit_providers.operations.converse import ConverseCall
from conduit_providers.spec import Endpoint

_FORMATS: Mapping[str, str] = MappingProxyType({PCM: "pcm_24000", "audio/pcmu": "ulaw_8000"})


class ElevenLabsConverseCodec(TranscriptionCodec):
    """Speaks `GET /v1/speech-to-text/realtime`."""

    def protocol(self, call: ConverseCall, endpoint: Endpoint) -> Protocol:
        """Return that of Scribe."""
        return ScribeSession

    def query(
        self, settings: TranscriptionSettings, call: ConverseCall, endpoint: Endpoint
    ) -> Query:
        """Yield the model, the sound, how turns end, and the languages and words to expect."""
        yield "model_id", call.model
        yield "audio_format", _FORMATS[settings.format]
        if settings.turns is None:
            yield "commit_strategy", "manual"
        else:
            yield "commit_strategy", "vad"
            yield "vad_silence_threshold_secs", str(settings.turns.silence_ms / 1000)
            if settings.turns.threshold is not None:
                yield "vad_threshold", str(settings.turns.threshold)
        for place, language in enumerate(settings.named_languages):
            yield ("secondary_languages" if place else "language_code"), language
        for term in settings.keywords:
            yield "keyterms", term


CODEC = ElevenLabsConverseCodec()
