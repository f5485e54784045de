"""Consents to voices, through a router: stored, used, shown, renamed, deleted."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import openai
import pytest
from tests.integration.router.conftest import Bench, Runner
from tests.integration.router.test_made_voices import (
    OWNER,
    SAMPLE,
    STRANGER,
    Metadata,
    configured,
    messages,
    wish,
)
from tests.support.snapshots import mapping
from tests.support.storage_host import StorageHost
from tests.support.voice_makers import VoiceMakers, voice_makers
from tests.support.waiting import eventually

from conduit.v1 import voice_consent_requests_pb2 as pb
from conduit.v1.form_pb2 import FileChunk, FormFile
from conduit.v1.voice_consent_pb2 import VoiceConsent, VoiceConsentSpec
from conduit_kernel.errors import (
    AccountUnavailable,
    ConduitError,
    InvalidRequest,
    ServiceUnavailable,
    UnsupportedCapability,
    UpstreamError,
)
from conduit_kernel.not_found_errors import VoiceConsentNotFound
from conduit_router.voices.consents import STORED_ID

RECORDING = b"RIFF" + bytes(range(256)) * 400
UNKNOWN = "cons_01k4y7" + "0" * 20


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


@pytest.fixture
async def router(bench: Runner, makers: VoiceMakers, host: StorageHost) -> Bench:
    """Return a router with two accounts at OpenAI."""
    return await bench(configured(makers, ["OpenAI", "OpenAI"]), storage=host.address)


def spec(**members: str) -> VoiceConsentSpec:
    """Return a wish to store a consent."""
    said = {"name": "Ann consents", "language": "en-US", **members}
    file = FormFile(filename="ann.wav", content_type="audio/wav")
    return VoiceConsentSpec(recording=file, **said)  # type: ignore[arg-type] # by name


async def asked(wished: VoiceConsentSpec) -> AsyncIterator[pb.CreateVoiceConsentRequest]:
    """Yield a wish, and its recording."""
    first = pb.CreateVoiceConsentRequest()
    first.start.consent.CopyFrom(wished)
    yield first
    yield pb.CreateVoiceConsentRequest(chunk=FileChunk(data=RECORDING))


async def stored(router: Bench, who: Metadata = OWNER, **members: str) -> VoiceConsent:
    """Store a consent."""
    answer = await router.stub.CreateVoiceConsent(asked(spec(**members)), who)
    consent: VoiceConsent = answer.consent
    return consent


async def listed(
    router: Bench, who: Metadata = OWNER, **page: str | int
) -> pb.ListVoiceConsentsResponse:
    """Return a page of the consents."""
    request = pb.ListVoiceConsentsRequest(**page)  # type: ignore[arg-type] # by name
    answer: pb.ListVoiceConsentsResponse = await router.stub.ListVoiceConsents(request, who)
    return answer


async def deleted(router: Bench, consent_id: str, who: Metadata = OWNER) -> None:
    """Delete a consent."""
    await router.stub.DeleteVoiceConsent(pb.DeleteVoiceConsentRequest(id=consent_id), who)


async def voice_of(router: Bench, consent: str, who: Metadata = OWNER) -> int:
    """Make a voice with a consent; return who made it."""
    asking = router.stub.CreateVoice(messages(wish(consent=consent), SAMPLE), who)
    provider_id: int = (await asking).report.provider_id
    return provider_id


async def test_a_consent_is_stored_as_it_came(router: Bench, makers: VoiceMakers) -> None:
    """Its recording reaches the provider, its id is of our own, and nothing is charged."""
    consent = await stored(router)
    assert STORED_ID.fullmatch(consent.id)
    assert (consent.name, consent.language) == ("Ann consents", "en-US")
    assert (consent.object, consent.created_at > 0) == ("audio.voice_consent", True)
    (sent,) = makers.sent
    assert sent.path == "/audio/voice_consents"
    assert sent.members == [("name", "Ann consents"), ("language", "en-US")]
    assert sent.files == [("ann.wav", "audio/wav", RECORDING)]
    assert router.charges() == []


async def test_it_is_sent_as_openais_sdk_sends_it(router: Bench, makers: VoiceMakers) -> None:
    """Path, members, and the file's name and type; so is its deletion."""
    consent = await stored(router)
    await deleted(router, consent.id)
    async with openai.AsyncOpenAI(api_key="sk-1", base_url=makers.address) as sdk:
        made = await sdk.audio.voice_consents.create(
            name="Ann consents", language="en-US", recording=("ann.wav", RECORDING, "audio/wav")
        )
        await sdk.audio.voice_consents.delete(made.id)
    ours, theirs = makers.sent
    assert (ours.path, ours.files) == (theirs.path, theirs.files)
    assert sorted(ours.members) == sorted(theirs.members)
    assert makers.deleted == ["cons1", "cons2"]


async def test_a_voice_is_made_with_the_account_that_has_its_consent(
    router: Bench, makers: VoiceMakers
) -> None:
    """Under the provider's id of it, whoever would be asked first."""
    makers.refused = {"sk-1"}
    consent = await stored(router)
    makers.refused = set()
    assert await voice_of(router, consent.id) == 2
    assert ("consent", "cons1") in makers.sent[-1].members
    # One that was stored there otherwise is the provider's to know.
    assert await voice_of(router, "cons_1") == 1


async def test_who_names_another_account_is_refused(router: Bench, makers: VoiceMakers) -> None:
    """Rather than have the consent sought where it is not."""
    consent = await stored(router)

    async def elsewhere() -> AsyncIterator[object]:
        async for message in messages(wish(consent=consent.id), SAMPLE):
            if message.HasField("start"):
                message.start.options.account_key_id = "key_2"
            yield message

    with pytest.raises(AccountUnavailable):
        await router.stub.CreateVoice(elsewhere(), OWNER)
    assert len(makers.sent) == 1


async def test_it_is_nobody_elses(router: Bench, makers: VoiceMakers) -> None:
    """Not to be seen, renamed, deleted or used, by our id or the provider's."""
    consent_id = (await stored(router)).id
    stub = router.stub
    for failing in (
        stub.GetVoiceConsent(pb.GetVoiceConsentRequest(id=consent_id), STRANGER),
        stub.UpdateVoiceConsent(pb.UpdateVoiceConsentRequest(id=consent_id, name="Mine"), STRANGER),
        deleted(router, consent_id, STRANGER),
        voice_of(router, consent_id, STRANGER),
        voice_of(router, "cons1", STRANGER),
    ):
        with pytest.raises(VoiceConsentNotFound):
            await failing
    assert [*(await listed(router, STRANGER)).data] == []
    assert [each.name for each in (await listed(router)).data] == ["Ann consents"]
    assert makers.voices["sk-1"] == ["cons1"]


async def test_it_is_shown_renamed_and_deleted(router: Bench, makers: VoiceMakers) -> None:
    """The name is ours; the deletion is the provider's first."""
    consent, stub = await stored(router), router.stub
    update = pb.UpdateVoiceConsentRequest(id=consent.id, name="Bea")
    renamed = (await stub.UpdateVoiceConsent(update, OWNER)).consent
    assert (renamed.name, renamed.created_at) == ("Bea", consent.created_at)
    same = await stub.UpdateVoiceConsent(pb.UpdateVoiceConsentRequest(id=consent.id), OWNER)
    assert same.consent == renamed
    with pytest.raises(InvalidRequest):
        await stub.UpdateVoiceConsent(pb.UpdateVoiceConsentRequest(id=consent.id, name=" "), OWNER)
    request = pb.GetVoiceConsentRequest(id=consent.id)
    assert (await stub.GetVoiceConsent(request, OWNER)).consent == renamed
    makers.failing = {"DELETE": 503}
    with pytest.raises(UpstreamError):
        await deleted(router, consent.id)
    assert [*(await listed(router)).data] == [renamed]
    makers.failing = {}
    await deleted(router, consent.id)
    assert makers.voices["sk-1"] == []
    with pytest.raises(VoiceConsentNotFound):
        await stub.GetVoiceConsent(request, OWNER)
    with pytest.raises(VoiceConsentNotFound):
        await voice_of(router, consent.id)


async def test_pages_go_on_where_the_last_one_ended(router: Bench) -> None:
    """In the order of time."""
    made = [(await stored(router, name=f"{n}")).id for n in range(3)]
    first = await listed(router, limit=2)
    assert ([each.id for each in first.data], first.has_more) == (made[:2], True)
    rest = await listed(router, after=first.last_id)
    assert ([each.id for each in rest.data], rest.has_more) == (made[2:], False)
    with pytest.raises(InvalidRequest):
        await listed(router, limit=101)


@pytest.mark.parametrize(
    ("wished", "field"),
    [
        (spec(name=" "), "name"),
        (spec(language=""), "language"),
        (VoiceConsentSpec(name="Ann", language="en"), "recording"),
    ],
    ids=["no name", "no language", "no recording"],
)
async def test_wishes_that_make_no_sense_are_refused(
    router: Bench, makers: VoiceMakers, wished: VoiceConsentSpec, field: str
) -> None:
    """Before a provider is asked, with the member that is wrong."""

    async def only() -> AsyncIterator[pb.CreateVoiceConsentRequest]:
        async for message in asked(wished):
            yield message
            return

    with pytest.raises(InvalidRequest) as refused:
        await router.stub.CreateVoiceConsent(only(), OWNER)
    assert refused.value.metadata["field"] == field
    assert makers.sent == []


async def test_what_a_provider_refuses_no_other_is_asked(
    router: Bench, makers: VoiceMakers
) -> None:
    """What it fails, the next account is."""
    makers.failing = {"POST": 400}
    with pytest.raises(ConduitError):
        await stored(router)
    assert makers.voices == {}
    makers.failing = {"POST": 503}
    with pytest.raises(UpstreamError):
        await stored(router)
    makers.failing, makers.refused = {}, {"sk-1"}
    assert (await stored(router)).id
    assert makers.voices == {"sk-2": ["cons1"]}


async def test_who_makes_voices_without_stores_none(
    bench: Runner, makers: VoiceMakers, host: StorageHost
) -> None:
    """ElevenLabs asks for no consent; with OpenAI beside it, it makes no difference."""
    router = await bench(configured(makers), storage=host.address)
    with pytest.raises(UnsupportedCapability):
        await stored(router)
    with pytest.raises(UnsupportedCapability):
        await stored(router, model="gpt")
    both = configured(makers, ["ElevenLabs", "OpenAI"])
    router = await bench(both, storage=host.address)
    await stored(router)
    assert makers.voices == {"sk-2": ["cons1"]}


async def test_a_model_is_named_where_it_makes_a_difference(
    bench: Runner, makers: VoiceMakers, host: StorageHost
) -> None:
    """Which provider has the consent."""
    source = configured(makers, ["OpenAI", "OpenAI"])
    source.mappings.append(mapping(9, 2, model_alias="other", actual_model_name="gpt-4o-mini-tts"))
    router = await bench(source, storage=host.address)
    with pytest.raises(InvalidRequest) as refused:
        await stored(router)
    assert refused.value.metadata["field"] == "model"
    await stored(router, model="other")
    assert makers.voices == {"sk-2": ["cons1"]}
    assert ("model", "other") not in makers.sent[0].members


async def test_one_whose_owner_has_left_is_taken_back(router: Bench, makers: VoiceMakers) -> None:
    """Once the provider tells what there is to delete."""
    makers.may_make.clear()
    storing = asyncio.create_task(stored(router))
    await makers.making.wait()
    storing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await storing
    makers.may_make.set()

    async def is_taken_back() -> bool:
        return makers.deleted == ["cons1"]

    await eventually(is_taken_back)
    assert [*(await listed(router)).data] == []


async def test_nothing_is_stored_that_could_not_be_kept(
    router: Bench, makers: VoiceMakers, host: StorageHost
) -> None:
    """While Storage is away."""
    await host.stop()
    with pytest.raises(ServiceUnavailable):
        await stored(router)
    assert makers.sent == []


@pytest.mark.parametrize("consent_id", [UNKNOWN, "cons_1", "x" * 500, ""])
async def test_what_is_not_stored_is_not_found(router: Bench, consent_id: str) -> None:
    """In words that do not repeat all that was said."""
    with pytest.raises(VoiceConsentNotFound) as refused:
        await deleted(router, consent_id)
    assert len(refused.value.message) < 100
