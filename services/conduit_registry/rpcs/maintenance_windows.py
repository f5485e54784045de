"""RPCs about maintenance that is under way."""

from dataclasses import replace

from conduit.v1 import maintenance_window_requests_pb2 as pb
from conduit_kernel.errors import AlreadyExists
from conduit_kernel.pagination import page_of
from conduit_registry.maintenance_messages import maintenance_window
from conduit_registry.rpcs.base import Context, RpcBase
from conduit_registry.rules.maintenance_windows import maintenance_window_fields
from conduit_registry.store import MAINTENANCE_WINDOW, PROVIDER, WriteTransaction
from conduit_registry.values import MaintenanceWindow


class MaintenanceWindowRpcs(RpcBase):
    """Maintenance of all of Conduit, and of provider instances."""

    async def CreateMaintenanceWindow(
        self, request: pb.CreateMaintenanceWindowRequest, context: Context
    ) -> pb.CreateMaintenanceWindowResponse:
        """Begin maintenance."""
        window = MaintenanceWindow(**maintenance_window_fields(request.maintenance_window))
        async with self.editing(context) as editor:
            await _check_target(editor.changing, window.provider_id)
            made = await editor.changing.create(
                MAINTENANCE_WINDOW, lambda number: replace(window, id=number)
            )
        return pb.CreateMaintenanceWindowResponse(maintenance_window=maintenance_window(made))

    async def GetMaintenanceWindow(
        self, request: pb.GetMaintenanceWindowRequest, context: Context
    ) -> pb.GetMaintenanceWindowResponse:
        """Return maintenance that is under way."""
        async with self.parts.store.read() as reading:
            window = await reading.get(MAINTENANCE_WINDOW, request.id)
        return pb.GetMaintenanceWindowResponse(maintenance_window=maintenance_window(window))

    async def ListMaintenanceWindows(
        self, request: pb.ListMaintenanceWindowsRequest, context: Context
    ) -> pb.ListMaintenanceWindowsResponse:
        """Return a page of the maintenance that is under way."""
        page = page_of(request, "maintenance_windows")
        async with self.parts.store.read() as reading:
            found = await reading.page(MAINTENANCE_WINDOW, page)
        windows, token = page.cut(found, lambda each: each.id)
        return pb.ListMaintenanceWindowsResponse(
            maintenance_windows=map(maintenance_window, windows), next_page_token=token
        )

    async def DeleteMaintenanceWindow(
        self, request: pb.DeleteMaintenanceWindowRequest, context: Context
    ) -> pb.DeleteMaintenanceWindowResponse:
        """End maintenance."""
        async with self.editing(context) as editor:
            window = await editor.changing.get(MAINTENANCE_WINDOW, request.id)
            await editor.changing.delete(MAINTENANCE_WINDOW, window)
        return pb.DeleteMaintenanceWindowResponse()


async def _check_target(changing: WriteTransaction, provider_id: int) -> None:
    """Check that there is such an instance, and no maintenance of it."""
    if provider_id:
        await changing.get(PROVIDER, provider_id)
    for other in await changing.every(MAINTENANCE_WINDOW, provider_id=provider_id):
        what = "the instance" if provider_id else "all of Conduit"
        raise AlreadyExists(
            f"Maintenance of {what} is under way already",
            field="providerId",
            maintenance_window_id=str(other.id),
        )
