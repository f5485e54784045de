"""A webhook, and what the audit log says of its changes."""

from typing import NamedTuple
from urllib.parse import urlsplit

from conduit.internal.v1.snapshot_pb2 import SealedSecret
from conduit.v1.audit_entry_pb2 import (
    AUDIT_ACTION_CREATED,
    AUDIT_ACTION_DELETED,
    AUDIT_ACTION_UPDATED,
)
from conduit.v1.notification_pb2 import NotificationKind
from conduit_health.notifications.hub import kind_name
from conduit_kernel.audit.changes import differences
from conduit_kernel.audit.outbox import RecordedChange


class Webhook(NamedTuple):
    """A URL that notifications are sent to; its times are in seconds since 1970."""

    id: int
    url: str
    description: str
    # Empty for all.
    kinds: frozenset[int]
    is_enabled: bool
    secret: SealedSecret
    created_at: float
    updated_at: float


def recorded(old: Webhook | None, new: Webhook | None) -> RecordedChange:
    """Return what became of a webhook, for the audit log; one of them is there."""
    changes = differences(_shown(old), _shown(new))
    # Whoever has a receiver's URL may send to it.
    if "url" in changes:
        changes["url"] = {side: _masked(url) for side, url in changes["url"].items()}
    if old is None:
        action = AUDIT_ACTION_CREATED
    else:
        action = AUDIT_ACTION_DELETED if new is None else AUDIT_ACTION_UPDATED
    number = next(each.id for each in (new, old) if each is not None)
    return RecordedChange(action, "webhook", str(number), changes)


def _shown(webhook: Webhook | None) -> dict[str, object]:
    if webhook is None:
        return {}
    kinds = [kind_name(NotificationKind.ValueType(each)) for each in sorted(webhook.kinds)]
    return {
        "url": webhook.url,
        "description": webhook.description,
        "kinds": kinds,
        "isEnabled": webhook.is_enabled,
        "encryptionKeyId": webhook.secret.encryption_key_id,
    }


def _masked(url: object) -> str | None:
    """Return a URL's origin."""
    if url is None:
        return None
    parts = urlsplit(str(url))
    # Without what stands before an `@`, too.
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/…"
