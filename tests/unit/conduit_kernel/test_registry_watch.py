"""A follower of the Registry goes on whatever happens, and ends with the newest configuration."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest
from tests.support.credentials import service_metadata_of
from tests.support.scripted_registry import SERVICE, ScriptedRegistry, serve_registry
from tests.support.snapshots import provider, snapshot
from tests.support.waiting import eventually

from conduit.internal.v1.snapshot_pb2 import SnapshotChange
from conduit.internal.v1.snapshot_service_pb2 import WatchSnapshotRequest, WatchSnapshotResponse
from conduit.internal.v1.snapshot_service_pb2_grpc import SnapshotServiceStub
from conduit_kernel.background import Background
from conduit_kernel.registry_watch import RegistryWatch
from conduit_kernel.rpc import connect
from conduit_kernel.snapshot import SnapshotState

ENCRYPTION_KEY = bytes(range(32))


class Follower:
    """What follows, and whether it can use what it is told."""

    def __init__(self) -> None:
        self.state = SnapshotState()
        self.background = Background()
        self.problem: BaseException | None = None
        self.calls = 0
        self.used: set[int] = set()
        # What was known each time that the keys were renewed.
        self.renewed: list[set[int]] = []

    def renew_keys(self) -> None:
        """Look for new keys."""
        self.renewed.append(set(self.state.providers))

    def use(self) -> None:
        """Use the state."""
        self.calls += 1
        if self.problem is not None:
            raise self.problem
        self.used = set(self.state.providers)

    @asynccontextmanager
    async def following(self, port: int) -> AsyncIterator[None]:
        """Follow a Registry for as long as this lasts."""
        channel = connect(f"127.0.0.1:{port}")
        watch = RegistryWatch(
            SnapshotServiceStub(channel),
            self.state,
            metadata=service_metadata_of(ENCRYPTION_KEY),
            on_change=self.use,
            renew_keys=self.renew_keys,
        )
        watch.run(self.background)
        try:
            yield
        finally:
            await self.background.stop()
            await channel.close()

    async def uses(self, *ids: int) -> None:
        """Wait until exactly these instances are used."""

        async def is_so() -> bool:
            return self.used == set(ids)

        await eventually(is_so)

    async def is_reported(self, *problems: str) -> None:
        """Wait until readiness says so."""

        async def is_so() -> bool:
            return self.background.problems() == list(problems)

        await eventually(is_so)


@pytest.fixture
async def registry() -> AsyncIterator[ScriptedRegistry]:
    """Return a Registry with one instance."""
    async with serve_registry(snapshot([provider(1)]), ENCRYPTION_KEY) as served:
        yield served


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (KeyError("a bug"), "KeyError"),
    ],
    ids=["disk", "bug"],
)
async def test_a_change_that_could_not_be_used_is_used_later(
    registry: ScriptedRegistry, problem: Exception, reason: str
) -> None:
    """Though the Registry does not change any more; meanwhile the process is not ready."""
    follower = Follower()
    async with follower.following(registry.port):
        await follower.uses(1)
        follower.problem = problem
        registry.replace(snapshot([provider(1), provider(2)]))
        await follower.is_reported(f"registry_watch fails: {reason}")
        follower.problem = None
        await follower.uses(1, 2)
        await follower.is_reported()


async def test_keys_are_renewed_before_what_they_seal_is_used(registry: ScriptedRegistry) -> None:
    """With each change, also one of nothing: what follows may be sealed with a new key."""
    follower = Follower()
    async with follower.following(registry.port):
        await follower.uses(1)
        assert follower.renewed == [set()]
        registry.replace(snapshot([provider(1), provider(2)]))
        await follower.uses(1, 2)
        assert follower.renewed == [set(), {1}]


async def test_a_later_change_mends_one_that_cannot_be_used(registry: ScriptedRegistry) -> None:
    """The newest configuration is tried, not the one that failed first."""
    follower = Follower()

    def use() -> None:
        if 2 in follower.state.providers:
            raise ValueError("a bug")
        follower.used = set(follower.state.providers)

    follower.use = use  # type: ignore[method-assign] # what it does is what is tested
    async with follower.following(registry.port):
        await follower.uses(1)
        registry.replace(snapshot([provider(1), provider(2)]))
        await follower.is_reported("registry_watch fails: ValueError")
        registry.replace(snapshot([provider(1), provider(3)]))
        await follower.uses(1, 3)
        await follower.is_reported()


async def test_what_is_in_use_is_confirmed(registry: ScriptedRegistry) -> None:
    """Each revision once it is used, also one that changed nothing; what cannot be used is not."""
    follower = Follower()

    async def is_confirmed(*revisions: int) -> None:
        async def is_so() -> bool:
            return registry.confirmed == list(revisions)

        await eventually(is_so)

    async with follower.following(registry.port):
        await follower.uses(1)
        first = follower.state.revision
        await is_confirmed(first)
        assert registry.change() == first + 1
        await is_confirmed(first, first + 1)
        follower.problem = KeyError("a bug")
        registry.change(SnapshotChange(provider=provider(2)))
        await follower.is_reported("registry_watch fails: KeyError")
        assert registry.confirmed == [first, first + 1]
        follower.problem = None
        await is_confirmed(first, first + 1, first + 2)


async def test_a_registry_that_sends_nonsense_is_asked_again() -> None:
    """Bytes that are no message, messages that say nothing, and changes of nothing."""
    answers = [
        b"\xff\xff\xff\xff",
        b"\xff\xff\xff\xff",
        b"\xff\xff\xff\xff",
        b"",
        WatchSnapshotResponse(changes=[SnapshotChange()]).SerializeToString(),
        WatchSnapshotResponse(revision=9, snapshot=snapshot([provider(5)])).SerializeToString(),
    ]
    asked: list[WatchSnapshotRequest] = []

    async def watch(request: WatchSnapshotRequest, _: object) -> AsyncIterator[bytes]:
        asked.append(request)
        yield answers[min(len(asked), len(answers)) - 1]

    handler: grpc.RpcMethodHandler[WatchSnapshotRequest, bytes] = (
        grpc.unary_stream_rpc_method_handler(
            watch, request_deserializer=WatchSnapshotRequest.FromString
        )
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE.full_name, {"WatchSnapshot": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    follower = Follower()
    async with follower.following(port):
        await follower.is_reported("registry_watch fails: The stream brought what is no message")
        await follower.uses(5)
        await follower.is_reported()
    await server.stop(None)


async def test_the_wrong_key_is_told() -> None:
    """A follower that is refused is deaf, which the process must not hide."""
    async with serve_registry(snapshot([provider(1)]), bytes(32)) as registry:
        follower = Follower()
        async with follower.following(registry.port):
            await follower.is_reported("registry_watch fails: UNAUTHENTICATED")
    assert follower.used == set()


async def test_a_registry_that_is_away_is_waited_for() -> None:
    """That is what followers are built for: they stay ready."""
    async with serve_registry(snapshot([provider(1)]), ENCRYPTION_KEY) as registry:
        follower = Follower()
        async with follower.following(registry.port):
            await follower.uses(1)
            registry.close()

            async def has_waited() -> bool:
                return follower.background.loops[0].absences > 3

            await eventually(has_waited)
            assert follower.background.problems() == []
