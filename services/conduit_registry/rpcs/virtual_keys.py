"""RPCs about the keys that callers hold."""

from conduit.v1 import virtual_key_pb2
from conduit.v1 import virtual_key_requests_pb2 as pb
from conduit_kernel.pagination import page_of
from conduit_kernel.updates import defaults, select
from conduit_registry import messages
from conduit_registry.patches import with_taken_back
from conduit_registry.rpcs.base import Context, RpcBase
from conduit_registry.rules.grace import DAY_SECONDS, grace_of
from conduit_registry.rules.virtual_keys import virtual_key_defaults, virtual_key_fields
from conduit_registry.store import VIRTUAL_KEY
from conduit_registry.values import VirtualKey


class VirtualKeyRpcs(RpcBase):
    """Virtual keys. Their values are shown once."""

    async def CreateVirtualKey(
        self, request: pb.CreateVirtualKeyRequest, context: Context
    ) -> pb.CreateVirtualKeyResponse:
        """Add a virtual key; this answer is the only one with its value."""
        async with self.editing(context) as editor:
            value, secret = await editor.create_virtual_key(virtual_key_fields(request.virtual_key))
        return pb.CreateVirtualKeyResponse(virtual_key=_with_value(value, secret))

    async def GetVirtualKey(
        self, request: pb.GetVirtualKeyRequest, context: Context
    ) -> pb.GetVirtualKeyResponse:
        """Return a virtual key."""
        async with self.parts.store.read() as reading:
            virtual_key = await reading.get(VIRTUAL_KEY, request.id)
        return pb.GetVirtualKeyResponse(virtual_key=messages.virtual_key(virtual_key))

    async def ListVirtualKeys(
        self, request: pb.ListVirtualKeysRequest, context: Context
    ) -> pb.ListVirtualKeysResponse:
        """Return a page of virtual keys."""
        page = page_of(request, "virtual_keys")
        async with self.parts.store.read() as reading:
            found = await reading.page(VIRTUAL_KEY, page)
        virtual_keys, token = page.cut(found, lambda each: each.id)
        return pb.ListVirtualKeysResponse(
            virtual_keys=map(messages.virtual_key, virtual_keys), next_page_token=token
        )

    async def UpdateVirtualKey(
        self, request: pb.UpdateVirtualKeyRequest, context: Context
    ) -> pb.UpdateVirtualKeyResponse:
        """Change the given fields of a virtual key."""
        spec, unset = select(request.virtual_key, request.update_mask)
        taken_back = defaults(spec, unset, virtual_key_defaults())
        given = with_taken_back(virtual_key_fields(spec), taken_back)
        async with self.editing(context) as editor:
            virtual_key = await editor.update_virtual_key(request.id, given, request.etag)
        return pb.UpdateVirtualKeyResponse(virtual_key=messages.virtual_key(virtual_key))

    async def DeleteVirtualKey(
        self, request: pb.DeleteVirtualKeyRequest, context: Context
    ) -> pb.DeleteVirtualKeyResponse:
        """Remove a virtual key."""
        async with self.editing(context) as editor:
            await editor.delete_virtual_key(request.id)
        return pb.DeleteVirtualKeyResponse()

    async def RotateVirtualKey(
        self, request: pb.RotateVirtualKeyRequest, context: Context
    ) -> pb.RotateVirtualKeyResponse:
        """Replace a virtual key's value; this answer is the only one with the new one."""
        grace = grace_of(request, DAY_SECONDS)
        async with self.editing(context) as editor:
            rotated = await editor.rotate_virtual_key(request.id, grace)
        return pb.RotateVirtualKeyResponse(virtual_key=_with_value(*rotated))


def _with_value(value: VirtualKey, secret: str) -> virtual_key_pb2.VirtualKey:
    message = messages.virtual_key(value)
    # Empty where another gateway has made it.
    if secret:
        message.key = secret
    return message
