"""A gRPC service at work, with what it does by itself beside its calls."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from conduit_kernel.background import Background
from conduit_kernel.rpc.server import RpcServer

if TYPE_CHECKING:
    from prometheus_client.registry import Collector


class HostedService:
    """A server that listens and its background work; both end with `drain`."""

    def __init__(
        self,
        server: RpcServer,
        background: Background,
        *,
        end_streams: Callable[[], None],
        close: Callable[[], Awaitable[None]],
        drain_seconds: float,
        collectors: "Callable[[], Sequence[Collector]]" = tuple,
    ) -> None:
        """Let the server say whether the work is well.

        - `end_streams` ends the streams that would otherwise last as long as their callers.
        - `close` lets go of everything, when nobody uses it any more.
        - `drain_seconds` is for calls under way, unless `drain` says otherwise.
        - `collectors` makes what shows more than the server's calls, for whoever wants to see it.
        """
        self._server = server
        self._background = background
        self._end_streams = end_streams
        self._close = close
        self._drain_seconds = drain_seconds
        self._collectors = collectors
        background.run(
            "readiness",
            lambda: server.set_problems(background.problems()),
            when=background.changed,
        )

    @property
    def port(self) -> int:
        """Return the gRPC port."""
        return self._server.port

    @property
    def collectors(self) -> "Sequence[Collector]":
        """Return what it counts."""
        from conduit_kernel.rpc.rpc_metrics import RpcMetrics  # noqa: PLC0415 # it takes its time

        return [RpcMetrics([self._server.rpcs]), *self._collectors()]

    @property
    def background(self) -> Background:
        """Return its loops."""
        return self._background

    def announce_drain(self) -> None:
        """Say that no more calls should be sent here; they are still taken."""
        self._server.announce_drain()

    async def drain(self, grace_seconds: float | None = None) -> None:
        """Finish the calls under way, stop the work, and let go of everything."""
        self._end_streams()
        await self._server.drain(self._drain_seconds if grace_seconds is None else grace_seconds)
        await self._background.stop()
        await self._close()
