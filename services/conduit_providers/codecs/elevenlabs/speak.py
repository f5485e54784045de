"""ElevenLabs' text to speech.

https://elevenlabs.io/docs/api-reference/text-to-speech/stream
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import orjson

from conduit_kernel.errors import InvalidRequest
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
from conduit_providers.spec import Endpoint
from conduit_providers.speech import PCM_RATE, PHONE_RATE
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest

_PCM = f"pcm_{PCM_RATE}"
_FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "alaw": f"alaw_{PHONE_RATE}",
        "mp3": "mp3_44100_128",
        "mulaw": f"ulaw_{PHONE_RATE}",
        "opus": "opus_48000_128",
        "pcm": _PCM,
        # Made of it: what is handed on as it is made has no such format.
        "wav": _PCM,
    }
)
# Members of the dialect that are in the query; all others are in the body.
_QUERIED = ("output_format", "enable_logging", "optimize_streaming_latency")
# What else stands in a path would make another one of it.
_VOICE = re.compile(r"[A-Za-z0-9_-]+")


class ElevenLabsSpeakCodec:
    """Speaks `POST /v1/text-to-speech/{voice}/stream`, with the format in the query."""

    def to_upstream(self, call: SpeakCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the wish. InvalidRequest if it names no voice."""
        wish = wish_of(call)
        check_length(call, wish, endpoint)
        check_format(call, wish, endpoint)
        if wish.instructions:
            call.drop("instructions", target.provider_name)
        members = own_members(call)
        query = urlencode({"output_format": _FORMATS[wish.format], **_queried(members)})
        root = target.fill(endpoint.path_for(target.settings), model=call.model)
        path = f"{root}/{_voice(call, wish)}/stream?{query}"
        headers = JSON_HEADERS + tuple(endpoint.headers.items())
        return HttpRequest("POST", path, headers, orjson.dumps(_body(call, wish, members)))

    def decoder(self, call: SpeakCall, endpoint: Endpoint) -> SoundDecoder:
        """Return what passes the sound on.

        The header `character-cost` counts credits, of which a character costs one, or less.
        """
        is_made = wish_of(call).format == "wav" and "output_format" not in own_members(call)
        return WavDecoder(call, None, PCM_RATE) if is_made else SoundDecoder(call)


def _voice(call: SpeakCall, wish: Wish) -> str:
    if not _VOICE.fullmatch(wish.voice_name):
        message = f"{call.provider} speaks with a voice that is named by its id"
        raise InvalidRequest(message, field="voice")
    return wish.voice_name


def _queried(members: dict[str, Any]) -> dict[str, str]:
    """Take the members that are in the query out of the others."""
    found = {name: members.pop(name) for name in _QUERIED if name in members}
    return {
        name: value if isinstance(value, str) else orjson.dumps(value).decode()
        for name, value in found.items()
    }


def _body(call: SpeakCall, wish: Wish, members: dict[str, Any]) -> dict[str, Any]:
    settings = members.get("voice_settings", {})
    if wish.speed is not None and isinstance(settings, dict):
        members["voice_settings"] = {"speed": wish.speed, **settings}
    # Neither is the caller's to say by another name.
    return {**members, "text": wish.input, "model_id": call.model}


CODEC = ElevenLabsSpeakCodec()
