"""Sessions in OpenAI's own protocols: realtime and live. Events pass nearly as they are.

https://platform.openai.com/docs/api-reference/realtime; openai 3.57: types.realtime, types.live.
Sessions that transcribe: https://developers.openai.com/api/docs/guides/realtime-transcription
"""

from conduit_providers.codecs.openai.live_session import LiveTranslator
from conduit_providers.codecs.openai.options import ConverseModel, ConverseOptions
from conduit_providers.codecs.openai.realtime_session import RealtimeTranslator
from conduit_providers.codecs.openai.transcribing_session import TranscribingTranslator
from conduit_providers.operations.converse import (
    ConverseCall,
    is_live,
    is_transcription,
    no_live_sessions,
)
from conduit_providers.session_codec import SessionTranslator
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import WebSocketRequest


class OpenAIConverseCodec:
    """Speaks `GET /realtime` and `GET /live/sessions`."""

    def to_upstream(
        self, call: ConverseCall, endpoint: Endpoint, target: Target
    ) -> WebSocketRequest:
        """Build the handshake; live sessions and transcribers say their model in an event."""
        path, options = endpoint.path_for(target.settings), _options(endpoint)
        if is_live(call):
            path = options.live_path
            if not path:
                raise no_live_sessions(target.provider_name)
        elif _is_transcriber(call, endpoint):
            path = options.transcription_path or path
        return _handshake(path, call, endpoint, target)

    def translator(
        self, call: ConverseCall, endpoint: Endpoint, target: Target
    ) -> SessionTranslator:
        """Return a translator of the call's protocol."""
        if is_live(call):
            return LiveTranslator(call)
        path = _options(endpoint).transcription_path
        if not path:
            return RealtimeTranslator(call)
        if _is_transcriber(call, endpoint):
            return TranscribingTranslator(call)
        return RealtimeTranslator(call, _handshake(path, call, endpoint, target))


def _options(endpoint: Endpoint) -> ConverseOptions:
    found: ConverseOptions = endpoint.options
    return found


def _is_transcriber(call: ConverseCall, endpoint: Endpoint) -> bool:
    facts: ConverseModel | None = endpoint.facts_of(call.model)
    return is_transcription(call) or (facts is not None and facts.is_transcriber)


def _handshake(
    path: str, call: ConverseCall, endpoint: Endpoint, target: Target
) -> WebSocketRequest:
    headers = tuple(endpoint.headers.items())
    return WebSocketRequest(target.fill(path, model=call.model), headers)


CODEC = OpenAIConverseCodec()
