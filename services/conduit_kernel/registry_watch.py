"""Follows the Registry's configuration."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import grpc

from conduit.internal.v1.snapshot_service_pb2 import WatchSnapshotRequest, WatchSnapshotResponse
from conduit_kernel.rpc.watch_stream import WatchStream
from conduit_kernel.snapshot import SnapshotState

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.internal.v1.snapshot_service_pb2_grpc import SnapshotServiceAsyncStub


class RegistryWatch:
    """Keeps a state up to date and says when it changed."""

    def __init__(
        self,
        stub: "SnapshotServiceAsyncStub",
        state: SnapshotState,
        *,
        metadata: tuple[tuple[str, str], ...],
        on_change: Callable[[], None],
    ) -> None:
        self._stub = stub
        self._state = state
        self._metadata = metadata
        self._on_change = on_change
        # Whether every change that the state has was also used.
        self._is_in_use = True
        self._stream = WatchStream(self._open)

    async def follow(self) -> None:
        """Take the next message: a step of a loop."""
        message = await self._stream.read()
        try:
            if await self._state.apply_in_slices(message):
                self._on_change()
        except BaseException:
            # The Registry tells everything anew, so that neither this change nor a part of it is
            # missed, and a later one that mends it is seen.
            self._is_in_use = False
            self._stream.close()
            raise
        self._is_in_use = True

    def _open(self) -> "grpc.aio.UnaryStreamCall[WatchSnapshotRequest, WatchSnapshotResponse]":
        known = self._state if self._is_in_use else SnapshotState()
        request = WatchSnapshotRequest(epoch=known.epoch, revision=known.revision)
        return self._stub.WatchSnapshot(request, metadata=self._metadata)
