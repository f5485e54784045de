"""One stream of notifications for all of a bridge's hub connections."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from conduit.v1 import notification_requests_pb2 as notification_pb
from conduit.v1 import provider_health_requests_pb2 as pb
from conduit.v1.provider_health_pb2 import ProviderHealth
from conduit_bridge.request_metadata import Metadata
from conduit_bridge.signalr.events import Event, events_of
from conduit_kernel.errors import ServiceUnavailable

# A service that is being restarted is back by then.
LIVE_SECONDS = 3.0
CALL_SECONDS = 5.0
PAGE = 1_000
# Clients that ask again and again get the same answer for so long.
KNOWN_SECONDS = 0.5

Listener = Callable[[Sequence[Event]], None]


class NotificationFeed:
    """Watches Health from the first connection on, and hands what it hears to all of them."""

    def __init__(self, stub: Any, metadata: Metadata) -> None:  # noqa: ANN401 # of grpc, whose types differ from its classes
        """Take Health's stub, and what this bridge shows it."""
        self._stub = stub
        self._metadata = metadata
        self._listeners: set[Listener] = set()
        self._wanted = asyncio.Event()
        self._live = asyncio.Event()
        self._last_id = 0
        self._known: list[ProviderHealth] = []
        self._known_at = -KNOWN_SECONDS
        self._asking = asyncio.Lock()

    @contextlib.contextmanager
    def listening(self, listener: Listener) -> Iterator[None]:
        """Hand all that happens to a listener, which may not wait."""
        self._listeners.add(listener)
        self._wanted.set()
        try:
            yield
        finally:
            self._listeners.discard(listener)

    async def wait_live(self) -> None:
        """Wait until nothing is missed any more, or for a short time if Health is away."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LIVE_SECONDS):
                await self._live.wait()

    async def follow(self) -> None:
        """Watch until the stream ends: a step of a loop. RpcError or ServiceUnavailable then."""
        await self._wanted.wait()
        request = notification_pb.WatchNotificationsRequest(after_id=self._last_id)
        call = self._stub.WatchNotifications(request, metadata=self._metadata)
        try:
            await call.initial_metadata()
            self._live.set()
            async for message in call:
                self._take(message)
        finally:
            self._live.clear()
            call.cancel()
        raise ServiceUnavailable("The stream of notifications has ended", service="health")

    async def providers(self) -> list[ProviderHealth]:
        """Return how all instances are, as of a moment ago. RpcError if Health is away."""
        async with self._asking:
            now = asyncio.get_running_loop().time()
            if now - self._known_at >= KNOWN_SECONDS:
                self._known, self._known_at = await self._list(), now
            return self._known

    async def _list(self) -> list[ProviderHealth]:
        found: list[ProviderHealth] = []
        token = ""
        while True:
            request = pb.ListProviderHealthRequest(page_size=PAGE, page_token=token)
            answer = await self._stub.ListProviderHealth(
                request, metadata=self._metadata, timeout=CALL_SECONDS
            )
            found += answer.providers
            if not (token := answer.next_page_token):
                return found

    def _take(self, message: notification_pb.WatchNotificationsResponse) -> None:
        notification = message.notification
        self._last_id = max(self._last_id, notification.id)
        events = events_of(notification)
        for listener in tuple(self._listeners):
            listener(events)
