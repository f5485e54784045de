"""Voices as routers keep them at Storage, on both databases."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import grpc
import pytest
from tests.integration.storage.conftest import METADATA, Bench
from tests.support.waiting import eventually

from conduit.internal.v1 import voice_storage_service_pb2 as pb
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.not_found_errors import VoiceNotFound
from conduit_kernel.rpc import connect, error_of
from conduit_storage import bootstrap
from conduit_storage.voices.store import LISTED_SECONDS

if TYPE_CHECKING:
    # The generated code has one class; its types have two.
    from conduit.internal.v1.voice_storage_service_pb2_grpc import VoiceStorageServiceAsyncStub

    VoiceStub: TypeAlias = VoiceStorageServiceAsyncStub
else:
    from conduit.internal.v1.voice_storage_service_pb2_grpc import (
        VoiceStorageServiceStub as VoiceStub,
    )


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[VoiceStub]:
    """Run a Storage process for as long as this lasts."""
    process = await bootstrap.start(bench.settings, clock=bench.clock, port=0)
    channel = connect(f"127.0.0.1:{process.port}")
    try:
        yield VoiceStub(channel)
    finally:
        await channel.close()
        await process.drain(0.1)


def voice(voice_id: str, owner: int = 1, **members: str | int) -> pb.MadeVoice:
    """Return a voice that was made."""
    made = pb.MadeVoice(
        id=voice_id,
        virtual_key_id=owner,
        provider_id=7,
        account_group="sales",
        upstream_id=f"at_provider_{voice_id}",
        name="Ann",
        type="audio_sample",
        description="calm",
        created_at=1_795_435_200,
    )
    made.MergeFrom(pb.MadeVoice(**members))  # type: ignore[arg-type] # by name
    return made


async def stored(storage: VoiceStub, *voices: pb.MadeVoice) -> None:
    """Tell of voices."""
    for each in voices:
        await storage.CreateVoice(pb.CreateVoiceRequest(voice=each), metadata=METADATA)


async def found(storage: VoiceStub, voice_id: str, owner: int = 1) -> pb.MadeVoice:
    """Return a voice. VoiceNotFound if its owner has none of this id."""
    request = pb.GetVoiceRequest(virtual_key_id=owner, id=voice_id)
    try:
        return (await storage.GetVoice(request, metadata=METADATA)).voice
    except grpc.RpcError as error:
        raise error_of(error, "storage") from error


async def test_a_voice_outlives_the_process_as_it_was_told(bench: Bench) -> None:
    """With whose it is and where; told a second time, it stays as it is."""
    async with running(bench) as storage:
        await stored(storage, voice("voice_1"), voice("voice_1", name="Bea"))
    async with running(bench) as storage:
        assert await found(storage, "voice_1") == voice("voice_1")


async def test_a_voice_is_its_owners_alone(bench: Bench) -> None:
    """Others cannot see it or delete it; of theirs, an owner learns what not to list."""
    async with running(bench) as storage:
        await stored(storage, voice("voice_2"), voice("voice_1"), voice("voice_3", owner=2))
        with pytest.raises(VoiceNotFound):
            await found(storage, "voice_1", owner=2)
        request = pb.DeleteVoiceRequest(virtual_key_id=2, id="voice_1")
        await storage.DeleteVoice(request, metadata=METADATA)
        known = await storage.ListVoices(pb.ListVoicesRequest(virtual_key_id=1), metadata=METADATA)
        assert [each.id for each in known.voices] == ["voice_1", "voice_2"]
        assert [*known.others_upstream_ids] == ["at_provider_voice_3"]


async def test_a_voice_that_is_deleted_is_gone(bench: Bench) -> None:
    """And deleting it again changes nothing."""
    async with running(bench) as storage:
        await stored(storage, voice("voice_1"), voice("voice_2"))
        for _ in range(2):
            request = pb.DeleteVoiceRequest(virtual_key_id=1, id="voice_1")
            await storage.DeleteVoice(request, metadata=METADATA)
        with pytest.raises(VoiceNotFound):
            await found(storage, "voice_1")
        assert (await found(storage, "voice_2")).name == "Ann"


async def test_a_voice_that_is_deleted_is_nobodys_to_list(bench: Bench) -> None:
    """For as long as somebody may still have it in a list: its maker, too, is not shown it."""
    async with running(bench) as storage:
        await stored(storage, voice("voice_1"))
        request = pb.DeleteVoiceRequest(virtual_key_id=1, id="voice_1")
        await storage.DeleteVoice(request, metadata=METADATA)
        assert await others_of(storage) == ["at_provider_voice_1"]
    bench.clock.now += LISTED_SECONDS
    async with running(bench) as storage:
        # What is old is deleted as the process begins.
        await eventually(partial(nothing_is_hidden, storage), seconds=30)


async def others_of(storage: VoiceStub) -> list[str]:
    """Return what is not to be listed for the first owner."""
    request = pb.ListVoicesRequest(virtual_key_id=1)
    answer = await storage.ListVoices(request, metadata=METADATA)
    assert [*answer.voices] == []
    return [*answer.others_upstream_ids]


async def nothing_is_hidden(storage: VoiceStub) -> bool:
    """Return whether everything that there was is forgotten."""
    return await others_of(storage) == []


async def test_names_that_no_database_keeps_are_kept_as_far_as_they_go(bench: Bench) -> None:
    """Zeros and very long texts come from callers; one without an id is no voice."""
    async with running(bench) as storage:
        await stored(storage, voice("voice_1", name="A\0", description="x" * 5000))
        kept = await found(storage, "voice_1")
        assert (kept.name, len(kept.description)) == ("A\ufffd", 1000)
        with pytest.raises(grpc.RpcError) as refused:
            await stored(storage, pb.MadeVoice())
        assert isinstance(error_of(refused.value, "storage"), InvalidRequest)


def consent(consent_id: str, owner: int = 1, **members: str) -> pb.StoredConsent:
    """Return a consent that was stored."""
    stored = pb.StoredConsent(
        id=consent_id,
        virtual_key_id=owner,
        provider_id=7,
        account_group="sales",
        upstream_id=f"at_provider_{consent_id}",
        name="Ann",
        language="en-US",
        created_at=1_795_435_200,
    )
    stored.MergeFrom(pb.StoredConsent(**members))  # type: ignore[arg-type] # by name
    return stored


async def put(storage: VoiceStub, *consents: pb.StoredConsent) -> None:
    """Tell of consents."""
    for each in consents:
        await storage.PutConsent(pb.PutConsentRequest(consent=each), metadata=METADATA)


async def consents_of(storage: VoiceStub, owner: int) -> tuple[list[pb.StoredConsent], list[str]]:
    """Return an owner's consents, and the providers' ids of all others."""
    request = pb.ListConsentsRequest(virtual_key_id=owner)
    answer = await storage.ListConsents(request, metadata=METADATA)
    return [*answer.consents], [*answer.others_upstream_ids]


async def test_a_consent_outlives_the_process_under_its_last_name(bench: Bench) -> None:
    """Nothing else of it changes, and nothing by a stranger."""
    renamed = consent("cons_1", name="B\0ea", language="de")
    async with running(bench) as storage:
        await put(storage, consent("cons_1"), renamed, consent("cons_1", 2, name="Eve"))
    async with running(bench) as storage:
        own, others = await consents_of(storage, 1)
        assert own == [consent("cons_1", name="B\ufffdea")]
        assert others == []
        assert await consents_of(storage, 2) == ([], ["at_provider_cons_1"])


async def test_a_consent_is_deleted_by_its_owner_alone(bench: Bench) -> None:
    """Once and for all; twice is no error."""
    async with running(bench) as storage:
        await put(storage, consent("cons_1"), consent("cons_2"))
        for owner, left in ((2, 2), (1, 1), (1, 1)):
            request = pb.DeleteConsentRequest(virtual_key_id=owner, id="cons_1")
            await storage.DeleteConsent(request, metadata=METADATA)
            assert len((await consents_of(storage, 1))[0]) == left
        with pytest.raises(grpc.RpcError) as refused:
            await put(storage, pb.StoredConsent())
        assert isinstance(error_of(refused.value, "storage"), InvalidRequest)
