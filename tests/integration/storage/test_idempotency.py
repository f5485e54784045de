"""Calls with idempotency keys at Storage, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import grpc
import pytest
from tests.integration.storage.conftest import METADATA, Bench

from conduit.internal.v1 import idempotency_storage_service_pb2 as pb
from conduit_kernel.errors import InvalidRequest, StorageFull
from conduit_kernel.rpc import connect, error_of
from conduit_storage import bootstrap
from conduit_storage.idempotency.store import LEASE_SECONDS

if TYPE_CHECKING:
    # The generated code has one class; its types have two.
    from conduit.internal.v1.idempotency_storage_service_pb2_grpc import (
        IdempotencyStorageServiceAsyncStub,
    )

    Stub: TypeAlias = IdempotencyStorageServiceAsyncStub
else:
    from conduit.internal.v1.idempotency_storage_service_pb2_grpc import (
        IdempotencyStorageServiceStub as Stub,
    )

HOUR = 3600.0
FREE, BUSY = pb.IDEMPOTENCY_STATE_CLAIMED, pb.IDEMPOTENCY_STATE_UNDER_WAY
ENDED, OTHER = pb.IDEMPOTENCY_STATE_ENDED, pb.IDEMPOTENCY_STATE_OTHER_REQUEST
NOT_KEPT = pb.IDEMPOTENCY_STATE_NOT_KEPT


@asynccontextmanager
async def keeper(bench: Bench) -> AsyncIterator[Stub]:
    """Run a Storage process for as long as this lasts."""
    process = await bootstrap.start(bench.settings, clock=bench.clock, port=0)
    channel = connect(f"127.0.0.1:{process.port}")
    try:
        yield Stub(channel)
    finally:
        await channel.close()
        await process.drain(0.1)


def claim(call: str = "c1", *, owner: int = 1, key: bytes = b"k") -> pb.IdempotencyClaim:
    """Return a claim of a key by a call."""
    return pb.IdempotencyClaim(virtual_key_id=owner, key_hash=key * 32, id=call)


async def claimed(
    stub: Stub, by: pb.IdempotencyClaim, asked: bytes = b"f"
) -> tuple[pb.IdempotencyState.ValueType, bytes]:
    """Claim a key; return how it stands, and the result."""
    request = pb.ClaimIdempotencyKeyRequest(claim=by, fingerprint=asked * 32)
    answer = await stub.ClaimIdempotencyKey(request, metadata=METADATA)
    return answer.state, answer.result


async def kept(stub: Stub, by: pb.IdempotencyClaim, result: bytes) -> bool:
    """Have a result kept; return whether it is."""
    request = pb.KeepIdempotentResultRequest(claim=by, result=result)
    return (await stub.KeepIdempotentResult(request, metadata=METADATA)).is_kept


async def test_a_key_is_claimed_once_and_then_has_its_result(bench: Bench) -> None:
    """Also of a Storage that was started anew."""
    async with keeper(bench) as stub:
        assert await claimed(stub, claim()) == (FREE, b"")
        # A router whose answer was lost asks again.
        assert await claimed(stub, claim()) == (FREE, b"")
        assert await claimed(stub, claim("c2")) == (BUSY, b"")
        assert await kept(stub, claim(), b"answer")
        assert await claimed(stub, claim("c2")) == (ENDED, b"answer")
    async with keeper(bench) as stub:
        assert await claimed(stub, claim("c3")) == (ENDED, b"answer")


async def test_of_many_claims_at_once_one_is_granted(bench: Bench) -> None:
    """Whichever comes first."""
    async with keeper(bench) as stub, keeper(bench) as other:
        asked = [claimed([stub, other][n % 2], claim(f"c{n}")) for n in range(40)]
        states = [state for state, _ in await asyncio.gather(*asked)]
    assert (states.count(FREE), states.count(BUSY)) == (1, 39)


async def test_another_request_is_told_apart_until_the_key_is_forgotten(bench: Bench) -> None:
    """While its call is under way, and after it."""
    async with keeper(bench) as stub:
        await claimed(stub, claim())
        assert await claimed(stub, claim("c2"), b"g") == (OTHER, b"")
        await kept(stub, claim(), b"answer")
        assert await claimed(stub, claim("c2"), b"g") == (OTHER, b"")
        bench.clock.now += 24 * HOUR
        assert await claimed(stub, claim("c2"), b"g") == (FREE, b"")


async def test_keys_are_their_owners_alone(bench: Bench) -> None:
    """Another virtual key has another key of the same name."""
    async with keeper(bench) as stub:
        await claimed(stub, claim())
        await kept(stub, claim(), b"answer")
        assert await claimed(stub, claim("c2", owner=2)) == (FREE, b"")
        assert await claimed(stub, claim("c2", key=b"l")) == (FREE, b"")


async def test_the_key_of_a_lost_router_is_free_again(bench: Bench) -> None:
    """After its lease, unless it says that its call is under way; what comes late is not taken."""
    async with keeper(bench) as stub:
        await claimed(stub, claim())
        bench.clock.now += LEASE_SECONDS - 1
        renewal = pb.RenewIdempotencyClaimRequest(claim=claim())
        await stub.RenewIdempotencyClaim(renewal, metadata=METADATA)
        bench.clock.now += LEASE_SECONDS - 1
        assert await claimed(stub, claim("c2")) == (BUSY, b"")
        bench.clock.now += 1
        # Nothing was pinned, so another request may have it as well.
        assert await claimed(stub, claim("c2"), b"g") == (FREE, b"")
        assert not await kept(stub, claim(), b"late")
        assert await kept(stub, claim("c2"), b"answer")


async def test_the_key_of_a_call_that_failed_is_free_at_once(bench: Bench) -> None:
    """Of that call alone: one that has ended stays."""
    async with keeper(bench) as stub:
        await claimed(stub, claim())
        for call in ("c9", "c1"):
            release = pb.ReleaseIdempotencyKeyRequest(claim=claim(call))
            await stub.ReleaseIdempotencyKey(release, metadata=METADATA)
            state, _ = await claimed(stub, claim("c2"))
            assert state == (BUSY if call == "c9" else FREE)
        await kept(stub, claim("c2"), b"answer")
        release = pb.ReleaseIdempotencyKeyRequest(claim=claim("c2"))
        await stub.ReleaseIdempotencyKey(release, metadata=METADATA)
        assert await claimed(stub, claim("c3")) == (ENDED, b"answer")


@pytest.mark.parametrize("result", [b"x" * 101, b""], ids=["too large", "not told"])
async def test_a_call_without_a_kept_result_is_not_made_again(bench: Bench, result: bytes) -> None:
    """It was made, and paid for."""
    bench.settings = replace(bench.settings, idempotent_result_bytes=100)
    async with keeper(bench) as stub:
        await claimed(stub, claim())
        assert not await kept(stub, claim(), result)
        assert await claimed(stub, claim("c2")) == (NOT_KEPT, b"")


async def test_an_owner_has_so_much_room(bench: Bench) -> None:
    """Others have theirs, and what is forgotten makes room."""
    bench.settings = replace(bench.settings, idempotent_key_bytes=2000)
    async with keeper(bench) as stub:
        await claimed(stub, claim())
        assert await kept(stub, claim(), b"x" * 1000)
        with pytest.raises(grpc.RpcError) as caught:
            await claimed(stub, claim("c2", key=b"l"))
        assert isinstance(error_of(caught.value, "storage"), StorageFull)
        assert await claimed(stub, claim("c2", owner=2)) == (FREE, b"")
        assert not await kept(stub, claim("c2", owner=2), b"x" * 1990)


async def test_nonsense_is_refused(bench: Bench) -> None:
    """A hash has 32 bytes, and a call an id."""
    bad = [
        pb.ClaimIdempotencyKeyRequest(claim=claim(), fingerprint=b"f"),
        pb.ClaimIdempotencyKeyRequest(claim=claim(key=b""), fingerprint=b"f" * 32),
        pb.ClaimIdempotencyKeyRequest(claim=claim(""), fingerprint=b"f" * 32),
    ]
    async with keeper(bench) as stub:
        for request in bad:
            with pytest.raises(grpc.RpcError) as caught:
                await stub.ClaimIdempotencyKey(request, metadata=METADATA)
            assert isinstance(error_of(caught.value, "storage"), InvalidRequest)
