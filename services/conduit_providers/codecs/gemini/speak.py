"""Speech that Gemini's models make as the answer of a chat, on the Gemini API and Vertex AI.

https://ai.google.dev/gemini-api/docs/speech-generation
https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/speech/text-to-speech
"""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import orjson

from conduit_kernel.errors import UpstreamRefused
from conduit_providers.codecs.gemini.answer import Blob, Candidate, read_response
from conduit_providers.codecs.gemini.finish import check_finish, kept_back
from conduit_providers.codecs.gemini.options import SpeakModel
from conduit_providers.codecs.shared.sound_converter import SoundConverter
from conduit_providers.codecs.shared.sound_steps import load_library
from conduit_providers.codecs.shared.speeches import (
    Wish,
    check_format,
    check_length,
    own_members,
    wish_of,
)
from conduit_providers.codecs.shared.whole_speech import Spoken, WholeSpeechDecoder, sound_in
from conduit_providers.failures import malformed
from conduit_providers.operations.speak import SpeakCall
from conduit_providers.spec import Endpoint
from conduit_providers.speech import PCM_RATE
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest, HttpResponse

Json = dict[str, Any]
# Bare samples say their rate behind their type: `audio/L16;codec=pcm;rate=24000`.
_RATE = re.compile(r"rate=(\d{4,6})")
_WAV = "wav"


class GeminiSpeakCodec:
    """Speaks `POST .../{model}:generateContent`, whose answer has the sound in it."""

    def to_upstream(self, call: SpeakCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the wish."""
        wish, facts = wish_of(call), endpoint.facts_of(call.model)
        check_length(call, wish, endpoint)
        check_format(call, wish, endpoint)
        load_library()
        if wish.speed is not None and wish.speed != 1:
            call.drop("speed", target.provider_name)
        for name in own_members(call):
            call.drop(name, target.provider_name)
        configuration: Json = {"responseModalities": ["AUDIO"]}
        if wish.voice_name:
            configuration["speechConfig"] = {"voiceConfig": _voice(wish.voice_name, facts)}
        body = {
            "contents": [{"role": "user", "parts": [_part(wish, facts)]}],
            "generationConfig": configuration,
        }
        path = target.fill(endpoint.path, model=call.model.removeprefix("models/"))
        headers = JSON_HEADERS + tuple(endpoint.headers.items())
        return HttpRequest("POST", f"{path}:generateContent", headers, orjson.dumps(body))

    def decoder(self, call: SpeakCall, endpoint: Endpoint) -> WholeSpeechDecoder:
        """Return what hands the sound out once all of it is there."""
        return WholeSpeechDecoder(call, partial(_read, call=call))


def _part(wish: Wish, facts: SpeakModel) -> Json:
    if not wish.instructions:
        return {"text": wish.input}
    if facts.is_directed_in_text:
        return {"text": f"{wish.instructions}: {wish.input}"}
    return {"text": wish.input, "speechMetadata": {"style": wish.instructions}}


def _voice(name: str, facts: SpeakModel) -> Json:
    if facts.is_directed_in_text:
        return {"prebuiltVoiceConfig": {"voiceName": name}}
    return {"voice": name}


def _read(response: HttpResponse, call: SpeakCall) -> Spoken:
    found = read_response(response.body, call.provider)
    candidates = found.candidates or []
    blobs = [blob for each in candidates for blob in _sounds_of(each, call)]
    if not blobs:
        error = kept_back(candidates, call.provider, "speech")
        raise error or malformed(call.provider, "it has no sound")
    counts = found.usage_metadata
    return _in_format(blobs, call), counts.quantities() if counts else None


def _sounds_of(candidate: Candidate, call: SpeakCall) -> Sequence[Blob]:
    check_finish(candidate, call.provider)
    if candidate.finish_reason == "MAX_TOKENS":
        message = f"{call.provider}: the text is longer than the model speaks at once"
        raise UpstreamRefused(message, provider=call.provider, upstream_code="MAX_TOKENS")
    parts = (part.inline_data for part in candidate.parts)
    return [blob for blob in parts if blob is not None and blob.data]


def _in_format(blobs: Sequence[Blob], call: SpeakCall) -> bytes:
    kind = blobs[0].mime_type.lower()
    told = _RATE.search(kind)
    rate = None if _WAV in kind else int(told[1]) if told else PCM_RATE
    converter = SoundConverter(wish_of(call).format, rate, call.provider)
    pieces = [converter.feed(sound_in(blob.data, call.provider)) for blob in blobs]
    return b"".join((*pieces, converter.close()))


CODEC = GeminiSpeakCodec()
