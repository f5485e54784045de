"""Voices that callers make, through a router: made, spoken with, listed, deleted."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import grpc
import orjson
import pytest
from structlog.testing import capture_logs
from tests.integration.router.conftest import Bench, Runner
from tests.support.snapshots import VIRTUAL_KEY, key, mapping, provider, snapshot, virtual_key
from tests.support.storage_host import StorageHost
from tests.support.voice_makers import SOUND, VoiceMakers, voice_makers
from tests.support.waiting import eventually

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1 import charge_pb2
from conduit.v1.audio_requests_pb2 import SpeakRequest
from conduit.v1.form_pb2 import FileChunk, FormFile
from conduit.v1.router_service_pb2_grpc import RouterServiceStub
from conduit.v1.speech_pb2 import SpeechRequest
from conduit.v1.voice_pb2 import Voice, VoiceChoice, VoiceReference, VoiceSpec
from conduit.v1.voice_requests_pb2 import (
    CreateVoiceRequest,
    CreateVoiceResponse,
    DeleteVoiceRequest,
    DeleteVoiceResponse,
    ListVoicesRequest,
)
from conduit_kernel.errors import (
    AccountUnavailable,
    ConduitError,
    DeadlineExceeded,
    InvalidRequest,
    ServiceUnavailable,
    UnsupportedCapability,
    UpstreamError,
)
from conduit_kernel.not_found_errors import VoiceNotFound
from conduit_kernel.rpc import error_of
from conduit_router.voices.making import MADE_ID

OTHER_KEY = "condt_other"
OWNER = (("authorization", f"Bearer {VIRTUAL_KEY}"),)
STRANGER = (("authorization", f"Bearer {OTHER_KEY}"),)
SAMPLE = b"RIFF" + b"\x00\x01" * 100_000
Metadata = tuple[tuple[str, str], ...]


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[StorageHost]:
    """Run Storage."""
    made = StorageHost(tmp_path / "storage")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def makers() -> AsyncIterator[VoiceMakers]:
    """Run the providers."""
    async with voice_makers() as found:
        yield found


def configured(
    makers: VoiceMakers, kinds: Sequence[str] = ("ElevenLabs", "ElevenLabs")
) -> Snapshot:
    """Return a configuration in which `gpt` speaks at accounts of their own, in order."""
    models = {"ElevenLabs": "eleven_flash_v2_5", "OpenAI": "gpt-4o-mini-tts"}
    found = [
        provider(n, makers.address, provider_type=kind, priority=n)
        for n, kind in enumerate(kinds, 1)
    ]
    return snapshot(
        found,
        keys=[key(each.id, each.id) for each in found],
        mappings=[
            mapping(each.id, each.id, actual_model_name=models[each.provider_type])
            for each in found
        ],
        virtual_keys=[virtual_key(), virtual_key(OTHER_KEY, 2)],
    )


@pytest.fixture
async def router(bench: Runner, makers: VoiceMakers, host: StorageHost) -> Bench:
    """Return a router with two accounts at ElevenLabs."""
    return await bench(configured(makers), storage=host.address)


async def messages(
    spec: VoiceSpec, *samples: bytes, providers: Sequence[str] = ()
) -> AsyncIterator[CreateVoiceRequest]:
    """Yield a wish, and its samples."""
    first = CreateVoiceRequest()
    first.start.voice.CopyFrom(spec)
    first.start.options.providers.extend(providers)
    yield first
    for index, data in enumerate(samples):
        for at in range(0, len(data), 65_536):
            chunk = FileChunk(index=index, data=data[at : at + 65_536])
            yield CreateVoiceRequest(chunk=chunk)


def wish(model: str = "gpt", samples: int = 1, **members: str) -> VoiceSpec:
    """Return a wish for a voice."""
    files = [FormFile(filename=f"{n}.wav", content_type="audio/wav") for n in range(samples)]
    return VoiceSpec(model=model, name="Ann", audio_samples=files, **members)  # type: ignore[arg-type] # by name


async def created(
    router: Bench, spec: VoiceSpec | None = None, *samples: bytes, who: Metadata = OWNER
) -> CreateVoiceResponse:
    """Make a voice."""
    spec = spec or wish()
    samples = samples or (SAMPLE,) * len(spec.audio_samples)
    response: CreateVoiceResponse = await router.stub.CreateVoice(messages(spec, *samples), who)
    return response


async def listed(router: Bench, who: Metadata = OWNER, **narrowed: str) -> dict[str, Voice]:
    """Return the voices by id."""
    answer = await router.stub.ListVoices(ListVoicesRequest(**narrowed), who)  # type: ignore[arg-type] # by name
    return {each.id: each for each in answer.data}


async def deleted(router: Bench, voice_id: str, who: Metadata = OWNER) -> DeleteVoiceResponse:
    """Delete a voice."""
    answer: DeleteVoiceResponse = await router.stub.DeleteVoice(
        DeleteVoiceRequest(id=voice_id), who
    )
    return answer


async def spoken(router: Bench, request: SpeakRequest, who: Metadata = OWNER) -> bytes:
    """Return what is said."""
    return b"".join([each.audio async for each in router.stub.Speak(request, who)])


def with_voice(voice: object, **members: object) -> SpeakRequest:
    """Return a wish for speech, in JSON."""
    return SpeakRequest(
        json=orjson.dumps({"model": "gpt", "input": "hello", "voice": voice, **members})
    )


async def test_a_voice_is_made_where_its_model_speaks(router: Bench, makers: VoiceMakers) -> None:
    """Its samples reach the provider as they came, its id is of our own, and it is charged."""
    answer = await created(router, wish(samples=2, description="calm"), SAMPLE, b"second")
    assert MADE_ID.fullmatch(answer.voice.id)
    assert (answer.voice.name, answer.voice.type) == ("Ann", "audio_sample")
    assert (answer.voice.provider_type, [*answer.voice.models]) == ("ElevenLabs", ["gpt"])
    assert (answer.report.provider_id, answer.report.key_id) == (1, "key_1")
    (sent,) = makers.sent
    assert sent.path == "/v1/voices/add"
    assert sent.members == [("name", "Ann"), ("description", "calm")]
    assert [each[2] for each in sent.files] == [SAMPLE, b"second"]
    (charge,) = router.charges()
    assert [(line.unit, line.quantity) for line in charge.lines] == [(charge_pb2.UNIT_VOICE, 1)]
    assert not charge.HasField("cost_nano_usd")


async def test_another_account_makes_it_where_the_first_cannot(
    router: Bench, makers: VoiceMakers
) -> None:
    """With the same samples; from then on the voice is there."""
    makers.refused = {"sk-1"}
    answer = await created(router)
    assert answer.report.provider_id == 2
    makers.refused = set()
    assert await spoken(router, with_voice(answer.voice.id)) == SOUND
    assert makers.spoken == [("sk-2", "made1")]


@pytest.mark.parametrize("is_reference", [False, True])
@pytest.mark.parametrize("is_typed", [False, True])
async def test_speech_with_it_stays_with_its_account(
    router: Bench, makers: VoiceMakers, *, is_reference: bool, is_typed: bool
) -> None:
    """However it is named; the provider is told its own id."""
    making = router.stub.CreateVoice(messages(wish(), SAMPLE, providers=["2"]), OWNER)
    voice_id = (await making).voice.id
    request = with_voice({"id": voice_id} if is_reference else voice_id)
    if is_typed:
        reference = VoiceReference(id=voice_id)
        voice = VoiceChoice(reference=reference) if is_reference else VoiceChoice(name=voice_id)
        request = SpeakRequest(speech=SpeechRequest(model="gpt", input="hello", voice=voice))
    assert await spoken(router, request) == SOUND
    assert makers.spoken == [("sk-2", "made1")]
    # Any other voice is for whoever comes first.
    assert await spoken(router, with_voice("stock")) == SOUND
    assert makers.spoken[1:] == [("sk-1", "stock")]


async def test_it_is_nobody_elses(router: Bench, makers: VoiceMakers) -> None:
    """Another virtual key cannot speak with it, see it, or delete it."""
    voice_id = (await created(router)).voice.id
    with pytest.raises(VoiceNotFound):
        await spoken(router, with_voice(voice_id), STRANGER)
    with pytest.raises(VoiceNotFound):
        await deleted(router, voice_id, STRANGER)
    assert {*await listed(router, STRANGER)} == {"stock"}
    assert {*await listed(router)} == {"stock", voice_id}
    assert makers.voices["sk-1"] == ["made1"]
    assert makers.spoken == []


async def test_it_is_listed_with_the_models_that_can_speak_with_it(
    router: Bench,
) -> None:
    """By the id that was told, as long as it is there."""
    answer = await created(router, wish(description="calm"))
    found = (await listed(router))[answer.voice.id]
    assert (found.name, found.type, found.description) == ("Ann", "audio_sample", "calm")
    assert (found.provider_type, [*found.models]) == ("ElevenLabs", ["gpt"])
    assert found.created_at == answer.voice.created_at > 0
    assert answer.voice.id in await listed(router, model="gpt")
    told = await deleted(router, answer.voice.id)
    assert (told.id, told.object, told.deleted) == (answer.voice.id, "audio.voice.deleted", True)
    assert {*await listed(router)} == {"stock"}
    with pytest.raises(VoiceNotFound):
        await deleted(router, answer.voice.id)


async def test_it_is_deleted_at_its_provider(router: Bench, makers: VoiceMakers) -> None:
    """Where the provider cannot, it stays; one that the provider has lost is gone all the same."""
    voice_id = (await created(router)).voice.id
    lost_id = (await created(router)).voice.id
    makers.failing = {"DELETE": 503}
    with pytest.raises(UpstreamError):
        await deleted(router, voice_id)
    assert voice_id in await listed(router)
    makers.failing = {}
    await deleted(router, voice_id)
    assert makers.voices["sk-1"] == ["made2"]
    makers.voices["sk-1"].clear()
    assert (await deleted(router, lost_id)).deleted


@pytest.mark.parametrize("voice_id", ["voice_1", "stock", "x" * 500, ""])
async def test_what_was_not_made_here_is_not_deleted(
    router: Bench, makers: VoiceMakers, voice_id: str
) -> None:
    """Nobody is asked about what can be no voice of a caller's."""
    with pytest.raises(VoiceNotFound) as refused:
        await deleted(router, voice_id)
    assert len(refused.value.message) < 100
    assert makers.voices == {}


async def test_nothing_is_made_that_could_not_be_kept(
    router: Bench, makers: VoiceMakers, host: StorageHost
) -> None:
    """While Storage is away; what was made before is then nobody's to speak with, and not shown."""
    voice_id = (await created(router)).voice.id
    await host.stop()
    with pytest.raises(ServiceUnavailable):
        await created(router)
    with pytest.raises(ServiceUnavailable):
        await spoken(router, with_voice(voice_id))
    assert {*await listed(router)} == {"stock"}
    assert await spoken(router, with_voice("stock")) == SOUND
    assert len(makers.sent) == 1
    await host.start()
    assert await spoken(router, with_voice(voice_id)) == SOUND


async def test_a_voice_that_cannot_be_kept_after_all_is_taken_back(
    router: Bench, makers: VoiceMakers, host: StorageHost
) -> None:
    """Where Storage goes away while the provider is at work: nobody could name it."""

    async def with_an_end() -> AsyncIterator[CreateVoiceRequest]:
        async for message in messages(wish(), SAMPLE):
            if message.HasField("chunk") and host.port:
                await host.stop()
            yield message

    with pytest.raises(ServiceUnavailable):
        await router.stub.CreateVoice(with_an_end(), OWNER)

    async def is_taken_back() -> bool:
        return makers.voices.get("sk-1") == []

    await eventually(is_taken_back, seconds=30)
    assert len(makers.sent) == 1


async def test_a_voice_whose_maker_has_left_is_taken_back(
    router: Bench, makers: VoiceMakers
) -> None:
    """The provider goes on with it, and only its answer says what there is to delete."""
    makers.may_make.clear()
    making = asyncio.create_task(created(router))
    await makers.making.wait()
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert makers.voices["sk-1"] == []
    makers.may_make.set()

    async def is_taken_back() -> bool:
        return makers.deleted == ["made1"]

    await eventually(is_taken_back)
    assert makers.voices["sk-1"] == []
    assert {*await listed(router)} == {"stock"}
    assert len(router.charges()) == 1


async def test_a_voice_that_comes_too_late_is_taken_back(
    router: Bench, makers: VoiceMakers
) -> None:
    """Where the caller's own time is up."""
    makers.may_make.clear()
    stub, first = router.stub, wish()

    async def hurried() -> AsyncIterator[CreateVoiceRequest]:
        async for message in messages(first, SAMPLE):
            if message.HasField("start"):
                message.start.options.timeout.FromMilliseconds(300)
            yield message

    with pytest.raises(DeadlineExceeded):
        await stub.CreateVoice(hurried(), OWNER)
    makers.may_make.set()
    if makers.making.is_set():

        async def is_taken_back() -> bool:
            return makers.deleted == ["made1"]

        await eventually(is_taken_back)
    assert {*await listed(router)} == {"stock"}


async def test_nothing_is_made_of_half_a_sample(router: Bench, makers: VoiceMakers) -> None:
    """Where its maker leaves before all of it has come."""
    halfway = asyncio.Event()

    async def half() -> AsyncIterator[CreateVoiceRequest]:
        async for message in messages(wish(), SAMPLE):
            yield message
            if message.HasField("chunk"):
                halfway.set()
                await asyncio.Event().wait()

    making = asyncio.create_task(router.stub.CreateVoice(half(), OWNER))
    await halfway.wait()
    with capture_logs() as lines:
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making
        # The next voice goes its way.
        await created(router)
    assert [line for line in lines if line["event"] == "job_cancel_failed"] == []
    assert len(makers.sent) == 1


async def test_who_names_another_account_is_refused(router: Bench, makers: VoiceMakers) -> None:
    """Rather than have the voice sought where it is not."""
    voice_id = (await created(router)).voice.id
    request = with_voice(voice_id)
    request.options.account_key_id = "key_2"
    with pytest.raises(AccountUnavailable):
        await spoken(router, request)
    request.options.account_key_id = "key_1"
    assert await spoken(router, request) == SOUND
    assert makers.spoken == [("sk-1", "made1")]


async def test_a_model_need_not_be_named_where_it_makes_no_difference(
    bench: Runner, makers: VoiceMakers, host: StorageHost
) -> None:
    """As OpenAI's own clients name none, or `auto`; where it does, the answer lists them."""
    source = configured(makers, ["OpenAI", "ElevenLabs"])
    router = await bench(source, storage=host.address)
    for model in ("", "auto"):
        answer = await created(router, wish(model, consent="cons_1"))
        assert [*answer.voice.models] == ["gpt"]
    assert makers.sent[0].path == "/audio/voices"
    assert makers.sent[0].members == [("name", "Ann"), ("consent", "cons_1")]
    assert await spoken(router, with_voice(answer.voice.id)) == SOUND
    assert makers.spoken == [("sk-1", "made2")]
    other = mapping(9, 2, model_alias="other", actual_model_name="eleven_flash_v2_5")
    source.mappings.append(other)
    router = await bench(source, storage=host.address)
    with pytest.raises(InvalidRequest) as refused:
        await created(router, wish(""))
    assert refused.value.metadata["field"] == "model"
    assert "gpt, other" in refused.value.message


async def test_where_no_model_speaks_with_made_voices_no_request_is_wrong(
    bench: Runner, makers: VoiceMakers, host: StorageHost
) -> None:
    """Naming another model would not help."""
    source = configured(makers)
    source.mappings.clear()
    router = await bench(source, storage=host.address)
    with pytest.raises(UnsupportedCapability, match="No voices can be made"):
        await created(router, wish(""))


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (wish(samples=0), "audio_sample"),
        (VoiceSpec(model="gpt", name="Ann", type="prompt"), "prompt"),
        (wish(type="dream"), "type"),
        (VoiceSpec(model="gpt", audio_samples=[FormFile(content=b"x")]), "name"),
    ],
    ids=["no sample", "no prompt", "an unknown type", "no name"],
)
async def test_wishes_that_make_no_sense_are_refused(
    router: Bench, makers: VoiceMakers, spec: VoiceSpec, field: str
) -> None:
    """Before a provider is asked, with the member that is wrong."""
    with pytest.raises(InvalidRequest) as refused:
        await created(router, spec)
    assert refused.value.metadata["field"] == field
    assert makers.sent == []


async def test_errors_of_providers_are_told_by_class(router: Bench, makers: VoiceMakers) -> None:
    """And nothing is kept."""
    makers.failing = {"POST": 503}
    with pytest.raises(UpstreamError):
        await created(router)
    makers.failing = {}
    assert {*await listed(router)} == {"stock"}


async def test_over_grpc_it_is_the_same(router: Bench) -> None:
    """The samples stream, and errors are statuses."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{router.process.port}") as channel:
        stub = RouterServiceStub(channel)
        answer = await stub.CreateVoice(messages(wish(), SAMPLE), metadata=OWNER)
        assert MADE_ID.fullmatch(answer.voice.id)
        with pytest.raises(grpc.RpcError) as refused:
            await stub.DeleteVoice(DeleteVoiceRequest(id=answer.voice.id), metadata=STRANGER)
        error: ConduitError = error_of(refused.value, "router")
        assert isinstance(error, VoiceNotFound)
        await stub.DeleteVoice(DeleteVoiceRequest(id=answer.voice.id), metadata=OWNER)
