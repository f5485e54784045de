"""Knows administrators by their tokens."""

from collections.abc import Callable, Iterable

from conduit.internal.v1.snapshot_pb2 import SnapshotAdministrator
from conduit.v1.administrator_pb2 import Administrator
from conduit_kernel.auth_errors import AdministratorTokenInvalid
from conduit_kernel.secrets import Vault

TOKEN_START = "condt_admin_"  # noqa: S105 # what all tokens begin with
_BEARER = "bearer "


def token_of(authorization: str) -> str:
    """Return the administrator's token in an `authorization`; empty if there is none."""
    if authorization[: len(_BEARER)].lower() != _BEARER:
        return ""
    token = authorization[len(_BEARER) :].strip()
    return token if token.startswith(TOKEN_START) else ""


class Administrators:
    """The administrators that the Registry reported last."""

    def __init__(self, vault: Vault, clock: Callable[[], float]) -> None:
        """Take what hashes tokens, and a clock in seconds since 1970."""
        self._vault = vault
        self._clock = clock
        # By the keyed hash of the token: how long it takes to find one tells nothing of a token.
        self._known: dict[bytes, Administrator] = {}

    def replace(self, entries: Iterable[SnapshotAdministrator]) -> None:
        """Know these, and nobody else."""
        self._known = {each.hash: each.administrator for each in entries}

    def identify(self, token: str) -> Administrator:
        """Return whose token it is. AdministratorTokenInvalid if it is nobody's, or not now."""
        hashes = self._vault.hashes(token)
        found = next((self._known[each] for each in hashes if each in self._known), None)
        if found is None:
            raise _refused("is unknown")
        if not found.is_enabled:
            raise _refused("is disabled")
        if found.HasField("expires_at") and found.expires_at.ToSeconds() <= self._clock():
            raise _refused("has expired")
        return found


def _refused(why: str) -> AdministratorTokenInvalid:
    return AdministratorTokenInvalid(f"This token {why}", header="Authorization")
