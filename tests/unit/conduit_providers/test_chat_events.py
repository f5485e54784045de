"""Pieces of a streamed chat, as events and as chunks."""

from collections.abc import Callable

import pytest
from tests.support.nonsense import deep

from conduit.v1.chat_chunk_pb2 import ChatCompletionChunk
from conduit_kernel.errors import UpstreamError
from conduit_providers.chat_events import ChatEvents

HEAD = b'data: {"choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'
WORD = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'


def raw(sse: bytes) -> ChatEvents:
    """Return pieces of which only the events are kept."""
    return ChatEvents(sse=sse)


def typed(sse: bytes) -> ChatEvents:
    """Return pieces of which only the chunks are kept."""
    return ChatEvents(chunks=ChatEvents(sse=sse).chunks)


def test_the_two_forms_say_the_same() -> None:
    """Each is made of the other when it is asked for."""
    events = ChatEvents(sse=HEAD + WORD)
    assert [chunk.choices[0].delta.content for chunk in events.chunks] == ["", "hi"]
    assert ChatEvents(sse=typed(HEAD + WORD).sse).chunks == events.chunks


@pytest.mark.parametrize("make", [raw, typed])
def test_pieces_that_follow_come_behind(make: Callable[[bytes], ChatEvents]) -> None:
    """In whichever form they are, also where the two differ."""
    for following in (ChatEvents(sse=WORD), typed(WORD)):
        both = make(HEAD).with_more(following)
        assert both.chunks == ChatEvents(sse=HEAD + WORD).chunks
        assert both.size > following.size


@pytest.mark.parametrize("make", [raw, typed])
def test_who_will_speak_is_said_by_a_head(make: Callable[[bytes], ChatEvents]) -> None:
    """Nothing of the answer is in it."""
    assert make(HEAD).is_head
    assert not make(HEAD + WORD).is_head


@pytest.mark.parametrize("member", [b'"id":7', b'"zz":1e999', b'"zz":%b' % deep(300)])
def test_events_that_do_not_fit_the_contract_are_malformed(member: bytes) -> None:
    """Found while another provider can still be asked."""
    events = ChatEvents(sse=b'data: {"choices":[],%b}\n\n' % member)
    with pytest.raises(UpstreamError) as raised:
        events.to_form(is_typed=True)
    assert raised.value.metadata["kind"] == "malformed"


def test_chunks_that_hold_no_json_are_malformed() -> None:
    """As a decoder may have made them of what a provider sent."""
    events = ChatEvents(chunks=[ChatCompletionChunk(unknown_json=b"nonsense")])
    with pytest.raises(UpstreamError):
        events.to_form(is_typed=False)
