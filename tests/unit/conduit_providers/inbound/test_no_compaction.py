"""For providers that make no conversation shorter."""

import pytest
from tests.support.message_replays import answered_chats

from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.codec import Codec
from conduit_providers.inbound.no_compaction import NoCompactionCodec
from conduit_providers.inbound.response_form import response_request


def test_nobody_is_asked_and_the_way_is_told() -> None:
    """The next candidate has its turn, as for all that a dialect cannot say."""
    replay, codec = answered_chats()[0], NoCompactionCodec()
    call = Call(response_request(json=b'{"model":"m","input":"Hi"}'), alias="m", model="m")
    assert isinstance(codec, Codec)
    with pytest.raises(UnsupportedCapability, match="ask the model for a summary"):
        codec.to_upstream(call, replay.endpoint, replay.target)
    with pytest.raises(UnsupportedCapability):
        codec.from_upstream(replay.response, call, replay.endpoint)
