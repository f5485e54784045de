"""What is kept of webhooks and their deliveries."""

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.integration.health.conftest import NOW

from conduit.internal.v1.snapshot_pb2 import SealedSecret
from conduit.v1.webhook_pb2 import (
    DELIVERY_STATUS_DELIVERED,
    DELIVERY_STATUS_FAILED,
    DELIVERY_STATUS_PENDING,
)
from conduit_health.webhooks import store as module
from conduit_health.webhooks.store import CROWDED, Delivery, WebhookStore
from conduit_health.webhooks.tables import AUDIT_OUTBOX
from conduit_health.webhooks.webhook import Webhook
from conduit_kernel.audit.author import Author
from conduit_kernel.audit.outbox import AuditOutbox
from conduit_kernel.errors import EtagMismatch, ServiceUnavailable

AUTHOR = Author("administrator/1 anna", "203.0.113.7", "req_1")
WEBHOOK = Webhook(
    id=0,
    url="https://example.com/hook?a=b",
    description="on call",
    kinds=frozenset({3, 1}),
    is_enabled=True,
    secret=SealedSecret(ciphertext=b"sealed"),
    created_at=NOW + 0.001,
    updated_at=NOW + 0.002,
)


def delivery(webhook_id: int = 1, **fields: object) -> Delivery:
    """Return a delivery that waits."""
    made = Delivery(
        id=0,
        webhook_id=webhook_id,
        notification_id=2**52,
        kind=1,
        body=b'{"a": "\xc3\xa9"}',
        status=DELIVERY_STATUS_PENDING,
        attempts=0,
        http_status=0,
        error="",
        created_at=NOW,
        attempted_at=0.0,
        due_at=NOW,
    )
    return made._replace(**fields)  # type: ignore[arg-type] # whichever a test names


@pytest.fixture
async def store(engine: AsyncEngine) -> WebhookStore:
    """Return a store with one webhook."""
    store = WebhookStore(engine, AuditOutbox(engine, AUDIT_OUTBOX, "health"))
    await store.add(WEBHOOK, AUTHOR)
    return store


async def test_a_webhook_reads_as_it_was_added(store: WebhookStore) -> None:
    """One without kinds is for all of them."""
    assert await store.add(WEBHOOK._replace(kinds=frozenset(), is_enabled=False), AUTHOR) == 2
    first, second = await store.webhooks()
    assert first == WEBHOOK._replace(id=1)
    assert (second.kinds, second.is_enabled) == (frozenset(), False)


async def test_what_changes_nothing_writes_nothing(
    store: WebhookStore, engine: AsyncEngine
) -> None:
    """A disk that is full, or a follower, need not hear of it."""
    statements = list[str]()

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def note(*about: object) -> None:  # the dialect's own arguments, the third is the statement
        statements.append(str(about[2]))

    assert await store.change(1, lambda old: old._replace(), NOW, AUTHOR) == WEBHOOK._replace(id=1)
    assert not [each for each in statements if each.startswith("UPDATE")]
    await store.change(1, lambda old: old._replace(is_enabled=False), NOW, AUTHOR)
    assert [each for each in statements if each.startswith("UPDATE")]


async def test_a_webhook_is_changed_alone(store: WebhookStore) -> None:
    """The others stay as they are; one that is not there cannot be changed, or read."""
    await store.add(WEBHOOK, AUTHOR)

    def change(webhook: Webhook) -> Webhook:
        assert webhook == WEBHOOK._replace(id=2)
        return webhook._replace(
            url="https://example.com/other",
            kinds=frozenset({2}),
            is_enabled=False,
            secret=SealedSecret(ciphertext=b"again"),
            updated_at=NOW + 5,
        )

    changed = await store.change(2, change, NOW, AUTHOR)
    assert changed == change(WEBHOOK._replace(id=2))
    assert await store.webhooks() == [WEBHOOK._replace(id=1), changed]
    assert await store.webhook(2) == changed
    assert (await store.change(9, change, NOW, AUTHOR), await store.webhook(9)) == (None, None)


async def test_a_change_that_is_refused_changes_nothing(store: WebhookStore) -> None:
    """The refusal reaches whoever asked."""

    def refuse(_: Webhook) -> Webhook:
        raise EtagMismatch("It was changed")

    with pytest.raises(EtagMismatch):
        await store.change(1, refuse, NOW, AUTHOR)
    assert await store.webhook(1) == WEBHOOK._replace(id=1)


async def test_with_a_webhook_go_its_deliveries(store: WebhookStore) -> None:
    """One that is not there cannot be deleted."""
    await store.add(WEBHOOK, AUTHOR)
    await store.add_deliveries([delivery(1), delivery(2)])
    assert await store.delete(1, NOW, AUTHOR)
    assert not await store.delete(1, NOW, AUTHOR)
    assert [each.webhook_id for each in await store.due(NOW, 9)] == [2]


async def test_what_is_due_comes_in_the_order_in_which_it_became_so(store: WebhookStore) -> None:
    """As many as are wanted; what is later waits."""
    await store.add_deliveries([])
    assert await store.next_due() is None
    later, now, before = (delivery(due_at=NOW + seconds) for seconds in (0.001, 0, -1))
    await store.add_deliveries([later, now, before])
    assert [each.due_at for each in await store.due(NOW, 9)] == [NOW - 1, NOW]
    assert [each.due_at for each in await store.due(NOW, 1)] == [NOW - 1]
    assert await store.next_due() == NOW - 1


async def test_what_an_attempt_came_to_is_kept(store: WebhookStore) -> None:
    """What was sent stays as it was; what is done is due no more."""
    await store.add_deliveries([delivery(), delivery()])
    first, second = await store.due(NOW, 9)
    failed = first._replace(
        attempts=1, http_status=500, error="é", attempted_at=NOW, due_at=NOW + 5
    )
    await store.attempted(failed._replace(body=b"other", kind=9))
    await store.attempted(second._replace(status=DELIVERY_STATUS_DELIVERED, attempts=1))
    assert await store.next_due() == NOW + 5
    done, waiting = await store.deliveries(1, before=0, limit=9)
    assert waiting == failed
    assert done.status == DELIVERY_STATUS_DELIVERED
    assert await store.deliveries(1, before=done.id, limit=9) == [waiting]
    assert await store.deliveries(2, before=0, limit=9) == []


async def test_of_too_many_that_wait_the_oldest_are_given_up(
    store: WebhookStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each webhook for itself; what is done counts for nothing."""
    monkeypatch.setattr(module, "MAX_PENDING", 2)
    await store.add(WEBHOOK, AUTHOR)
    await store.add_deliveries([delivery(status=DELIVERY_STATUS_DELIVERED), delivery(2)])
    await store.add_deliveries([delivery(notification_id=number) for number in range(3)])
    await store.add_deliveries([delivery(notification_id=3)])
    found = await store.deliveries(1, before=0, limit=9)
    assert [(each.status, each.error) for each in found] == [
        (DELIVERY_STATUS_PENDING, ""),
        (DELIVERY_STATUS_PENDING, ""),
        (DELIVERY_STATUS_FAILED, CROWDED),
        (DELIVERY_STATUS_FAILED, CROWDED),
        (DELIVERY_STATUS_DELIVERED, ""),
    ]
    assert len(await store.due(NOW, 9)) == 3


async def test_what_is_done_is_forgotten_in_time(store: WebhookStore) -> None:
    """What waits is not, however old it is."""
    await store.add_deliveries(
        [
            delivery(created_at=NOW - 1),
            delivery(created_at=NOW - 1, status=DELIVERY_STATUS_FAILED),
            delivery(status=DELIVERY_STATUS_DELIVERED),
        ]
    )
    await store.forget(NOW)
    found = await store.deliveries(1, before=0, limit=9)
    assert [each.status for each in found] == [DELIVERY_STATUS_DELIVERED, DELIVERY_STATUS_PENDING]


async def test_a_database_that_fails_is_the_services_trouble(
    store: WebhookStore, engine: AsyncEngine
) -> None:
    """Whatever is asked of it."""
    async with engine.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE webhooks RENAME TO away")
    for attempt in (store.webhooks(), store.add(WEBHOOK, AUTHOR), store.webhook(1)):
        with pytest.raises(ServiceUnavailable):
            await attempt
