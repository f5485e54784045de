"""Deepgram's transcription of live sound, by Nova and by Flux.

https://developers.deepgram.com/reference/speech-to-text/listen-streaming
https://developers.deepgram.com/reference/speech-to-text/listen-flux
"""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from conduit_providers.codecs.deepgram.flux_session import FluxSession
from conduit_providers.codecs.deepgram.languages import language_of
from conduit_providers.codecs.deepgram.nova_session import NovaSession
from conduit_providers.codecs.deepgram.options import ConverseModel, ConverseOptions
from conduit_providers.codecs.shared.sound_format import PCM
from conduit_providers.codecs.shared.transcription_codec import Protocol, Query, TranscriptionCodec
from conduit_providers.codecs.shared.transcription_settings import (
    TranscriptionSettings,
    TurnDetection,
)
from conduit_providers.operations.converse import ConverseCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target

_ENCODINGS: Mapping[str, str] = MappingProxyType(
    {PCM: "linear16", "audio/pcmu": "mulaw", "audio/pcma": "alaw"}
)


class DeepgramConverseCodec(TranscriptionCodec):
    """Speaks `GET /v1/listen` and `GET /v2/listen`."""

    def protocol(self, call: ConverseCall, endpoint: Endpoint) -> Protocol:
        """Return that of Flux, or of Nova."""
        facts: ConverseModel = endpoint.facts_of(call.model)
        return FluxSession if facts.is_flux else partial(NovaSession, facts=facts)

    def path(self, call: ConverseCall, endpoint: Endpoint, target: Target) -> str:
        """Return the path of Flux, or of Nova."""
        facts: ConverseModel = endpoint.facts_of(call.model)
        options: ConverseOptions = endpoint.options
        return options.flux_path if facts.is_flux else super().path(call, endpoint, target)

    def query(
        self, settings: TranscriptionSettings, call: ConverseCall, endpoint: Endpoint
    ) -> Query:
        """Yield the model, the sound, the words and languages to expect, and how turns end."""
        facts: ConverseModel = endpoint.facts_of(call.model)
        yield "model", call.model
        yield "encoding", _ENCODINGS[settings.format]
        yield "sample_rate", str(settings.rate)
        for term in settings.keywords:
            yield facts.terms, term
        yield from _languages(settings, call, facts)
        yield from (_of_flux if facts.is_flux else _of_nova)(settings.turns)


def _languages(settings: TranscriptionSettings, call: ConverseCall, facts: ConverseModel) -> Query:
    named = settings.named_languages
    hints = named if facts.is_flux or len(named) > 1 else ()
    if hints and facts.languages:
        for language in hints:
            yield facts.languages, language
    elif hints:
        call.drop("session.audio.input.transcription.languages", call.provider)
    if facts.is_flux:
        return
    if language := language_of(settings, facts):
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
