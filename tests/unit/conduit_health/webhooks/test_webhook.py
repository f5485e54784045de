"""What the audit log says of webhooks."""

from conduit.internal.v1.snapshot_pb2 import SealedSecret
from conduit.v1.audit_entry_pb2 import (
    AUDIT_ACTION_CREATED,
    AUDIT_ACTION_DELETED,
    AUDIT_ACTION_UPDATED,
)
from conduit_health.webhooks.webhook import Webhook, recorded

WEBHOOK = Webhook(
    id=3,
    url="https://:canary@hooks.example/canary-path?canary=query",
    description="on call",
    kinds=frozenset({1}),
    is_enabled=True,
    secret=SealedSecret(encryption_key_id="old", ciphertext=b"canary sealed"),
    created_at=1.0,
    updated_at=1.0,
)


def test_a_webhook_that_is_made_is_told_without_what_opens_its_receiver() -> None:
    """Neither its secret, nor the path of its URL."""
    record = recorded(None, WEBHOOK)
    assert record[:3] == (AUDIT_ACTION_CREATED, "webhook", "3")
    assert record.changes["url"] == {"from": None, "to": "https://hooks.example/…"}
    assert record.changes["kinds"] == {"from": None, "to": ["ProviderUnhealthy"]}
    assert "canary" not in str(record.changes)


def test_only_what_changed_is_told() -> None:
    """A URL that changed in its path alone, too: both sides look alike then."""
    record = recorded(WEBHOOK, WEBHOOK._replace(url="https://hooks.example/other", updated_at=2.0))
    masked = "https://hooks.example/…"
    assert record.action == AUDIT_ACTION_UPDATED
    assert record.changes == {"url": {"from": masked, "to": masked}}


def test_a_webhook_that_is_gone_is_told_as_it_was() -> None:
    """Each of its members goes to nothing."""
    record = recorded(WEBHOOK, None)
    assert (record.action, record.resource_id) == (AUDIT_ACTION_DELETED, "3")
    assert record.changes["description"] == {"from": "on call", "to": None}
