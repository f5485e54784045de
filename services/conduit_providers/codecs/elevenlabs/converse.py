"""ElevenLabs' sessions: transcription of live sound, by Scribe, and conversations with agents.

https://elevenlabs.io/docs/api-reference/speech-to-text/v-1-speech-to-text-realtime and
https://elevenlabs.io/docs/conversational-ai/api-reference/conversational-ai/websocket
"""

from functools import partial
from urllib.parse import urlencode

import msgspec

from conduit_providers.codecs.elevenlabs.agent_session import ElevenLabsAgentSession
from conduit_providers.codecs.elevenlabs.options import ConverseModel, ConverseOptions
from conduit_providers.codecs.elevenlabs.scribe_session import FORMATS, ScribeSession, taken
from conduit_providers.codecs.shared.session_address import socket_at
from conduit_providers.codecs.shared.transcription_codec import Protocol, Query, TranscriptionCodec
from conduit_providers.codecs.shared.transcription_settings import TranscriptionSettings
from conduit_providers.failures import malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.converse import ConverseCall, is_live, no_live_sessions
from conduit_providers.session_codec import SessionTranslator
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import (
    HttpRequest,
    HttpResponse,
    SessionCreation,
    SessionRequest,
    WebSocketRequest,
)


class _Address(msgspec.Struct):
    # Whoever knows it, may speak.
    signed_url: str


_READER = JsonReader(_Address)


class ElevenLabsScribeCodec(TranscriptionCodec):
    """Speaks `GET /v1/speech-to-text/realtime`."""

    def protocol(self, call: ConverseCall, endpoint: Endpoint) -> Protocol:
        """Return that of Scribe."""
        return ScribeSession

    def query(
        self, settings: TranscriptionSettings, call: ConverseCall, endpoint: Endpoint
    ) -> Query:
        """Yield the model, the sound, how turns end, and the languages and words to expect."""
        yield "model_id", call.model
        yield "audio_format", FORMATS[taken(settings.sound)]
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


_SCRIBE = ElevenLabsScribeCodec()


class ElevenLabsConverseCodec:
    """Leaves what is transcribed to Scribe's codec; an agent's socket is asked for first."""

    def to_upstream(self, call: ConverseCall, endpoint: Endpoint, target: Target) -> SessionRequest:
        """Build what opens the session of a caller who has said nothing yet."""
        if _is_transcriber(call, endpoint):
            return _SCRIBE.to_upstream(call, endpoint, target)
        if is_live(call):
            raise no_live_sessions(target.provider_name)
        return _creation(call, endpoint, target)

    def translator(
        self, call: ConverseCall, endpoint: Endpoint, target: Target
    ) -> SessionTranslator:
        """Return a translator of the model's protocol."""
        if _is_transcriber(call, endpoint):
            return _SCRIBE.translator(call, endpoint, target)
        return ElevenLabsAgentSession(call, partial(_creation, call, endpoint, target))


def _is_transcriber(call: ConverseCall, endpoint: Endpoint) -> bool:
    facts: ConverseModel = endpoint.facts_of(call.model)
    return facts.is_transcriber


def _creation(call: ConverseCall, endpoint: Endpoint, target: Target) -> SessionCreation:
    options: ConverseOptions = endpoint.options
    path = f"{options.agent_path}?{urlencode({'agent_id': call.model})}"
    request = HttpRequest("GET", path, tuple(endpoint.headers.items()))
    return SessionCreation(request, partial(_signed, target))


def _signed(target: Target, response: HttpResponse) -> WebSocketRequest:
    try:
        return socket_at(_READER.decode(response.body).signed_url, target)
    except msgspec.DecodeError as error:
        raise malformed(target.provider_name, "it is no signed address") from error


CODEC = ElevenLabsConverseCodec()
