"""Follows the Registry's configuration, and confirms what of it is in use."""

import asyncio
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

import grpc

from conduit.internal.v1.snapshot_service_pb2 import (
    ConfirmRevisionRequest,
    WatchSnapshotRequest,
    WatchSnapshotResponse,
)
from conduit_kernel.background import Background
from conduit_kernel.rpc.watch_stream import WatchStream
from conduit_kernel.snapshot import SnapshotState

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.internal.v1.snapshot_service_pb2_grpc import SnapshotServiceAsyncStub

CONFIRM_SECONDS = 10.0


class RegistryWatch:
    """Keeps a state up to date and says when it changed."""

    def __init__(
        self,
        stub: "SnapshotServiceAsyncStub",
        state: SnapshotState,
        *,
        metadata: tuple[tuple[str, str], ...],
        on_change: Callable[[], None],
        renew_keys: Callable[[], object],
        is_used_at_once: bool = True,
    ) -> None:
        """Take what uses the state; else whoever does so later calls `note_use`.

        `renew_keys` is called before what a message says is used: it may be sealed with a new key.
        """
        self._stub = stub
        self._state = state
        self._metadata = metadata
        self._on_change = on_change
        self._renew_keys = renew_keys
        # Whether every change that the state has was also used.
        self._is_in_use = True
        self._is_used_at_once = is_used_at_once
        self._follower = secrets.token_hex(8)
        self._revision_in_use = 0
        # Set while the Registry has not been told of the revision in use.
        self.unconfirmed = asyncio.Event()
        self._stream = WatchStream(self._open)

    def run(self, background: Background) -> None:
        """Begin to follow, and to confirm."""
        background.run("registry_watch", self.follow, is_vital=True)
        background.run("revision_confirmations", self.confirm, when=self.unconfirmed)

    async def follow(self) -> None:
        """Take the next message: a step of a loop."""
        message = await self._stream.read()
        # Also a revision that changed nothing which is followed is waited for.
        is_new = message.revision > self._state.revision
        if is_new or message.HasField("snapshot"):
            self._renew_keys()
        try:
            if await self._state.apply_in_slices(message) or is_new:
                self._on_change()
                if self._is_used_at_once:
                    self.note_use(self._state.revision)
        except BaseException:
            # The Registry tells everything anew, so that neither this change nor a part of it is
            # missed, and a later one that mends it is seen.
            self._is_in_use = False
            self._stream.close()
            raise
        self._is_in_use = True

    def note_use(self, revision: int) -> None:
        """Have the Registry told that this revision is in use from now on."""
        self._revision_in_use = revision
        self.unconfirmed.set()

    async def confirm(self) -> None:
        """Tell the Registry which revision is in use: a step of a loop."""
        request = ConfirmRevisionRequest(follower=self._follower, revision=self._revision_in_use)
        await self._stub.ConfirmRevision(request, metadata=self._metadata, timeout=CONFIRM_SECONDS)

    def _open(self) -> "grpc.aio.UnaryStreamCall[WatchSnapshotRequest, WatchSnapshotResponse]":
        known = self._state if self._is_in_use else SnapshotState()
        request = WatchSnapshotRequest(
            epoch=known.epoch, revision=known.revision, follower=self._follower
        )
        return self._stub.WatchSnapshot(request, metadata=self._metadata)
