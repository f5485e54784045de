"""RPCs about those who administer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from conduit.v1 import administrator_pb2
from conduit.v1 import administrator_requests_pb2 as pb
from conduit_kernel.auth import current_principal
from conduit_kernel.pagination import page_of
from conduit_kernel.updates import defaults, select
from conduit_registry import messages
from conduit_registry.configuration.administrators import AdministratorEditor
from conduit_registry.patches import CallerSecurityPatch, with_taken_back
from conduit_registry.rpcs.base import Context, RpcBase
from conduit_registry.rules.administrators import administrator_fields
from conduit_registry.rules.grace import grace_of
from conduit_registry.rules.security import with_security
from conduit_registry.store import ADMINISTRATOR
from conduit_registry.values import Administrator


class AdministratorRpcs(RpcBase):
    """Administrators. Their tokens are shown once."""

    async def CreateAdministrator(
        self, request: pb.CreateAdministratorRequest, context: Context
    ) -> pb.CreateAdministratorResponse:
        """Add an administrator; this answer is the only one with its token."""
        async with self._editing(context) as editor:
            made = await editor.create(administrator_fields(request.administrator))
        return pb.CreateAdministratorResponse(administrator=_with_token(*made))

    async def GetAdministrator(
        self, request: pb.GetAdministratorRequest, context: Context
    ) -> pb.GetAdministratorResponse:
        """Return an administrator."""
        async with self.parts.store.read() as reading:
            found = await reading.get(ADMINISTRATOR, request.id)
        return pb.GetAdministratorResponse(administrator=messages.administrator(found))

    async def GetCurrentAdministrator(
        self, request: pb.GetCurrentAdministratorRequest, context: Context
    ) -> pb.GetCurrentAdministratorResponse:
        """Return who calls."""
        caller = current_principal()
        return pb.GetCurrentAdministratorResponse(name=caller.name, role=caller.role)

    async def ListAdministrators(
        self, request: pb.ListAdministratorsRequest, context: Context
    ) -> pb.ListAdministratorsResponse:
        """Return a page of administrators."""
        page = page_of(request, "administrators")
        async with self.parts.store.read() as reading:
            found = await reading.page(ADMINISTRATOR, page)
        administrators, token = page.cut(found, lambda each: each.id)
        return pb.ListAdministratorsResponse(
            administrators=map(messages.administrator, administrators), next_page_token=token
        )

    async def UpdateAdministrator(
        self, request: pb.UpdateAdministratorRequest, context: Context
    ) -> pb.UpdateAdministratorResponse:
        """Change the given fields of an administrator."""
        spec, unset = select(request.administrator, request.update_mask)
        taken_back = defaults(spec, unset, with_security(Administrator, CallerSecurityPatch))
        given = with_taken_back(administrator_fields(spec), taken_back)
        async with self._editing(context) as editor:
            changed = await editor.update(request.id, given, request.etag)
        return pb.UpdateAdministratorResponse(administrator=messages.administrator(changed))

    async def DeleteAdministrator(
        self, request: pb.DeleteAdministratorRequest, context: Context
    ) -> pb.DeleteAdministratorResponse:
        """Remove an administrator."""
        async with self._editing(context) as editor:
            await editor.delete(request.id)
        return pb.DeleteAdministratorResponse()

    async def RotateAdministrator(
        self, request: pb.RotateAdministratorRequest, context: Context
    ) -> pb.RotateAdministratorResponse:
        """Replace an administrator's token; this answer is the only one with the new one."""
        grace = grace_of(request, 0)
        async with self._editing(context) as editor:
            rotated = await editor.rotate(request.id, grace)
        return pb.RotateAdministratorResponse(administrator=_with_token(*rotated))

    @asynccontextmanager
    async def _editing(self, context: Context) -> AsyncIterator[AdministratorEditor]:
        async with self.editing(context) as editor:
            yield AdministratorEditor(editor.changing, self.parts.keys.vault)


def _with_token(value: Administrator, token: str) -> administrator_pb2.Administrator:
    message = messages.administrator(value)
    message.token = token
    return message
