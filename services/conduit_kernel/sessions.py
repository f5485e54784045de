"""Sessions of administrators who have logged in: tokens that say themselves whose they are.

They are sealed with a key that all services have, so that each of them knows one without asking.
"""

import hashlib
import hmac

import msgspec

from conduit.v1.role_pb2 import Role
from conduit_kernel.secrets import Vault

# As all tokens of administrators begin, and none that is kept goes on.
SESSION_START = "condt_admin_session_"
_PURPOSE = b"administrator session v1"
_CSRF = b"conduit csrf token v1"
MAX_CHARACTERS = 4000


class Session(msgspec.Struct, frozen=True):
    """Somebody who logged in, and until when that holds."""

    name: str
    role: Role.ValueType
    # In seconds since 1970.
    expires_at: int


def seal_session(vault: Vault, session: Session) -> str:
    """Return the token of a session."""
    return SESSION_START + vault.seal_text(msgspec.json.encode(session), _PURPOSE)


def open_session(vault: Vault, token: str) -> Session | None:
    """Return the session of a token, however long ago it ended; None if it is none of ours."""
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
