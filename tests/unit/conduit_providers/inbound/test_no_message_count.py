"""For providers that count no tokens beforehand."""

import pytest
from tests.support.message_replays import ASKED, answered_chats, message_call

from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.codec import Codec
from conduit_providers.inbound.no_message_count import NoMessageCountCodec


def test_nobody_is_asked() -> None:
    """The next candidate has its turn, as for all that a dialect cannot say."""
    replay, codec = answered_chats()[0], NoMessageCountCodec()
    call = message_call(replay, ASKED)
    assert isinstance(codec, Codec)
    with pytest.raises(UnsupportedCapability):
        codec.to_upstream(call, replay.endpoint, replay.target)
    with pytest.raises(UnsupportedCapability):
        codec.from_upstream(replay.response, call, replay.endpoint)
