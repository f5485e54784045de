"""What is sent, and when, while other things are put in line."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine
from tests.integration.health.conftest import ENCRYPTION_KEY, NOW, Clock
from tests.support.waiting import eventually
from tests.unit.conduit_health.webhooks.test_store import AUTHOR, WEBHOOK, delivery

from conduit.v1.notification_pb2 import NOTIFICATION_KIND_ANNOUNCEMENT, Notification
from conduit_health.notifications.hub import Queue
from conduit_health.webhooks.dispatcher import WebhookDispatcher, owner_of
from conduit_health.webhooks.store import WebhookStore
from conduit_health.webhooks.tables import AUDIT_OUTBOX
from conduit_kernel.audit.outbox import AuditOutbox
from conduit_kernel.secrets import Vault
from conduit_providers.wire import HttpResponse


class SlowStore(WebhookStore):
    """Answers when something is due next only when it is let, with what it read before that."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, AuditOutbox(engine, AUDIT_OUTBOX, "health"))
        self.read, self.may_answer = asyncio.Event(), asyncio.Event()

    async def next_due(self) -> float | None:
        """Return what was so a while ago."""
        found = await super().next_due()
        self.read.set()
        await self.may_answer.wait()
        return found


async def test_what_is_put_in_line_while_the_rest_is_looked_at_waits_for_nothing(
    engine: AsyncEngine,
) -> None:
    """Else it would be sent when another webhook is tried again: after hours."""
    store, vault, sent = SlowStore(engine), Vault(ENCRYPTION_KEY), list[str]()

    async def send(base_url: str, *_: object, is_guarded: bool) -> HttpResponse:
        assert is_guarded
        sent.append(base_url)
        return HttpResponse(200, {}, b"")

    async def is_sent() -> bool:
        return bool(sent)

    secret = vault.seal("whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", owner_of(WEBHOOK.url))
    webhook_id = await store.add(WEBHOOK._replace(secret=secret, kinds=frozenset()), AUTHOR)
    await store.add_deliveries([delivery(webhook_id, due_at=NOW + 3600)])
    notifications = Queue()
    dispatcher = WebhookDispatcher(
        store, notifications, send, vault, clock=Clock(), random=lambda: 0.5
    )
    looking = asyncio.create_task(dispatcher.send_due())
    await store.read.wait()
    notifications.put_nowait(Notification(kind=NOTIFICATION_KIND_ANNOUNCEMENT))
    await dispatcher.enqueue()
    store.may_answer.set()
    await looking
    await dispatcher.send_due()
    await eventually(is_sent)
    await dispatcher.close()
    assert sent == ["https://example.com"]
