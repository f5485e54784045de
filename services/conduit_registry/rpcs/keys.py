"""RPCs about the keys of instances."""

from conduit.v1 import key_credential_pb2 as key_pb
from conduit.v1 import key_credential_requests_pb2 as pb
from conduit_kernel.pagination import page_of
from conduit_kernel.updates import defaults, select
from conduit_registry import messages
from conduit_registry.patches import KeyPatch, with_taken_back
from conduit_registry.rpcs.base import Context, RpcBase
from conduit_registry.rules.fields import key_number, required
from conduit_registry.rules.grace import DAY_SECONDS, grace_of
from conduit_registry.rules.keys import api_key, key_fields
from conduit_registry.store import KEY, PROVIDER, ReadTransaction
from conduit_registry.values import Key, defaults_of


class KeyRpcs(RpcBase):
    """Keys of instances. Their values go in and never come out."""

    async def CreateKeyCredential(
        self, request: pb.CreateKeyCredentialRequest, context: Context
    ) -> pb.CreateKeyCredentialResponse:
        """Add a key to an instance."""
        given = await self._key_fields(request.key)
        async with self.editing(context) as editor:
            key = await editor.create_key(request.provider_id, given)
            shown = await self._shown(editor.changing, key)
        return pb.CreateKeyCredentialResponse(key=shown)

    async def GetKeyCredential(
        self, request: pb.GetKeyCredentialRequest, context: Context
    ) -> pb.GetKeyCredentialResponse:
        """Return a key."""
        async with self.parts.store.read() as reading:
            await reading.get(PROVIDER, request.provider_id)
            key = await reading.key_of(request.provider_id, key_number(request.key_id))
            shown = await self._shown(reading, key)
        return pb.GetKeyCredentialResponse(key=shown)

    async def ListKeyCredentials(
        self, request: pb.ListKeyCredentialsRequest, context: Context
    ) -> pb.ListKeyCredentialsResponse:
        """Return a page of an instance's keys."""
        page = page_of(request, "keys", request.provider_id)
        async with self.parts.store.read() as reading:
            await reading.get(PROVIDER, request.provider_id)
            found = await reading.page(KEY, page, provider_id=request.provider_id)
            keys, token = page.cut(found, lambda each: each.id)
            shown = [await self._shown(reading, key) for key in keys]
        return pb.ListKeyCredentialsResponse(keys=shown, next_page_token=token)

    async def UpdateKeyCredential(
        self, request: pb.UpdateKeyCredentialRequest, context: Context
    ) -> pb.UpdateKeyCredentialResponse:
        """Change the given fields of a key."""
        spec, unset = select(request.key, request.update_mask)
        taken_back = defaults(spec, unset, defaults_of(Key))
        given = with_taken_back(await self._key_fields(spec), taken_back)
        async with self.editing(context) as editor:
            number = key_number(request.key_id)
            key = await editor.update_key(request.provider_id, number, given, request.etag)
            shown = await self._shown(editor.changing, key)
        return pb.UpdateKeyCredentialResponse(key=shown)

    async def DeleteKeyCredential(
        self, request: pb.DeleteKeyCredentialRequest, context: Context
    ) -> pb.DeleteKeyCredentialResponse:
        """Remove a key."""
        async with self.editing(context) as editor:
            await editor.delete_key(request.provider_id, key_number(request.key_id))
        return pb.DeleteKeyCredentialResponse()

    async def RotateKeyCredential(
        self, request: pb.RotateKeyCredentialRequest, context: Context
    ) -> pb.RotateKeyCredentialResponse:
        """Replace a key's value, once the provider took the new one."""
        required(request.key.HasField("api_key"), "apiKey")
        value, number = api_key(request.key.api_key), key_number(request.key_id)
        grace = grace_of(request, DAY_SECONDS)
        if not request.skip_test:
            await self.parts.key_rotation.test(request.provider_id, number, value)
        async with self.editing(context) as editor:
            key = await editor.rotate_key(request.provider_id, number, value, grace)
            shown = await self._shown(editor.changing, key)
        return pb.RotateKeyCredentialResponse(key=shown)

    async def _shown(self, reading: ReadTransaction, key: Key) -> key_pb.KeyCredential:
        provider = await reading.get(PROVIDER, key.provider_id)
        now = self.parts.store.now()
        return messages.key(key, rotation_days=provider.key_rotation_days, now=now)

    async def _key_fields(self, spec: key_pb.KeyCredentialSpec) -> KeyPatch:
        given = key_fields(spec)
        if spec.HasField("base_url"):
            given["base_url"] = await self.parts.addresses.check(spec.base_url)
        return given
