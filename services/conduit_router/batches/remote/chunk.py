"""Requests that go into one batch of a provider's."""

from conduit_providers.batch_apis.api import NewBatch
from conduit_providers.wire import HttpRequest
from conduit_router.batches.done_requests import DoneRequests
from conduit_router.batches.remote.exchange import BatchExchange
from conduit_router.calls.deferred import DeferredRequest

# Of one batch, with the names of its requests; some providers take 20 MB at most.
MAX_BYTES = 8 * 1024 * 1024


class Chunk:
    """Requests of one model at one instance, with one key."""

    def __init__(self, exchange: BatchExchange, operation: str, first: DeferredRequest) -> None:
        """Take where it goes, and the first of its requests, which is added afterwards."""
        self.exchange = exchange
        self.operation = operation
        # Bits of the requests' places in the batch.
        self.places = DoneRequests()
        self.count = 0
        self.bytes = 0
        # The most that all of it costs, in nano-dollars.
        self.most_cost = 0
        self._request = first.request
        self._entries: list[bytes] = []

    @property
    def model(self) -> str:
        """Return the provider's name of the model."""
        return self.exchange.by.candidate.model

    def entry(self, place: int, request: HttpRequest) -> bytes:
        """Return a request of the batch as a part of it, by its place."""
        return self.exchange.api.entry(str(place), request, self.exchange.batches)

    def has_room_for(self, entry: bytes) -> bool:
        """Return whether another request fits."""
        if self.count >= self.exchange.batches.most_requests:
            return False
        return not self.count or self.bytes + len(entry) <= MAX_BYTES

    def add(self, place: int, entry: bytes, most_cost: int) -> None:
        """Add a request of the batch."""
        self.places.add(place)
        self._entries.append(entry)
        self.count += 1
        self.bytes += len(entry)
        self.most_cost += most_cost

    def batch(self, name: str) -> NewBatch:
        """Return what is to be begun."""
        request = self._request
        return NewBatch(name, self.model, request.path, request.headers, self._entries)

    def forget_entries(self) -> None:
        """Let go of what the provider has by now."""
        self._entries = []
