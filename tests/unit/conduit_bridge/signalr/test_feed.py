"""One stream of notifications for all connections, from a Health service that comes and goes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from tests.support.clock import settle
from tests.support.credentials import admin_metadata

from conduit.v1 import notification_requests_pb2 as notification_pb
from conduit.v1 import provider_health_requests_pb2 as pb
from conduit.v1.notification_pb2 import Notification, ServiceNotification
from conduit.v1.provider_health_pb2 import ProviderHealth
from conduit_bridge.signalr import feed as module
from conduit_bridge.signalr.events import Event
from conduit_bridge.signalr.feed import NotificationFeed
from conduit_kernel.errors import ServiceUnavailable


class Stream:
    """A stream of notifications, as gRPC gives one."""

    def __init__(self, ids: Sequence[int]) -> None:
        self.was_cancelled = False
        self._ids = ids
        self.go_on = asyncio.Event()

    async def initial_metadata(self) -> None:
        """Have it at once."""

    async def __aiter__(self) -> AsyncIterator[notification_pb.WatchNotificationsResponse]:
        """Yield a notification for each id, then wait for the test."""
        for number in self._ids:
            service = ServiceNotification(service_name=str(number))
            notification = Notification(id=number, service=service)
            yield notification_pb.WatchNotificationsResponse(notification=notification)
        await self.go_on.wait()

    def cancel(self) -> None:
        """Note it."""
        self.was_cancelled = True


class Health:
    """A Health service's stub."""

    def __init__(self, ids: Sequence[int] = ()) -> None:
        self.ids = ids
        self.streams: list[Stream] = []
        self.after: list[int] = []
        self.lists = 0

    def WatchNotifications(  # noqa: N802 # the contract's name
        self, request: notification_pb.WatchNotificationsRequest, metadata: object
    ) -> Stream:
        """Begin a stream."""
        assert metadata == (("x-master-key", "master"),)
        self.after.append(request.after_id)
        self.streams.append(Stream(self.ids))
        return self.streams[-1]

    async def ListProviderHealth(  # noqa: N802 # the contract's name
        self, request: pb.ListProviderHealthRequest, **_: object
    ) -> pb.ListProviderHealthResponse:
        """Answer with two pages of one instance each."""
        self.lists += 1
        number = int(request.page_token or "1")
        return pb.ListProviderHealthResponse(
            providers=[ProviderHealth(provider_id=number)],
            next_page_token="2" if number == 1 else "",
        )


async def test_nobody_is_asked_until_somebody_listens() -> None:
    """From then on all listeners hear all, and who has left hears nothing."""
    health = Health([5])
    feed = NotificationFeed(health, admin_metadata("master"))
    following = asyncio.ensure_future(feed.follow())
    await settle()
    assert health.streams == []
    first: list[Event] = []
    second: list[Event] = []
    left: list[Event] = []
    with feed.listening(left.extend):
        pass
    with feed.listening(first.extend), feed.listening(second.extend):
        await settle()
        await feed.wait_live()
    assert [event.argument["service"] for event in first] == ["5"]
    assert first == second
    assert left == []
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert health.streams[0].was_cancelled


async def test_a_stream_that_ends_is_taken_up_where_it_was() -> None:
    """The loop around it hears that it ended; nothing is told twice or lost."""
    health = Health([5, 7, 6])
    feed = NotificationFeed(health, admin_metadata("master"))
    with feed.listening(lambda _: None):
        for _ in range(2):
            following = asyncio.ensure_future(feed.follow())
            await settle()
            health.streams[-1].go_on.set()
            with pytest.raises(ServiceUnavailable):
                await following
    assert health.after == [0, 7]
    assert all(stream.was_cancelled for stream in health.streams)


async def test_who_connects_while_health_is_away_waits_a_moment_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The connection is more than what it may miss."""
    monkeypatch.setattr(module, "LIVE_SECONDS", 0.01)
    async with asyncio.timeout(1):
        await NotificationFeed(Health(), admin_metadata("master")).wait_live()


async def test_how_instances_are_is_asked_for_once_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All pages of it, whatever the number of clients that ask."""
    health = Health()
    feed = NotificationFeed(health, admin_metadata("master"))
    answers: Any = await asyncio.gather(*(feed.providers() for _ in range(5)))
    assert [[each.provider_id for each in found] for found in answers] == [[1, 2]] * 5
    assert health.lists == 2
    monkeypatch.setattr(module, "KNOWN_SECONDS", 0.0)
    await feed.providers()
    assert health.lists == 4
