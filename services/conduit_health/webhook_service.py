"""The RPCs of the HealthService about webhooks."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from conduit.v1 import webhook_requests_pb2 as pb
from conduit.v1.health_service_pb2_grpc import HealthServiceServicer
from conduit.v1.notification_pb2 import NotificationKind
from conduit.v1.webhook_pb2 import DELIVERY_STATUS_PENDING, WebhookDelivery, WebhookSpec
from conduit.v1.webhook_pb2 import Webhook as WebhookMessage
from conduit_health.publish.messages import moment
from conduit_health.webhooks.dispatcher import owner_of
from conduit_health.webhooks.store import Delivery, WebhookStore
from conduit_health.webhooks.webhook import Webhook
from conduit_kernel.audit.author import author_of
from conduit_kernel.errors import AddressNotAllowed, InvalidRequest
from conduit_kernel.limits import check_length
from conduit_kernel.not_found_errors import WebhookNotFound
from conduit_kernel.pagination import page_of
from conduit_kernel.rpc.auth_interceptor import Context
from conduit_kernel.secrets import Vault
from conduit_kernel.updates import defaults, etag_of, must_match, select
from conduit_providers.webhook_signing import new_secret

MAX_WEBHOOKS = 100
# Ids grow, but the newest come first.
_LAST = 2**62
_DEFAULTS: Mapping[str, Any] = {"kinds": frozenset[int](), "description": "", "is_enabled": True}


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
        given = self._fields(request.webhook)
        if "url" not in given:
            raise _no_url()
        if len(await self._webhooks.webhooks()) >= MAX_WEBHOOKS:
            raise InvalidRequest(f"There may be at most {MAX_WEBHOOKS} webhooks", field="url")
        secret, now = new_secret(), self._clock()
        values = {**_DEFAULTS, **given}
        webhook = Webhook(
            id=0,
            **values,
            secret=self._vault.seal(secret, owner_of(values["url"])),
            created_at=now,
            updated_at=now,
        )
        number = await self._webhooks.add(webhook, author_of(context))
        message = _message(webhook._replace(id=number))
        message.secret = secret
        return pb.CreateWebhookResponse(webhook=message)

    async def GetWebhook(
        self, request: pb.GetWebhookRequest, context: Context
    ) -> pb.GetWebhookResponse:
        """Return a webhook without its secret."""
        webhook = await self._webhooks.webhook(request.id)
        if webhook is None:
            raise _not_found(request.id)
        return pb.GetWebhookResponse(webhook=_message(webhook))

    async def ListWebhooks(
        self, request: pb.ListWebhooksRequest, context: Context
    ) -> pb.ListWebhooksResponse:
        """Return webhooks without their secrets."""
        page = page_of(request, "webhooks")
        webhooks, token = page.pick(await self._webhooks.webhooks(), lambda each: each.id)
        return pb.ListWebhooksResponse(webhooks=map(_message, webhooks), next_page_token=token)

    async def UpdateWebhook(
        self, request: pb.UpdateWebhookRequest, context: Context
    ) -> pb.UpdateWebhookResponse:
        """Change the given fields of a webhook."""
        spec, unset = select(request.webhook, request.update_mask)
        taken_back = {name: {name: value} for name, value in _DEFAULTS.items()}
        given = {**self._fields(spec), **defaults(spec, unset, taken_back)}

        def change(old: Webhook) -> Webhook:
            must_match(request.etag, _message(old).etag)
            new = old._replace(**given)
            if new == old:
                return old
            if new.url != old.url:
                secret = self._vault.open(old.secret, owner_of(old.url))
                new = new._replace(secret=self._vault.seal(secret, owner_of(new.url)))
            return new._replace(updated_at=self._clock())

        webhook = await self._webhooks.change(request.id, change, self._clock(), author_of(context))
        if webhook is None:
            raise _not_found(request.id)
        return pb.UpdateWebhookResponse(webhook=_message(webhook))

    async def DeleteWebhook(
        self, request: pb.DeleteWebhookRequest, context: Context
    ) -> pb.DeleteWebhookResponse:
        """Delete a webhook with its deliveries."""
        author = author_of(context)
        if not await self._webhooks.delete(request.id, self._clock(), author):
            raise _not_found(request.id)
        return pb.DeleteWebhookResponse()

    async def ListWebhookDeliveries(
        self, request: pb.ListWebhookDeliveriesRequest, context: Context
    ) -> pb.ListWebhookDeliveriesResponse:
        """Return what became of deliveries, newest first."""
        known = {webhook.id for webhook in await self._webhooks.webhooks()}
        if request.webhook_id not in known:
            raise _not_found(request.webhook_id)
        page = page_of(request, "webhook deliveries", request.webhook_id)
        before = _LAST - page.after if page.after else 0
        found = await self._webhooks.deliveries(request.webhook_id, before, page.size + 1)
        deliveries, token = page.cut(found, lambda each: _LAST - each.id)
        return pb.ListWebhookDeliveriesResponse(
            deliveries=map(_delivery_message, deliveries), next_page_token=token
        )

    def _fields(self, spec: WebhookSpec) -> dict[str, Any]:
        """Return what a spec says. InvalidRequest, or AddressNotAllowed, if it makes no sense."""
        if spec.HasField("url"):
            check_length(spec, "url")
        check_length(spec, "description")
        given: dict[str, Any] = {field.name: value for field, value in spec.ListFields()}
        if "kinds" in given:
            given["kinds"] = frozenset(spec.kinds)
            if not given["kinds"] <= set(NotificationKind.values()[1:]):
                raise InvalidRequest("kinds has one that does not exist", field="kinds")
        if "url" in given:
            _check_url(spec.url, allow_private=self._allow_private)
        return given


def _check_url(text: str, *, allow_private: bool) -> None:
    """Raise what is wrong with a URL; where it leads is judged when it is connected to."""
    scheme, is_whole = "", False
    try:
        url = urlsplit(text)
        is_whole = bool(url.hostname) and url.port != 0 and "@" not in url.netloc
        scheme = url.scheme
    except ValueError:
        # It is not whole.
        pass
    is_plain = text.isascii() and text.isprintable() and " " not in text
    if not (is_whole and is_plain) or scheme not in {"http", "https"}:
        raise _no_url()
    if scheme == "http" and not allow_private:
        raise AddressNotAllowed("url must begin with https", field="url")


def _no_url() -> InvalidRequest:
    message = "url must be an https URL, without credentials and blanks"
    return InvalidRequest(message, field="url")


def _message(webhook: Webhook) -> WebhookMessage:
    message = WebhookMessage(
        id=webhook.id,
        url=webhook.url,
        kinds=[NotificationKind.ValueType(kind) for kind in sorted(webhook.kinds)],
        description=webhook.description,
        is_enabled=webhook.is_enabled,
        created_at=moment(webhook.created_at),
        updated_at=moment(webhook.updated_at),
    )
    message.etag = etag_of(message)
    return message


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
