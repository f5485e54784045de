"""A running router: what it tells of itself, and how it ends."""

from collections.abc import Sequence

from prometheus_client.registry import Collector

from conduit_kernel.background import Background
from conduit_kernel.http import HttpClient
from conduit_kernel.rpc import RpcServer
from conduit_router.batches.runner import BatchRunner
from conduit_router.calls.runtime import CallRuntime
from conduit_router.control_plane.control_plane import ControlPlane
from conduit_router.service import RouterStub
from conduit_router.upstream.grpc_channels import GrpcChannels
from conduit_router.upstream.token_refresh import TokenRefresher

# How long a stopping router waits for providers to take jobs back whose callers are gone.
LAST_CANCEL_SECONDS = 2.0


class RouterProcess:
    """A running router."""

    def __init__(
        self,
        *,
        stub: RouterStub,
        server: RpcServer | None,
        background: Background,
        control_plane: ControlPlane,
        token_refresher: TokenRefresher,
        runtime: CallRuntime,
        connections: Sequence[HttpClient | GrpcChannels],
        collectors: Sequence[Collector],
        batches: BatchRunner,
    ) -> None:
        self.stub = stub
        self._batches = batches
        self.background = background
        # What it counts, for whoever shows it.
        self.collectors = collectors
        self._server = server
        self._control_plane = control_plane
        self._token_refresher = token_refresher
        self._runtime = runtime
        self._connections = connections
        if server:
            background.run(
                "readiness",
                lambda: server.set_problems(self.problems()),
                when=background.changed,
            )

    @property
    def revision(self) -> int:
        """Return the revision of the configuration by which calls are served."""
        return self.stub.revision

    @property
    def port(self) -> int:
        """Return the gRPC port; 0 if it has none."""
        return self._server.port if self._server else 0

    def problems(self) -> list[str]:
        """Return why no calls should be sent here; nothing if all is well."""
        return [*self.stub.problems, *self.background.problems()]

    def announce_drain(self) -> None:
        """Say that no more calls should be sent here; they are still taken."""
        if self._server:
            self._server.announce_drain()

    async def wait_for_tasks(self, seconds: float) -> None:
        """Wait for the tasks under way, but no longer than so many seconds."""
        await self._control_plane.tasks.wait(seconds)

    async def drain(self, grace_seconds: float) -> None:
        """Finish the calls under way, then deliver what is owed."""
        if self._server:
            await self._server.drain(grace_seconds)
        await self._batches.close(grace_seconds)
        await self._control_plane.tasks.close()
        await self._control_plane.idempotent.close()
        await self._control_plane.responses.close()
        await self.background.stop()
        await self._token_refresher.close()
        await self._runtime.voice_lists.close()
        await self._runtime.aborted_streams.close()
        await self._runtime.jobs.close(LAST_CANCEL_SECONDS)
        await self._control_plane.close()
        for each in self._connections:
            await each.close()
