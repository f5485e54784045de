"""Requests that go into one batch of a provider's."""

from types import SimpleNamespace
from typing import Any

from conduit_providers.wire import HttpRequest
from conduit_router.batches.remote.chunk import MAX_BYTES, Chunk
from conduit_router.calls.deferred import DeferredRequest


def chunk(most_requests: int = 3) -> Chunk:
    """Return an empty one, for batches of so many requests."""
    exchange: Any = SimpleNamespace(batches=SimpleNamespace(most_requests=most_requests))
    request = HttpRequest("POST", "/chat", (("a", "b"),))
    return Chunk(exchange, "chat", DeferredRequest(None, request, 0))  # type: ignore[arg-type] # not asked


def test_a_chunk_has_as_many_requests_as_a_batch_may() -> None:
    """One more goes into the next one."""
    made = chunk()
    for place in (4, 5, 9):
        assert made.has_room_for(b"{}")
        made.add(place, b"{}", 7)
    assert not made.has_room_for(b"{}")
    assert (made.count, made.most_cost, made.bytes) == (3, 21, 6)
    assert [place for place in range(12) if place in made.places] == [4, 5, 9]


def test_a_request_that_is_too_long_for_others_goes_alone() -> None:
    """Its bytes are counted, and nothing else fits beside it."""
    made, long = chunk(), b"x" * (MAX_BYTES + 1)
    assert made.has_room_for(long)
    made.add(0, long, 0)
    assert not made.has_room_for(b"{}")
