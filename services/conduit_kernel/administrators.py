"""Knows administrators by their tokens."""

import hmac
from collections.abc import Callable, Iterable, Iterator
from math import inf
from typing import NamedTuple

from conduit.internal.v1.snapshot_pb2 import SnapshotAdministrator
from conduit.v1.administrator_pb2 import Administrator
from conduit.v1.administrator_session_pb2 import AdministratorSession
from conduit.v1.role_pb2 import ROLE_OWNER
from conduit_kernel.auth_errors import AdministratorTokenInvalid
from conduit_kernel.secrets import Vault
from conduit_kernel.sessions import SESSION_START, Session, open_session
from conduit_kernel.snapshot import SnapshotState
from conduit_kernel.token_sessions import (
    TOKEN_SESSION_START,
    master_key_digest,
    open_token_session,
)

TOKEN_START = "condt_admin_"  # noqa: S105 # what all tokens begin with
# Who has logged in with the master key: `login/master-key` in the audit log.
MASTER_KEY_NAME = "master-key"
_BEARER = "bearer "


def token_of(authorization: str) -> str:
    """Return the administrator's token in an `authorization`; empty if there is none."""
    if authorization[: len(_BEARER)].lower() != _BEARER:
        return ""
    token = authorization[len(_BEARER) :].strip()
    return token if token.startswith(TOKEN_START) else ""


class Administrators:
    """The administrators that the Registry reported last."""

    def __init__(self, vault: Vault, clock: Callable[[], float], *, master_key: str = "") -> None:
        """Take what hashes tokens, a clock in seconds since 1970, and whose sessions are owners'.

        Without the master key nobody has logged in with it.
        """
        self._vault = vault
        self._clock = clock
        self._master_key_digest = master_key_digest(master_key) if master_key else ""
        # By the keyed hash of the token: how long it takes to find one tells nothing of a token.
        self._known: dict[bytes, _Token] = {}
        # Those that have ended are not among them.
        self._sessions: dict[Session, AdministratorSession] = {}

    def learn(self, state: SnapshotState) -> None:
        """Know those that the Registry reported, and nobody else."""
        self.replace(state.administrators.values(), state.administrator_sessions.values())

    def replace(
        self,
        entries: Iterable[SnapshotAdministrator],
        sessions: Iterable[AdministratorSession],
    ) -> None:
        """Know these, and nobody else."""
        self._known = {known.hash: known for each in entries for known in _tokens_of(each)}
        self._sessions = {Session.of(each): each for each in sessions}

    def identify(self, token: str) -> Administrator:
        """Return whose token it is. AdministratorTokenInvalid if it is nobody's, or not now."""
        if token.startswith(SESSION_START):
            return self._logged_in(token)
        if token.startswith(TOKEN_SESSION_START):
            return self._shown_at_login(token)
        hashes = self._vault.hashes(token)
        found = next((self._known[each] for each in hashes if each in self._known), None)
        if found is None:
            raise _refused("is unknown")
        if not found.administrator.is_enabled:
            raise _refused("is disabled")
        if found.expires_at <= self._clock():
            raise _refused("has expired")
        return found.administrator

    def _logged_in(self, token: str) -> Administrator:
        """Return who has logged in with a session: they have no id, as they are nobody's token."""
        session = open_session(self._vault, token)
        if session is None:
            raise _refused("is unknown")
        found = self._sessions.get(session)
        if found is None:
            raise _refused("has ended")
        if found.expires_at.ToNanoseconds() / 1e9 <= self._clock():
            raise _refused("has expired")
        return Administrator(name=found.name, role=found.role, is_enabled=True)

    def _shown_at_login(self, token: str) -> Administrator:
        """Return whose credential it was that somebody logged in with, if it is taken still."""
        session = open_token_session(self._vault, token)
        if session is None or session.token.startswith(TOKEN_SESSION_START):
            raise _refused("is unknown")
        if session.expires_at <= self._clock():
            raise _refused("has expired")
        if session.kept not in self._sessions:
            raise _refused("has ended")
        if session.token:
            return self.identify(session.token)
        if not (
            self._master_key_digest
            and hmac.compare_digest(session.master_key_digest, self._master_key_digest)
        ):
            raise _refused("is of another master key")
        return Administrator(name=MASTER_KEY_NAME, role=ROLE_OWNER, is_enabled=True)


class _Token(NamedTuple):
    """One of an administrator's tokens."""

    hash: bytes
    administrator: Administrator
    # In seconds since 1970; infinite if never.
    expires_at: float


def _tokens_of(entry: SnapshotAdministrator) -> Iterator[_Token]:
    """Return the present token, and the one before it, which ends no later."""
    who = entry.administrator
    expires_at = who.expires_at.ToNanoseconds() / 1e9 if who.HasField("expires_at") else inf
    yield _Token(entry.hash, who, expires_at)
    if entry.former_hash:
        former_until = who.former_token_until.ToNanoseconds() / 1e9
        yield _Token(entry.former_hash, who, min(expires_at, former_until))


def _refused(why: str) -> AdministratorTokenInvalid:
    return AdministratorTokenInvalid(f"This token {why}", header="Authorization")
