"""Tokens of administrators who have logged in with the master key or with a token of their own.

Each has the credential within, sealed with a key that all services have, so that it may do what
that may now, and ends when that does. It also says which session it is of: which there are the
Registry tells, as of those that OpenID Connect began, so that whoever logs out is out everywhere.
"""

import hashlib
import hmac

import msgspec

from conduit_kernel.secrets import Vault
from conduit_kernel.sessions import Session

# As all tokens of administrators begin, and none that is kept goes on.
TOKEN_SESSION_START = "condt_admin_login_"  # noqa: S105 # what all of them begin with
# Before whose credential it was: as whom the Registry keeps such sessions, and nobody whom a login
# provider names.
CREDENTIAL_SUBJECT = "credential "
_PURPOSE = b"administrator token session v2"
_MASTER_KEY = b"conduit master key session v1"
MAX_CHARACTERS = 4000


class TokenSession(msgspec.Struct, frozen=True):
    """The session of somebody who showed a credential."""

    # As the Registry keeps it.
    kept: Session
    # In seconds since 1970.
    expires_at: int
    # Empty for the master key.
    token: str = ""
    # What shows that it was the master key, and which one; empty for a token.
    master_key_digest: str = ""


def seal_token_session(vault: Vault, session: TokenSession) -> str:
    """Return the token of a session."""
    return TOKEN_SESSION_START + vault.seal_text(msgspec.json.encode(session), _PURPOSE)


def open_token_session(vault: Vault, token: str) -> TokenSession | None:
    """Return the session of a token, which may have ended; None if it is none of ours."""
    if len(token) > MAX_CHARACTERS or not token.startswith(TOKEN_SESSION_START):
        return None
    content = vault.open_text(token.removeprefix(TOKEN_SESSION_START), _PURPOSE)
    try:
        return None if content is None else msgspec.json.decode(content, type=TokenSession)
    except msgspec.MsgspecError:
        # Of another version, which sealed another thing for the same purpose.
        return None


def master_key_digest(master_key: str) -> str:
    """Return what stands for the master key in a session: nobody finds the key by it."""
    return hmac.digest(master_key.encode(), _MASTER_KEY, hashlib.sha256).hex()
