"""Deepgram's transcription of live sound, by Nova and by Flux.

https://developers.deepgram.com/reference/speech-to-text/listen-streaming
https://developers.deepgram.com/reference/speech-to-text/listen-flux
"""

from collections.abc import Iterator, Mapping
from functools import partial
from types import MappingProxyType
from urllib.parse import urlencode

from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.codecs.deepgram.flux_session import FluxSession
from conduit_providers.codecs.deepgram.nova_session import NovaSession
from conduit_providers.codecs.deepgram.options import ConverseModel, ConverseOptions
from conduit_providers.codecs.shared.transcription_settings import (
    PCM,
    TranscriptionSettings,
    TurnDetection,
)
from conduit_providers.operations.converse import ConverseCall, is_live
from conduit_providers.session_codec import SessionTranslator
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import WebSocketRequest

_ENCODINGS: Mapping[str, str] = MappingProxyType(
    {PCM: "linear16", "audio/pcmu": "mulaw", "audio/pcma": "alaw"}
)

Query = Iterator[tuple[str, str]]


class DeepgramConverseCodec:
    """Speaks `GET /v1/listen` and `GET /v2/listen`: the settings are in the handshake."""

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
        """Return a translator of the model's protocol."""
        handshake = partial(_handshake, call=call, endpoint=endpoint, target=target)
        facts: ConverseModel = endpoint.facts_of(call.model)
        if facts.is_flux:
            return FluxSession(call, handshake)
        return NovaSession(call, handshake)


def _handshake(
    settings: TranscriptionSettings, call: ConverseCall, endpoint: Endpoint, target: Target
) -> WebSocketRequest:
    facts: ConverseModel = endpoint.facts_of(call.model)
    options: ConverseOptions = endpoint.options
    path = options.flux_path if facts.is_flux else endpoint.path_for(target.settings)
    query = [
        ("model", call.model),
        ("encoding", _ENCODINGS[settings.format]),
        ("sample_rate", str(settings.rate)),
        *((facts.terms, term) for term in settings.keywords),
        *_languages(settings, call, facts),
        *(_of_flux if facts.is_flux else _of_nova)(settings.turns),
    ]
    path = target.fill(path, model=call.model)
    return WebSocketRequest(f"{path}?{urlencode(query)}", tuple(endpoint.headers.items()))


def _languages(settings: TranscriptionSettings, call: ConverseCall, facts: ConverseModel) -> Query:
    named = settings.languages or ((settings.language,) if settings.language else ())
    hints = named if facts.is_flux or len(named) > 1 else ()
    if hints and facts.languages:
        for language in hints:
            yield facts.languages, language
        named = ()
    elif hints:
        call.drop("session.audio.input.transcription.languages", call.provider)
        named = ()
    if facts.is_flux:
        return
    if language := (named[0] if named else facts.any_language):
        yield "language", language


def _of_flux(turns: TurnDetection | None) -> Query:
    if turns is None:
        # So sure it never is: https://developers.deepgram.com/docs/flux/force-end-turn
        yield "eot_threshold", "1.0"


def _of_nova(turns: TurnDetection | None) -> Query:
    # Sentences, and numbers as people write them; the words would be bare otherwise.
    yield "smart_format", "true"
    yield "interim_results", "true"
    if turns is None:
        yield "endpointing", "false"
        return
    yield "endpointing", str(turns.silence_ms)
    yield "vad_events", "true"
    # Where noise hides the silence, a pause between words ends the turn: of a second, the least.
    yield "utterance_end_ms", str(max(1000, turns.silence_ms))


CODEC = DeepgramConverseCodec()
