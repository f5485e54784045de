"""The SnapshotService: the configuration for those who follow it, and what they report of it."""

from collections import Counter
from collections.abc import AsyncIterator

from conduit.internal.v1 import snapshot_service_pb2 as pb
from conduit.internal.v1.snapshot_service_pb2_grpc import SnapshotServiceServicer
from conduit_kernel.audit.author import author_of
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.followers import Followers
from conduit_registry.feed import Feed
from conduit_registry.key_uses import KeyUseLog
from conduit_registry.rpcs.base import Context
from conduit_registry.rules import fields
from conduit_registry.store import Store

MAX_USES = 10_000
# Of one key in a report: sums of them fit into what the log has.
MAX_COUNT = 10**9


class SnapshotService(SnapshotServiceServicer):
    """Streams the configuration to Conduit's own services."""

    def __init__(self, store: Store, feed: Feed, followers: Followers, key_uses: KeyUseLog) -> None:
        """Take the store, what tells of its changes, who follows them, and what counts uses."""
        self._key_uses = key_uses
        self._store = store
        self._feed = feed
        self._followers = followers

    async def WatchSnapshot(
        self, request: pb.WatchSnapshotRequest, context: Context
    ) -> AsyncIterator[pb.WatchSnapshotResponse]:
        """Stream the configuration and its changes."""
        with self._followers.following(request.follower, request.revision):
            async for message in self._feed.watch(request.epoch, request.revision):
                yield message

    async def ConfirmRevision(
        self, request: pb.ConfirmRevisionRequest, context: Context
    ) -> pb.ConfirmRevisionResponse:
        """Note which revision a follower works by."""
        self._followers.confirm(request.follower, request.revision)
        return pb.ConfirmRevisionResponse()

    async def ReportKeyUse(
        self, request: pb.ReportKeyUseRequest, context: Context
    ) -> pb.ReportKeyUseResponse:
        """Store when keys were last used, and count their uses."""
        if len(request.uses) > MAX_USES:
            message = f"uses must have at most {MAX_USES:,} items"
            raise InvalidRequest(message, field="uses")
        now = self._store.now()
        uses: dict[int, int] = {}
        counts = Counter[int]()
        for use in request.uses:
            number = fields.key_number(use.key_id)
            # A clock that is ahead must not hide later uses.
            used_at = min(fields.moment(use.used_at, "usedAt"), now)
            uses[number] = max(used_at, uses.get(number, 0))
            if not 0 <= use.count <= MAX_COUNT:
                raise InvalidRequest(f"count must be from 0 to {MAX_COUNT:,}", field="uses")
            counts[number] += use.count
        async with self._store.change(author_of(context)) as changing:
            await changing.mark_used(uses)
        self._key_uses.count(counts)
        return pb.ReportKeyUseResponse()
