"""What dialects share that transcribe live sound and take a session's settings in its handshake."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import urlencode

from conduit_providers.codecs.shared.transcription_session import Handshake, TranscriptionSession
from conduit_providers.codecs.shared.transcription_settings import TranscriptionSettings
from conduit_providers.operations.converse import ConverseCall, is_live, no_live_sessions
from conduit_providers.session_codec import SessionTranslator
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import WebSocketRequest

Query = Iterator[tuple[str, str]]
Protocol = Callable[[ConverseCall, Handshake], TranscriptionSession]


class TranscriptionCodec(ABC):
    """Builds handshakes and makes translators. A dialect says what it asks for in the query."""

    def to_upstream(
        self, call: ConverseCall, endpoint: Endpoint, target: Target
    ) -> WebSocketRequest:
        """Build the handshake of a session whose caller has said nothing yet."""
        if is_live(call):
            raise no_live_sessions(target.provider_name)
        return self._handshake(TranscriptionSettings(), call, endpoint, target)

    def translator(
        self, call: ConverseCall, endpoint: Endpoint, target: Target
    ) -> SessionTranslator:
        """Return a translator of the model's protocol."""
        handshake = partial(self._handshake, call=call, endpoint=endpoint, target=target)
        return self.protocol(call, endpoint)(call, handshake)

    # What a dialect says.

    @abstractmethod
    def protocol(self, call: ConverseCall, endpoint: Endpoint) -> Protocol:
        """Return the protocol that the call's model speaks."""

    @abstractmethod
    def query(
        self, settings: TranscriptionSettings, call: ConverseCall, endpoint: Endpoint
    ) -> Query:
        """Yield what the handshake says of a session that has some settings."""

    def path(self, call: ConverseCall, endpoint: Endpoint, target: Target) -> str:
        """Return the handshake's path, still without the model."""
        return endpoint.path_for(target.settings)

    def _handshake(
        self,
        settings: TranscriptionSettings,
        call: ConverseCall,
        endpoint: Endpoint,
        target: Target,
    ) -> WebSocketRequest:
        path = target.fill(self.path(call, endpoint, target), model=call.model)
        query = urlencode(list(self.query(settings, call, endpoint)))
        return WebSocketRequest(f"{path}?{query}", tuple(endpoint.headers.items()))
