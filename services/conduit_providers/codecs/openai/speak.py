"""Text to speech in OpenAI's dialect.

https://platform.openai.com/docs/api-reference/audio/createSpeech
"""

import orjson

from conduit_providers.codecs.openai.options import SpeakModel
from conduit_providers.codecs.openai.request import fitted_members, headers_of
from conduit_providers.codecs.openai.speech_stream import OpenAISpeechDecoder
from conduit_providers.codecs.shared.sound_converter import SoundConverter
from conduit_providers.codecs.shared.sound_steps import load_library
from conduit_providers.codecs.shared.speeches import (
    SoundDecoder,
    check_format,
    check_length,
    wish_of,
)
from conduit_providers.operations.speak import SpeakCall
from conduit_providers.spec import Endpoint
from conduit_providers.speech import EVENTS_TYPE, PCM_RATE
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest


class OpenAISpeakCodec:
    """Speaks `POST /audio/speech`."""

    def to_upstream(self, call: SpeakCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Pass the caller's body on, with the provider's name of the model."""
        wish = wish_of(call)
        check_length(call, wish, endpoint)
        if not endpoint.options.takes_any_format:
            check_format(call, wish, endpoint)
        members = fitted_members(call, endpoint, target.provider_name)
        if source := endpoint.options.made_of.get(wish.format):
            members["response_format"] = source
            load_library()
        facts: SpeakModel = endpoint.facts_of(call.model)
        if facts.events == "always":
            # They alone say what was used.
            members["stream_format"] = "sse"
        elif facts.events == "never":
            members.pop("stream_format", None)
        return HttpRequest(
            "POST",
            target.fill(endpoint.path_for(target.settings), model=call.model),
            headers_of(endpoint),
            orjson.dumps(members),
        )

    def decoder(self, call: SpeakCall, endpoint: Endpoint) -> OpenAISpeechDecoder | SoundDecoder:
        """Return what reads events, or passes bytes on, whichever the provider sends."""
        kind = call.answer_headers.get("content-type", "").strip().lower()
        converter = _converter(call, endpoint)
        if kind.startswith(EVENTS_TYPE):
            return OpenAISpeechDecoder(call, converter)
        return SoundDecoder(call, converter=converter)


def _converter(call: SpeakCall, endpoint: Endpoint) -> SoundConverter | None:
    wanted = wish_of(call).format
    source = endpoint.options.made_of.get(wanted)
    if source is None:
        return None
    return SoundConverter(wanted, PCM_RATE if source == "pcm" else None, call.provider)


CODEC = OpenAISpeakCodec()
