"""Webhooks: who gets what, signed, how often, and what is kept of it."""

import asyncio
import base64
import dataclasses
import hashlib
import hmac
import os
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import orjson
import pytest
from tests.integration.health.conftest import ENCRYPTION_KEY, METADATA, Bench, Health
from tests.integration.health.test_notifications import announce
from tests.integration.health.test_reports import outcome, report
from tests.support.waiting import eventually
from tests.support.webhook_receiver import Received, WebhookReceiver, receiving

from conduit.v1 import webhook_requests_pb2 as pb
from conduit.v1.error_reason_pb2 import ERROR_REASON_PROVIDER_ERROR
from conduit.v1.notification_pb2 import (
    NOTIFICATION_KIND_ANNOUNCEMENT,
    NOTIFICATION_KIND_PROVIDER_UNHEALTHY,
    NotificationKind,
)
from conduit.v1.webhook_pb2 import (
    DELIVERY_STATUS_DELIVERED,
    DELIVERY_STATUS_FAILED,
    DELIVERY_STATUS_PENDING,
    Webhook,
    WebhookDelivery,
    WebhookSpec,
)
from conduit_health.webhooks import store
from conduit_health.webhooks.dispatcher import JITTER, PAUSES
from conduit_kernel.rpc import error_of


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    """Return a receiver."""
    async with receiving() as made:
        yield made


async def create(
    health: Health, url: str, kinds: Sequence[NotificationKind.ValueType] = ()
) -> Webhook:
    """Create a webhook."""
    spec = WebhookSpec(url=url, kinds=kinds, description="on call")
    request = pb.CreateWebhookRequest(webhook=spec)
    return (await health.stub.CreateWebhook(request, metadata=METADATA)).webhook


async def listed(health: Health) -> list[Webhook]:
    """Return all webhooks."""
    answer: pb.ListWebhooksResponse = await health.stub.ListWebhooks(
        pb.ListWebhooksRequest(), metadata=METADATA
    )
    return list(answer.webhooks)


async def deliveries(health: Health, webhook: Webhook) -> list[WebhookDelivery]:
    """Return what became of a webhook's deliveries."""
    answer: pb.ListWebhookDeliveriesResponse = await health.stub.ListWebhookDeliveries(
        pb.ListWebhookDeliveriesRequest(webhook_id=webhook.id), metadata=METADATA
    )
    return list(answer.deliveries)


async def received(receiver: WebhookReceiver, number: int) -> list[Received]:
    """Return what came, once it is so much."""

    async def is_there() -> bool:
        return len(receiver.received) >= number

    await eventually(is_there)
    return receiver.received


async def until_attempted(health: Health, webhook: Webhook, attempts: int) -> WebhookDelivery:
    """Return the newest delivery, once so many attempts of it were stored."""

    async def is_so() -> bool:
        found = await deliveries(health, webhook)
        return bool(found) and found[0].attempts == attempts

    await eventually(is_so)
    return (await deliveries(health, webhook))[0]


def is_signed(delivery: Received, secret: str) -> bool:
    """Return whether a signature is right, as https://www.standardwebhooks.com has it checked."""
    headers = delivery.headers
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + delivery.body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return headers["webhook-signature"] == f"v1,{expected}"


async def test_a_notification_is_delivered_and_signed(
    bench: Bench, health: Health, receiver: WebhookReceiver
) -> None:
    """With the secret that its creation alone has told."""
    webhook = await create(health, receiver.url)
    assert webhook.secret.startswith("whsec_")
    assert [(each.url, each.secret) for each in await listed(health)] == [(receiver.url, "")]
    said = await announce(health, "hello")
    (delivery,) = await received(receiver, 1)
    assert delivery.path == "/hooks/conduit?team=ops"
    assert delivery.headers["webhook-id"] == f"msg_{said.id}"
    assert delivery.headers["webhook-timestamp"] == str(int(bench.clock.now))
    assert is_signed(delivery, webhook.secret)
    assert not is_signed(delivery, "whsec_" + base64.b64encode(bytes(24)).decode())
    body = orjson.loads(delivery.body)
    assert (body["type"], body["data"]["id"], body["data"]["message"]) == (
        *("Announcement", said.id),
        "hello",
    )
    stored = await until_attempted(health, webhook, 1)
    assert (stored.status, stored.http_status) == (DELIVERY_STATUS_DELIVERED, 204)
    assert not stored.HasField("next_attempt_at")


async def test_the_secret_is_sealed_where_it_is_stored(
    bench: Bench, health: Health, receiver: WebhookReceiver
) -> None:
    """Neither it nor its bytes are in any file."""
    secret = (await create(health, receiver.url)).secret
    for path in bench.settings.data_dir.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert secret.encode() not in data
            assert base64.b64decode(secret.removeprefix("whsec_")) not in data


async def test_kinds_choose_what_is_sent(health: Health, receiver: WebhookReceiver) -> None:
    """Others get nothing of it."""
    kinds = [NOTIFICATION_KIND_ANNOUNCEMENT, NOTIFICATION_KIND_PROVIDER_UNHEALTHY]
    await create(health, receiver.url, kinds)
    await report(health, outcome(ERROR_REASON_PROVIDER_ERROR, count=3), outcome())
    await report(health, outcome(ERROR_REASON_PROVIDER_ERROR, count=3))
    await announce(health, "last")
    found = await received(receiver, 2)
    # Several are sent at the same time.
    types = sorted(orjson.loads(each.body)["type"] for each in found)
    assert types == ["Announcement", "ProviderUnhealthy"]


async def test_what_is_not_taken_is_sent_again_and_then_given_up(
    bench: Bench, health: Health, receiver: WebhookReceiver
) -> None:
    """Later each time, under the same name; a redirect is not followed, and is no success."""
    webhook = await create(health, receiver.url)
    receiver.statuses = [500, 302, *[503] * 20]
    await announce(health, "hello")
    for attempt, pause in enumerate(PAUSES, start=1):
        stored = await until_attempted(health, webhook, attempt)
        assert stored.status == DELIVERY_STATUS_PENDING
        due = stored.next_attempt_at.ToNanoseconds() / 1e9
        # The chance of these tests is a half.
        assert due - bench.clock.now == pytest.approx(pause * (1 + JITTER / 2), abs=0.01)
        bench.clock.now = due + 0.01
    last = await until_attempted(health, webhook, len(PAUSES) + 1)
    assert (last.status, last.error) == (DELIVERY_STATUS_FAILED, "The answer had status 503")
    assert len({each.headers["webhook-id"] for each in receiver.received}) == 1
    assert len({each.headers["webhook-timestamp"] for each in receiver.received}) > 1
    bench.clock.now += 1e6
    await announce(health, "another")
    assert all(is_signed(each, webhook.secret) for each in await received(receiver, 10))


async def test_what_waits_outlasts_a_restart(bench: Bench, receiver: WebhookReceiver) -> None:
    """And a changed encryption key, under which the secret is wrapped anew."""
    receiver.statuses = [500]
    async with bench.health() as first:
        webhook = await create(first, receiver.url)
        await announce(first, "hello")
        await until_attempted(first, webhook, 1)
    bench.clock.now += 60
    former = bench.settings
    bench.settings = dataclasses.replace(
        former, encryption_key=os.urandom(32), former_encryption_keys=(ENCRYPTION_KEY,)
    )
    async with bench.health(has_registry=False) as second:
        await until_attempted(second, webhook, 2)
    # From now on without the former key.
    bench.settings = dataclasses.replace(bench.settings, former_encryption_keys=())
    async with bench.health(has_registry=False) as third:
        await announce(third, "again")
        await received(receiver, 3)
    assert [is_signed(each, webhook.secret) for each in receiver.received] == [True] * 3


async def test_a_receiver_that_is_gone_for_good_gets_no_more(
    health: Health, receiver: WebhookReceiver
) -> None:
    """410 says so: the webhook is disabled, and shows it."""
    webhook = await create(health, receiver.url)
    receiver.statuses = [410]
    await announce(health, "hello")

    async def is_disabled() -> bool:
        return not (await listed(health))[0].is_enabled

    await eventually(is_disabled)
    assert (await until_attempted(health, webhook, 1)).status == DELIVERY_STATUS_FAILED
    await announce(health, "unheard")
    await asyncio.sleep(0.1)
    assert len(receiver.received) == 1


async def test_one_receiver_that_hangs_holds_no_other_up(
    health: Health, receiver: WebhookReceiver
) -> None:
    """They are sent to at the same time."""

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    hanging = await asyncio.start_server(hang, "127.0.0.1", 0)
    async with hanging:
        port = hanging.sockets[0].getsockname()[1]
        await create(health, f"http://127.0.0.1:{port}/")
        await create(health, receiver.url)
        for number in range(20):
            await announce(health, str(number))
        # Far sooner than the other one's time is up.
        async with asyncio.timeout(5):
            await received(receiver, 20)


async def test_what_waits_is_bounded(
    health: Health, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest are given up, and show it."""
    monkeypatch.setattr(store, "MAX_PENDING", 3)
    webhook = await create(health, receiver.url)
    receiver.statuses = [500] * 10
    for number in range(5):
        await announce(health, str(number))
        await until_attempted(health, webhook, 1)
    found = await deliveries(health, webhook)
    waiting, given_up = DELIVERY_STATUS_PENDING, DELIVERY_STATUS_FAILED
    assert [each.status for each in found] == [*[waiting] * 3, *[given_up] * 2]
    assert found[-1].error == store.CROWDED


async def test_a_deleted_webhook_gets_nothing(health: Health, receiver: WebhookReceiver) -> None:
    """Nor is anything of it left; an unknown one is an error."""
    webhook = await create(health, receiver.url)
    await health.stub.DeleteWebhook(pb.DeleteWebhookRequest(id=webhook.id), metadata=METADATA)
    assert await listed(health) == []
    await announce(health, "unheard")
    await asyncio.sleep(0.1)
    assert receiver.received == []
    calls = (
        health.stub.DeleteWebhook(pb.DeleteWebhookRequest(id=webhook.id), metadata=METADATA),
        health.stub.ListWebhookDeliveries(
            pb.ListWebhookDeliveriesRequest(webhook_id=webhook.id), metadata=METADATA
        ),
    )
    for call in calls:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert error_of(refused.value, "health").reason == "WEBHOOK_NOT_FOUND"


@pytest.mark.parametrize(
    "url",
    [
        *("", "example.com", "ftp://example.com/", "https://", "https://user:pw@example.com/"),
        "https://:pw@example.com/",
        *("https://example.com/a b", "https://example.com:0/", "https://exämple.com/"),
        f"https://example.com/{'x' * 2000}",
    ],
)
async def test_a_url_that_makes_no_sense_is_refused(health: Health, url: str) -> None:
    """When it is created, not when something happens."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await create(health, url)
    assert error_of(refused.value, "health").reason == "INVALID_REQUEST"


async def test_private_addresses_get_nothing(bench: Bench, receiver: WebhookReceiver) -> None:
    """Unless they are allowed: plain HTTP is refused at once, addresses when they are connected."""
    bench.settings = dataclasses.replace(bench.settings, allow_private_addresses=False)
    async with bench.health() as health:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await create(health, receiver.url)
        assert error_of(refused.value, "health").reason == "ADDRESS_NOT_ALLOWED"
        webhook = await create(health, receiver.url.replace("http:", "https:"))
        await announce(health, "hello")
        stored = await until_attempted(health, webhook, 1)
        assert stored.status == DELIVERY_STATUS_PENDING
        assert not stored.HasField("http_status")
        assert "cannot be reached" in stored.error
    assert receiver.received == []


async def update(health: Health, webhook: Webhook, **fields: Any) -> Webhook:  # noqa: ANN401 # of the spec
    """Change a webhook."""
    request = pb.UpdateWebhookRequest(id=webhook.id, webhook=WebhookSpec(**fields))
    return (await health.stub.UpdateWebhook(request, metadata=METADATA)).webhook


async def test_a_webhook_with_another_url_keeps_its_secret(
    bench: Bench, health: Health, receiver: WebhookReceiver
) -> None:
    """What waited goes to the new one; so it does after a restart."""
    async with receiving() as other:
        webhook = await create(health, receiver.url)
        receiver.statuses = [500]
        await announce(health, "waits")
        await until_attempted(health, webhook, 1)
        bench.clock.now += 1
        changed = await update(health, webhook, url=other.url)
        assert (changed.url, changed.secret) == (other.url, "")
        assert changed.updated_at.ToNanoseconds() == int(bench.clock.now * 1e9)
        # Only now, or it might be sent again before the change.
        bench.clock.now += 60
        assert all(is_signed(each, webhook.secret) for each in await received(other, 1))
        assert len(receiver.received) == 1


async def test_a_disabled_webhook_gets_what_comes_once_it_is_enabled(
    health: Health, receiver: WebhookReceiver
) -> None:
    """What happens meanwhile is not for it."""
    webhook = await create(health, receiver.url)
    receiver.statuses = [500]
    await announce(health, "waits")
    await until_attempted(health, webhook, 1)
    await update(health, webhook, is_enabled=False)
    async with receiving() as other:
        # Whoever else hears it shows that it was put in line, or not, for all.
        await create(health, other.url)
        await announce(health, "unheard")
        await received(other, 1)
    await update(health, webhook, is_enabled=True)
    await announce(health, "heard")
    found = await received(receiver, 2)
    assert [orjson.loads(each.body)["data"]["message"] for each in found] == ["waits", "heard"]


async def test_a_receiver_that_is_gone_disables_no_webhook_that_leads_elsewhere(
    health: Health, receiver: WebhookReceiver
) -> None:
    """Its answer is about the URL that was asked."""
    async with receiving() as other:
        webhook = await create(health, receiver.url)
        receiver.statuses = [410]
        receiver.answers_after = asyncio.Event()
        await announce(health, "hello")
        await received(receiver, 1)
        await update(health, webhook, url=other.url)
        receiver.answers_after.set()
        await until_attempted(health, webhook, 1)
        await announce(health, "again")
        await received(other, 1)
        assert (await listed(health))[0].is_enabled


async def test_a_change_that_makes_no_sense_changes_nothing(
    health: Health, receiver: WebhookReceiver
) -> None:
    """Nor does one of a webhook that is not there."""
    webhook = await create(health, receiver.url)
    before = await listed(health)
    for fields in ({"url": "ftp://example.com/"}, {"kinds": [99]}, {"description": "x" * 2001}):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await update(health, webhook, **fields)
        assert error_of(refused.value, "health").metadata["field"] in fields
    assert await listed(health) == before
    request = pb.GetWebhookRequest(id=webhook.id)
    got: pb.GetWebhookResponse = await health.stub.GetWebhook(request, metadata=METADATA)
    assert [got.webhook] == before
    webhook.id = 9
    for call in (
        update(health, webhook),
        health.stub.GetWebhook(pb.GetWebhookRequest(id=9), metadata=METADATA),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert error_of(refused.value, "health").reason == "WEBHOOK_NOT_FOUND"
