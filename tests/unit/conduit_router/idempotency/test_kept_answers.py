"""Answers are kept as they were, and small."""

import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conduit.v1 import router_requests_pb2 as pb
from conduit_router.idempotency.kept_answers import pack, unpack


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.binary(max_size=200), max_size=8))
def test_an_answer_comes_back_as_it_was(events: list[bytes]) -> None:
    """Message by message, empty ones among them."""
    messages = [pb.StreamChatResponse(events=each) for each in events]
    assert unpack(pack(messages), pb.StreamChatResponse) == messages


def test_a_long_stream_takes_little_room() -> None:
    """Its chunks say mostly the same."""
    chunk = (
        b'data: {"id":"c1","object":"chat.completion.chunk","choices":[{"delta":{"content":"%d"}}]}'
    )
    messages = [pb.StreamChatResponse(events=chunk % n) for n in range(2000)]
    assert len(pack(messages)) < sum(m.ByteSize() for m in messages) / 8


def test_what_was_damaged_is_no_answer() -> None:
    """It is sealed, so nobody damages it unseen; it is an error all the same."""
    with pytest.raises(zlib.error):
        unpack(b"damaged", pb.StreamChatResponse)
