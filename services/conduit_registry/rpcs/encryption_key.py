"""RPCs about the key that everything else is sealed with."""

from conduit.v1 import registry_requests_pb2 as pb
from conduit.v1.audit_entry_pb2 import AUDIT_ACTION_ROTATED
from conduit_kernel.audit.author import author_of
from conduit_registry.rewrapping import rewrap
from conduit_registry.rpcs.base import Context, RpcBase

# Keys that a request wraps again, about: it is answered within seconds.
MOST_KEYS = 200


class EncryptionKeyRpcs(RpcBase):
    """The encryption key, which changes while calls go on."""

    async def RewrapKeys(
        self, request: pb.RewrapKeysRequest, context: Context
    ) -> pb.RewrapKeysResponse:
        """Use the key file's key, and wrap with it what others have wrapped."""
        parts = self.parts
        if parts.keys.refresh():
            await self._advance(context)
        done = await rewrap(parts.store, parts.keys.vault, parts.keys.current_id, most=MOST_KEYS)
        return pb.RewrapKeysResponse(
            encryption_key_id=parts.keys.current_id,
            rewrapped=done.rewrapped,
            unreadable=done.unreadable,
            is_done=done.is_done,
        )

    async def _advance(self, context: Context) -> None:
        """Seal with the new key once all who follow can open what it seals."""
        keys = self.parts.keys
        change = {"from": keys.current_id, "to": keys.newest_id}
        async with self.parts.store.change(author_of(context)) as changing:
            changing.note_configuration(AUDIT_ACTION_ROTATED, {"encryptionKeyId": change})
            revision = changing.revision
        await self.parts.followers.until_used(revision)
        keys.advance()
