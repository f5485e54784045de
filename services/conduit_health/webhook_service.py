"""The RPCs of the HealthService about webhooks."""

from collections.abc import Callable
from urllib.parse import urlsplit

from conduit.v1 import webhook_requests_pb2 as pb
from conduit.v1.health_service_pb2_grpc import HealthServiceServicer
from conduit.v1.notification_pb2 import NotificationKind
from conduit.v1.webhook_pb2 import DELIVERY_STATUS_PENDING, WebhookDelivery
from conduit.v1.webhook_pb2 import Webhook as WebhookMessage
from conduit_health.publish.messages import moment
from conduit_health.webhooks.dispatcher import owner_of
from conduit_health.webhooks.signing import new_secret
from conduit_health.webhooks.store import Delivery, Webhook, WebhookStore
from conduit_kernel.errors import AddressNotAllowed, InvalidRequest, WebhookNotFound
from conduit_kernel.pagination import page_of
from conduit_kernel.rpc.auth_interceptor import Context
from conduit_kernel.secrets import Vault

MAX_WEBHOOKS = 100
MAX_TEXT = 2_000
# Ids grow, but the newest come first.
_LAST = 2**62


class WebhookService(HealthServiceServicer):
    """Answers the RPCs about webhooks."""

    _webhooks: WebhookStore
    _vault: Vault
    _allow_private: bool
    _clock: Callable[[], float]

    async def CreateWebhook(
        self, request: pb.CreateWebhookRequest, context: Context
    ) -> pb.CreateWebhookResponse:
        """Store a webhook; return it with its secret."""
        _check(request, allow_private=self._allow_private)
        if len(await self._webhooks.webhooks()) >= MAX_WEBHOOKS:
            raise InvalidRequest(f"There may be at most {MAX_WEBHOOKS} webhooks", field="url")
        secret = new_secret()
        webhook = Webhook(
            id=0,
            url=request.url,
            description=request.description,
            kinds=frozenset(request.kinds),
            is_enabled=True,
            secret=self._vault.seal(secret, owner_of(request.url)),
            created_at=self._clock(),
        )
        number = await self._webhooks.add(webhook)
        message = _message(webhook._replace(id=number))
        message.secret = secret
        return pb.CreateWebhookResponse(webhook=message)

    async def ListWebhooks(
        self, request: pb.ListWebhooksRequest, context: Context
    ) -> pb.ListWebhooksResponse:
        """Return webhooks without their secrets."""
        page = page_of(request.page_size, request.page_token, "webhooks")
        webhooks, token = page.pick(await self._webhooks.webhooks(), lambda each: each.id)
        return pb.ListWebhooksResponse(webhooks=map(_message, webhooks), next_page_token=token)

    async def DeleteWebhook(
        self, request: pb.DeleteWebhookRequest, context: Context
    ) -> pb.DeleteWebhookResponse:
        """Delete a webhook with its deliveries."""
        if not await self._webhooks.delete(request.id):
            raise _not_found(request.id)
        return pb.DeleteWebhookResponse()

    async def ListWebhookDeliveries(
        self, request: pb.ListWebhookDeliveriesRequest, context: Context
    ) -> pb.ListWebhookDeliveriesResponse:
        """Return what became of deliveries, newest first."""
        known = {webhook.id for webhook in await self._webhooks.webhooks()}
        if request.webhook_id not in known:
            raise _not_found(request.webhook_id)
        page = page_of(
            request.page_size, request.page_token, "webhook deliveries", request.webhook_id
        )
        before = _LAST - page.after if page.after else 0
        found = await self._webhooks.deliveries(request.webhook_id, before, page.size + 1)
        deliveries, token = page.cut(found, lambda each: _LAST - each.id)
        return pb.ListWebhookDeliveriesResponse(
            deliveries=map(_delivery_message, deliveries), next_page_token=token
        )


def _check(request: pb.CreateWebhookRequest, *, allow_private: bool) -> None:
    """Raise what is wrong with a webhook; where it leads is judged when it is connected to."""
    for field in ("url", "description"):
        if len(getattr(request, field)) > MAX_TEXT:
            raise InvalidRequest(f"{field} may have at most {MAX_TEXT} characters", field=field)
    unknown = set(request.kinds) - set(NotificationKind.values()[1:])
    if unknown:
        raise InvalidRequest("kinds has one that does not exist", field="kinds")
    scheme, is_whole = "", False
    try:
        url = urlsplit(request.url)
        is_whole = bool(url.hostname) and url.port != 0 and not url.username
        scheme = url.scheme
    except ValueError:
        # It is not whole.
        pass
    is_plain = request.url.isascii() and request.url.isprintable() and " " not in request.url
    if not (is_whole and is_plain) or scheme not in {"http", "https"}:
        message = "url must be an https URL, without credentials and blanks"
        raise InvalidRequest(message, field="url")
    if scheme == "http" and not allow_private:
        raise AddressNotAllowed("url must begin with https", field="url")


def _message(webhook: Webhook) -> WebhookMessage:
    return WebhookMessage(
        id=webhook.id,
        url=webhook.url,
        kinds=[NotificationKind.ValueType(kind) for kind in sorted(webhook.kinds)],
        description=webhook.description,
        is_enabled=webhook.is_enabled,
        created_at=moment(webhook.created_at),
    )


def _delivery_message(delivery: Delivery) -> WebhookDelivery:
    is_pending = delivery.status == DELIVERY_STATUS_PENDING
    return WebhookDelivery(
        id=delivery.id,
        notification_id=delivery.notification_id,
        kind=NotificationKind.ValueType(delivery.kind),
        status=delivery.status,
        attempts=delivery.attempts,
        http_status=delivery.http_status or None,
        error=delivery.error,
        created_at=moment(delivery.created_at),
        attempted_at=moment(delivery.attempted_at),
        next_attempt_at=moment(delivery.due_at) if is_pending else None,
    )


def _not_found(webhook_id: int) -> WebhookNotFound:
    return WebhookNotFound(f"Webhook with ID {webhook_id} not found", webhook_id=str(webhook_id))
