"""Amazon Polly's text to speech.

https://docs.aws.amazon.com/polly/latest/dg/API_SynthesizeSpeech.html
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.shared.sound_converter import SoundConverter
from conduit_providers.codecs.shared.sound_steps import load_library
from conduit_providers.codecs.shared.speeches import (
    SoundDecoder,
    WavDecoder,
    Wish,
    check_format,
    check_length,
    own_members,
    wish_of,
)
from conduit_providers.operations.speak import SpeakCall
from conduit_providers.quantities import Quantities, counted
from conduit_providers.spec import Endpoint
from conduit_providers.speech import CHARACTER
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest

# A model is an engine: `polly-neural`.
ENGINE_PREFIX = "polly-"
# Polly has `pcm` at 16 kHz at most, and OpenAI's is of 24 kHz, of which the bytes say nothing, so
# that it is made. In `wav` they say. `OutputFormat`, Polly's own member, is for those who know.
_FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "alaw": "alaw",
        "mp3": "mp3",
        "mulaw": "mulaw",
        "ogg": "ogg_vorbis",
        "opus": "ogg_opus",
        "pcm": "pcm",
        "wav": "pcm",
    }
)
# Members of the dialect that pass.
_OWN = frozenset({"LanguageCode", "LexiconNames", "OutputFormat", "SampleRate", "TextType"})
# What is made of a text in place of its sound.
_NO_SOUND = "json"
# Of `pcm`: as it is without a word, and the other one that there is.
_RATE = 16_000
_LOW_RATE = 8_000
_COUNT = re.compile(r"[0-9]{1,9}")


class AwsSpeakCodec:
    """Speaks `POST /v1/speech`: the model is the engine, the voice goes by its id."""

    def to_upstream(self, call: SpeakCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the wish. InvalidRequest if it names no voice."""
        wish, members = wish_of(call), own_members(call)
        # Markup is not counted, so that only Polly knows how long such a text is.
        if members.get("TextType") != "ssml":
            check_length(call, wish, endpoint)
        check_format(call, wish, endpoint)
        if not wish.voice_name:
            message = f"{call.provider} speaks with a voice that is named by its id"
            raise InvalidRequest(message, field="voice")
        path = target.fill(endpoint.path_for(target.settings), model=call.model)
        headers = JSON_HEADERS + tuple(endpoint.headers.items())
        if wish.format == "pcm":
            load_library()
        body = orjson.dumps(_body(call, wish, members, target.provider_name))
        return HttpRequest("POST", path, headers, body)

    def decoder(self, call: SpeakCall, endpoint: Endpoint) -> SoundDecoder:
        """Return what passes the sound on; the answer's head says how many characters it is."""
        usage, members = _characters(call), own_members(call)
        wanted = wish_of(call).format
        if wanted not in {"pcm", "wav"} or _is_sound(members.get("OutputFormat")):
            return SoundDecoder(call, usage)
        rate = _LOW_RATE if members.get("SampleRate") == str(_LOW_RATE) else _RATE
        if wanted == "wav":
            return WavDecoder(call, usage, rate)
        return SoundDecoder(call, usage, SoundConverter(wanted, rate, call.provider))


def _is_sound(output_format: object) -> bool:
    return output_format is not None and output_format != _NO_SOUND


def _body(call: SpeakCall, wish: Wish, members: Mapping[str, Any], provider: str) -> dict[str, Any]:
    if wish.instructions:
        call.drop("instructions", provider)
    if wish.speed is not None and wish.speed != 1:
        call.drop("speed", provider)
    passed: dict[str, Any] = {}
    for name, value in members.items():
        if name in _OWN and (name != "OutputFormat" or _is_sound(value)):
            passed[name] = value
        else:
            call.drop(name, provider)
    return {
        "OutputFormat": _FORMATS[wish.format],
        **passed,
        "Engine": call.model.removeprefix(ENGINE_PREFIX),
        "Text": wish.input,
        "VoiceId": wish.voice_name,
    }


def _characters(call: SpeakCall) -> Quantities | None:
    told = call.answer_headers.get("x-amzn-requestcharacters", "")
    return counted(((CHARACTER, int(told)),)) if _COUNT.fullmatch(told) else None


CODEC = AwsSpeakCodec()
