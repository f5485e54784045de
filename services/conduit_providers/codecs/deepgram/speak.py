"""Deepgram's text to speech, by Aura.

https://developers.deepgram.com/reference/text-to-speech/speak-request
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlencode

import orjson

from conduit_providers.codecs.shared.speeches import (
    SoundDecoder,
    Wish,
    check_format,
    check_length,
    own_members,
    wish_of,
)
from conduit_providers.operations.speak import SpeakCall
from conduit_providers.quantities import Quantities, counted
from conduit_providers.spec import Endpoint
from conduit_providers.speech import CHARACTER, PCM_RATE, PHONE_RATE
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest

# https://developers.deepgram.com/docs/tts-media-output-settings
_FORMATS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "aac": {"encoding": "aac"},
        "alaw": {"encoding": "alaw", "container": "none", "sample_rate": str(PHONE_RATE)},
        "flac": {"encoding": "flac"},
        "mp3": {"encoding": "mp3"},
        "mulaw": {"encoding": "mulaw", "container": "none", "sample_rate": str(PHONE_RATE)},
        "opus": {"encoding": "opus", "container": "ogg"},
        # At the rate of OpenAI's, of which the bytes say nothing.
        "pcm": {"encoding": "linear16", "container": "none", "sample_rate": str(PCM_RATE)},
        "wav": {"encoding": "linear16", "container": "wav"},
    }
)
# With them, the sound would go elsewhere.
_CALLBACKS = frozenset({"callback", "callback_method"})
_COUNT = re.compile(r"[0-9]{1,9}")


class DeepgramSpeakCodec:
    """Speaks `POST /v1/speak`: the text is the body, and all else is in the query."""

    def to_upstream(self, call: SpeakCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the wish. The model names the voice."""
        wish = wish_of(call)
        check_length(call, wish, endpoint)
        check_format(call, wish, endpoint)
        query = urlencode(_query(call, wish, target.provider_name), doseq=True)
        path = target.fill(endpoint.path_for(target.settings), model=call.model)
        headers = JSON_HEADERS + tuple(endpoint.headers.items())
        return HttpRequest("POST", f"{path}?{query}", headers, orjson.dumps({"text": wish.input}))

    def decoder(self, call: SpeakCall, endpoint: Endpoint) -> SoundDecoder:
        """Return what passes the sound on; the answer's head says how many characters it is."""
        return SoundDecoder(call, _characters(call))


def _query(call: SpeakCall, wish: Wish, provider: str) -> dict[str, str | list[str]]:
    if wish.instructions:
        call.drop("instructions", provider)
    if wish.voice_name and wish.voice_name not in {call.model, *call.model.split("-")}:
        call.drop("voice", provider)
    query: dict[str, str | list[str]] = {"model": call.model, **_FORMATS[wish.format]}
    if wish.speed is not None:
        query["speed"] = str(wish.speed)
    for name, value in own_members(call).items():
        said = None if name in _CALLBACKS else _in_query(value)
        if said is None:
            call.drop(name, provider)
        else:
            query[name] = said
    return query


def _in_query(value: object) -> str | list[str] | None:
    """Return a value as a query has it; None for what has no place in one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return value
    return None


def _characters(call: SpeakCall) -> Quantities | None:
    told = call.answer_headers.get("dg-char-count", "")
    return counted(((CHARACTER, int(told)),)) if _COUNT.fullmatch(told) else None


CODEC = DeepgramSpeakCodec()
