"""Sessions in OpenAI's own protocols: realtime and live. Events pass nearly as they are.

https://platform.openai.com/docs/api-reference/realtime; openai 3.57: types.realtime, types.live.
"""

from conduit_providers.codecs.openai.live_session import LiveTranslator
from conduit_providers.codecs.openai.options import ConverseOptions
from conduit_providers.codecs.openai.realtime_session import RealtimeTranslator
from conduit_providers.operations.converse import ConverseCall, is_live, no_live_sessions
from conduit_providers.session_codec import SessionTranslator
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import WebSocketRequest


class OpenAIConverseCodec:
    """Speaks `GET /realtime?model=` and `GET /live/sessions`."""

    def to_upstream(
        self, call: ConverseCall, endpoint: Endpoint, target: Target
    ) -> WebSocketRequest:
        """Build the handshake; a live session says its model in its first event."""
        path = endpoint.path_for(target.settings)
        if is_live(call):
            options: ConverseOptions = endpoint.options
            path = options.live_path
            if not path:
                raise no_live_sessions(target.provider_name)
        headers = tuple(endpoint.headers.items())
        return WebSocketRequest(target.fill(path, model=call.model), headers)

    def translator(
        self, call: ConverseCall, endpoint: Endpoint, target: Target
    ) -> SessionTranslator:
        """Return a translator of the call's protocol."""
        return LiveTranslator(call) if is_live(call) else RealtimeTranslator(call)


CODEC = OpenAIConverseCodec()
