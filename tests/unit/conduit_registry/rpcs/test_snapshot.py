"""What the Registry tells our own services, and what they report."""

import asyncio

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.support.registry import METADATA, NOW, SERVICE_METADATA, Api

from conduit.internal.v1.snapshot_service_pb2 import (
    ConfirmRevisionRequest,
    KeyUse,
    ReportKeyUseRequest,
    WatchSnapshotRequest,
)
from conduit.v1 import key_credential_requests_pb2 as keys
from conduit.v1.key_credential_pb2 import KeyCredentialSpec
from conduit.v1.provider_pb2 import ProviderSpec
from conduit.v1.provider_requests_pb2 import UpdateProviderRequest
from conduit.v1.registry_requests_pb2 import ListAuditEntriesRequest
from conduit_kernel.followers import WAIT_SECONDS
from conduit_registry.rpcs import snapshot
from conduit_registry.rpcs.snapshot import MAX_USES


async def add_key(api: Api) -> None:
    """Make an instance with a key."""
    await api.provider()
    spec = KeyCredentialSpec(api_key="sk-0123456789")
    await api(keys.CreateKeyCredentialRequest(provider_id=1, key=spec))


def use(seconds: int, key_id: str = "key_1") -> KeyUse:
    """Return a use of a key, so many seconds from now."""
    return KeyUse(key_id=key_id, used_at=Timestamp(seconds=int(NOW) + seconds))


async def last_used(api: Api) -> int:
    """Return when the key was last used, in seconds from now."""
    request = keys.GetKeyCredentialRequest(provider_id=1, key_id="key_1")
    return int((await api(request)).key.last_used.seconds - NOW)


async def test_only_our_own_services_hear_of_sealed_secrets(api: Api) -> None:
    """An operator's key opens none of it."""
    await add_key(api)
    assert (await api.snapshot()).keys[0].secret.ciphertext
    watch = api.snapshots.WatchSnapshot(WatchSnapshotRequest(), metadata=METADATA)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await watch.read()
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_of_several_uses_the_latest_counts(api: Api) -> None:
    """Of one report or of several; of keys that are gone none."""
    await add_key(api)
    await api(ReportKeyUseRequest(uses=[use(-20), use(-10), use(-30), use(-5, "key_99")]))
    assert await last_used(api) == -10
    await api(ReportKeyUseRequest(uses=[use(-15)]))
    assert await last_used(api) == -10
    await api(ReportKeyUseRequest())
    assert len((await api(ListAuditEntriesRequest())).entries) == 2


async def test_a_clock_that_is_ahead_hides_no_later_use(api: Api) -> None:
    """A use in the future is one of now."""
    await add_key(api)
    await api(ReportKeyUseRequest(uses=[use(10**6)]))
    assert await last_used(api) == 0


@pytest.mark.parametrize(
    ("uses", "reason"),
    [
        ([KeyUse(key_id="nonsense")], "KEY_NOT_FOUND"),
        ([KeyUse(key_id="key_1", used_at=Timestamp(seconds=-1))], "INVALID_REQUEST"),
        ([KeyUse(key_id="key_1", count=-1)], "INVALID_REQUEST"),
        ([KeyUse(key_id="key_1", count=2**62)], "INVALID_REQUEST"),
        ([KeyUse(key_id="key_1", used_at=Timestamp(nanos=-1))], "INVALID_REQUEST"),
    ],
)
async def test_a_report_that_makes_no_sense_is_refused_whole(
    api: Api, uses: list[KeyUse], reason: str
) -> None:
    """Nothing of it is stored."""
    await add_key(api)
    assert (await api.refused(ReportKeyUseRequest(uses=[use(-5), *uses]))).reason == reason
    request = keys.GetKeyCredentialRequest(provider_id=1, key_id="key_1")
    assert not (await api(request)).key.HasField("last_used")


async def test_a_report_has_bounds(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has just as many is taken."""
    await add_key(api)
    monkeypatch.setattr(snapshot, "MAX_USES", 2)
    assert MAX_USES > 2
    await api(ReportKeyUseRequest(uses=[use(-5)] * 2))
    error = await api.refused(ReportKeyUseRequest(uses=[use(-5)] * 3))
    assert error.message == "uses must have at most 2 items"


async def test_a_change_is_answered_when_followers_have_it(api: Api) -> None:
    """The answer stays away until the follower confirms the change's revision."""
    request = WatchSnapshotRequest(follower="worker")
    watch = api.snapshots.WatchSnapshot(request, metadata=SERVICE_METADATA)
    await watch.read()
    creating = asyncio.create_task(api.provider())
    message = await watch.read()
    assert [each.provider.name for each in message.changes] == ["Main"]
    done, _ = await asyncio.wait({creating}, timeout=0.2)
    assert not done
    await api(ConfirmRevisionRequest(follower="worker", revision=message.revision))
    assert (await creating).id == 1
    watch.cancel()


async def test_a_change_that_changes_nothing_waits_for_nobody(api: Api) -> None:
    """There is no revision that anybody could confirm."""
    provider = await api.provider()
    request = WatchSnapshotRequest(follower="worker")
    watch = api.snapshots.WatchSnapshot(request, metadata=SERVICE_METADATA)
    known = await watch.read()
    # Nobody confirms anything, so whoever waits would wait for long.
    again = UpdateProviderRequest(id=1, provider=ProviderSpec(name=provider.name))
    before = asyncio.get_running_loop().time()
    await api(again)
    assert asyncio.get_running_loop().time() - before < WAIT_SECONDS
    assert (await api.snapshot()).revision == known.revision
    watch.cancel()
