"""Streamed transcriptions through a router: forms and messages, failover, charges."""

from collections.abc import AsyncIterator

import orjson
import pytest
from tests.integration.router.conftest import METADATA, Bench, Runner
from tests.integration.router.test_transcribe import SOUND, member, request, run, typed
from tests.support.transcribers import Transcribers, transcribers

from conduit.v1 import charge_pb2
from conduit.v1.audio_requests_pb2 import (
    StreamTranscribeRequest,
    StreamTranscribeResponse,
    TranscribeRequest,
)
from conduit.v1.form_pb2 import FileChunk, FormMember
from conduit_kernel.errors import StreamInterrupted, UpstreamError


@pytest.fixture
async def upstream() -> AsyncIterator[Transcribers]:
    """Run the providers."""
    async with transcribers() as found:
        yield found


async def form(*members: FormMember) -> AsyncIterator[StreamTranscribeRequest]:
    """Yield a form and its sound."""
    yield StreamTranscribeRequest(start=request(member("stream", "true"), *members).start)
    for at in range(0, len(SOUND), 65_536):
        yield StreamTranscribeRequest(chunk=FileChunk(data=SOUND[at : at + 65_536]))


async def as_stream(
    messages: AsyncIterator[TranscribeRequest],
) -> AsyncIterator[StreamTranscribeRequest]:
    """Yield the messages of a request as those of one for a stream."""
    async for message in messages:
        yield StreamTranscribeRequest.FromString(message.SerializeToString())


async def streamed(
    router: Bench, asked: AsyncIterator[StreamTranscribeRequest]
) -> list[StreamTranscribeResponse]:
    """Ask for the words as they are found."""
    return [message async for message in router.stub.StreamTranscribe(asked, METADATA)]


def events_in(messages: list[StreamTranscribeResponse]) -> list[dict[str, object]]:
    """Return the events of an answer."""
    lines = b"".join(message.events for message in messages).splitlines()
    return [orjson.loads(line[6:]) for line in lines if line.startswith(b"data: ")]


async def test_words_come_as_events(bench: Runner, upstream: Transcribers) -> None:
    """The provider is asked for a stream once, whatever the form says; the use is its own."""
    router = await run(bench, upstream, "events")
    found = await streamed(router, form(member("language", "en")))
    assert [each["type"] for each in events_in(found)] == [
        "transcript.text.delta",
        "transcript.text.delta",
        "transcript.text.done",
    ]
    assert found[0].started.provider_id == 1
    assert found[-1].finished.usage.tokens.total_tokens == 17
    (sent,) = upstream.sent
    assert sent.members == [("model", "model-1"), ("stream", "true"), ("language", "en")]
    assert sent.files == [("tälk.mp3", "audio/mpeg", SOUND)]
    (charge,) = router.charges()
    assert charge.usage_source == charge_pb2.USAGE_SOURCE_PROVIDER
    assert {line.unit: line.quantity for line in charge.lines} == {
        charge_pb2.UNIT_INPUT_TOKEN: 4,
        charge_pb2.UNIT_AUDIO_INPUT_TOKEN: 10,
        charge_pb2.UNIT_OUTPUT_TOKEN: 3,
    }


async def test_typed_requests_have_typed_events(bench: Runner, upstream: Transcribers) -> None:
    """Joined, the deltas are the text."""
    router = await run(bench, upstream, "events")
    found = await streamed(router, as_stream(typed()))
    pieces = [piece for message in found for piece in message.pieces]
    assert "".join(piece.transcript_text_delta.delta for piece in pieces) == "Hello."
    assert pieces[-1].transcript_text_done.text == "Hello."
    assert ("stream", "true") in upstream.sent[0].members


@pytest.mark.parametrize(("place", "kind"), [("good", "OpenAI"), ("good", "Groq")])
async def test_who_cannot_stream_is_streamed_all_the_same(
    bench: Runner, upstream: Transcribers, place: str, kind: str
) -> None:
    """Whisper takes no notice of the wish, and Groq is not told of it."""
    router = await run(bench, upstream, place, kind=kind)
    found = events_in(await streamed(router, form()))
    assert found == [
        {"type": "transcript.text.delta", "delta": "Hello."},
        {
            "type": "transcript.text.done",
            "text": "Hello.",
            "usage": {"type": "duration", "seconds": 2.0},
        },
    ]
    assert (("stream", "true") in upstream.sent[0].members) == (kind == "OpenAI")
    (charge,) = router.charges()
    assert [line.quantity for line in charge.lines] == [2000]


async def test_a_second_provider_has_the_same_sound(bench: Runner, upstream: Transcribers) -> None:
    """Before the first words a failure is followed by the next candidate."""
    router = await run(bench, upstream, "bad", "events")
    found = await streamed(router, form())
    assert found[-1].finished.report.provider_id == 2
    assert [sent.files[0][2] == SOUND for sent in upstream.sent] == [True] * 3
    assert len(router.charges()) == 1
    assert not list((router.folder / "uploads").iterdir())


async def test_a_stream_that_is_cut_is_an_error(bench: Runner, upstream: Transcribers) -> None:
    """Behind the words that came; what was heard until then is charged, by the bytes."""
    router = await run(bench, upstream, "cut")
    got: list[StreamTranscribeResponse] = []
    with pytest.raises(StreamInterrupted):  # noqa: PT012 # messages come until it raises
        async for message in router.stub.StreamTranscribe(form(), METADATA):
            got.append(message)  # noqa: PERF401 # kept although it raises
    assert [each["delta"] for each in events_in(got)] == ["Hel"]
    (charge,) = router.charges()
    assert charge.usage_source == charge_pb2.USAGE_SOURCE_ESTIMATE


async def test_a_failure_of_all_is_the_providers_error(
    bench: Runner, upstream: Transcribers
) -> None:
    """With its status, before anything is sent; no file is left."""
    router = await run(bench, upstream, "bad")
    with pytest.raises(UpstreamError):
        await streamed(router, form())
    assert not list((router.folder / "uploads").iterdir())
