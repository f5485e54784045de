"""Sends notifications to webhooks, again and again until they are taken."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import orjson
import structlog

from conduit.v1.notification_json import notification_to_json
from conduit.v1.notification_pb2 import Notification
from conduit.v1.webhook_pb2 import (
    DELIVERY_STATUS_DELIVERED,
    DELIVERY_STATUS_FAILED,
    DELIVERY_STATUS_PENDING,
)
from conduit_health.notifications.hub import Queue, kind_name
from conduit_health.webhooks.store import Delivery, WebhookStore
from conduit_health.webhooks.webhook import Webhook
from conduit_kernel.audit.author import Author
from conduit_kernel.errors import ConduitError, ServiceUnavailable
from conduit_kernel.secrets import Vault
from conduit_providers.sending import Send
from conduit_providers.webhook_signing import signed_headers
from conduit_providers.wire import HttpRequest

TIMEOUT_SECONDS = 15.0
# Between attempts, as https://www.standardwebhooks.com suggests; the last failure is the end.
PAUSES = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 21600.0)
# Of a pause, at most, at random: those who wait together do not come back together.
JITTER = 0.2
# Deliveries that are attempted at the same time at one webhook.
AT_ONCE = 4
# Deliveries that are taken in one go, of webhooks that nothing is being sent to.
MOST_DUE = 64
MAX_ERROR = 500
_GONE = 410
# For the audit log.
_REWRAP, _DISPATCHER = Author("health-rewrap"), Author("health-webhooks")


class WebhookDispatcher:
    """Puts notifications in line for webhooks, and sends what is due."""

    def __init__(
        self,
        store: WebhookStore,
        notifications: Queue,
        send: Send,
        vault: Vault,
        *,
        clock: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        """Take the queue of a watch, a clock of seconds since 1970, and what gives 0 to 1."""
        self._store = store
        self._notifications = notifications
        self._send = send
        self._vault = vault
        self._clock = clock
        self._random = random
        # Set while something may wait; at first, for what waited when an earlier process ended.
        self.waiting = asyncio.Event()
        self.waiting.set()
        self._next_due = 0.0
        # How often something was put in line.
        self._enqueued = 0
        # By the webhook's id.
        self._sending: dict[int, asyncio.Task[None]] = {}
        # Taken from the hub, but not stored yet.
        self._unstored: Notification | None = None

    async def enqueue(self) -> None:
        """Put the next notification in line: a step of a loop. ServiceUnavailable without database.

        Nothing is lost by that.
        """
        if self._unstored is None:
            self._unstored = await self._notifications.get()
        if self._unstored is None:
            # The hub is closed.
            await asyncio.Event().wait()
            return
        webhooks = await self._store.webhooks()
        now = self._clock()
        deliveries = [_delivery(self._unstored, each, now) for each in webhooks]
        wanted = [
            delivery
            for delivery, webhook in zip(deliveries, webhooks, strict=True)
            if webhook.is_enabled and (not webhook.kinds or delivery.kind in webhook.kinds)
        ]
        await self._store.add_deliveries(wanted)
        self._unstored = None
        if wanted:
            self._enqueued += 1
            self._next_due = 0.0
            self.waiting.set()

    async def send_due(self) -> None:
        """Send what is due: a step of a loop, after `waiting` was set."""
        if self._clock() >= self._next_due:
            enqueued = self._enqueued
            due = await self._store.due(self._clock(), MOST_DUE, excluding=self._sending)
            webhooks = {webhook.id: webhook for webhook in await self._store.webhooks()}
            for webhook_id in {each.webhook_id for each in due}:
                of_webhook = [each for each in due if each.webhook_id == webhook_id]
                self._start(webhook_id, self._send_all(of_webhook, webhooks.get(webhook_id)))
            next_due = await self._store.next_due()
            if next_due is None:
                return
            # What was put in line since then may be due before.
            if enqueued == self._enqueued:
                self._next_due = next_due
        self.waiting.set()

    async def close(self) -> None:
        """Break off what is being sent; it is sent again by whoever comes next."""
        sending = list(self._sending.values())
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)

    def _start(self, webhook_id: int, sending: Coroutine[Any, Any, None]) -> None:
        """Send to a webhook beside all others: one that hangs holds nobody else up."""
        task = self._sending[webhook_id] = asyncio.create_task(sending)
        task.add_done_callback(lambda _: self._sending.pop(webhook_id, None))

    async def rewrap(self) -> None:
        """Wrap secrets that were sealed under a former encryption key by the current one."""

        def rewrapped(webhook: Webhook) -> Webhook:
            return webhook._replace(
                secret=self._vault.rewrap(webhook.secret, owner_of(webhook.url))
            )

        for webhook in await self._store.webhooks():
            await self._store.change(webhook.id, rewrapped, self._clock(), _REWRAP)

    async def _send_all(self, due: Sequence[Delivery], webhook: Webhook | None) -> None:
        # What cannot be stored is sent again, which its name tells the receiver.
        with contextlib.suppress(ServiceUnavailable):
            for start in range(0, len(due), AT_ONCE):
                attempts = (self._attempt(each, webhook) for each in due[start : start + AT_ONCE])
                for attempted in await asyncio.gather(*attempts):
                    await self._store.attempted(attempted)
                    if webhook is not None and attempted.http_status == _GONE:
                        gone = partial(self._gone, webhook.url)
                        await self._store.change(webhook.id, gone, self._clock(), _DISPATCHER)
                        return

    def _gone(self, url: str, webhook: Webhook) -> Webhook:
        """Return a webhook whose receiver wants no more, unless it leads elsewhere by now."""
        if webhook.url != url:
            return webhook
        return webhook._replace(is_enabled=False, updated_at=self._clock())

    async def _attempt(self, delivery: Delivery, webhook: Webhook | None) -> Delivery:
        if webhook is None or not webhook.is_enabled:
            return delivery._replace(
                status=DELIVERY_STATUS_FAILED, error="The webhook is not enabled"
            )
        http_status, error = await self._post(delivery, webhook)
        now = self._clock()
        attempted = delivery._replace(
            attempts=delivery.attempts + 1,
            http_status=http_status,
            error=error[:MAX_ERROR],
            attempted_at=now,
        )
        if not error:
            return attempted._replace(status=DELIVERY_STATUS_DELIVERED)
        if http_status == _GONE or delivery.attempts >= len(PAUSES):
            log = structlog.get_logger("health")
            log.warning("webhook_failed", webhook_id=webhook.id, reason=attempted.error)
            return attempted._replace(status=DELIVERY_STATUS_FAILED)
        pause = PAUSES[delivery.attempts] * (1 + JITTER * self._random())
        return attempted._replace(due_at=now + pause)

    async def _post(self, delivery: Delivery, webhook: Webhook) -> tuple[int, str]:
        """Send once; return the answer's status, and why it is no success."""
        url = urlsplit(webhook.url)
        target = f"{url.path or '/'}{f'?{url.query}' if url.query else ''}"
        name = f"msg_{delivery.notification_id}"
        try:
            secret = self._vault.open(webhook.secret, owner_of(webhook.url))
            headers = signed_headers(secret, name, int(self._clock()), delivery.body)
            answer = await self._send(
                f"{url.scheme}://{url.netloc}",
                HttpRequest("POST", target, headers, delivery.body),
                TIMEOUT_SECONDS,
                is_guarded=True,
            )
        except ConduitError as error:
            return 0, error.message
        is_taken = 200 <= answer.status < 300  # noqa: PLR2004 # as HTTP says
        return answer.status, "" if is_taken else f"The answer had status {answer.status}"


def owner_of(url: str) -> str:
    """Return as whose a webhook's secret is sealed: no other URL's can be put in its place."""
    return f"webhook {url}"


def _delivery(notification: Notification, webhook: Webhook, now: float) -> Delivery:
    body = {
        "type": kind_name(notification.kind),
        "timestamp": notification.occurred_at.ToJsonString(),
        "data": notification_to_json(notification),
    }
    return Delivery(
        id=0,
        webhook_id=webhook.id,
        notification_id=notification.id,
        kind=notification.kind,
        body=orjson.dumps(body),
        status=DELIVERY_STATUS_PENDING,
        attempts=0,
        http_status=0,
        error="",
        created_at=now,
        attempted_at=0.0,
        due_at=now,
    )
