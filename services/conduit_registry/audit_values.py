"""What the Registry keeps of the audit log, as plain values. Times are microseconds since 1970."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from conduit.v1.audit_entry_pb2 import AuditAction
from conduit_kernel.audit.author import Author


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One line of the audit log."""

    revision: int
    occurred_at: int
    actor: str
    peer: str
    action: int
    resource_kind: str
    resource_id: str
    changes: Mapping[str, object]
    request_id: str
    # Empty for lines from before there was a chain.
    hash: bytes = b""


class AuditFilter(NamedTuple):
    """The lines that somebody asks for; what is empty asks for nothing."""

    resource_kind: str = ""
    resource_id: str = ""
    actor: str = ""
    action: int = 0
    # From the one moment to before the other.
    since: int | None = None
    until: int | None = None


EVERY_ENTRY = AuditFilter()


class RecordedElsewhere(NamedTuple):
    """A line of the audit log that another service's change makes."""

    # By which the line is known; made where the change was.
    id: str
    occurred_at: int
    author: Author
    action: AuditAction.ValueType
    resource_kind: str
    resource_id: str
    changes: Mapping[str, object]
