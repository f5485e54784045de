"""What owners do to administrators, within one transaction."""

import secrets
from collections.abc import Callable
from dataclasses import replace

from conduit.v1.audit_entry_pb2 import AUDIT_ACTION_ROTATED
from conduit_kernel.administrators import TOKEN_START
from conduit_kernel.errors import AlreadyExists
from conduit_kernel.secrets import Vault
from conduit_kernel.updates import must_match
from conduit_registry import messages
from conduit_registry.patches import AdministratorPatch
from conduit_registry.rules.fields import required
from conduit_registry.store import ADMINISTRATOR, WriteTransaction
from conduit_registry.values import Administrator

# 43 characters in URL-safe base64.
TOKEN_BYTES = 32
# Of which the first twelve are the same for all.
SHOWN_CHARS = 18


def new_token() -> str:
    """Return a fresh token."""
    return TOKEN_START + secrets.token_urlsafe(TOKEN_BYTES)


class AdministratorEditor:
    """Makes, changes and removes administrators, each by the fields that its spec gave."""

    def __init__(
        self,
        changing: WriteTransaction,
        vault: Vault,
        make_token: Callable[[], str] = new_token,
    ) -> None:
        self._changing = changing
        self._vault = vault
        self._make_token = make_token

    async def create(self, given: AdministratorPatch) -> tuple[Administrator, str]:
        """Add an administrator; return it with its token, which is not kept."""
        await self._claim_name(required(given.get("name"), "name"))
        required(given.get("role"), "role")
        token = self._make_token()

        def make(number: int) -> Administrator:
            return self._with_token(Administrator(id=number, **given), token)

        return await self._changing.create(ADMINISTRATOR, make), token

    async def update(self, number: int, given: AdministratorPatch, etag: str = "") -> Administrator:
        """Change an administrator."""
        old = await self._changing.get(ADMINISTRATOR, number)
        must_match(etag, messages.administrator(old).etag)
        new = replace(old, **given)
        if new.name.casefold() != old.name.casefold():
            await self._claim_name(new.name)
        return await self._changing.update(ADMINISTRATOR, old, new)

    async def rotate(self, number: int, grace: int) -> tuple[Administrator, str]:
        """Replace an administrator's token, and take the former one for a time in microseconds.

        Return it with the new one, which is not kept.
        """
        old = await self._changing.get(ADMINISTRATOR, number)
        token = self._make_token()
        new = replace(
            self._with_token(old, token),
            rotated_at=self._changing.now,
            former_hash=old.hash if grace else None,
            former_token_until=self._changing.now + grace if grace else None,
        )
        return await self._changing.update(ADMINISTRATOR, old, new, AUDIT_ACTION_ROTATED), token

    async def delete(self, number: int) -> None:
        """Remove an administrator."""
        found = await self._changing.get(ADMINISTRATOR, number)
        await self._changing.delete(ADMINISTRATOR, found)

    def _with_token(self, administrator: Administrator, token: str) -> Administrator:
        shown, hidden = token[:SHOWN_CHARS], self._vault.hash(token)
        return replace(administrator, token_prefix=shown, hash=hidden)

    async def _claim_name(self, name: str) -> None:
        if other := await self._changing.named(ADMINISTRATOR, name):
            message = f"There is an administrator named {other.name!r} already"
            raise AlreadyExists(message, field="name", administrator_id=str(other.id))
