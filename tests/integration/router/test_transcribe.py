"""Transcriptions through a router: forms and messages, files that follow, failover, charges."""

from base64 import b64decode
from collections.abc import AsyncIterator

import grpc
import orjson
import pytest
from tests.integration.router.conftest import METADATA, Bench, Runner
from tests.support.snapshots import ALIAS, key, mapping, provider, snapshot
from tests.support.transcribers import Transcribers, transcribers

from conduit.v1 import charge_pb2
from conduit.v1.audio_requests_pb2 import TranscribeRequest, TranscribeResponse, TranslateRequest
from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackProvider
from conduit.v1.form_pb2 import FileChunk, Form, FormFile, FormMember
from conduit.v1.router_service_pb2_grpc import RouterServiceStub
from conduit.v1.routing_policy_pb2 import FALLBACK_CONDITION_CONTEXT_TOO_LONG
from conduit.v1.transcription_pb2 import TranscriptionRequest
from conduit_kernel.errors import (
    ConduitError,
    ContextTooLong,
    InvalidRequest,
    RequestTooLarge,
    UnsupportedCapability,
    UpstreamError,
)
from conduit_kernel.rpc import error_of
from conduit_router.calls import uploads

SOUND = b"\x00\xffID3" * 100_000


@pytest.fixture
async def upstream() -> AsyncIterator[Transcribers]:
    """Run the providers."""
    async with transcribers() as found:
        yield found


async def run(
    bench: Runner, upstream: Transcribers, *places: str, kind: str = "OpenAI", **settings: str
) -> Bench:
    """Run a router with an instance for each place, in order of priority."""
    instances = [
        provider(n, f"{upstream.address}/{place}", provider_type=kind, priority=n)
        for n, place in enumerate(places, 1)
    ]
    for each in instances:
        each.settings.update(settings)
    return await bench(
        snapshot(
            instances,
            keys=[key(each.id, each.id) for each in instances],
            mappings=[mapping(each.id, each.id, priority=each.id) for each in instances],
        )
    )


def member(name: str, value: str) -> FormMember:
    """Return a member that is no file."""
    return FormMember(name=name, value=value.encode())


def request(*members: FormMember, size: int | None = None) -> TranscribeRequest:
    """Return the first message of a form with one file."""
    file = FormFile(filename="tälk.mp3", size=size)
    sound = FormMember(name="file", file=file, content_type="audio/mpeg")
    first = TranscribeRequest()
    first.start.multipart.CopyFrom(Form(members=[sound, member("model", ALIAS), *members]))
    return first


async def messages(
    first: TranscribeRequest, data: bytes = SOUND
) -> AsyncIterator[TranscribeRequest]:
    """Yield a request and its sound."""
    yield first
    for at in range(0, len(data), 65_536):
        yield TranscribeRequest(chunk=FileChunk(data=data[at : at + 65_536]))


async def transcribe(router: Bench, first: TranscribeRequest) -> TranscribeResponse:
    """Ask for the words."""
    response: TranscribeResponse = await router.stub.Transcribe(messages(first), METADATA)
    return response


async def test_a_form_names_other_models(bench: Runner, upstream: Transcribers) -> None:
    """They get the same sound, in their order; no provider sees who else may be asked."""
    instances = [
        provider(n, f"{upstream.address}/{place}") for n, place in ((1, "bad"), (2, "good"))
    ]
    mappings = [mapping(1, 1), mapping(2, 2, model_alias="other", actual_model_name="whisper-1")]
    keys = [key(each.id, each.id) for each in instances]
    router = await bench(snapshot(instances, keys=keys, mappings=mappings))
    response = await transcribe(router, request(member("fallbacks[]", "other")))
    assert response.report.provider_id == 2
    for sent in upstream.sent:
        assert [name for name, _ in sent.members] == ["model"]
        assert sent.files[0][2] == SOUND


async def test_a_form_is_sent_on_as_it_came(bench: Runner, upstream: Transcribers) -> None:
    """With the provider's name of the model, and with members that nobody knows."""
    router = await run(bench, upstream, "good")
    members = [member("timestamp_granularities[]", "word"), member("x_new", "1")]
    response = await transcribe(router, request(*members))
    assert response.content.content_type == "application/json"
    assert orjson.loads(response.content.body)["text"] == "Hello."
    (sent,) = upstream.sent
    assert sent.path == "/good/audio/transcriptions"
    assert sent.members == [
        ("model", "model-1"),
        ("timestamp_granularities[]", "word"),
        ("x_new", "1"),
    ]
    assert sent.files == [("tälk.mp3", "audio/mpeg", SOUND)]
    # Nobody said how long the file is.
    assert sent.length == ""


async def test_a_length_that_is_known_is_said(bench: Runner, upstream: Transcribers) -> None:
    """Some providers take no body without one."""
    router = await run(bench, upstream, "good")
    await transcribe(router, request(size=len(SOUND)))
    assert int(upstream.sent[0].length) > len(SOUND)


async def test_seconds_are_charged(bench: Runner, upstream: Transcribers) -> None:
    """Once, by the provider's word; the model's price is none that we know."""
    router = await run(bench, upstream, "good")
    response = await transcribe(router, request())
    assert response.report.actual_model_name == "model-1"
    (charge,) = router.charges()
    assert (charge.operation, charge.usage_source) == (
        "transcribe",
        charge_pb2.USAGE_SOURCE_PROVIDER,
    )
    assert [(line.unit, line.quantity) for line in charge.lines] == [
        (charge_pb2.UNIT_AUDIO_INPUT_MILLISECOND, 2000)
    ]


async def test_a_second_provider_has_the_same_sound(bench: Runner, upstream: Transcribers) -> None:
    """Which came once, and could not be asked for again."""
    router = await run(bench, upstream, "bad", "good")
    response = await transcribe(router, request())
    # The first one is asked once more before it is given up.
    assert (response.report.attempts, response.report.fallbacks) == (3, 1)
    assert [sent.files[0][2] == SOUND for sent in upstream.sent] == [True] * 3
    assert [sent.members[0][1] for sent in upstream.sent] == ["model-1", "model-1", "model-2"]
    assert len(router.charges()) == 1
    assert not list((router.folder / "uploads").iterdir())


async def test_what_is_too_large_for_one_goes_to_whom_the_chain_has_for_it(
    bench: Runner, upstream: Transcribers
) -> None:
    """Without such a step the caller is told to send less; no key rests for it."""
    router = await run(bench, upstream, "large", "good")
    with pytest.raises(ContextTooLong, match="Maximum content size"):
        await transcribe(router, request())
    instances = [
        provider(n, f"{upstream.address}/{place}") for n, place in ((1, "large"), (2, "good"))
    ]
    steps = [
        FallbackProvider(provider_id=1, priority=1),
        FallbackProvider(
            provider_id=2, priority=2, conditions=[FALLBACK_CONDITION_CONTEXT_TOO_LONG]
        ),
    ]
    router = await bench(
        snapshot(
            instances,
            keys=[key(each.id, each.id) for each in instances],
            mappings=[mapping(each.id, each.id) for each in instances],
            chains=[FallbackChain(id=1, model_alias=ALIAS, is_enabled=True, providers=steps)],
        )
    )
    response = await transcribe(router, request())
    assert response.report.provider_id == 2
    assert upstream.sent[-1].files[0][2] == SOUND


async def test_a_failure_of_all_leaves_nothing(bench: Runner, upstream: Transcribers) -> None:
    """The provider's own error, and no file."""
    router = await run(bench, upstream, "bad")
    with pytest.raises(UpstreamError):
        await transcribe(router, request())
    assert not list((router.folder / "uploads").iterdir())


async def test_subtitles_are_what_they_are(bench: Runner, upstream: Transcribers) -> None:
    """Their type is the provider's, and what nobody counted is measured by their last cue."""
    router = await run(bench, upstream, "vtt")
    response = await transcribe(router, request(member("response_format", "vtt")))
    assert response.content.content_type == "text/vtt; charset=utf-8"
    assert response.content.body.startswith(b"WEBVTT")
    (charge,) = router.charges()
    assert charge.usage_source == charge_pb2.USAGE_SOURCE_ESTIMATE
    assert [line.quantity for line in charge.lines] == [3300]


async def test_a_format_goes_to_who_has_it(bench: Runner, upstream: Transcribers) -> None:
    """Groq tells no speakers apart, so it is not asked to."""
    router = await run(bench, upstream, "good", kind="Groq")
    with pytest.raises(UnsupportedCapability):
        await transcribe(router, request(member("response_format", "diarized_json")))
    assert not upstream.sent


async def test_sound_goes_as_it_is_to_who_takes_no_forms(
    bench: Runner, upstream: Transcribers
) -> None:
    """As it comes, and again to the next one; format and seconds are made of the answer."""
    router = await run(bench, upstream, "bad", "good", kind="Deepgram")
    response = await transcribe(router, request(member("response_format", "vtt")))
    assert response.content.content_type == "text/vtt; charset=utf-8"
    assert b"00:00:00.500 --> 00:00:01.500\nHello.\n" in response.content.body
    assert upstream.sent[0].files == upstream.sent[-1].files == [("", "audio/mpeg", SOUND)]
    assert upstream.sent[-1].path == "/good/v1/listen"
    (charge,) = router.charges()
    assert charge.usage_source == charge_pb2.USAGE_SOURCE_PROVIDER
    assert [line.quantity for line in charge.lines] == [2500]


@pytest.mark.parametrize("size", [None, len(SOUND)])
async def test_google_cloud_gets_the_sound_within_json(
    bench: Runner, upstream: Transcribers, size: int | None
) -> None:
    """Encoded as it comes, and again for the next one; what it bills is charged."""
    router = await run(bench, upstream, "bad", "good", kind="GoogleCloud", project="acme")
    response = await transcribe(router, request(member("response_format", "srt"), size=size))
    assert b"00:00:00,500 --> 00:00:01,500\nHello.\n" in response.content.body
    assert (
        upstream.sent[-1].path == "/good/v2/projects/acme/locations/global/recognizers/_:recognize"
    )
    bodies = [orjson.loads(sent.members[0][1]) for sent in upstream.sent]
    assert [b64decode(body["content"]) == SOUND for body in bodies] == [True] * 3
    (charge,) = router.charges()
    assert charge.usage_source == charge_pb2.USAGE_SOURCE_PROVIDER
    assert [line.quantity for line in charge.lines] == [3000]


async def typed(
    data: bytes = SOUND, size: int | None = None, index: int = 0
) -> AsyncIterator[TranscribeRequest]:
    """Yield a typed request and its sound."""
    start = TranscribeRequest()
    start.start.transcription.CopyFrom(
        TranscriptionRequest(
            model=ALIAS,
            file=FormFile(filename="a.wav", content_type="audio/wav", size=size),
            keywords=["Conduit"],
            chunking_strategy_json=b'"auto"',
            stream=True,
        )
    )
    yield start
    yield TranscribeRequest(chunk=FileChunk(index=index, data=data))


async def test_typed_is_answered_typed(bench: Runner, upstream: Transcribers) -> None:
    """And sent as a form all the same; whether it streams is the RPC's to say."""
    router = await run(bench, upstream, "good")
    response: TranscribeResponse = await router.stub.Transcribe(typed(), METADATA)
    assert response.transcription.text == "Hello."
    assert response.transcription.usage.duration.seconds == 2
    assert upstream.sent[0].members == [
        ("model", "model-1"),
        ("keywords[]", "Conduit"),
        ("chunking_strategy", "auto"),
    ]
    assert upstream.sent[0].files == [("a.wav", "audio/wav", SOUND)]


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (typed(size=len(SOUND) + 1), InvalidRequest),
        (typed(size=len(SOUND) - 1), InvalidRequest),
        (typed(index=0, data=b"x" * 2_000_000), RequestTooLarge),
    ],
    ids=["shorter", "longer", "too large"],
)
async def test_a_callers_fault_is_no_providers(
    bench: Runner,
    upstream: Transcribers,
    monkeypatch: pytest.MonkeyPatch,
    asked: AsyncIterator[TranscribeRequest],
    error: type[ConduitError],
) -> None:
    """The upload breaks off, nobody is blamed, and nothing is kept of it."""
    monkeypatch.setattr(uploads, "MAX_UPLOAD_BYTES", 1_000_000)
    router = await run(bench, upstream, "good", "good")
    with pytest.raises(error):
        await router.stub.Transcribe(asked, METADATA)
    monkeypatch.undo()
    # Both are as well as before.
    assert (await transcribe(router, request())).report.provider_id == 1
    assert not list((router.folder / "uploads").iterdir())


async def none() -> AsyncIterator[TranscribeRequest]:
    """Yield nothing."""
    for chunk in list[TranscribeRequest]():
        yield chunk


async def twice() -> AsyncIterator[TranscribeRequest]:
    """Yield a beginning twice."""
    yield request()
    yield request()


@pytest.mark.parametrize(
    "asked",
    [none(), messages(TranscribeRequest(chunk=FileChunk())), twice()],
    ids=["nothing", "no beginning", "two beginnings"],
)
async def test_messages_out_of_order_are_refused(
    bench: Runner, upstream: Transcribers, asked: AsyncIterator[TranscribeRequest]
) -> None:
    """What is asked comes first, and once."""
    router = await run(bench, upstream, "good")
    with pytest.raises(InvalidRequest):
        await router.stub.Transcribe(asked, METADATA)


async def test_a_form_that_makes_no_sense_is_refused(bench: Runner, upstream: Transcribers) -> None:
    """With the member at fault, before anybody is asked."""
    router = await run(bench, upstream, "good")
    with pytest.raises(InvalidRequest) as refused:
        await transcribe(router, request(member("temperature", "hot")))
    assert refused.value.metadata["field"] == "temperature"
    first = TranscribeRequest()
    first.start.multipart.SetInParent()
    with pytest.raises(InvalidRequest, match="model is required"):
        await transcribe(router, first)
    assert not upstream.sent


async def test_grpc_callers_send_their_sound_as_messages(
    bench: Runner, upstream: Transcribers
) -> None:
    """A translation is one, too, at its own path."""
    router = await run(bench, upstream, "bad", "good")

    async def asked() -> AsyncIterator[TranslateRequest]:
        first = TranslateRequest()
        first.start.CopyFrom(request().start)
        yield first
        for at in range(0, len(SOUND), 100_000):
            yield TranslateRequest(chunk=FileChunk(data=SOUND[at : at + 100_000]))

    async with grpc.aio.insecure_channel(f"127.0.0.1:{router.process.port}") as channel:
        stub = RouterServiceStub(channel)
        answer = await stub.Translate(asked(), metadata=METADATA)
        assert orjson.loads(answer.content.body)["text"] == "Hello."
        assert upstream.sent[-1].path == "/good/audio/translations"
        assert upstream.sent[-1].files[0][2] == SOUND
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Transcribe(none(), metadata=METADATA)
    assert error_of(refused.value, "router").reason == "INVALID_REQUEST"
