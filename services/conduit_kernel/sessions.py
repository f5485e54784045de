"""Tokens of administrators who have logged in: each says which session it is of.

They are sealed with a key that all services have, so that nobody makes one up; which sessions there
are the Registry tells.
"""

import hashlib
import hmac

import msgspec

from conduit.v1.administrator_session_pb2 import AdministratorSession
from conduit_kernel.secrets import Vault

# As all tokens of administrators begin, and none that is kept goes on.
SESSION_START = "condt_admin_session_"
_PURPOSE = b"administrator session v2"
_CSRF = b"conduit csrf token v1"
MAX_CHARACTERS = 4000


class Session(msgspec.Struct, frozen=True):
    """The session of somebody who logged in."""

    id: int
    # In microseconds since 1970. An older database, put back, may give an id to somebody else.
    began_at: int

    @classmethod
    def of(cls, session: AdministratorSession) -> "Session":
        """Return which one this is."""
        return cls(session.id, session.created_at.ToMicroseconds())


def seal_session(vault: Vault, session: Session) -> str:
    """Return the token of a session."""
    return SESSION_START + vault.seal_text(msgspec.json.encode(session), _PURPOSE)


def open_session(vault: Vault, token: str) -> Session | None:
    """Return the session of a token, which may have ended; None if it is none of ours."""
    if len(token) > MAX_CHARACTERS or not token.startswith(SESSION_START):
        return None
    content = vault.open_text(token.removeprefix(SESSION_START), _PURPOSE)
    try:
        return None if content is None else msgspec.json.decode(content, type=Session)
    except msgspec.MsgspecError:
        # Of another version, which sealed another thing for the same purpose.
        return None


def csrf_token(token: str) -> str:
    """Return what a page shows beside its cookie: only who can read the session's page has it."""
    return hmac.digest(token.encode(), _CSRF, hashlib.sha256).hex()
