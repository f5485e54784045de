"""The chain of the audit log: each line's hash is of the line and of the hash before it.

Both ends are signed with a key derived from the encryption key: who has the database alone can
take out, change or add no line without it showing, but for putting back an older database.
"""

import hashlib
from typing import Any, NamedTuple, Protocol

import orjson
import structlog

from conduit_kernel.secrets import Vault
from conduit_registry.store import tables

CHAIN_ID = 1


class AuditVerification(NamedTuple):
    """The findings of a look at the whole audit log."""

    entries: int
    last_revision: int
    # In hex; empty where there is no line.
    head_hash: str
    # What is wrong, and at which revision; empty and 0 if nothing is.
    problem: str = ""
    revision: int = 0


class EntryRow(Protocol):
    """A line of the log, as a row or on its way to become one."""

    revision: Any
    occurred_at: Any
    actor: Any
    peer: Any
    action: Any
    resource_kind: Any
    resource_id: Any
    changes: Any
    request_id: Any
    hash: Any
    record_id: Any


def hash_of(row: EntryRow, previous: bytes) -> bytes:
    """Return the hash of a line that follows a line of this hash."""
    said = (
        *(row.revision, row.occurred_at, row.actor, row.peer, int(row.action)),
        *(row.resource_kind, row.resource_id, row.changes, row.request_id),
        # Lines without one hash as they did before there were any.
        *(() if row.record_id is None else (row.record_id,)),
    )
    return hashlib.sha256(previous + orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).digest()


def is_signed(chain: tables.AuditChainRow, vault: Vault) -> bool:
    """Return whether the ends of a chain are those that one of our processes wrote."""
    return vault.has_signed(_ends(chain), chain.signature)


class AuditChain:
    """The chain within a transaction that writes, alone among writers."""

    def __init__(
        self, row: tables.AuditChainRow | None, vault: Vault, revision: int, epoch: str
    ) -> None:
        """Take the chain as it is stored; None begins one behind this revision."""
        fresh = tables.AuditChainRow(
            id=CHAIN_ID,
            base_revision=revision,
            base_hash=hashlib.sha256(epoch.encode()).digest(),
            head_revision=revision,
            head_hash=hashlib.sha256(epoch.encode()).digest(),
            signature=b"",
        )
        self.row = row or fresh
        self._vault = vault
        # One that somebody else wrote is never signed: it would look like ours.
        self._is_ours = row is None or is_signed(row, vault)
        if not self._is_ours:
            structlog.get_logger("audit").error("audit_chain_broken", revision=revision)
        elif row is not None and not vault.has_signed_now(_ends(row), row.signature):
            self._sign()

    def add(self, row: EntryRow) -> None:
        """Take a line into the chain."""
        row.hash = self.row.head_hash = hash_of(row, self.row.head_hash)
        self.row.head_revision = row.revision
        self._sign()

    def begin_behind(self, row: tables.AuditRow) -> None:
        """Have the chain begin behind a line, which is forgotten."""
        # Lines from before there was a chain are none of it.
        if row.revision > self.row.base_revision and row.hash is not None:
            self.row.base_revision, self.row.base_hash = row.revision, row.hash
            self._sign()

    def _sign(self) -> None:
        if self._is_ours:
            self.row.signature = self._vault.sign(_ends(self.row))


def _ends(chain: tables.AuditChainRow) -> bytes:
    numbers = f"{chain.base_revision} {chain.head_revision} ".encode()
    return numbers + chain.base_hash + chain.head_hash
