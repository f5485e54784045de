"""RPCs about groups of virtual keys."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from conduit.v1 import virtual_key_group_requests_pb2 as pb
from conduit_kernel.pagination import page_of
from conduit_kernel.updates import defaults, select
from conduit_registry import messages
from conduit_registry.configuration.virtual_key_groups import VirtualKeyGroupEditor
from conduit_registry.patches import with_taken_back
from conduit_registry.rpcs.base import Context, RpcBase
from conduit_registry.rules.virtual_key_groups import (
    virtual_key_group_defaults,
    virtual_key_group_fields,
)
from conduit_registry.store import VIRTUAL_KEY_GROUP


class VirtualKeyGroupRpcs(RpcBase):
    """Groups of virtual keys: what these share."""

    async def CreateVirtualKeyGroup(
        self, request: pb.CreateVirtualKeyGroupRequest, context: Context
    ) -> pb.CreateVirtualKeyGroupResponse:
        """Add a group."""
        async with self._editing_groups(context) as editor:
            group = await editor.create(virtual_key_group_fields(request.virtual_key_group))
        return pb.CreateVirtualKeyGroupResponse(virtual_key_group=messages.virtual_key_group(group))

    async def GetVirtualKeyGroup(
        self, request: pb.GetVirtualKeyGroupRequest, context: Context
    ) -> pb.GetVirtualKeyGroupResponse:
        """Return a group."""
        async with self.parts.store.read() as reading:
            group = await reading.get(VIRTUAL_KEY_GROUP, request.id)
        return pb.GetVirtualKeyGroupResponse(virtual_key_group=messages.virtual_key_group(group))

    async def ListVirtualKeyGroups(
        self, request: pb.ListVirtualKeyGroupsRequest, context: Context
    ) -> pb.ListVirtualKeyGroupsResponse:
        """Return a page of groups."""
        page = page_of(request, "virtual_key_groups")
        async with self.parts.store.read() as reading:
            found = await reading.page(VIRTUAL_KEY_GROUP, page)
        groups, token = page.cut(found, lambda each: each.id)
        return pb.ListVirtualKeyGroupsResponse(
            virtual_key_groups=map(messages.virtual_key_group, groups), next_page_token=token
        )

    async def UpdateVirtualKeyGroup(
        self, request: pb.UpdateVirtualKeyGroupRequest, context: Context
    ) -> pb.UpdateVirtualKeyGroupResponse:
        """Change the given fields of a group."""
        spec, unset = select(request.virtual_key_group, request.update_mask)
        taken_back = defaults(spec, unset, virtual_key_group_defaults())
        given = with_taken_back(virtual_key_group_fields(spec), taken_back)
        async with self._editing_groups(context) as editor:
            group = await editor.update(request.id, given, request.etag)
        return pb.UpdateVirtualKeyGroupResponse(virtual_key_group=messages.virtual_key_group(group))

    async def DeleteVirtualKeyGroup(
        self, request: pb.DeleteVirtualKeyGroupRequest, context: Context
    ) -> pb.DeleteVirtualKeyGroupResponse:
        """Remove a group."""
        async with self._editing_groups(context) as editor:
            await editor.delete(request.id)
        return pb.DeleteVirtualKeyGroupResponse()

    @asynccontextmanager
    async def _editing_groups(self, context: Context) -> AsyncIterator[VirtualKeyGroupEditor]:
        async with self.editing(context) as editor:
            yield VirtualKeyGroupEditor(editor.changing)
