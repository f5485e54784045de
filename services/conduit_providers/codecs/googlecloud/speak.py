"""Google Cloud's text to speech.

https://docs.cloud.google.com/text-to-speech/docs/reference/rest/v1/text/synthesize
"""

import re
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import msgspec
import orjson

from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.googlecloud.options import SpeakModel
from conduit_providers.codecs.googlecloud.voice_names import parted
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.speeches import (
    Wish,
    check_format,
    own_members,
    wish_of,
)
from conduit_providers.codecs.shared.wav import data_in
from conduit_providers.codecs.shared.whole_speech import Spoken, WholeSpeechDecoder, sound_in
from conduit_providers.failures import malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.speak import SpeakCall
from conduit_providers.spec import Endpoint
from conduit_providers.speech import PCM_RATE, PHONE_RATE
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest, HttpResponse

Json = dict[str, Any]
_FORMATS: Mapping[str, Json] = MappingProxyType(
    {
        "mp3": {"audioEncoding": "MP3"},
        "opus": {"audioEncoding": "OGG_OPUS"},
        # At rates of which the bytes say nothing.
        "alaw": {"audioEncoding": "ALAW", "sampleRateHertz": PHONE_RATE},
        "mulaw": {"audioEncoding": "MULAW", "sampleRateHertz": PHONE_RATE},
        "pcm": {"audioEncoding": "PCM", "sampleRateHertz": PCM_RATE},
        # With the header of a WAV file.
        "wav": {"audioEncoding": "LINEAR16"},
    }
)
# They come as WAV files, which telephones do not know.
_BARE = frozenset({"alaw", "mulaw"})
# Members of the dialect that stand beside the text; all others stand beside the input.
_OF_INPUT = ("customPronunciations", "prompt")
# No text begins so that is meant to be read out: https://www.w3.org/TR/speech-synthesis11/#S3.1.1
_SSML = re.compile(r"<speak[\s>]")
MAX_SPEED = 2.0


class _Answer(msgspec.Struct, rename="camel"):
    audio_content: str


_DECODER = JsonReader(_Answer)


class GoogleCloudSpeakCodec:
    """Speaks `POST /v1/text:synthesize`, whose answer is JSON with the sound in it."""

    def to_upstream(self, call: SpeakCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the wish. InvalidRequest if it names no voice, or is too fast."""
        wish, facts = wish_of(call), endpoint.facts_of(call.model)
        _check_bytes(call, wish, facts)
        check_format(call, wish, endpoint)
        members = own_members(call)
        body = {
            "input": _input(call, wish, members, facts),
            "voice": _voice(call, wish, facts, target),
            "audioConfig": _audio(call, wish, members),
            **members,
        }
        path = target.fill(endpoint.path_for(target.settings), model=call.model)
        headers = JSON_HEADERS + tuple(endpoint.headers.items())
        return HttpRequest("POST", path, headers, orjson.dumps(body))

    def decoder(self, call: SpeakCall, endpoint: Endpoint) -> WholeSpeechDecoder:
        """Return what hands the sound out once all of it is there."""
        return WholeSpeechDecoder(call, partial(_read, call=call))


def _check_bytes(call: SpeakCall, wish: Wish, facts: SpeakModel) -> None:
    # A character counts as its bytes.
    most, length = facts.max_characters, len(wish.input.encode())
    if most is not None and length > most:
        raise InvalidRequest(
            f"input has {length} bytes, and {call.provider} speaks at most {most} at once",
            field="input",
            limit=str(most),
        )


def _input(call: SpeakCall, wish: Wish, members: Json, facts: SpeakModel) -> Json:
    found = {"ssml" if _SSML.match(wish.input) else "text": wish.input}
    if wish.instructions and facts.is_model:
        found["prompt"] = wish.instructions
    elif wish.instructions:
        call.drop("instructions", call.provider)
    return found | {name: members.pop(name) for name in _OF_INPUT if name in members}


def _voice(call: SpeakCall, wish: Wish, facts: SpeakModel, target: Target) -> Json:
    given: Json = dict(wish.voice) if isinstance(wish.voice, dict) else {}
    given.pop("id", None)
    own_name = given.pop("name", None)
    name = wish.voice_name or (own_name if isinstance(own_name, str) else "")
    locale = given.get("languageCode") or target.settings.get("language", "")
    if facts.is_model:
        named = {"name": name} if name else {}
        return {**given, "languageCode": locale, **named, "modelName": call.model}
    whole = _whole_name(call, name, locale)
    # The locale is the name's first part, whatever else is said.
    return {**given, "languageCode": _locale_of(whole), "name": whole}


def _whole_name(call: SpeakCall, name: str, locale: str) -> str:
    """Return the name of the voice that the model and the caller name together."""
    if parted(call.model):
        if name and name not in {call.model, call.model.rpartition("-")[2]}:
            call.drop("voice", call.provider)
        return call.model
    voice = parted(name)
    if voice is None and name:
        return f"{locale}-{call.model}-{name}"
    if voice is None or voice.family.lower() != call.model.lower():
        message = f"{call.provider} speaks with a voice of {call.model}, which a request names"
        raise InvalidRequest(message, field="voice")
    return name


def _locale_of(name: str) -> str:
    found = parted(name)
    return found.locale if found else ""


def _audio(call: SpeakCall, wish: Wish, members: Json) -> Json:
    if wish.speed is not None and wish.speed > MAX_SPEED:
        message = f"{call.provider} speaks at most {MAX_SPEED:g} times as fast"
        raise InvalidRequest(message, field="speed")
    found = dict(_FORMATS[wish.format])
    if wish.speed is not None:
        found["speakingRate"] = wish.speed
    own = members.pop("audioConfig", {})
    if not isinstance(own, dict):
        raise InvalidRequest("audioConfig must be an object", field="audioConfig")
    if own.pop("audioEncoding", None) is not None:
        # An answer does not say what its sound is, so the format must.
        call.drop("audioConfig.audioEncoding", call.provider)
    return found | own


def _read(response: HttpResponse, call: SpeakCall) -> Spoken:
    found = read_answer(_DECODER, response.body, call.provider, "it has no sound")
    audio = sound_in(found.audio_content, call.provider)
    if wish_of(call).format not in _BARE:
        return audio, None
    samples = data_in(audio)
    if samples is None:
        raise malformed(call.provider, "its sound is no WAV file")
    return samples, None


CODEC = GoogleCloudSpeakCodec()
