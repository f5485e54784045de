"""The handshakes of sessions."""

import pytest

from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.codecs.openai.converse import CODEC
from conduit_providers.codecs.openai.live_session import LiveTranslator
from conduit_providers.codecs.openai.options import ConverseOptions
from conduit_providers.codecs.openai.realtime_session import RealtimeTranslator
from conduit_providers.operations.converse import ConverseCall, live_opening, realtime_opening
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target

TARGET = Target("Lumen", "OpenAI", "https://a.example")
START = b'{"type":"session.start","session":{"model":"alias"}}'
REALTIME: ConverseCall = Call(
    realtime_opening("alias"), alias="alias", model="gpt x&y", provider="P"
)
LIVE: ConverseCall = Call(live_opening(json=START), alias="alias", model="gpt-live", provider="P")


def endpoint(live_path: str = "/live/sessions") -> Endpoint:
    """Return an endpoint of both protocols, or of one."""
    return Endpoint(
        "openai_converse",
        "/realtime?model={model}",
        headers={"a": "b"},
        options=ConverseOptions(live_path=live_path),
    )


def test_a_realtime_session_names_its_model_in_its_path() -> None:
    """So that it ends there."""
    request = CODEC.to_upstream(REALTIME, endpoint(), TARGET)
    assert request.path == "/realtime?model=gpt%20x%26y"
    assert request.headers == (("a", "b"),)
    assert isinstance(CODEC.translator(REALTIME, endpoint(), TARGET), RealtimeTranslator)


def test_a_live_session_has_a_path_of_its_own() -> None:
    """Its model is in its first event."""
    assert CODEC.to_upstream(LIVE, endpoint(), TARGET).path == "/live/sessions"
    assert isinstance(CODEC.translator(LIVE, endpoint(), TARGET), LiveTranslator)


def test_where_there_are_no_live_sessions_none_is_begun() -> None:
    """The next candidate may hold some."""
    assert CODEC.to_upstream(REALTIME, endpoint(""), TARGET).path
    with pytest.raises(UnsupportedCapability, match="Lumen holds no live sessions") as refused:
        CODEC.to_upstream(LIVE, endpoint(""), TARGET)
    assert refused.value.metadata["capability"] == "live"
