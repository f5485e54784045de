"""The handshakes of sessions that transcribe, with the plainest dialect there is."""

from collections.abc import Sequence

import pytest

from conduit.v1.realtime_client_event_json import (
    realtime_client_event_from_json,
    realtime_client_event_to_json,
)
from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.calls import Call, Form
from conduit_providers.codecs.shared.transcription_codec import Query, TranscriptionCodec
from conduit_providers.codecs.shared.transcription_session import TranscriptionSession
from conduit_providers.codecs.shared.transcription_settings import TranscriptionSettings
from conduit_providers.operations.converse import ConverseCall, live_opening, realtime_opening
from conduit_providers.session_codec import Frame, Step
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import WebSocketRequest

TARGET = Target("Lumen", "Deepgram", "https://a.example")
ENDPOINT = Endpoint("plain", "/listen/{model}", headers={"a": "b"})
GERMAN = (
    b'{"type":"session.update","session":{"type":"transcription",'
    b'"audio":{"input":{"transcription":{"languages":["de","fr"]}}}}}'
)


class Plain(TranscriptionSession):
    """Hears nothing."""

    def sound(self, sound: bytes) -> Frame:
        """Send it as it is."""
        return sound

    def commit(self) -> Sequence[Step]:
        """Ask for nothing."""
        return ()

    def from_upstream(self, frame: Frame) -> Sequence[Step]:
        """Take in nothing."""
        return ()


class PlainCodec(TranscriptionCodec):
    """Asks for languages."""

    def protocol(self, call: ConverseCall, endpoint: Endpoint) -> type[TranscriptionSession]:
        """Return the only one."""
        return Plain

    def query(
        self, settings: TranscriptionSettings, call: ConverseCall, endpoint: Endpoint
    ) -> Query:
        """Yield the model and the languages."""
        yield "model", call.model
        for language in settings.named_languages:
            yield "language", language


def realtime() -> ConverseCall:
    """Return the call of a session."""
    return Call(realtime_opening("alias"), alias="alias", model="m &1", provider="Lumen")


def test_a_session_begins_with_the_usual_settings() -> None:
    """Its caller has said nothing yet."""
    request = PlainCodec().to_upstream(realtime(), ENDPOINT, TARGET)
    assert request.path == "/listen/m%20%261?model=m+%261"
    assert request.headers == (("a", "b"),)


def test_what_the_caller_sets_is_in_a_new_handshake() -> None:
    """It opens a connection in place of the first, of the same call."""
    session = PlainCodec().translator(realtime(), ENDPOINT, TARGET)
    form = Form(realtime_client_event_from_json, realtime_client_event_to_json, GERMAN)
    handshake = session.to_upstream(form)[0]
    assert isinstance(handshake, WebSocketRequest)
    assert handshake.path == "/listen/m%20%261?model=m+%261&language=de&language=fr"


def test_no_live_session_is_begun() -> None:
    """The next candidate may hold some."""
    start = b'{"type":"session.start","session":{"model":"alias"}}'
    live: ConverseCall = Call(live_opening(json=start), alias="alias", model="m", provider="P")
    with pytest.raises(UnsupportedCapability, match="Lumen holds no live sessions") as refused:
        PlainCodec().to_upstream(live, ENDPOINT, TARGET)
    assert refused.value.metadata["capability"] == "live"
