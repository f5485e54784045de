"""The RPCs of the HealthService that tell administrators something."""

from collections.abc import AsyncIterator

from conduit.v1 import hub_requests_pb2 as hub_pb
from conduit.v1 import notification_requests_pb2 as pb
from conduit.v1.health_service_pb2_grpc import HealthServiceServicer
from conduit.v1.notification_pb2 import (
    NOTIFICATION_KIND_ANNOUNCEMENT,
    AnnouncementNotification,
    Notification,
)
from conduit_health.notifications.hub import NotificationHub
from conduit_health.notifications.mailboxes import Mailboxes
from conduit_health.notifications.tickets import Tickets
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.limits import check_length
from conduit_kernel.rpc.auth_interceptor import Context

DEFAULT_CATEGORY = "general"


class NotificationService(HealthServiceServicer):
    """Answers the RPCs about notifications."""

    _hub: NotificationHub
    _tickets: Tickets
    _mailboxes: Mailboxes

    async def WatchNotifications(
        self, request: pb.WatchNotificationsRequest, context: Context
    ) -> AsyncIterator[pb.WatchNotificationsResponse]:
        """Stream what administrators should know, from now on or from what they had last on."""
        with self._hub.watching(max(request.after_id, request.last_event_id)) as queue:
            # Tells the caller that from here on nothing is missed.
            await context.send_initial_metadata(())
            while (notification := await queue.get()) is not None:
                yield pb.WatchNotificationsResponse(notification=notification)

    async def Announce(self, request: pb.AnnounceRequest, context: Context) -> pb.AnnounceResponse:
        """Tell all others what an administrator has to say."""
        if not request.message.strip():
            raise InvalidRequest("message must say something", field="message")
        for field in ("message", "category"):
            check_length(request, field)
        announcement = AnnouncementNotification(category=request.category or DEFAULT_CATEGORY)
        notification = Notification(
            kind=NOTIFICATION_KIND_ANNOUNCEMENT,
            message=request.message,
            announcement=announcement,
        )
        return pb.AnnounceResponse(notification=self._hub.post(notification))

    async def CreateHubTicket(
        self, request: hub_pb.CreateHubTicketRequest, context: Context
    ) -> hub_pb.CreateHubTicketResponse:
        """Return a ticket for a connection of the hub."""
        return hub_pb.CreateHubTicketResponse(ticket=self._tickets.create())

    async def RedeemHubTicket(
        self, request: hub_pb.RedeemHubTicketRequest, context: Context
    ) -> hub_pb.RedeemHubTicketResponse:
        """Use a ticket up."""
        return hub_pb.RedeemHubTicketResponse(is_valid=self._tickets.redeem(request.ticket))

    async def SendHubMessage(
        self, request: hub_pb.SendHubMessageRequest, context: Context
    ) -> hub_pb.SendHubMessageResponse:
        """Hand on what a client of the hub sends."""
        check_length(request, "text")
        is_delivered = self._mailboxes.deliver(request.connection, request.text)
        return hub_pb.SendHubMessageResponse(is_delivered=is_delivered)

    async def WatchHubMessages(
        self, request: hub_pb.WatchHubMessagesRequest, context: Context
    ) -> AsyncIterator[hub_pb.WatchHubMessagesResponse]:
        """Stream what the client of a connection sends."""
        with self._mailboxes.opened(request.connection) as mailbox:
            # Tells the caller that from here on nothing is refused.
            await context.send_initial_metadata(())
            while mailbox is not None and (text := await mailbox.get()) is not None:
                yield hub_pb.WatchHubMessagesResponse(text=text)
