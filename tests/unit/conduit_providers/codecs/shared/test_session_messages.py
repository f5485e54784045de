"""Messages of Deepgram's sessions that make no sense, or tell of a failure."""

import msgspec
import pytest

from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.shared.session_messages import message


class _Typed(msgspec.Struct):
    type: str


READER = msgspec.json.Decoder(_Typed)


@pytest.mark.parametrize("frame", [b"{}", "{}", "[]", "", '{"type":1}', '{"a":' * 5000])
def test_nonsense_is_the_providers_fault(frame: str | bytes) -> None:
    """It ends the session."""
    with pytest.raises(UpstreamError) as raised:
        message(frame, READER, "Lumen")
    assert raised.value.metadata == {"provider": "Lumen", "kind": "malformed"}
    assert message('{"type":"a","b":1}', READER, "Lumen").type == "a"
