"""ElevenLabs' transcription of live sound, by Scribe.

https://elevenlabs.io/docs/api-reference/speech-to-text/v-1-speech-to-text-realtime
"""

from collections.abc import Iterator, Mapping
from functools import partial
from types import MappingProxyType
from urllib.parse import urlencode

from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.codecs.elevenlabs.scribe_session import ScribeSession
from conduit_providers.codecs.shared.transcription_settings import PCM, TranscriptionSettings
from conduit_providers.operations.converse import ConverseCall, is_live
from conduit_providers.session_codec import SessionTranslator
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import WebSocketRequest

_FORMATS: Mapping[str, str] = MappingProxyType({PCM: "pcm_24000", "audio/pcmu": "ulaw_8000"})

Query = Iterator[tuple[str, str]]


class ElevenLabsConverseCodec:
    """Speaks `GET /v1/speech-to-text/realtime`: the settings are in the handshake."""

    def to_upstream(
        self, call: ConverseCall, endpoint: Endpoint, target: Target
    ) -> WebSocketRequest:
        """Build the handshake of a session whose caller has said nothing yet."""
        if is_live(call):
            name = target.provider_name
            raise UnsupportedCapability(f"{name} holds no live sessions", capability="live")
        return _handshake(TranscriptionSettings(), call, endpoint, target)

    def translator(
        self, call: ConverseCall, endpoint: Endpoint, target: Target
    ) -> SessionTranslator:
        """Return a translator of the session."""
        return ScribeSession(call, partial(_handshake, call=call, endpoint=endpoint, target=target))


def _handshake(
    settings: TranscriptionSettings, call: ConverseCall, endpoint: Endpoint, target: Target
) -> WebSocketRequest:
    path = target.fill(endpoint.path_for(target.settings), model=call.model)
    query = [("model_id", call.model), *_query(settings)]
    return WebSocketRequest(f"{path}?{urlencode(query)}", tuple(endpoint.headers.items()))


def _query(settings: TranscriptionSettings) -> Query:
    yield "audio_format", _FORMATS[settings.format]
    if settings.turns is None:
        yield "commit_strategy", "manual"
    else:
        yield "commit_strategy", "vad"
        yield "vad_silence_threshold_secs", str(settings.turns.silence_ms / 1000)
        if settings.turns.threshold is not None:
            yield "vad_threshold", str(settings.turns.threshold)
    languages = settings.languages or ((settings.language,) if settings.language else ())
    for place, language in enumerate(languages):
        yield ("secondary_languages" if place else "language_code"), language
    for term in settings.keywords:
        yield "keyterms", term


CODEC = ElevenLabsConverseCodec()
